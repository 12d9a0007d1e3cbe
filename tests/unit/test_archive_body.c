/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What stands in the archive's records: what a restoring device believes, what it refuses, and that nothing seems to be
 * missing when content has gone. */
#include "archive_body.h"

#include "archive_body_known.h"
#include "check.h"
#include "crypto.h"
#include "enc.h"
#include "failmalloc.h"

#define ANNA KS_STR("anna@klinik.example")
#define JONAS KS_STR("jonas@klinik.example")
#define WEEK 1795392000u /* 2026-11-23 */
#define STAMP_MS (((int64_t)WEEK + 86400 + 9000) * 1000)

static struct ks_arena arena;
static struct ks_prng prng;
static uint8_t pk[KS_ARCHIVE_KEY_LEN], private_key[KS_P256_PRIVATE_LEN], public_key[KS_P256_PUBLIC_LEN];
static struct ks_archive_writer phone = { .device = 27183 };

static struct ks_str bytes_of(const char *hex)
{
    struct ks_str bytes;

    if (ks_hex_read(&arena, ks_str_z(hex), &bytes) != KS_OK)
        exit(2);
    return bytes;
}

static struct ks_archive_place place_of(const char *rid)
{
    struct ks_archive_place place = { ANNA, pk, { .period = { KS_ARCHIVE_YEAR, WEEK, 1 } } };

    if (rid)
        memcpy(place.header.rid, bytes_of(rid).ptr, sizeof(place.header.rid));
    return place;
}

static struct ks_archive_body read_or_exit(struct ks_str bytes)
{
    struct ks_archive_body body;
    enum ks_err err = ks_archive_body_read(&arena, ANNA, bytes, &body);

    if (!check_err("a body reads", err, KS_OK))
        exit(check_done());
    return body;
}

static enum ks_err read_body(struct ks_str bytes)
{
    struct ks_archive_body body;

    return ks_archive_body_read(&arena, ANNA, bytes, &body);
}

static bool is_filled(const uint8_t *bytes, size_t len, uint8_t with)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != with)
            return false;
    return true;
}

/* --- what was computed elsewhere --- */

static void check_place(const struct ks_archive_body *body, const char *rid)
{
    struct ks_archive_place place = place_of(rid);

    check_err("§17.8: it is what its rid says", ks_archive_body_fits(&place, body), KS_OK);
    check_err("§17.8: and its writer signed it", ks_archive_body_signed(&place, body, public_key), KS_OK);
    check_row(body->writer.device == 27183 && is_filled(body->writer.cert, 32, 0x11), "§17.8: whom it names",
        "device %u", (unsigned)body->writer.device);
}

static void test_known_numbered(void)
{
    struct ks_archive_body body = read_or_exit(bytes_of(BODY_NUMBERED));
    const struct ks_archive_message *m = &body.message;
    struct ks_archive_place place = place_of(NULL);
    struct ks_buf again;

    check_place(&body, RID_NUMBERED);
    check_row(body.kind == KS_ARCHIVE_NUMBERED && m->how == KS_ARCHIVE_OMEMO2 && m->trust == KS_ARCHIVE_CERTIFIED
            && m->read && is_filled(m->by, 32, 0x22) && m->stamp_ms == STAMP_MS,
        "§17.8: how it came", "%d, %d", (int)m->how, (int)m->trust);
    check_str("§17.8: its text", m->content.body, KS_STR("Bett 12 ist frei."));
    check_str("§17.8: its conversation is the other account", body.name.conv, JONAS);
    check_row(body.name.n == 17 && m->content.k.number == 17 && is_filled(m->content.k.prev, 32, 'w'),
        "§17.8: number and prev are those of the envelope", "%llu", (unsigned long long)body.name.n);
    check_row(m->time_ms == 1795486213042, "§17.8: as is its time", "%lld", (long long)m->time_ms);
    ks_buf_init(&again, KS_ARCHIVE_BODY_MAX);
    check_err(
        "§17.8: written again", ks_archive_message_write(&arena, m, &body.writer, private_key, &place, &again), KS_OK);
    check_row(ks_str_eq(ks_buf_str(&again), body.bytes), "§17.8: it is the same bytes", "%zu", again.len);
    check_row(ks_str_eq(ks_str(place.header.rid, 16), bytes_of(RID_NUMBERED)), "§17.3: under the same rid", "another");
    ks_buf_done(&again);
}

static void test_known_unnumbered(void)
{
    struct ks_archive_body body = read_or_exit(bytes_of(BODY_UNNUMBERED));
    const struct ks_archive_message *m = &body.message;
    struct ks_archive_place place = place_of(NULL);
    struct ks_buf again;

    check_place(&body, RID_UNNUMBERED);
    check_row(m->how == KS_ARCHIVE_PLAIN && !m->read && m->time_ms == STAMP_MS - 7, "§17.8: without a number", "%lld",
        (long long)m->time_ms);
    check_str("§17.8: it is called by its stanza id", body.name.ep, KS_STR("stanza-1"));
    ks_buf_init(&again, KS_ARCHIVE_BODY_MAX);
    check_err(
        "§17.8: written again", ks_archive_message_write(&arena, m, &body.writer, private_key, &place, &again), KS_OK);
    check_row(ks_str_eq(ks_buf_str(&again), body.bytes), "§17.8: it is the same bytes", "%zu", again.len);
    ks_buf_done(&again);
}

static void test_known_state(void)
{
    struct ks_archive_body body = read_or_exit(bytes_of(BODY_STATE));
    const struct ks_archive_state *s = &body.state;
    struct ks_archive_place place = place_of(NULL);
    struct ks_buf again;

    check_place(&body, RID_STATE);
    check_row(s->time_ms == STAMP_MS + 5000 && s->part == 1 && s->parts == 2 && s->ring_v == 3 && s->log_size == 1000,
        "§17.9: a state's head", "part %d", s->part);
    check_row(s->chain_count == 2 && s->chains[0].stored == 9 && s->chains[0].read == 7 && s->chains[1].base == 4
            && s->chains[1].top == 20 && s->chains[1].gone_count == 2 && s->chains[1].gone[0].to == 8
            && is_filled(s->chains[1].gone[1].hash, 32, 0x44),
        "§17.9: its numberings", "%zu", s->chain_count);
    check_row(s->room_count == 1 && s->rooms[0].v == 12, "§17.9: its rooms", "%zu", s->room_count);
    ks_buf_init(&again, KS_ARCHIVE_BODY_MAX);
    check_err(
        "§17.9: written again", ks_archive_state_write(&arena, s, &body.writer, private_key, &place, &again), KS_OK);
    check_row(ks_str_eq(ks_buf_str(&again), body.bytes), "§17.9: it is the same bytes", "%zu", again.len);
    ks_buf_done(&again);
}

static void test_known_certificates(void)
{
    struct ks_archive_body body = read_or_exit(bytes_of(BODY_CERTIFICATES));
    struct ks_archive_place place = place_of(NULL);
    struct ks_buf again;

    check_place(&body, RID_CERTIFICATES);
    check_row(body.certificates.count == 2 && ks_str_eq(body.certificates.chain[1], KS_STR("authority")),
        "§17.9: a writer's chain", "%zu", body.certificates.count);
    ks_buf_init(&again, KS_ARCHIVE_BODY_MAX);
    check_err("§17.9: written again",
        ks_archive_certificates_write(&arena, &body.certificates, &body.writer, private_key, &place, &again), KS_OK);
    check_row(ks_str_eq(ks_buf_str(&again), body.bytes), "§17.9: it is the same bytes", "%zu", again.len);
    ks_buf_done(&again);
}

/* --- form --- */

/* A copy that may be written. */
static uint8_t *copy_of(struct ks_str bytes)
{
    struct ks_str copy;

    if (ks_arena_copy(&arena, bytes, &copy) != KS_OK)
        exit(2);
    return (uint8_t *)(uintptr_t)copy.ptr;
}

#define FROM_END 0x10000 /* an offset that counts from the end */

static void test_form(void)
{
    static const struct {
        const char *name;
        size_t at;
        uint8_t byte;
        enum ks_err want;
    } rows[] = {
        { "the positive control: as it was", 0, 1, KS_OK },
        { "§17.8: form 0", 0, 0, KS_ESYNTAX },
        { "§17.8: a later form", 0, 2, KS_EVERSION },
        { "§17.8: kind 0", 1, 0, KS_ESYNTAX },
        { "§17.8: kind 5", 1, 5, KS_ESYNTAX },
        { "§17.8: as certificates", 1, 4, KS_ESYNTAX },
        { "§17.8: a numbered one as an unnumbered one", 1, 2, KS_ESYNTAX },
        { "§17.8: as a state", 1, 3, KS_ESYNTAX },
        { "§17.8: a number that came in the clear", 2, 0, KS_ESYNTAX },
        { "§17.8: or over the older OMEMO", 2, 1, KS_ESYNTAX },
        { "§17.8: a way that there is not", 2, 3, KS_ESYNTAX },
        { "§17.8: confirmed by a person", 3, 2, KS_OK },
        { "§17.8: a verdict that there is not", 3, 4, KS_ESYNTAX },
        { "§17.8: not read", 4, 0, KS_OK },
        { "§17.8: a flag that there is not", 4, 2, KS_ESYNTAX },
        { "§17.8: a stamp that is no number", 37, 0x20, KS_ESYNTAX },
        { "§17.8: an envelope that is longer than the body", 46, 1, KS_ESYNTAX },
        { "§17.8: an envelope that is none", 49, 'x', KS_ESYNTAX },
        { "§17.8: a writer above 2^31 - 1", FROM_END + 100, 0x80, KS_ESYNTAX },
    };
    struct ks_str good = bytes_of(BODY_NUMBERED);
    uint8_t *bytes = copy_of(good);

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        size_t at = rows[i].at >= FROM_END ? good.len - (rows[i].at - FROM_END) : rows[i].at;
        uint8_t was = bytes[at];

        bytes[at] = rows[i].byte;
        check_err(rows[i].name, read_body(ks_str(bytes, good.len)), rows[i].want);
        bytes[at] = was;
    }
    memset(bytes + 37, 0, 8);
    check_err("§17.8: another's message without konsild's stamp", read_body(ks_str(bytes, good.len)), KS_ESYNTAX);
    bytes = copy_of(good);
    memset(bytes + good.len - 100, 0, 4);
    check_err("§17.8: no writer", read_body(ks_str(bytes, good.len)), KS_ESYNTAX);
    bytes = copy_of(bytes_of(BODY_UNNUMBERED));
    bytes[3] = 1;
    check_err(
        "§17.8: in the clear, and of a device", read_body(ks_str(bytes, bytes_of(BODY_UNNUMBERED).len)), KS_ESYNTAX);
    bytes[3] = 0;
    bytes[5] = 1;
    check_err("§17.8: in the clear, and by a key", read_body(ks_str(bytes, bytes_of(BODY_UNNUMBERED).len)), KS_ESYNTAX);
}

static void check_cut(const char *hex)
{
    struct ks_str good = bytes_of(hex);
    size_t len = 0;

    while (len < good.len && read_body(ks_str_head(good, len)) == KS_ESYNTAX)
        len++;
    check_row(
        len == good.len, "§17.8: cut off anywhere it does not read", "with %zu of %zu bytes it does", len, good.len);
}

static void test_length(void)
{
    struct ks_str good = bytes_of(BODY_NUMBERED),
                  parts[] = { ks_str_head(good, good.len - 100), KS_STR("x"), ks_str_from(good, good.len - 100) },
                  longer;
    struct ks_buf buf;

    check_cut(BODY_NUMBERED);
    check_cut(BODY_UNNUMBERED);
    check_cut(BODY_STATE);
    check_cut(BODY_CERTIFICATES);
    if (ks_arena_join(&arena, parts, KS_COUNT(parts), &longer) != KS_OK)
        exit(2);
    check_err("§17.8: with a byte more", read_body(longer), KS_ESYNTAX);
    ks_buf_init(&buf, KS_ARCHIVE_BODY_MAX + 1);
    memset(ks_buf_room(&buf, KS_ARCHIVE_BODY_MAX + 1), 1, KS_ARCHIVE_BODY_MAX + 1);
    check_err("§17.3: as long as a record may be", read_body(ks_str(buf.ptr, KS_ARCHIVE_BODY_MAX)), KS_ESYNTAX);
    check_err("§17.3: and a byte more", read_body(ks_buf_str(&buf)), KS_ELIMIT);
    ks_buf_done(&buf);
}

/* --- envelopes --- */

static struct ks_str envelope_of(const char *from, const char *to, const char *k, const char *time)
{
    struct ks_buf buf;
    struct ks_str text;

    ks_buf_init(&buf, 4096);
    ks_buf_printf(
        &buf, "<envelope xmlns='urn:xmpp:sce:1'><content><body xmlns='jabber:client'>x</body>%s</content>%s", k, time);
    if (*from)
        ks_buf_printf(&buf, "<from jid='%s'/>", from);
    if (*to)
        ks_buf_printf(&buf, "<to jid='%s'/>", to);
    ks_buf_z(&buf, "</envelope>");
    if (ks_arena_copy(&arena, ks_buf_str(&buf), &text) != KS_OK)
        exit(2);
    ks_buf_done(&buf);
    return text;
}

#define K(n)                                                                                                \
    "<k xmlns='urn:konsil:msg:0' id='0123456789abcdef0123456789abcdef' dev='5' ep='89abcdef01234567' n='" n \
    "' prev='AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='/>"
#define TIME "<time stamp='2026-11-24T02:10:13.042Z'/>"
#define WEEK_BEFORE "<time stamp='2026-11-22T23:59:59.999Z'/>"

static enum ks_err write_message(
    const struct ks_archive_message *m, struct ks_archive_place *place, struct ks_str *ret_bytes)
{
    struct ks_buf buf;
    enum ks_err err;

    ks_buf_init(&buf, KS_ARCHIVE_BODY_MAX);
    err = ks_archive_message_write(&arena, m, &phone, private_key, place, &buf);
    if (err == KS_OK)
        err = ks_arena_copy(&arena, ks_buf_str(&buf), ret_bytes);
    ks_buf_done(&buf);
    return err;
}

static void test_envelopes(void)
{
    static const char anna[] = "anna@klinik.example", jonas[] = "jonas@klinik.example",
                      room[] = "r-1@rooms.klinik.example";
    const struct {
        const char *name, *from, *to, *k, *time;
        int64_t stamp_ms;
        const char *conv; /* NULL: it is not written */
        enum ks_err want;
    } rows[] = {
        { "§17.8: to her", jonas, anna, K("1"), TIME, STAMP_MS, jonas, KS_OK },
        { "§17.8: her own", anna, jonas, K("1"), TIME, 0, jonas, KS_OK },
        { "§17.8: into a room", jonas, room, K("1"), TIME, STAMP_MS, room, KS_OK },
        { "§17.8: her own, into a room", anna, room, K("1"), TIME, STAMP_MS, room, KS_OK },
        { "§17.8: to herself", anna, anna, K("1"), TIME, 0, anna, KS_OK },
        { "§17.8: with a broken <k/>", jonas, anna, "<k xmlns='urn:konsil:msg:0' n='1'/>", TIME, STAMP_MS, NULL,
            KS_ESYNTAX },
        { "§17.8: with two", jonas, anna, K("1") K("1"), TIME, STAMP_MS, NULL, KS_ESYNTAX },
        { "§17.8: a number without time", jonas, anna, K("1"), "", STAMP_MS, NULL, KS_ESYNTAX },
        { "§17.8: without from", "", anna, K("1"), TIME, STAMP_MS, NULL, KS_ESYNTAX },
        { "§17.8: without to", jonas, "", K("1"), TIME, STAMP_MS, NULL, KS_ESYNTAX },
        { "§17.8: another's without a stamp", jonas, anna, K("1"), TIME, 0, NULL, KS_ESYNTAX },
        { "§17.2: her own is of the week of its time", anna, jonas, K("1"), WEEK_BEFORE, STAMP_MS, NULL, KS_ECRYPTO },
        { "§17.2: another's of that of the stamp", jonas, anna, K("1"), WEEK_BEFORE, STAMP_MS, jonas, KS_OK },
        { "§17.2: whatever he says himself", jonas, anna, K("1"), TIME, STAMP_MS - 604800000, NULL, KS_ECRYPTO },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_archive_message m = { .how = KS_ARCHIVE_OMEMO2,
            .trust = KS_ARCHIVE_FIRST_USE,
            .stamp_ms = rows[i].stamp_ms,
            .envelope = envelope_of(rows[i].from, rows[i].to, rows[i].k, rows[i].time) };
        struct ks_archive_place place = place_of(NULL);
        struct ks_str bytes;
        enum ks_err err = write_message(&m, &place, &bytes);

        if (check_err(rows[i].name, err, rows[i].want) && err == KS_OK)
            check_str("§17.8: its conversation", read_or_exit(bytes).name.conv, ks_str_z(rows[i].conv));
    }
}

static void test_unnumbered(void)
{
    static const struct {
        const char *name, *conv, *author, *id, *from;
        enum ks_archive_how how;
        enum ks_err want;
    } rows[] = {
        { "§17.8: of another program", "j@x.y", "j@x.y", "s", "", KS_ARCHIVE_OMEMO2, KS_OK },
        { "§17.8: which says from whom", "j@x.y", "j@x.y", "s", "j@x.y", KS_ARCHIVE_OMEMO2, KS_OK },
        { "§17.8: and was not from him", "j@x.y", "j@x.y", "s", "m@x.y", KS_ARCHIVE_OMEMO2, KS_ESYNTAX },
        { "§17.8: over the older OMEMO", "j@x.y", "j@x.y", "s", "", KS_ARCHIVE_OMEMO1, KS_OK },
        { "§17.8: without an id", "j@x.y", "j@x.y", "", "", KS_ARCHIVE_OMEMO1, KS_ESYNTAX },
        { "§17.8: without an author", "j@x.y", "", "s", "", KS_ARCHIVE_OMEMO1, KS_ESYNTAX },
        { "§17.8: without a conversation", "", "j@x.y", "s", "", KS_ARCHIVE_OMEMO1, KS_ESYNTAX },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_archive_message m = { .how = rows[i].how,
            .stamp_ms = STAMP_MS,
            .time_ms = STAMP_MS,
            .envelope = envelope_of(rows[i].from, "", "", ""),
            .name = {
                .conv = ks_str_z(rows[i].conv), .author = ks_str_z(rows[i].author), .ep = ks_str_z(rows[i].id) } };
        struct ks_archive_place place = place_of(NULL);
        struct ks_str bytes;

        check_err(rows[i].name, write_message(&m, &place, &bytes), rows[i].want);
    }
}

/* --- one bad device --- */

static void test_bad_device(void)
{
    struct ks_archive_body good = read_or_exit(bytes_of(BODY_NUMBERED)), body;
    struct ks_archive_place place = place_of(RID_NUMBERED), other;
    struct ks_archive_message m = { .how = KS_ARCHIVE_OMEMO2,
        .trust = KS_ARCHIVE_CERTIFIED,
        .stamp_ms = STAMP_MS,
        .envelope = envelope_of("jonas@klinik.example", "anna@klinik.example", K("18"), TIME) };
    uint8_t mallorys[KS_P256_PRIVATE_LEN] = { 9 }, wrong[32] = { 1 }, *bytes;
    struct ks_str written;

    other = place_of(NULL);
    if (write_message(&m, &other, &written) != KS_OK)
        exit(2);
    body = read_or_exit(written);
    check_err("the positive control: under its own rid", ks_archive_body_fits(&other, &body), KS_OK);
    check_err("attack 51: another message under a rid", ks_archive_body_fits(&place, &body), KS_ECRYPTO);
    other = place;
    other.header.period.start -= KS_ARCHIVE_WEEK_S;
    check_err("attack 51: in another week", ks_archive_body_fits(&other, &good), KS_ECRYPTO);
    other = place;
    other.period_key = wrong;
    check_err("attack 51: under another key", ks_archive_body_fits(&other, &good), KS_ECRYPTO);

    other = place;
    other.account = JONAS;
    check_err("§17.8: signed for another account", ks_archive_body_signed(&other, &good, public_key), KS_ECRYPTO);
    other = place;
    other.header.period.start -= KS_ARCHIVE_WEEK_S;
    check_err("§17.8: for another week", ks_archive_body_signed(&other, &good, public_key), KS_ECRYPTO);
    other = place;
    other.header.period.class = KS_ARCHIVE_10_YEARS;
    check_err("§17.8: for another class", ks_archive_body_signed(&other, &good, public_key), KS_ECRYPTO);
    other = place;
    other.header.period.sub = 0;
    check_err("§17.8: for another key of the week", ks_archive_body_signed(&other, &good, public_key), KS_ECRYPTO);
    other = place;
    other.header.rid[0] ^= 1;
    check_err("§17.8: for another rid", ks_archive_body_signed(&other, &good, public_key), KS_ECRYPTO);

    bytes = copy_of(good.bytes);
    bytes[4] = 0; /* not read */
    body = read_or_exit(ks_str(bytes, good.bytes.len));
    check_err("§17.8: what is changed still has its rid", ks_archive_body_fits(&place, &body), KS_OK);
    check_err("§17.8: and nobody has signed it", ks_archive_body_signed(&place, &body, public_key), KS_ECRYPTO);
    bytes = copy_of(good.bytes);
    bytes[good.bytes.len - 97] ^= 1; /* the writer's device */
    body = read_or_exit(ks_str(bytes, good.bytes.len));
    check_err("§17.8: in the name of another device", ks_archive_body_signed(&place, &body, public_key), KS_ECRYPTO);
    memcpy(private_key, mallorys, sizeof(mallorys));
    other = place_of(NULL);
    if (write_message(&m, &other, &written) != KS_OK)
        exit(2);
    memset(private_key, 1, sizeof(private_key));
    body = read_or_exit(written);
    check_err("§17.8: with another key than its certificate has", ks_archive_body_signed(&other, &body, public_key),
        KS_ECRYPTO);
}

/* --- states --- */

static enum ks_err write_state(const struct ks_archive_state *state)
{
    struct ks_archive_place place = place_of(NULL);
    struct ks_buf buf;
    enum ks_err err;

    ks_buf_init(&buf, KS_ARCHIVE_BODY_MAX);
    err = ks_archive_state_write(&arena, state, &phone, private_key, &place, &buf);
    ks_buf_done(&buf);
    return err;
}

static struct ks_archive_chain chain_of(struct ks_archive_gone *gone, size_t count)
{
    return (struct ks_archive_chain) { .conv = KS_STR("a"),
        .author = KS_STR("b"),
        .device = 5,
        .base = 2,
        .top = 200,
        .gone = gone,
        .gone_count = count };
}

static enum ks_err write_chain(struct ks_archive_chain chain)
{
    struct ks_archive_state state = { .time_ms = STAMP_MS, .part = 1, .parts = 1, .chains = &chain, .chain_count = 1 };

    return write_state(&state);
}

static void test_chains(void)
{
    static const struct {
        const char *name;
        uint64_t base, top, stored, read;
        uint32_t device;
        enum ks_err want;
    } rows[] = {
        { "the positive control", 1, 1, 1, 1, 1, KS_OK },
        { "§17.9: base 0", 0, 1, 0, 0, 1, KS_ESYNTAX },
        { "§17.9: base above top", 3, 2, 0, 0, 1, KS_ESYNTAX },
        { "§17.9: stored above top", 1, 2, 3, 0, 1, KS_ESYNTAX },
        { "§17.9: read above top", 1, 2, 0, 3, 1, KS_ESYNTAX },
        { "§17.9: top at its limit", 1, (1ull << 53) - 1, 0, 0, 1, KS_OK },
        { "§17.9: and above it", 1, 1ull << 53, 0, 0, 1, KS_ESYNTAX },
        { "§17.9: device 0", 1, 1, 0, 0, 0, KS_ESYNTAX },
        { "§17.9: the greatest device", 1, 1, 0, 0, 0x7FFFFFFF, KS_OK },
        { "§17.9: and one more", 1, 1, 0, 0, 0x80000000, KS_ESYNTAX },
    };
    static const struct {
        const char *name;
        struct ks_archive_gone gone[2];
        enum ks_err want;
    } runs[] = {
        { "the positive control: two runs", { { 3, 5, { 0 } }, { 7, 7, { 0 } } }, KS_OK },
        { "§17.9: base is not gone", { { 2, 5, { 0 } }, { 7, 7, { 0 } } }, KS_ESYNTAX },
        { "§17.9: a run that ends before it begins", { { 5, 4, { 0 } }, { 7, 7, { 0 } } }, KS_ESYNTAX },
        { "§17.9: runs that meet are one", { { 3, 5, { 0 } }, { 6, 7, { 0 } } }, KS_ESYNTAX },
        { "§17.9: runs that overlap", { { 3, 5, { 0 } }, { 5, 7, { 0 } } }, KS_ESYNTAX },
        { "§17.9: runs that do not rise", { { 7, 7, { 0 } }, { 3, 5, { 0 } } }, KS_ESYNTAX },
        { "§17.9: up to the top", { { 3, 5, { 0 } }, { 7, 200, { 0 } } }, KS_OK },
        { "§17.9: with another hash than the top's", { { 3, 5, { 0 } }, { 7, 200, { 1 } } }, KS_ESYNTAX },
        { "§17.9: above the top", { { 3, 5, { 0 } }, { 7, 201, { 0 } } }, KS_ESYNTAX },
    };
    struct ks_archive_gone many[KS_CHAIN_GAPS_MAX + 1] = { { 0 } };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_archive_chain chain = { .conv = KS_STR("a"),
            .author = KS_STR("b"),
            .device = rows[i].device,
            .base = rows[i].base,
            .top = rows[i].top,
            .stored = rows[i].stored,
            .read = rows[i].read };

        check_err(rows[i].name, write_chain(chain), rows[i].want);
    }
    for (size_t i = 0; i < KS_COUNT(runs); i++) {
        struct ks_archive_gone gone[2] = { runs[i].gone[0], runs[i].gone[1] };

        check_err(runs[i].name, write_chain(chain_of(gone, 2)), runs[i].want);
    }
    for (size_t i = 0; i < KS_COUNT(many); i++)
        many[i].from = many[i].to = 4 + 2 * i;
    check_err("§17.9: 64 runs", write_chain(chain_of(many, KS_CHAIN_GAPS_MAX)), KS_OK);
    check_err("§17.9: and one more", write_chain(chain_of(many, KS_CHAIN_GAPS_MAX + 1)), KS_ESYNTAX);
}

static void test_state_limits(void)
{
    static struct ks_archive_chain chains[KS_ARCHIVE_CHAINS_MAX + 1];
    static struct ks_archive_room rooms[KS_ARCHIVE_ROOMS_MAX + 1];
    struct ks_archive_state state = { .time_ms = STAMP_MS, .part = 1, .parts = 1, .chains = chains, .rooms = rooms };
    static char names[KS_ARCHIVE_ROOMS_MAX + 1][8];

    for (size_t i = 0; i < KS_COUNT(chains); i++) {
        chains[i] = chain_of(NULL, 0);
        chains[i].epoch = i;
    }
    for (size_t i = 0; i < KS_COUNT(rooms); i++) {
        snprintf(names[i], sizeof(names[i]), "r%05d", (int)i);
        rooms[i].room = ks_str_z(names[i]);
    }
    check_err("§17.9: a state of nothing", write_state(&state), KS_OK);
    state.chain_count = KS_ARCHIVE_CHAINS_MAX;
    check_err("§17.9: 512 numberings", write_state(&state), KS_OK);
    state.chain_count++;
    check_err("§17.9: and one more", write_state(&state), KS_ESYNTAX);
    state.chain_count = 2;
    chains[1].epoch = 0;
    check_err("§17.9: a numbering twice", write_state(&state), KS_ESYNTAX);
    chains[0].device = 6;
    check_err("§17.9: numberings that do not rise", write_state(&state), KS_ESYNTAX);
    state.chain_count = 0;
    state.room_count = KS_ARCHIVE_ROOMS_MAX;
    check_err("§17.9: 512 rooms", write_state(&state), KS_OK);
    state.room_count++;
    check_err("§17.9: and one more", write_state(&state), KS_ESYNTAX);
    state.room_count = 2;
    rooms[1].room = rooms[0].room;
    check_err("§17.9: a room twice", write_state(&state), KS_ESYNTAX);
    state.room_count = 0;
    state.part = 0;
    check_err("§17.9: part 0", write_state(&state), KS_ESYNTAX);
    state.part = 2;
    check_err("§17.9: part 2 of 1", write_state(&state), KS_ESYNTAX);
    state.parts = KS_ARCHIVE_PARTS_MAX;
    check_err("§17.9: of 1024", write_state(&state), KS_OK);
    state.parts++;
    check_err("§17.9: of more", write_state(&state), KS_ESYNTAX);
    state.parts = 2;
    state.time_ms -= 604800000;
    check_err("§17.2: a state of another week", write_state(&state), KS_ECRYPTO);
    state.time_ms = STAMP_MS;
    state.chain_count = state.room_count = KS_ARCHIVE_ROOMS_MAX;
    chains[0] = chain_of(NULL, 0);
    chains[1].epoch = 1;
    rooms[1].room = ks_str_z(names[1]);
    check_err("§17.3: more than a record holds", write_state(&state), KS_ELIMIT);
}

static void test_certificates(void)
{
    static char der[KS_ARCHIVE_CERT_MAX + 1];
    static const struct {
        const char *name;
        size_t count, len;
        int64_t time_ms;
        enum ks_err want;
    } rows[] = {
        { "§17.9: four certificates of 4096 bytes", 4, KS_ARCHIVE_CERT_MAX, STAMP_MS, KS_OK },
        { "§17.9: one of a byte more", 1, KS_ARCHIVE_CERT_MAX + 1, STAMP_MS, KS_ESYNTAX },
        { "§17.9: one of a byte", 1, 1, STAMP_MS, KS_OK },
        { "§17.9: one of none", 1, 0, STAMP_MS, KS_ESYNTAX },
        { "§17.9: no certificate", 0, 1, STAMP_MS, KS_ESYNTAX },
        { "§17.2: of another week", 1, 1, STAMP_MS - 604800000, KS_ECRYPTO },
    };
    struct ks_str good = bytes_of(BODY_CERTIFICATES),
                  parts[] = { ks_str_head(good, 11), KS_STR("\0\0\0\1x\0\0\0\1x\0\0\0\1x"), ks_str_from(good, 11) },
                  five;
    uint8_t *bytes;

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_archive_certificates c = { .time_ms = rows[i].time_ms, .count = rows[i].count };
        struct ks_archive_place place = place_of(NULL);
        struct ks_buf buf;

        for (size_t j = 0; j < c.count; j++)
            c.chain[j] = ks_str(der, rows[i].len);
        ks_buf_init(&buf, KS_ARCHIVE_BODY_MAX);
        check_err(
            rows[i].name, ks_archive_certificates_write(&arena, &c, &phone, private_key, &place, &buf), rows[i].want);
        ks_buf_done(&buf);
    }
    if (ks_arena_join(&arena, parts, KS_COUNT(parts), &five) != KS_OK)
        exit(2);
    bytes = copy_of(five);
    bytes[10] = 5;
    check_err("§17.9: five", read_body(ks_str(bytes, five.len)), KS_ESYNTAX);
}

/* Retention ran, and messages were retracted: which of the numbers does a new device miss? */
static size_t missing(const struct ks_archive_chain *chain, const bool *restored, size_t count)
{
    size_t gaps = 0;

    for (uint64_t n = 1; n <= count; n++)
        gaps += ks_archive_expects(chain, n) && !restored[n];
    return gaps;
}

static void test_no_gaps(void)
{
    static bool restored[101];
    struct ks_archive_gone gone[] = { { 50, 59, { 5 } }, { 70, 70, { 7 } }, { 99, 100, { 9 } } };
    struct ks_archive_chain chain = chain_of(gone, KS_COUNT(gone));

    chain.base = 41; /* 1 to 40 have expired */
    chain.top = 100;
    chain.hash[0] = 9;
    for (uint64_t n = 41; n <= 100; n++)
        restored[n] = !(n >= 50 && n <= 59) && n != 70 && n < 99;
    check_err("the positive control: such a state is written", write_chain(chain), KS_OK);
    check_row(!missing(&chain, restored, 100), "§17.9: what expired and was retracted leaves no gap", "%zu gaps",
        missing(&chain, restored, 100));
    restored[98] = restored[41] = restored[60] = false;
    check_row(missing(&chain, restored, 100) == 3, "§17.9: what konsild withholds does", "%zu gaps",
        missing(&chain, restored, 100));
    chain.gone_count = 0;
    check_row(missing(&chain, restored, 100) == 16, "the positive control: without the runs all would be missed",
        "%zu gaps", missing(&chain, restored, 100));
}

/* --- the whole way --- */

static void test_sealed(void)
{
    struct ks_archive_place place = place_of(NULL), got = place;
    struct ks_archive_body body = read_or_exit(bytes_of(BODY_NUMBERED)), again;
    uint8_t salt[KS_ARCHIVE_SALT_LEN];
    struct ks_buf record, opened;
    struct ks_str bytes;

    if (write_message(&body.message, &place, &bytes) != KS_OK)
        exit(2);
    ks_buf_init(&record, KS_ARCHIVE_RECORD_MAX);
    ks_buf_init_secret(&opened, KS_ARCHIVE_BODY_MAX);
    check_err("§17.3: sealed", ks_archive_seal(&prng, pk, ANNA, &place.header, bytes, salt, &record), KS_OK);
    check_err("§17.3: opened", ks_archive_open(pk, ANNA, salt, ks_buf_str(&record), &got.header, &opened), KS_OK);
    check_err("§17.8: read", ks_archive_body_read(&arena, ANNA, ks_buf_str(&opened), &again), KS_OK);
    check_err("§17.8: it fits", ks_archive_body_fits(&got, &again), KS_OK);
    check_err("§17.8: and was signed", ks_archive_body_signed(&got, &again, public_key), KS_OK);
    check_row(
        ks_str_eq(again.message.envelope, body.message.envelope), "§17.8: with the envelope as it came", "another");
    ks_buf_done(&opened);
    ks_buf_done(&record);
}

/* Of what has no P-256 in it: there the driver takes memory that it cannot do without. */
static void test_without_memory(void)
{
    static const struct {
        const char *body, *rid;
    } rows[] = { { BODY_STATE, RID_STATE }, { BODY_NUMBERED, RID_NUMBERED }, { BODY_CERTIFICATES, RID_CERTIFICATES } };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_str bytes = bytes_of(rows[i].body);
        struct ks_archive_place place = place_of(rows[i].rid);
        int rounds = 0;
        bool good = true;

        for (int n = 1; fail_nth(n); n++, rounds++) {
            struct ks_archive_body body;
            struct ks_arena own;
            enum ks_err err;

            ks_arena_init(&own, 1u << 20);
            err = ks_archive_body_read(&own, ANNA, bytes, &body);
            if (err == KS_OK)
                err = ks_archive_body_fits(&place, &body);
            if (fail_stop() ? err != KS_ENOMEM : err != KS_OK)
                good = false;
            ks_arena_done(&own);
        }
        check_row(good && rounds > 1, "each allocation that fails is told", "%d rounds", rounds);
    }
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 2;
    ks_prng_init_number(&prng, 18);
    ks_arena_init(&arena, 1u << 28);
    memset(pk, 0x51, sizeof(pk));
    memset(private_key, 1, sizeof(private_key));
    memset(phone.cert, 0x11, sizeof(phone.cert));
    if (ks_p256_public(private_key, public_key) != KS_OK)
        return 2;
    test_known_numbered();
    test_known_unnumbered();
    test_known_state();
    test_known_certificates();
    test_form();
    test_length();
    test_envelopes();
    test_unnumbered();
    test_bad_device();
    test_chains();
    test_state_limits();
    test_certificates();
    test_no_gaps();
    test_sealed();
    test_without_memory();
    ks_arena_done(&arena);
    ks_prng_done(&prng);
    return check_done();
}
