/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "enc.h"
#include "room_state.h"
#include "xml_reader.h"
#include "xml_writer.h"

#define DOMAIN KS_STR("raum.klinik.example")

/* In a constant initialiser. */
#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }

static struct ks_arena arena;

static struct ks_room_entry people[] = {
    { TEXT("anna@klinik.example"), true },
    { TEXT("jonas@klinik.example"), false },
    { TEXT("mira@klinik.example"), true },
};

static struct ks_room_state base_state(void)
{
    return (struct ks_room_state) { .members = people,
        .member_count = 3,
        .history = KS_ROOM_JOIN,
        .keep = KS_ROOM_90D,
        .prev_count = 1,
        .t = 1795312800 };
}

static struct ks_str data_of(const struct ks_room_state *state)
{
    struct ks_str data;
    struct ks_buf buf;

    ks_buf_init(&buf, KS_ROOM_DATA_MAX * 4);
    ks_room_state_write(state, &buf);
    if (ks_buf_err(&buf) != KS_OK || ks_arena_copy(&arena, ks_buf_str(&buf), &data) != KS_OK)
        exit(1);
    ks_buf_done(&buf);
    return data;
}

static struct ks_room_state founded(void)
{
    struct ks_room_state state = base_state();

    if (ks_room_state_found(&arena, &state, DOMAIN) != KS_OK)
        exit(1);
    return state;
}

/* --- the form --- */

/* A statement of version 1 with one piece of it replaced by another; what is to be read of it. */
static const struct {
    const char *name, *piece, *instead;
    enum ks_err want;
} forms[] = {
    { "PROTOCOL §9.1: a statement as it is written is read", "", "", KS_OK },
    { "PROTOCOL §2: another purpose is refused", "konsil/0 room", "konsil/0 raum", KS_ESYNTAX },
    { "PROTOCOL §2: bytes after the object are refused", "\"t\":1795312800}", "\"t\":1795312800} ", KS_ESYNTAX },
    { "PROTOCOL §2: bytes before the object are refused", "{\"room\"", " {\"room\"", KS_ESYNTAX },
    { "PROTOCOL §2: a second object is refused", "\"t\":1795312800}", "\"t\":1795312800}{}", KS_ESYNTAX },
    { "PROTOCOL §2: a name twice is refused", "\"v\":1", "\"v\":1,\"v\":1", KS_ESYNTAX },
    { "PROTOCOL §2: a name twice is refused also if one is written with an escape", "\"v\":1", "\"v\":1,\"\\u0076\":1",
        KS_ESYNTAX },
    { "PROTOCOL §2: a name that the purpose does not have is refused", "\"v\":1", "\"v\":1,\"w\":1", KS_ESYNTAX },
    { "PROTOCOL §9.1: a name that is missing is refused", "\"roster\":false,", "", KS_ESYNTAX },
    { "PROTOCOL §2: a fraction is refused", "\"v\":1", "\"v\":1.0", KS_ESYNTAX },
    { "PROTOCOL §2: an exponent is refused", "\"v\":1", "\"v\":1e0", KS_ESYNTAX },
    { "PROTOCOL §2: a negative number is refused", "\"v\":1", "\"v\":-1", KS_ESYNTAX },
    { "PROTOCOL §2: 2^53 - 1 is a number", "\"t\":1795312800", "\"t\":9007199254740991", KS_OK },
    { "PROTOCOL §2: 2^53 is none", "\"t\":1795312800", "\"t\":9007199254740992", KS_ESYNTAX },
    { "PROTOCOL §2: a number beyond 64 bits is none", "\"t\":1795312800", "\"t\":18446744073709551617", KS_ESYNTAX },
    { "PROTOCOL §2: a text in place of a number is refused", "\"v\":1", "\"v\":\"1\"", KS_ESYNTAX },
    { "PROTOCOL §9.1: a role of another name is refused", "\"member\"", "\"admin\"", KS_ESYNTAX },
    { "PROTOCOL §9.1: a member with a third value is refused", "\"member\"]", "\"member\",1]", KS_ESYNTAX },
    { "PROTOCOL §9.1: members out of order are refused", "\"anna@", "\"zoe@", KS_ESYNTAX },
    { "PROTOCOL §9.1: a member twice is refused", "\"jonas@", "\"anna@", KS_ESYNTAX },
    { "PROTOCOL §1.1: a JID that is not in its normal form is refused", "\"jonas@", "\"Jonas@", KS_ESYNTAX },
    { "PROTOCOL §9.1: a member with a resource is refused", "jonas@klinik.example", "jonas@klinik.example/x",
        KS_ESYNTAX },
    { "PROTOCOL §9.1: a domain is no member", "jonas@klinik.example", "jonas.klinik.example", KS_ESYNTAX },
    { "PROTOCOL §9.1: a history of another name is refused", "\"join\"", "\"some\"", KS_ESYNTAX },
    { "PROTOCOL §9.1: history may be \"all\"", "\"join\"", "\"all\"", KS_OK },
    { "PROTOCOL §9.1: a class of another name is refused", "\"90d\"", "\"91d\"", KS_ESYNTAX },
    { "PROTOCOL §9.1: a roster's statement has an end", "\"roster\":false", "\"roster\":true", KS_ESYNTAX },
    { "PROTOCOL §9.1: others have none", "\"roster\":false", "\"roster\":false,\"until\":1", KS_ESYNTAX },
    { "PROTOCOL §9.1: a roster's statement with its end is read", "\"roster\":false", "\"roster\":true,\"until\":1",
        KS_OK },
    { "PROTOCOL §1.1: a hash has 32 bytes", "\"look\":\"AA", "\"look\":\"", KS_ESYNTAX },
    { "PROTOCOL §1.1: unused bits of base64 are zero", "AAA=\",\"t\"", "AAB=\",\"t\"", KS_ESYNTAX },
    { "PROTOCOL §9.1: prev is one hash or two", "\"prev\":\"AA", "\"prev\":[\"AA", KS_ESYNTAX },
    { "PROTOCOL §2: a byte 0 in a text is refused", "\"90d\"", "\"90d\\u0000\"", KS_ESYNTAX },
    { "PROTOCOL §2: bytes that are no UTF-8 are refused", "\"90d\"", "\"90d\xff\"", KS_ESYNTAX },
};

static struct ks_str replaced(struct ks_str text, const char *piece, const char *instead)
{
    size_t at = ks_str_find(text, ks_str_z(piece));
    struct ks_str parts[] = { ks_str_head(text, at), ks_str_z(instead), ks_str_from(text, at + strlen(piece)) }, joined;

    if (at == text.len && *piece)
        exit(1);
    if (ks_arena_join(&arena, parts, 3, &joined) != KS_OK)
        exit(1);
    return joined;
}

static void test_forms(void)
{
    struct ks_room_state state = founded(), read;

    state.v = 1;
    for (size_t i = 0; i < KS_COUNT(forms); i++)
        check_err(forms[i].name,
            ks_room_state_read(&arena, replaced(data_of(&state), forms[i].piece, forms[i].instead), &read),
            forms[i].want);
}

static void test_again(void)
{
    struct ks_room_state state = founded(), read = { .v = 9 };
    struct ks_str data;

    state.v = 7;
    state.prev_count = 2;
    state.prev[1][31] = 1;
    data = data_of(&state);
    check_row(ks_room_state_read(&arena, data, &read) == KS_OK && ks_str_eq(data_of(&read), data) && read.v == 7
            && read.member_count == 3 && read.members[2].owner && !read.members[1].owner && read.prev_count == 2,
        "PROTOCOL §9.1: what was read is written as the same bytes", "v %llu, %zu members", (unsigned long long)read.v,
        read.member_count);
    state.prev[1][31] = 0;
    check_err("PROTOCOL §9.1: two hashes of a fork differ and rise", ks_room_state_read(&arena, data_of(&state), &read),
        KS_ESYNTAX);
}

static struct ks_room_entry *many(size_t count, size_t owners)
{
    struct ks_room_entry *members = ks_arena_zero(&arena, count * sizeof(*members));

    for (size_t i = 0; i < count; i++) {
        char *text = ks_arena_alloc(&arena, 40);

        snprintf(text, 40, "m%05zu@klinik.example", i);
        members[i] = (struct ks_room_entry) { ks_str_z(text), i < owners };
    }
    return members;
}

static void test_limits(void)
{
    struct ks_room_state state = founded(), read;
    struct ks_str data;

    state.v = 1;
    state.members = many(1000, 32);
    state.member_count = 1000;
    data = data_of(&state);
    check_row(ks_room_state_read(&arena, data, &read) == KS_OK && read.member_count == 1000,
        "PROTOCOL §12: 1000 members, 32 of them owners, are read", "%zu bytes", data.len);
    check_err("PROTOCOL §12: one owner more is over the limit",
        ks_room_state_read(
            &arena, replaced(data, "m00500@klinik.example\",\"member\"", "m00500@klinik.example\",\"owner\""), &read),
        KS_ELIMIT);
    check_err("PROTOCOL §12: one member more is over the limit",
        ks_room_state_read(&arena, replaced(data, "[[", "[[\"a@klinik.example\",\"member\"],["), &read), KS_ELIMIT);
    state.members = many(3, 1);
    state.member_count = 3;
    check_err("PROTOCOL §9.1: a room has an owner",
        ks_room_state_read(&arena, replaced(data_of(&state), "\"owner\"", "\"member\""), &read), KS_ESYNTAX);
    check_err("PROTOCOL §12: more bytes than a statement may have are not parsed",
        ks_room_state_read(&arena, ks_str(ks_arena_zero(&arena, KS_ROOM_DATA_MAX + 1), KS_ROOM_DATA_MAX + 1), &read),
        KS_ELIMIT);
}

/* --- the name --- */

static void test_name(void)
{
    struct ks_room_state state = founded(), other = base_state(), read;
    struct ks_str data = data_of(&state);
    char local[KS_ROOM_LOCAL_LEN + 1];

    check_row(state.room.len == KS_ROOM_LOCAL_LEN + 1 + DOMAIN.len && ks_str_starts(state.room, KS_STR("r-")),
        "PROTOCOL §9.1: a room's local part is r- and 26 characters", "%.*s", KS_STR_FMT(state.room));
    check_err("PROTOCOL §9.1: a foundation under its name is read", ks_room_state_read(&arena, data, &read), KS_OK);
    check_err(
        "attack 24, PROTOCOL §9.1: under another name it is refused, so a server cannot offer a second foundation",
        ks_room_state_read(&arena, replaced(data, "\"room\":\"r-", "\"room\":\"r-a"), &read), KS_ESYNTAX);
    check_err("PROTOCOL §9.1: another foundation under that name is refused",
        ks_room_state_read(&arena, replaced(data, "\"member\"", "\"owner\""), &read), KS_ESYNTAX);
    check_err("PROTOCOL §9.1: a foundation whose room stands elsewhere is refused",
        ks_room_state_read(&arena, replaced(data, "{\"room\"", "{ \"room\""), &read), KS_ESYNTAX);
    check_err("PROTOCOL §9.1: a foundation stands on nothing",
        ks_room_state_read(&arena, replaced(data, "\"prev\":\"AA", "\"prev\":\"BA"), &read), KS_ESYNTAX);
    other.t++;
    if (ks_room_state_found(&arena, &other, DOMAIN) != KS_OK)
        exit(1);
    check_row(!ks_str_eq(other.room, state.room), "PROTOCOL §9.1: another foundation has another name", "the same");
    /* Known answer: what another program must compute. */
    ks_room_state_local(KS_STR("konsil/0 room\n{\"room\":\"anything@x\",\"v\":0}"), local);
    check_str("PROTOCOL §9.1: base32 of the first half of SHA-256, the room left empty", ks_str_z(local),
        KS_STR("r-5x2xr26bebeuz7zvxy3x3ldkry"));
}

/* --- as it travels --- */

static struct ks_room_signed signed_of(const struct ks_room_state *state, const char *signer)
{
    struct ks_room_signed one = {
        .data = data_of(state), .signature = KS_STR("sig"), .signer = ks_str_z(signer), .device = 27183
    };

    if (ks_room_state_read(&arena, one.data, &one.state) != KS_OK)
        exit(1);
    ks_room_state_hash(one.data, one.hash);
    return one;
}

static const struct {
    const char *name, *piece, *instead;
    enum ks_err want;
} travels[] = {
    { "PROTOCOL §2: a signed statement is read as it was written", "", "", KS_OK },
    { "PROTOCOL §2: it names its signer", "jid=", "xid=", KS_ESYNTAX },
    { "PROTOCOL §2: by a bare JID in its normal form", "anna@", "Anna@", KS_ESYNTAX },
    { "PROTOCOL §2: and the device", "27183", "0", KS_ESYNTAX },
    { "PROTOCOL §2: a device is below 2^31", "27183", "2147483648", KS_ESYNTAX },
    { "PROTOCOL §2: a statement without signature is refused", "<sig>c2ln</sig>", "", KS_ESYNTAX },
    { "PROTOCOL §2: data is base64", "<data>", "<data>.", KS_ESYNTAX },
    { "PROTOCOL §2: of another namespace it is another thing", "urn:konsil:room:0", "urn:konsil:room:1", KS_ESYNTAX },
};

static void test_travels(void)
{
    struct ks_room_state state = founded();
    struct ks_room_signed one = signed_of(&state, "anna@klinik.example"), read;
    struct ks_buf bytes;
    struct ks_xml *xml;

    ks_buf_init(&bytes, 1 << 20);
    ks_xml_write(&bytes, ks_room_signed_write(&arena, &one), KS_STR_EMPTY);
    for (size_t i = 0; i < KS_COUNT(travels); i++) {
        struct ks_str text = replaced(ks_buf_str(&bytes), travels[i].piece, travels[i].instead);

        if (ks_xml_read(&arena, text, KS_STR_EMPTY, KS_STR_EMPTY, &xml) != KS_OK)
            exit(1);
        check_err(travels[i].name, ks_room_signed_read(&arena, xml, &read), travels[i].want);
    }
    ks_buf_done(&bytes);
}

/* --- order --- */

static const char *const verdicts[] = { "next", "same", "old", "fork", "ahead", "refused" };

static void check_judge(
    const char *name, const struct ks_room_known *known, const struct ks_room_signed *next, enum ks_room_verdict want)
{
    enum ks_room_verdict got = ks_room_judge(known, next);

    check_row(got == want, name, "got %s, want %s", verdicts[got], verdicts[want]);
}

static struct ks_room_state after(const struct ks_room_known *known, uint64_t t)
{
    struct ks_room_state state = base_state();

    state.room = known->newest->room;
    state.t = t;
    ks_room_follow(known, &state);
    return state;
}

static void know(struct ks_room_known *known, const struct ks_room_signed *newest)
{
    known->before = known->newest;
    memcpy(known->before_hash, known->newest_hash, KS_ROOM_HASH_LEN);
    known->newest = &newest->state;
    memcpy(known->newest_hash, newest->hash, KS_ROOM_HASH_LEN);
    known->rival = NULL;
}

static void test_chain(void)
{
    static struct ks_room_entry two[] = { { TEXT("anna@klinik.example"), true },
        { TEXT("jonas@klinik.example"), false } };
    struct ks_room_known known = { .newest = NULL };
    struct ks_room_state state = founded(), forked;
    struct ks_room_signed zero = signed_of(&state, "anna@klinik.example"), one, two_, rival, third, wrong;

    check_judge("PROTOCOL §9.1: a room begins with its foundation, by an owner it names", &known, &zero, KS_ROOM_NEXT);
    wrong = signed_of(&state, "jonas@klinik.example");
    check_judge("PROTOCOL §9.1: a member who is no owner founds nothing", &known, &wrong, KS_ROOM_REFUSED);
    know(&known, &zero);
    check_judge("PROTOCOL §9.1: the same statement again is the same", &known, &zero, KS_ROOM_SAME);
    state = after(&known, 2);
    one = signed_of(&state, "mira@klinik.example");
    check_judge("PROTOCOL §9.1: version 1 by an owner of version 0 follows", &known, &one, KS_ROOM_NEXT);
    wrong = signed_of(&state, "jonas@klinik.example");
    check_judge("PROTOCOL §9.1: by a member who is no owner it does not", &known, &wrong, KS_ROOM_REFUSED);
    wrong = signed_of(&state, "eve@klinik.example");
    check_judge("PROTOCOL §9.1: nor by a stranger", &known, &wrong, KS_ROOM_REFUSED);
    state.prev[0][0] ^= 1;
    wrong = signed_of(&state, "anna@klinik.example");
    check_judge("PROTOCOL §9.1: nor upon another statement than the known one", &known, &wrong, KS_ROOM_REFUSED);
    state = after(&known, 2);
    state.v = 2;
    wrong = signed_of(&state, "anna@klinik.example");
    check_judge("PROTOCOL §9.1: a later version needs those between", &known, &wrong, KS_ROOM_AHEAD);
    state = after(&known, 2);
    state.room = KS_STR("r-other@raum.klinik.example");
    wrong = signed_of(&state, "anna@klinik.example");
    check_judge("PROTOCOL §9.1: another room's statement is refused", &known, &wrong, KS_ROOM_REFUSED);
    state = after(&known, 2);
    state.roster = true;
    state.until = 9;
    wrong = signed_of(&state, "anna@klinik.example");
    check_judge("PROTOCOL §9.1: a roster's statement needs the roster's key", &known, &wrong, KS_ROOM_REFUSED);

    know(&known, &one);
    check_judge("PROTOCOL §9.1: versions never go back", &known, &zero, KS_ROOM_OLD);
    state = after(&(struct ks_room_known) { .newest = &zero.state, .newest_hash = { 0 } }, 3);
    memcpy(state.prev[0], zero.hash, KS_ROOM_HASH_LEN);
    state.members = two;
    state.member_count = 2;
    rival = signed_of(&state, "anna@klinik.example");
    check_judge("PROTOCOL §9.1: two statements of one version are a fork", &known, &rival, KS_ROOM_FORK);
    wrong = signed_of(&state, "jonas@klinik.example");
    check_judge("PROTOCOL §9.1: a rival by nobody who might have stated it is none", &known, &wrong, KS_ROOM_REFUSED);
    known.before = NULL;
    check_judge("PROTOCOL §9.1: nor is one that cannot be judged", &known, &rival, KS_ROOM_REFUSED);
    known.before = &zero.state;

    state = after(&known, 4);
    wrong = signed_of(&state, "anna@klinik.example");
    known.rival = &rival.state;
    memcpy(known.rival_hash, rival.hash, KS_ROOM_HASH_LEN);
    check_judge("PROTOCOL §9.1: a known rival is known", &known, &rival, KS_ROOM_SAME);
    check_row(ks_room_recipient(&known, KS_STR("anna@klinik.example"))
            && ks_room_recipient(&known, KS_STR("jonas@klinik.example"))
            && !ks_room_recipient(&known, KS_STR("mira@klinik.example")),
        "PROTOCOL §9.1: after a fork only members of both get a key", "not the intersection");
    check_judge("PROTOCOL §9.1: a statement upon one of two does not end a fork", &known, &wrong, KS_ROOM_REFUSED);
    forked = after(&known, 4);
    two_ = signed_of(&forked, "anna@klinik.example");
    check_row(
        two_.state.prev_count == 2, "PROTOCOL §9.1: what ends a fork names both", "%zu hashes", two_.state.prev_count);
    check_judge("PROTOCOL §9.1: an owner by both ends it", &known, &two_, KS_ROOM_NEXT);
    known.rival = NULL;
    check_judge("PROTOCOL §9.1: also for who saw one of the two only", &known, &two_, KS_ROOM_NEXT);
    known.rival = &rival.state;
    third = signed_of(&forked, "mira@klinik.example");
    check_judge("PROTOCOL §9.1: an owner by one of them does not", &known, &third, KS_ROOM_REFUSED);
    know(&known, &two_);
    check_row(ks_room_recipient(&known, KS_STR("mira@klinik.example"))
            && !ks_room_recipient(&known, KS_STR("eve@klinik.example")),
        "PROTOCOL §9.1: then its members get keys again, and nobody else", "wrong");
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    ks_arena_init(&arena, 64u << 20);
    test_forms();
    test_again();
    test_limits();
    test_name();
    test_travels();
    test_chain();
    ks_arena_done(&arena);
    return check_done();
}
