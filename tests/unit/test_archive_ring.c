/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The archive's key ring: its form, what a device makes, and what it believes of what konsild gives. */
#include "archive_ring.h"

#include "archive_ring_form.h"
#include "archive_ring_known.h"
#include "check.h"
#include "enc.h"
#include "failmalloc.h"

#define ANNA KS_STR("anna@klinik.example")
#define WEEK 1795392000u /* 2026-11-23 */
#define IN_WEEK ((int64_t)WEEK + 86400)
#define YEAR_OVER ((int64_t)WEEK + KS_ARCHIVE_WEEK_S + 365 * 86400)

static struct ks_arena arena;
static struct ks_prng prng;

/* --- people --- */

struct person {
    uint8_t secret[KS_P256_PRIVATE_LEN];
    struct ks_ring_seat seat;
};

static struct person person(enum ks_ring_kind kind, uint8_t number)
{
    struct person p = { .seat.kind = kind };

    memset(p.secret, number, sizeof(p.secret));
    if (ks_p256_public(p.secret, p.seat.key) != KS_OK)
        exit(2);
    if (kind == KS_RING_DEVICE)
        memset(p.seat.cert, number + 0x10, sizeof(p.seat.cert));
    memset(p.seat.blob, number, ks_ring_blob_len(kind));
    return p;
}

static struct person phone, desk, ward, pin, recovery, officers;

static struct ks_ring_signer by(const struct person *p)
{
    struct ks_ring_signer signer = { .genuine = true };

    memcpy(signer.cert, p->seat.cert, sizeof(signer.cert));
    return signer;
}

/* --- versions --- */

struct version {
    struct ks_ring ring;
    struct ks_ring_secret secret;
};

static struct ks_ring_known known_of(const struct version *v)
{
    return (struct ks_ring_known) { &v->ring, &v->secret };
}

static struct ks_ring read_or_exit(struct ks_str data)
{
    struct ks_str copy;
    struct ks_ring ring;
    enum ks_err err = ks_arena_copy(&arena, data, &copy);

    if (err != KS_OK || (err = ks_ring_read(&arena, copy, &ring)) != KS_OK) {
        check_row(false, "a ring reads", "%s: %.*s", ks_err_name(err), KS_STR_FMT(ks_str_head(data, 200)));
        exit(check_done());
    }
    return ring;
}

static struct version found(void)
{
    struct ks_ring_seat seats[] = { phone.seat, desk.seat, pin.seat, officers.seat };
    struct version v;
    struct ks_buf buf;

    ks_buf_init(&buf, KS_RING_DATA_MAX);
    if (ks_ring_found(&arena, &prng, ANNA, seats, KS_COUNT(seats), &v.secret, &buf) != KS_OK)
        exit(2);
    v.ring = read_or_exit(ks_buf_str(&buf));
    ks_buf_done(&buf);
    return v;
}

static enum ks_err make(const struct version *from, const struct ks_ring_change *change, struct version *ret_next)
{
    struct ks_ring_known known = known_of(from);
    struct ks_buf buf;
    enum ks_err err;

    ks_buf_init(&buf, KS_RING_DATA_MAX);
    err = ks_ring_next(&arena, &prng, &known, change, &ret_next->secret, &buf);
    if (err == KS_OK)
        ret_next->ring = read_or_exit(ks_buf_str(&buf));
    ks_buf_done(&buf);
    return err;
}

static struct version next_of(const struct version *from, struct ks_ring_change change)
{
    struct version next;
    enum ks_err err;

    change.now_s = change.now_s ? change.now_s : IN_WEEK;
    if ((err = make(from, &change, &next)) != KS_OK) {
        check_row(false, "a change is made", "%s", ks_err_name(err));
        exit(check_done());
    }
    return next;
}

static const struct ks_archive_period this_week[] = { { KS_ARCHIVE_YEAR, WEEK, 0 }, { KS_ARCHIVE_7_DAYS, WEEK, 0 },
    { KS_ARCHIVE_YEAR, WEEK - KS_ARCHIVE_WEEK_S, 0 } };

static struct version with_keys(const struct version *from)
{
    return next_of(from, (struct ks_ring_change) { .begin = this_week, .begin_count = KS_COUNT(this_week) });
}

/* As `who` judges it, who knows `known`. */
static enum ks_ring_verdict judge(const struct version *known, const struct ks_ring *next, const struct person *who,
    struct ks_ring_signer signer, struct ks_ring_facts *ret_facts)
{
    struct ks_ring_known k = known_of(known);
    struct ks_ring_secret secret;
    bool has = ks_ring_open(next, who->secret, &secret) == KS_OK;

    memset(ret_facts, 0, sizeof(*ret_facts));
    return ks_ring_judge(&k, next, has ? &secret : NULL, &signer, IN_WEEK, ret_facts);
}

static void check_verdict(const char *name, enum ks_ring_verdict got, enum ks_ring_verdict want)
{
    static const char *const names[] = { "next", "without us", "same", "old", "fork", "ahead", "refused" };

    check_row(got == want, name, "%s, want %s", names[got], names[want]);
}

static bool is_filled(const uint8_t *bytes, size_t len, uint8_t with)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != with)
            return false;
    return true;
}

/* --- what was computed elsewhere --- */

static void check_known_key(const struct version *v, enum ks_archive_class class, uint16_t sub, uint8_t want)
{
    struct ks_archive_period period = { class, WEEK, sub };
    uint8_t key[32] = { 0 };
    enum ks_err err = ks_ring_key(&v->ring, &v->secret, &period, key);

    check_row(err == KS_OK && is_filled(key, sizeof(key), want), "§17.5: a key of another program's ring",
        "class %d, sub %d: %s", (int)class, (int)sub, ks_err_name(err));
}

static void test_known(void)
{
    struct person a = person(KS_RING_DEVICE, 1), b = person(KS_RING_DEVICE, 2), p = person(KS_RING_PIN, 3),
                  o = person(KS_RING_OFFICERS, 4);
    struct ks_ring_signer signer = by(&a);
    struct version one, two;
    struct ks_ring_facts facts;
    struct ks_ring_secret secret;
    uint8_t dh[32];

    one.ring = read_or_exit(KS_STR(RING_KNOWN_1));
    two.ring = read_or_exit(KS_STR(RING_KNOWN_2));
    check_err("§17.6: a device opens another program's ring", ks_ring_open(&one.ring, a.secret, &one.secret), KS_OK);
    check_row(is_filled(one.secret.ak, 32, 0xA1) && is_filled(one.secret.anchor, 32, 0xA0), "§17.6: to AK and anchor",
        "other bytes");
    check_row(ks_ring_open(&one.ring, b.secret, &secret) == KS_OK && is_filled(secret.ak, 32, 0xA1),
        "§17.6: as does the other device", "it does not");
    check_row(ks_ring_open(&one.ring, p.secret, &secret) == KS_OK && is_filled(secret.ak, 32, 0xA1),
        "§17.6: and the slot of a PIN", "it does not");
    check_row(ks_p256_ecdh(o.secret, one.ring.slots[3].enc, dh) == KS_OK
            && ks_ring_open_shared(&one.ring, &one.ring.slots[3], dh, &secret) == KS_OK
            && is_filled(secret.ak, 32, 0xA1),
        "§17.6: and the officers', with what their shares make", "it does not");
    dh[0] ^= 1;
    check_err("§17.6: with a wrong share it does not open",
        ks_ring_open_shared(&one.ring, &one.ring.slots[3], dh, &secret), KS_ECRYPTO);
    check_row(ks_ring_officers_signed(&one.ring, &one.ring.slots[3]), "§17.6: the officers' slot names its account",
        "it does not");
    check_row(ks_ring_proven(&one.ring, one.secret.anchor), "§17.5: its proof", "does not fit");
    check_err("§17.5: its MAC", ks_ring_check_mac(&one.ring, one.secret.ak), KS_OK);
    check_known_key(&one, KS_ARCHIVE_YEAR, 0, 0x51);
    check_known_key(&one, KS_ARCHIVE_10_YEARS, 0, 0x52);
    check_verdict("§17.7: the second version follows", judge(&one, &two.ring, &a, signer, &facts), KS_RING_NEXT);
    check_row(facts.new_epoch && facts.slots_gone == 1 && !facts.added_count && !facts.keys_gone,
        "§17.7: a device is gone, and no key", "%zu slots, %zu keys", facts.slots_gone, facts.keys_gone);
    check_verdict("§17.7: for the device that was removed it follows, and has nothing for it",
        judge(&one, &two.ring, &b, signer, &facts), KS_RING_WITHOUT_US);
    check_err("§17.6: and does not open", ks_ring_open(&two.ring, b.secret, &secret), KS_ENOTFOUND);
    check_err("§17.6: for the other it does", ks_ring_open(&two.ring, a.secret, &two.secret), KS_OK);
    check_known_key(&two, KS_ARCHIVE_YEAR, 1, 0x53);
    check_known_key(&two, KS_ARCHIVE_10_YEARS, 1, 0x54);
}

/* --- form --- */

/* data with the first `from` in it replaced. */
static struct ks_str altered(struct ks_str data, const char *from, const char *to)
{
    size_t at = ks_str_find(data, ks_str_z(from));
    struct ks_str parts[] = { ks_str_head(data, at), ks_str_z(to), ks_str_from(data, at + strlen(from)) }, text;

    if (at == data.len || ks_arena_join(&arena, parts, KS_COUNT(parts), &text) != KS_OK)
        exit(2);
    return text;
}

static void test_form(void)
{
    static const struct {
        const char *name, *from, *to;
        enum ks_err want;
    } rows[] = {
        { "§17.5: another purpose", "konsil/0 ring", "konsil/0 room", KS_ESYNTAX },
        { "§17.5: a name that there is not", "\"e\":1", "\"e\":1,\"f\":1", KS_ESYNTAX },
        { "§17.5: a name is missing", "\"e\":1,", "", KS_ESYNTAX },
        { "§17.5: a name twice", "\"e\":1,", "\"e\":1,\"e\":1,", KS_ESYNTAX },
        { "§17.5: an account that is not in its form", "anna@", "Anna@", KS_ESYNTAX },
        { "§17.5: an account that is none", "anna@klinik.example", "klinik.example", KS_ESYNTAX },
        { "§17.5: version 0", "\"v\":1", "\"v\":0", KS_ESYNTAX },
        { "§17.5: version 2 that stands upon nothing", "\"v\":1", "\"v\":2", KS_ESYNTAX },
        { "§17.5: version 1 that stands upon something", "\"upon\":\"A", "\"upon\":\"B", KS_ESYNTAX },
        { "§17.5: an epoch above the version", "\"e\":1", "\"e\":2", KS_ESYNTAX },
        { "§17.5: epoch 0", "\"e\":1", "\"e\":0", KS_ESYNTAX },
        { "§17.5: a number with a fraction", "\"e\":1", "\"e\":1.0", KS_ESYNTAX },
        { "§17.5: a version that is a text", "\"v\":1", "\"v\":\"1\"", KS_ESYNTAX },
        { "§17.6: a kind that there is not", "\"kind\":\"pin\"", "\"kind\":\"pen\"", KS_ESYNTAX },
        { "§17.6: a kind with another's names", "\"kind\":\"pin\"", "\"kind\":\"device\"", KS_ESYNTAX },
        { "§17.6: a kind whose blob is shorter", "\"kind\":\"pin\"", "\"kind\":\"recovery\"", KS_ESYNTAX },
        { "§17.6: a slot with one name more", "\"kind\":\"pin\"", "\"kind\":\"pin\",\"x\":1", KS_ESYNTAX },
        { "§17.6: no slots", "\"slots\":[{", "\"slots\":[],\"s\":[{", KS_ESYNTAX },
        { "§17.6: slots that are no array", "\"slots\":[", "\"slots\":7,\"s\":[", KS_ESYNTAX },
        { "§17.5: class 0", "\"class\":4", "\"class\":0", KS_ESYNTAX },
        { "§17.5: a class that there is not", "\"class\":4", "\"class\":6", KS_ESYNTAX },
        { "§17.5: keys that do not rise", "\"class\":4", "\"class\":5", KS_ESYNTAX },
        { "§17.5: a start that is no Monday", "1795392000", "1795392001", KS_ESYNTAX },
        { "§17.5: a start before the first week", "1795392000", "0", KS_ESYNTAX },
        { "§17.5: a sub at its limit", "\"sub\":0", "\"sub\":65535", KS_OK },
        { "§17.5: a sub above it", "\"sub\":0", "\"sub\":65536", KS_ESYNTAX },
        { "§17.5: a key with one name more", "\"class\":4", "\"x\":1,\"class\":4", KS_ESYNTAX },
        { "§17.5: the MACs in another order", ",\"proof\":", ",\"mac\":", KS_ESYNTAX },
        { "§17.5: a blank in front of a MAC", ",\"mac\":", ", \"mac\":", KS_ESYNTAX },
        { "§17.5: something behind the MACs", "\"acct\":\"anna@klinik.example\",", "", KS_ESYNTAX },
        { "the positive control: as it was", "\"v\":1", "\"v\":1", KS_OK },
    };
    struct ks_str data = KS_STR(RING_KNOWN_1), longer;
    struct ks_ring ring;

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        check_err(rows[i].name, ks_ring_read(&arena, altered(data, rows[i].from, rows[i].to), &ring), rows[i].want);
    longer = altered(data, "\"}", "\",\"z\":1}");
    check_err("§17.5: a name behind the MACs", ks_ring_read(&arena, longer, &ring), KS_ESYNTAX);
    check_err("§17.5: nothing", ks_ring_read(&arena, KS_STR_EMPTY, &ring), KS_ESYNTAX);
    for (size_t len = 1; len < data.len; len += 97)
        check_err("§17.5: cut off", ks_ring_read(&arena, ks_str_head(data, len), &ring), KS_ESYNTAX);
}

static void fill(struct ks_ring *ring, size_t slots, size_t keys)
{
    ring->slots = ks_arena_zero(&arena, slots * sizeof(*ring->slots));
    ring->keys = ks_arena_zero(&arena, keys * sizeof(*ring->keys));
    for (size_t i = 0; i < slots; i++) {
        ring->slots[i].seat.kind = KS_RING_PIN; /* the longest */
        ring->slots[i].seat.key[0] = (uint8_t)i;
    }
    for (size_t i = 0; i < keys; i++)
        ring->keys[i].period = (struct ks_archive_period) { KS_ARCHIVE_10_YEARS, 4294425600u, (uint16_t)(60000 + i) };
    ring->slot_count = slots;
    ring->key_count = keys;
}

static enum ks_err write_and_read(const struct ks_ring *ring, size_t *ret_len)
{
    struct ks_ring again;
    struct ks_buf buf;
    enum ks_err err;

    ks_buf_init(&buf, 2 * KS_RING_DATA_MAX);
    ks_ring_write(ring, ring->prev, ring->prev, &buf);
    *ret_len = buf.len;
    err = ks_ring_read(&arena, ks_buf_str(&buf), &again);
    ks_buf_done(&buf);
    return err;
}

static void test_limits(void)
{
    struct ks_ring ring = { .account = ANNA, .v = 1, .e = 1 };
    struct ks_ring_secret secret;
    struct version first = found(), many;
    static struct ks_ring_seat seats[KS_RING_SLOTS_MAX + 1];
    struct ks_ring_change change = { .add = seats, .now_s = IN_WEEK };
    struct ks_buf buf;
    size_t len;

    fill(&ring, KS_RING_SLOTS_MAX, KS_RING_KEYS_MAX);
    check_err("§17.5: as many slots and keys as there may be", write_and_read(&ring, &len), KS_OK);
    check_row(len + 2 * 3071 < KS_RING_DATA_MAX, "§17.5: are within its bytes, whatever the account", "%zu", len);
    fill(&ring, KS_RING_SLOTS_MAX + 1, 1);
    check_err("§17.5: a slot more", write_and_read(&ring, &len), KS_ELIMIT);
    fill(&ring, 2, 1);
    ring.slots[1].seat.key[0] = ring.slots[0].seat.key[0];
    check_err("§17.5: two slots with one key", write_and_read(&ring, &len), KS_ESYNTAX);
    fill(&ring, 1, KS_RING_KEYS_MAX + 1);
    check_err("§17.5: a key more", write_and_read(&ring, &len), KS_ELIMIT);
    ks_buf_init(&buf, KS_RING_DATA_MAX + 1);
    memset(ks_buf_room(&buf, KS_RING_DATA_MAX + 1), ' ', KS_RING_DATA_MAX + 1);
    check_err("§17.5: a byte more", ks_ring_read(&arena, ks_buf_str(&buf), &ring), KS_ELIMIT);
    check_err("§17.5: as many bytes as there may be are looked at",
        ks_ring_read(&arena, ks_str(buf.ptr, KS_RING_DATA_MAX), &ring), KS_ESYNTAX);
    ks_buf_done(&buf);

    for (size_t i = 0; i < KS_COUNT(seats); i++)
        seats[i] = person(KS_RING_DEVICE, (uint8_t)(100 + i)).seat;
    ks_buf_init(&buf, KS_RING_DATA_MAX);
    check_err("§17.6: no version is made with a slot more",
        ks_ring_found(&arena, &prng, ANNA, seats, KS_RING_SLOTS_MAX + 1, &secret, &buf), KS_ELIMIT);
    check_err("§17.6: nor without any", ks_ring_found(&arena, &prng, ANNA, seats, 0, &secret, &buf), KS_ESYNTAX);
    check_row(!buf.len, "§17.6: and nothing was written", "%zu bytes", buf.len);
    ks_buf_done(&buf);
    change.add_count = KS_RING_SLOTS_MAX - 4;
    check_err("§17.6: 60 beside 4", make(&first, &change, &many), KS_OK);
    change.add_count++;
    check_err("§17.6: and one more", make(&first, &change, &many), KS_ELIMIT);
}

static void test_key_limit(void)
{
    static struct ks_archive_period periods[KS_RING_KEYS_MAX + 1];
    struct version first = found(), full, more;
    struct ks_ring_change change = { .begin = periods, .now_s = IN_WEEK };

    for (size_t i = 0; i < KS_COUNT(periods); i++)
        periods[i] = (struct ks_archive_period) { KS_ARCHIVE_10_YEARS, WEEK + (uint32_t)i * KS_ARCHIVE_WEEK_S, 0 };
    change.begin_count = KS_RING_KEYS_MAX;
    check_err("§17.5: as many keys as there may be", make(&first, &change, &full), KS_OK);
    change.begin_count++;
    check_err("§17.5: and one more", make(&first, &change, &more), KS_ELIMIT);
}

/* --- making --- */

static uint16_t newest_sub(const struct ks_ring *ring, enum ks_archive_class class, uint32_t start)
{
    struct ks_archive_period period = { .sub = 0xFFFF };

    return ks_ring_newest(ring, class, start, &period) ? period.sub : 0xFFFF;
}

static bool opens_key(const struct version *v, const struct ks_ring_secret *with,
    const struct ks_archive_period *period, uint8_t ret_key[32])
{
    return ks_ring_key(&v->ring, with, period, ret_key) == KS_OK;
}

static void test_add(void)
{
    struct version first = found(), keyed = with_keys(&first);
    struct version next = next_of(&keyed, (struct ks_ring_change) { .add = &ward.seat, .add_count = 1 });
    struct ks_ring_secret secret;
    struct ks_ring_facts facts;
    struct ks_ring_change nothing = { .now_s = IN_WEEK },
                          twice = { .add = &desk.seat, .add_count = 1, .now_s = IN_WEEK };
    struct version none;

    check_row(keyed.ring.v == 2 && keyed.ring.e == 1 && keyed.ring.key_count == 3,
        "§17.7: keys begin in the same epoch", "v %d, e %d", (int)keyed.ring.v, (int)keyed.ring.e);
    check_row(
        next.ring.v == 3 && next.ring.e == 1, "§17.7: a slot more is of the same epoch", "e %d", (int)next.ring.e);
    check_err("§17.6: and opens", ks_ring_open(&next.ring, ward.secret, &secret), KS_OK);
    check_verdict("§17.7: siblings follow", judge(&keyed, &next.ring, &desk, by(&phone), &facts), KS_RING_NEXT);
    check_row(facts.added_count == 1 && facts.added[0] == 4 && !facts.new_epoch, "§17.7: and are told of it",
        "%zu added", facts.added_count);
    check_err("§17.7: no change is no version", make(&keyed, &nothing, &none), KS_EEXISTS);
    check_err("§17.6: a key that has a slot", make(&keyed, &twice, &none), KS_ESYNTAX);
    nothing.begin = this_week;
    nothing.begin_count = 1;
    check_err("§17.7: a period that has a key needs none", make(&keyed, &nothing, &none), KS_EEXISTS);
}

static void test_bad_seat(void)
{
    struct version first = found(), none;
    struct ks_ring_seat bad = ward.seat;
    struct ks_ring_change change = { .add = &bad, .add_count = 1, .now_s = IN_WEEK };

    bad.key[64] ^= 1;
    check_err("§17.6: a key that is no point gets no AK", make(&first, &change, &none), KS_ECRYPTO);
}

static void test_remove(void)
{
    struct version first = found(), keyed = with_keys(&first), next;
    const uint8_t(*gone)[KS_P256_PUBLIC_LEN] = (const uint8_t(*)[KS_P256_PUBLIC_LEN]) & desk.seat.key;
    struct ks_archive_period running = { KS_ARCHIVE_YEAR, WEEK, 1 }, old = { KS_ARCHIVE_YEAR, WEEK, 0 };
    struct ks_ring_secret secret;
    struct ks_ring_facts facts;
    uint8_t before[32], after[32], fresh[32];

    next = next_of(&keyed, (struct ks_ring_change) { .remove = gone, .remove_count = 1 });
    check_row(next.ring.e == 2 && next.ring.slot_count == 3, "§17.7: who removes begins an epoch", "e %d, %zu slots",
        (int)next.ring.e, next.ring.slot_count);
    check_err(
        "§17.6: it has nothing for the removed one", ks_ring_open(&next.ring, desk.secret, &secret), KS_ENOTFOUND);
    check_row(memcmp(next.secret.ak, keyed.secret.ak, 32) != 0, "§17.7: and another AK", "it is the same");
    check_row(opens_key(&keyed, &keyed.secret, &old, before) && opens_key(&next, &next.secret, &old, after)
            && memcmp(before, after, 32) == 0,
        "§17.7: keys that were stay what they are", "they do not");
    check_row(!opens_key(&next, &keyed.secret, &old, after), "§17.7: and are wrapped anew", "the old AK opens them");
    check_row(
        newest_sub(&next.ring, KS_ARCHIVE_YEAR, WEEK) == 1 && newest_sub(&next.ring, KS_ARCHIVE_7_DAYS, WEEK) == 1,
        "§17.7: periods whose week runs get another key", "sub %d", newest_sub(&next.ring, KS_ARCHIVE_YEAR, WEEK));
    check_row(newest_sub(&next.ring, KS_ARCHIVE_YEAR, WEEK - KS_ARCHIVE_WEEK_S) == 0,
        "§17.7: and those whose week is over do not", "they do");
    check_row(opens_key(&next, &next.secret, &running, fresh) && memcmp(fresh, before, 32) != 0,
        "§17.7: which is another key", "it is the same");
    check_row(
        !opens_key(&next, &keyed.secret, &running, fresh), "§17.7: that the removed device does not open", "it opens");
    check_verdict("§17.7: siblings follow", judge(&keyed, &next.ring, &pin, by(&phone), &facts), KS_RING_NEXT);
    check_row(facts.slots_gone == 1 && facts.new_epoch && !facts.keys_gone, "§17.7: and see who is gone", "%zu",
        facts.slots_gone);
    check_verdict(
        "§17.7: the removed one sees it too", judge(&keyed, &next.ring, &desk, by(&phone), &facts), KS_RING_WITHOUT_US);
    check_verdict(
        "§17.7: who leaves may say so himself", judge(&keyed, &next.ring, &phone, by(&desk), &facts), KS_RING_NEXT);
    next = next_of(&next, (struct ks_ring_change) { .renew = true });
    check_row(next.ring.e == 3 && newest_sub(&next.ring, KS_ARCHIVE_YEAR, WEEK) == 2,
        "§17.7: an epoch without a removal has new keys, too", "e %d", (int)next.ring.e);
}

static void test_remove_all(void)
{
    struct version first = found(), none;
    uint8_t keys[4][KS_P256_PUBLIC_LEN];
    struct ks_ring_change change = {
        .remove = (const uint8_t(*)[KS_P256_PUBLIC_LEN])keys, .remove_count = 4, .now_s = IN_WEEK
    };

    for (size_t i = 0; i < 4; i++)
        memcpy(keys[i], first.ring.slots[i].seat.key, sizeof(keys[i]));
    check_err("§17.6: a slot is left", make(&first, &change, &none), KS_ESYNTAX);
}

static void test_expiry(void)
{
    struct version first = found(), keyed = with_keys(&first), next, none;
    struct ks_ring_change change = { .now_s = YEAR_OVER - KS_ARCHIVE_WEEK_S - 1 };
    struct ks_ring_facts facts;
    struct ks_ring_known known = known_of(&keyed);
    struct ks_ring_signer signer = by(&phone);

    check_err("§17.2: a class of 7 days is over by then", make(&keyed, &change, &next), KS_OK);
    check_row(next.ring.key_count == 2 && next.ring.e == 2, "§17.7: its key goes, with the epoch", "%zu keys",
        next.ring.key_count);
    check_row(
        newest_sub(&next.ring, KS_ARCHIVE_YEAR, WEEK) == 0, "§17.7: for which nobody needs another key", "he does");
    check_verdict("§17.7: siblings follow", ks_ring_judge(&known, &next.ring, &next.secret, &signer, YEAR_OVER, &facts),
        KS_RING_NEXT);
    check_row(facts.keys_gone == 1 && !facts.keys_gone_early, "§17.7: a key is gone, in time", "%zu early",
        facts.keys_gone_early);
    check_verdict("§17.7: to whom it is too early", judge(&keyed, &next.ring, &phone, signer, &facts), KS_RING_NEXT);
    check_row(facts.keys_gone_early == 1, "§17.7: is told so", "%zu early", facts.keys_gone_early);
    check_err("§17.2: a second before its end a key stays", make(&next, &change, &none), KS_EEXISTS);
    change.now_s++;
    check_err("§17.2: and goes with it", make(&next, &change, &none), KS_OK);
    check_row(none.ring.key_count == 1, "§17.2: that one alone", "%zu keys", none.ring.key_count);
}

/* Two devices at once: konsild stores one; the other makes its change upon that. */
static void test_race(void)
{
    struct version first = found(), mine, theirs, redone;
    struct ks_ring_change change = { .begin = this_week, .begin_count = 1, .now_s = IN_WEEK };
    struct ks_ring_facts facts;

    mine = next_of(&first, change);
    change.begin_count = 2;
    theirs = next_of(&first, change);
    check_verdict(
        "§17.7: both follow upon the first", judge(&first, &theirs.ring, &phone, by(&desk), &facts), KS_RING_NEXT);
    check_verdict("§17.7: one of them is a fork to who holds the other",
        judge(&theirs, &mine.ring, &phone, by(&desk), &facts), KS_RING_FORK);
    change.begin = &this_week[0];
    change.begin_count = 1;
    check_err("§17.7: made again upon the one that was stored, nothing is left to do", make(&theirs, &change, &redone),
        KS_EEXISTS);
    change.begin = this_week;
    change.begin_count = 3;
    check_err("§17.7: or what the other did not", make(&theirs, &change, &redone), KS_OK);
    check_row(redone.ring.key_count == 3 && redone.ring.v == 3, "§17.7: and it is one more", "%zu keys",
        redone.ring.key_count);
}

/* --- judging --- */

/* A successor of `known` that somebody made by hand: with this AK for the MAC, and this anchor for the proof. */
static struct ks_ring forged(const struct ks_ring *ring, const uint8_t mac_ak[32], const uint8_t anchor[32])
{
    struct ks_buf buf;
    struct ks_ring made;

    ks_buf_init(&buf, KS_RING_DATA_MAX);
    ks_ring_write(ring, mac_ak, anchor, &buf);
    made = read_or_exit(ks_buf_str(&buf));
    ks_buf_done(&buf);
    return made;
}

/* Like known, a version on; slots and keys may be written. */
static struct ks_ring begun(const struct version *known)
{
    struct ks_ring ring = known->ring;

    ring.v++;
    memcpy(ring.prev, known->ring.hash, sizeof(ring.prev));
    memcpy(ring.upon, known->ring.hash, sizeof(ring.upon));
    ring.slots = ks_arena_zero(&arena, (ring.slot_count + 1) * sizeof(*ring.slots));
    ring.keys = ks_arena_zero(&arena, (ring.key_count + 1) * sizeof(*ring.keys));
    memcpy(ring.slots, known->ring.slots, ring.slot_count * sizeof(*ring.slots));
    memcpy(ring.keys, known->ring.keys, ring.key_count * sizeof(*ring.keys));
    return ring;
}

static void judge_forged(
    const char *name, const struct version *known, const struct ks_ring *ring, enum ks_ring_verdict want)
{
    struct ks_ring next = forged(ring, known->secret.ak, known->secret.anchor);
    struct ks_ring_facts facts;

    check_verdict(name, judge(known, &next, &phone, by(&desk), &facts), want);
}

static void test_ghost(void)
{
    static const uint8_t made_up[32] = { 9 };
    struct version first = found(), keyed = with_keys(&first), next;
    const uint8_t(*gone)[KS_P256_PUBLIC_LEN] = (const uint8_t(*)[KS_P256_PUBLIC_LEN]) & desk.seat.key;
    struct person ghost = person(KS_RING_DEVICE, 0x66);
    struct ks_ring_signer signer = by(&ghost), not_genuine = by(&phone);
    struct ks_ring ring = begun(&keyed), forgery;
    struct ks_ring_secret secret;
    struct ks_ring_facts facts;

    ring.slots[ring.slot_count].seat = ghost.seat;
    if (ks_ring_seal(&prng, &ring, made_up, &ring.slots[ring.slot_count]) != KS_OK)
        exit(2);
    ring.slot_count++;
    forgery = forged(&ring, made_up, made_up);
    check_verdict("attack 49: a ghost with a certificate and no AK", judge(&keyed, &forgery, &phone, signer, &facts),
        KS_RING_REFUSED);
    check_err("attack 15: nothing is sealed to it", ks_ring_open(&keyed.ring, ghost.secret, &secret), KS_ENOTFOUND);
    forgery = forged(&ring, made_up, keyed.secret.anchor);
    check_verdict("attack 49: who has the anchor and no AK of this epoch",
        judge(&keyed, &forgery, &phone, signer, &facts), KS_RING_REFUSED);
    forgery = forged(&ring, keyed.secret.ak, made_up);
    check_verdict(
        "attack 49: who has AK and not the anchor", judge(&keyed, &forgery, &phone, signer, &facts), KS_RING_REFUSED);
    forgery = forged(&ring, keyed.secret.ak, keyed.secret.anchor);
    check_verdict("the positive control: with both it follows, and adds a slot",
        judge(&keyed, &forgery, &phone, signer, &facts), KS_RING_NEXT);
    check_row(facts.added_count == 1, "§17.7: of which the caller is told", "%zu", facts.added_count);
    signer = by(&ward);
    check_verdict(
        "§17.7: by a device that has no slot", judge(&keyed, &forgery, &phone, signer, &facts), KS_RING_REFUSED);
    not_genuine.genuine = false;
    check_verdict(
        "§17.7: by one that is not genuine", judge(&keyed, &forgery, &phone, not_genuine, &facts), KS_RING_REFUSED);

    next = next_of(&keyed, (struct ks_ring_change) { .remove = gone, .remove_count = 1 });
    ring = begun(&next);
    ring.key_count = 0;
    ring.e++;
    forgery = forged(&ring, keyed.secret.ak, keyed.secret.anchor);
    check_verdict("attack 49: a removed device, still certified, empties the ring",
        judge(&next, &forgery, &phone, by(&desk), &facts), KS_RING_REFUSED);
}

static void test_restated(void)
{
    struct version first = found(), keyed = with_keys(&first), next;
    struct ks_ring_change change = { .renew = true, .after_v = keyed.ring.v + 1 };
    struct ks_ring_facts facts;

    memset(change.after_hash, 0x77, sizeof(change.after_hash)); /* of the ghost's, which konsild took */
    next = next_of(&keyed, change);
    check_row(next.ring.v == keyed.ring.v + 2 && is_filled(next.ring.prev, 32, 0x77),
        "attack 49: stated anew after the version that was refused", "v %d", (int)next.ring.v);
    check_verdict("attack 49: siblings who refused it too follow", judge(&keyed, &next.ring, &desk, by(&phone), &facts),
        KS_RING_NEXT);
    check_verdict("§17.7: who was not there asks for what is between",
        judge(&first, &next.ring, &desk, by(&phone), &facts), KS_RING_AHEAD);
    change = (struct ks_ring_change) { .after_v = keyed.ring.v + 1 };
    next = next_of(&keyed, change);
    check_row(next.ring.key_count == keyed.ring.key_count && next.ring.e == keyed.ring.e,
        "attack 49: and needs no other change for it", "e %d", (int)next.ring.e);
}

static void test_order(void)
{
    struct version first = found(), second = with_keys(&first),
                   third = next_of(&second, (struct ks_ring_change) { .add = &ward.seat, .add_count = 1 }),
                   fourth = next_of(&third, (struct ks_ring_change) { .renew = true });
    struct ks_ring_facts facts;
    struct ks_ring ring;

    check_verdict("§17.7: what is known", judge(&second, &second.ring, &phone, by(&desk), &facts), KS_RING_SAME);
    check_verdict("attack 49: rolled back", judge(&third, &second.ring, &phone, by(&desk), &facts), KS_RING_OLD);
    check_verdict(
        "§17.7: one that is two ahead", judge(&second, &fourth.ring, &phone, by(&desk), &facts), KS_RING_AHEAD);
    ring = begun(&first);
    ring.keys = second.ring.keys;
    ring.key_count = 1;
    ring = forged(&ring, first.secret.ak, first.secret.anchor);
    check_verdict(
        "attack 49: another one of the same version", judge(&second, &ring, &phone, by(&desk), &facts), KS_RING_FORK);
    ring = begun(&second);
    memset(ring.upon, 1, sizeof(ring.upon));
    judge_forged("attack 49: the next one, upon something else", &second, &ring, KS_RING_FORK);
    ring = begun(&second);
    memset(ring.prev, 1, sizeof(ring.prev));
    judge_forged("§17.7: the next one, after something else", &second, &ring, KS_RING_REFUSED);
    ring = begun(&second);
    ring.account = KS_STR("jonas@klinik.example");
    judge_forged("§17.7: another account's", &second, &ring, KS_RING_REFUSED);
}

static void test_same_epoch(void)
{
    struct version first = found(), known = with_keys(&first);
    struct ks_ring ring = begun(&known);

    judge_forged("the positive control: as it was", &known, &ring, KS_RING_NEXT);
    ring.slot_count--;
    judge_forged("§17.7: a slot goes, and the epoch stays", &known, &ring, KS_RING_REFUSED);
    ring = begun(&known);
    ring.key_count--;
    judge_forged("§17.7: a key goes, and the epoch stays", &known, &ring, KS_RING_REFUSED);
    ring = begun(&known);
    ring.slots[2].sealed[0] ^= 1;
    judge_forged("§17.7: another's slot is broken", &known, &ring, KS_RING_REFUSED);
    ring = begun(&known);
    ring.keys[0].wrap[30] ^= 1;
    judge_forged("§17.7: a key is broken", &known, &ring, KS_RING_REFUSED);
    ring = begun(&known);
    ring.anchor[30] ^= 1;
    judge_forged("§17.7: the anchor is broken", &known, &ring, KS_RING_REFUSED);
    ring = begun(&known);
    ring.keys[ring.key_count] = ring.keys[ring.key_count - 1];
    ring.keys[ring.key_count++].period.sub = 7;
    judge_forged("§17.7: a new key that does not open", &known, &ring, KS_RING_REFUSED);
    ring = begun(&known);
    memset(ring.slots[2].seat.blob, 0x55, 144);
    judge_forged("§17.7: a PIN's slot with another private half", &known, &ring, KS_RING_REFUSED);
}

/* known, wrapped and sealed anew under an AK. */
static struct ks_ring renewed(const struct version *known, const uint8_t ak[32], const uint8_t anchor[32])
{
    struct ks_ring ring = begun(known);
    uint8_t key[32];

    ring.e++;
    for (size_t i = 0; i < ring.slot_count; i++)
        if (ks_ring_seal(&prng, &ring, ak, &ring.slots[i]) != KS_OK)
            exit(2);
    for (size_t i = 0; i < ring.key_count; i++)
        if (ks_ring_key(&known->ring, &known->secret, &ring.keys[i].period, key) != KS_OK
            || ks_ring_wrap(&prng, &ring, ak, &ring.keys[i].period, key, ring.keys[i].wrap) != KS_OK)
            exit(2);
    if (ks_ring_wrap(&prng, &ring, ak, NULL, anchor, ring.anchor) != KS_OK)
        exit(2);
    return ring;
}

static void test_new_epoch(void)
{
    static const uint8_t ak[32] = { 7 }, other[32] = { 8 };
    struct version first = found(), known = with_keys(&first);
    struct ks_ring ring = renewed(&known, ak, known.secret.anchor);

    judge_forged("the positive control: renewed", &known, &ring, KS_RING_NEXT);
    ring = renewed(&known, known.secret.ak, known.secret.anchor);
    judge_forged("§17.7: a new epoch with the old AK", &known, &ring, KS_RING_REFUSED);
    ring = renewed(&known, ak, other);
    judge_forged("§17.7: a new epoch with another anchor", &known, &ring, KS_RING_REFUSED);
    ring = renewed(&known, ak, known.secret.anchor);
    if (ks_ring_wrap(&prng, &ring, ak, &ring.keys[0].period, other, ring.keys[0].wrap) != KS_OK)
        exit(2);
    judge_forged("§17.7: a period's key is another one", &known, &ring, KS_RING_REFUSED);
    ring = renewed(&known, ak, known.secret.anchor);
    ring.keys[0].wrap[30] ^= 1;
    judge_forged("§17.7: a period's key does not open", &known, &ring, KS_RING_REFUSED);
    ring = renewed(&known, ak, known.secret.anchor);
    memset(ring.slots[2].seat.blob, 0x55, 144);
    judge_forged("§17.7: a PIN's slot with another private half", &known, &ring, KS_RING_REFUSED);
    ring = renewed(&known, ak, known.secret.anchor);
    ring.v++; /* the epoch goes up by one, whatever the version does */
    ring.e++;
    judge_forged("§17.7: two epochs on", &known, &ring, KS_RING_REFUSED);
}

static void test_officers(void)
{
    struct version first = found(), known = with_keys(&first);
    struct ks_ring ring = begun(&known), jonas = { .account = KS_STR("jonas@klinik.example"), .e = 1 };
    struct ks_ring_slot copied = { .seat = officers.seat };

    if (ks_ring_seal(&prng, &jonas, known.secret.ak, &copied) != KS_OK)
        exit(2);
    check_row(ks_ring_officers_signed(&jonas, &copied), "the positive control: it is Jonas's", "it is not");
    check_row(!ks_ring_officers_signed(&ring, &copied), "attack 52: another account's officers' slot", "it passes");
    ring = renewed(&known, (const uint8_t[32]) { 7 }, known.secret.anchor);
    memcpy(ring.slots[3].enc, copied.enc, sizeof(copied.enc));
    memcpy(ring.slots[3].sealed, copied.sealed, sizeof(copied.sealed));
    memcpy(ring.slots[3].signature, copied.signature, sizeof(copied.signature));
    judge_forged("attack 52: in a ring", &known, &ring, KS_RING_REFUSED);
}

static void test_far(void)
{
    static const uint8_t made_up[32] = { 9 };
    struct version first = found(), second = with_keys(&first),
                   third = next_of(&second, (struct ks_ring_change) { .renew = true });
    struct ks_ring_signer signer = by(&phone);
    struct ks_ring_secret secret;
    struct ks_ring ghosts = renewed(&second, made_up, made_up), ring;
    const uint8_t *anchor = first.secret.anchor;

    check_err("§17.7: far on, the slot opens", ks_ring_open(&third.ring, pin.secret, &secret), KS_OK);
    check_row(ks_ring_judge_far(ANNA, 0, anchor, &third.ring, &secret, &signer), "§17.7: and the ring is believed",
        "it is not");
    check_row(!ks_ring_judge_far(ANNA, 3, anchor, &third.ring, &secret, &signer), "§17.7: unless it is known already",
        "it is");
    check_row(!ks_ring_judge_far(KS_STR("jonas@klinik.example"), 0, anchor, &third.ring, &secret, &signer),
        "§17.7: or another's", "it is");
    signer.genuine = false;
    check_row(
        !ks_ring_judge_far(ANNA, 0, anchor, &third.ring, &secret, &signer), "§17.7: or by no genuine device", "it is");
    signer.genuine = true;
    ghosts = forged(&ghosts, made_up, made_up);
    check_err("attack 49: a ghost seals an AK of its own to the PIN's slot", ks_ring_open(&ghosts, pin.secret, &secret),
        KS_OK);
    check_row(
        !ks_ring_judge_far(ANNA, 0, anchor, &ghosts, &secret, &signer), "attack 49: and is not believed", "it is");
    ring = begun(&third);
    ring.keys[0].wrap[30] ^= 1;
    ring = forged(&ring, third.secret.ak, anchor);
    check_row(!ks_ring_judge_far(ANNA, 0, anchor, &ring, &third.secret, &signer), "§17.7: a key does not open",
        "it is believed");
}

/* --- memory --- */

/* Natively P-256 takes no memory of its own. In the browser it does: there the failure has a name that is the driver's.
 */
#ifdef __wasm__
#define WITHOUT_MEMORY(err) ((err) != KS_OK)
#else
#define WITHOUT_MEMORY(err) ((err) == KS_ENOMEM)
#endif
static void test_without_memory(void)
{
    struct version first = found(), keyed = with_keys(&first);
    struct ks_ring_known known = known_of(&keyed);
    struct ks_archive_period later = { KS_ARCHIVE_YEAR, WEEK + KS_ARCHIVE_WEEK_S, 0 };
    struct ks_ring_change change = { .begin = &later, .begin_count = 1, .now_s = IN_WEEK };
    int rounds = 0;
    bool good = true;

    for (int n = 1; fail_nth(n); n++, rounds++) {
        struct ks_ring_secret secret;
        uint8_t key[32];
        struct ks_arena own;
        struct ks_ring ring;
        struct ks_buf buf;
        enum ks_err err;

        ks_arena_init(&own, 1u << 20);
        ks_buf_init(&buf, KS_RING_DATA_MAX);
        err = ks_ring_next(&own, &prng, &known, &change, &secret, &buf);
        if (err == KS_OK)
            err = ks_buf_err(&buf);
        if (err == KS_OK)
            err = ks_ring_read(&own, ks_buf_str(&buf), &ring);
        if (err == KS_OK)
            err = ks_ring_key(&ring, &secret, &later, key);
        if (fail_stop() ? !WITHOUT_MEMORY(err) : err != KS_OK)
            good = false;
        ks_buf_done(&buf);
        ks_arena_done(&own);
    }
    check_row(good && rounds > 10, "each allocation that fails is told", "%d rounds", rounds);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 2;
    ks_prng_init_number(&prng, 17);
    ks_arena_init(&arena, 1u << 28);
    phone = person(KS_RING_DEVICE, 1);
    desk = person(KS_RING_DEVICE, 2);
    ward = person(KS_RING_DEVICE, 5);
    pin = person(KS_RING_PIN, 3);
    officers = person(KS_RING_OFFICERS, 4);
    recovery = person(KS_RING_RECOVERY, 6);
    test_known();
    test_form();
    test_limits();
    test_key_limit();
    test_add();
    test_bad_seat();
    test_remove();
    test_remove_all();
    test_expiry();
    test_race();
    test_ghost();
    test_restated();
    test_order();
    test_same_epoch();
    test_new_epoch();
    test_officers();
    test_far();
    test_without_memory();
    ks_arena_done(&arena);
    ks_prng_done(&prng);
    return check_done();
}
