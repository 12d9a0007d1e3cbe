/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Records of the archive: periods, names, what opens and what must not, and that lengths tell little. */
#include "archive_record.h"

#include "check.h"
#include "crypto.h"
#include "enc.h"
#include "failmalloc.h"

#define HEADER 26 /* bytes before the nonce */
#define FRONT 50  /* and with it */
#define TAG 16

#define ANNA KS_STR("anna@klinik.example")

static struct ks_prng prng;
static uint8_t key[KS_ARCHIVE_KEY_LEN];

/* Good until the next one. */
static struct ks_buf hex_text;

static struct ks_str hex(struct ks_str bytes)
{
    ks_buf_done(&hex_text);
    ks_buf_init(&hex_text, 1024);
    ks_hex_add(&hex_text, bytes);
    return ks_buf_str(&hex_text);
}

/* --- periods --- */

static void test_classes(void)
{
    static const struct {
        const char *name;
        uint64_t retention_s;
        int want; /* 0: none */
    } rows[] = {
        { "§17.2: less than 7 days has no class", 7 * 86400 - 1, 0 },
        { "§17.2: 7 days", 7 * 86400, KS_ARCHIVE_7_DAYS },
        { "§17.2: a second less than 30 days is rounded down", 30 * 86400 - 1, KS_ARCHIVE_7_DAYS },
        { "§17.2: 30 days", 30 * 86400, KS_ARCHIVE_30_DAYS },
        { "§17.2: 90 days", 90 * 86400, KS_ARCHIVE_90_DAYS },
        { "§17.2: a second less than a year", 365 * 86400 - 1, KS_ARCHIVE_90_DAYS },
        { "§17.2: a year", 365 * 86400, KS_ARCHIVE_YEAR },
        { "§17.2: 3652 days", 3652ull * 86400, KS_ARCHIVE_10_YEARS },
        { "§17.2: for ever is ten years", UINT64_MAX, KS_ARCHIVE_10_YEARS },
        { "§17.2: nothing", 0, 0 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum ks_archive_class class;
        int got = ks_archive_class_of(rows[i].retention_s, &class) ? (int)class : 0;

        check_row(got == rows[i].want, rows[i].name, "class %d, want %d", got, rows[i].want);
    }
}

static void test_periods(void)
{
    static const struct {
        const char *name;
        int64_t stamp_s;
        enum ks_err want;
        uint32_t start;
    } rows[] = {
        { "§17.2: the first second of the first Monday", 345600, KS_OK, 345600 },
        { "§17.2: the second before it", 345599, KS_ELIMIT, 0 },
        { "§17.2: before 1970", -1, KS_ELIMIT, 0 },
        { "§17.2: Sunday, 2026-11-22 23:59:59, is of the week of the 16th", 1795391999, KS_OK, 1794787200 },
        { "§17.2: Monday, 2026-11-23 00:00:00, begins a week", 1795392000, KS_OK, 1795392000 },
        { "§17.2: Thursday, 2026-12-31, is of a week that ends next year", 1798675200, KS_OK, 1798416000 },
        { "§17.2: the last second that fits", UINT32_MAX, KS_OK, 4294425600u },
        { "§17.2: the one after it", (int64_t)UINT32_MAX + 1, KS_ELIMIT, 0 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ks_archive_period period = { 0 };
        enum ks_err err = ks_archive_period_of(KS_ARCHIVE_YEAR, rows[i].stamp_s, &period);

        check_row(err == rows[i].want && period.start == rows[i].start, rows[i].name, "%s, start %u", ks_err_name(err),
            (unsigned)period.start);
    }
    check_row(ks_archive_period_end(&(struct ks_archive_period) { KS_ARCHIVE_30_DAYS, 1795392000, 0 })
            == 1795392000 + 37 * 86400,
        "§17.2: a key of 30 days goes 30 days after its week", "it does not");
    check_row(ks_archive_period_end(&(struct ks_archive_period) { KS_ARCHIVE_10_YEARS, 4294425600u, 0 })
            == 4294425600ll + 3659ll * 86400,
        "§17.2: the end of the last period is behind what 32 bits hold", "it does not");
}

/* --- names --- */

static struct ks_archive_name name_of(uint64_t n)
{
    return (struct ks_archive_name) {
        .conv = KS_STR("jonas@klinik.example"),
        .author = ANNA,
        .device = 27183,
        .ep = KS_STR("00112233"),
        .n = n,
        .kind = 1,
    };
}

struct rid {
    uint8_t bytes[KS_ARCHIVE_RID_LEN];
};

static struct rid rid_of(const struct ks_archive_name *name)
{
    struct rid rid;

    if (ks_archive_rid(key, name, rid.bytes) != KS_OK)
        exit(1);
    return rid;
}

static bool same(struct rid a, struct rid b)
{
    return !memcmp(a.bytes, b.bytes, sizeof a.bytes);
}

static void test_names(void)
{
    struct ks_archive_name name = name_of(42), other;
    struct rid rid = rid_of(&name);
    static char long_text[KS_ARCHIVE_NAME_MAX + 1];
    uint8_t out[KS_ARCHIVE_RID_LEN];

    /* Python: hmac.digest(HKDF(key, b"", b"konsil/0 rid"), fields, "sha256")[:16] */
    check_str("§17.3: the rid of a message, as computed elsewhere", hex(ks_str(rid.bytes, sizeof rid.bytes)),
        KS_STR("72531c7d478f942ab10b91279ba182eb"));
#define DIFFERS(row, field, value) \
    other = name;                  \
    other.field = (value);         \
    check_row(!same(rid_of(&other), rid), row, "the same rid")
    DIFFERS("§17.3: another conversation", conv, KS_STR("jana@klinik.example"));
    DIFFERS("§17.3: another author", author, KS_STR("jonas@klinik.example"));
    DIFFERS("§17.3: another device", device, 27184);
    DIFFERS("§17.3: another epoch", ep, KS_STR("00112234"));
    DIFFERS("§17.3: another number", n, 43);
    DIFFERS("§17.3: another kind", kind, 2);
    key[0] ^= 1;
    check_row(!same(rid_of(&name), rid), "§17.3: another period", "the same rid");
    key[0] ^= 1;
    other = name;
    other.conv = KS_STR("jonas@klinik.examplea");
    other.author = KS_STR("nna@klinik.example");
    check_row(!same(rid_of(&other), rid), "§17.3: what moves from one text to the next", "the same rid");
    other = name;
    other.ep = ks_str(long_text, KS_ARCHIVE_NAME_MAX);
    check_err("§17.3: a text at its limit", ks_archive_rid(key, &other, out), KS_OK);
    other.ep.len++;
    check_err("§17.3: a text above its limit", ks_archive_rid(key, &other, out), KS_ELIMIT);
}

/* --- records --- */

struct sealed {
    struct ks_archive_header header;
    uint8_t salt[KS_ARCHIVE_SALT_LEN];
    struct ks_buf record;
};

static enum ks_err seal(struct sealed *s, struct ks_str account, struct ks_str body)
{
    s->header = (struct ks_archive_header) { .period = { KS_ARCHIVE_YEAR, 1795392000, 3 } };
    memset(s->header.rid, 0xAB, sizeof s->header.rid);
    ks_buf_init(&s->record, KS_ARCHIVE_RECORD_MAX);
    return ks_archive_seal(&prng, key, account, &s->header, body, s->salt, &s->record);
}

static enum ks_err open_with(const uint8_t *with, struct ks_str account, const uint8_t *salt, struct ks_str record)
{
    struct ks_archive_header header;
    struct ks_buf body;
    enum ks_err err;

    ks_buf_init_secret(&body, KS_ARCHIVE_RECORD_MAX);
    err = ks_archive_open(with, account, salt, record, &header, &body);
    if (err != KS_OK && body.len)
        check_row(false, "what does not open gives nothing", "%zu bytes", body.len);
    ks_buf_done(&body);
    return err;
}

static void test_known(void)
{
    static const uint8_t seed[KS_PRNG_SEED_LEN] = { 5 };
    struct ks_archive_header got;
    struct ks_buf body;
    struct sealed s;
    uint8_t digest[32];

    ks_prng_init(&prng, seed); /* salt and nonce are what it says */
    check_err("§17.3: seals", seal(&s, ANNA, KS_STR("Befund um acht")), KS_OK);
    check_str("§17.3: with this salt", hex(ks_str(s.salt, sizeof s.salt)), KS_STR("fbb1ea0fcbb497844fc75013acd5f9e0"));
    check_str("§17.3: and in front of it what everybody may read", hex(ks_str(s.record.ptr, FRONT)),
        KS_STR("010104006b0382000003abababababababababababababababab3b46dd3789e5717069968def56e830aeda15356942959bb8"));
    ks_hash(KS_SHA256, ks_buf_str(&s.record), digest);
    check_str("§17.3: the record, as computed elsewhere", hex(ks_str(digest, sizeof digest)),
        KS_STR("5e290144965785254149acc6666ee142fa918c055ab2f466d1b42305cfc1a78e"));
    ks_buf_init_secret(&body, KS_ARCHIVE_RECORD_MAX);
    check_err("§17.3: opens", ks_archive_open(key, ANNA, s.salt, ks_buf_str(&s.record), &got, &body), KS_OK);
    check_str("§17.3: to its body", ks_buf_str(&body), KS_STR("Befund um acht"));
    check_row(got.period.class == KS_ARCHIVE_YEAR && got.period.start == 1795392000 && got.period.sub == 3
            && !memcmp(got.rid, s.header.rid, sizeof got.rid),
        "§17.3: with its header", "it is another");
    ks_buf_done(&body);
    ks_buf_done(&s.record);
}

static void test_refused(void)
{
    static const struct {
        const char *name;
        size_t at;
        uint8_t mask;
        enum ks_err want;
    } rows[] = {
        { "§17.3: a later version is kept", 0, 0x03, KS_EVERSION },
        { "§17.3: a later suite is kept", 1, 0x03, KS_EVERSION },
        { "attack 51: another class", 2, 0x01, KS_ECRYPTO },
        { "§17.3: class 0", 2, 0x04, KS_ESYNTAX },
        { "§17.3: a class that there is not", 2, 0x02, KS_ESYNTAX },
        { "§17.3: a flag", 3, 0x01, KS_ESYNTAX },
        { "§17.3: a start that is no Monday", 7, 0x01, KS_ESYNTAX },
        { "attack 51: another key of the week", 9, 0x01, KS_ECRYPTO },
        { "attack 51: another rid", 10, 0x01, KS_ECRYPTO },
        { "§17.3: another nonce", HEADER, 0x01, KS_ECRYPTO },
        { "§17.3: a byte of the body", FRONT, 0x80, KS_ECRYPTO },
        { "§17.3: the last byte", FRONT + 1280 + TAG - 1, 0x80, KS_ECRYPTO },
    };
    struct sealed s;
    uint8_t other[32];

    check_err("§17.3: seals once more", seal(&s, ANNA, KS_STR("x")), KS_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        s.record.ptr[rows[i].at] = (char)(s.record.ptr[rows[i].at] ^ rows[i].mask);
        check_err(rows[i].name, open_with(key, ANNA, s.salt, ks_buf_str(&s.record)), rows[i].want);
        s.record.ptr[rows[i].at] = (char)(s.record.ptr[rows[i].at] ^ rows[i].mask);
    }
    check_err("attack 51: another account",
        open_with(key, KS_STR("jonas@klinik.example"), s.salt, ks_buf_str(&s.record)), KS_ECRYPTO);
    memcpy(other, s.salt, sizeof s.salt);
    other[15] ^= 1;
    check_err("attack 50: without its salt", open_with(key, ANNA, other, ks_buf_str(&s.record)), KS_ECRYPTO);
    memcpy(other, key, sizeof key);
    other[31] ^= 1;
    check_err(
        "attack 50: without the key of its period", open_with(other, ANNA, s.salt, ks_buf_str(&s.record)), KS_ECRYPTO);
    /* A record of another week: the header's start moves by exactly seven days. */
    s.record.ptr[4] = (char)((1795392000u + KS_ARCHIVE_WEEK_S) >> 24);
    s.record.ptr[5] = (char)((1795392000u + KS_ARCHIVE_WEEK_S) >> 16);
    s.record.ptr[6] = (char)((1795392000u + KS_ARCHIVE_WEEK_S) >> 8);
    s.record.ptr[7] = (char)(1795392000u + KS_ARCHIVE_WEEK_S);
    check_err("attack 51: another week", open_with(key, ANNA, s.salt, ks_buf_str(&s.record)), KS_ECRYPTO);
    s.record.ptr[4] = (char)(1795392000u >> 24);
    s.record.ptr[5] = (char)(1795392000u >> 16);
    s.record.ptr[6] = (char)(1795392000u >> 8);
    s.record.ptr[7] = (char)1795392000u;
    check_err("the positive control: put back, it opens", open_with(key, ANNA, s.salt, ks_buf_str(&s.record)), KS_OK);
    check_err(
        "§17.3: a byte is missing", open_with(key, ANNA, s.salt, ks_str(s.record.ptr, s.record.len - 1)), KS_ESYNTAX);
    check_err("§17.3: only a header", open_with(key, ANNA, s.salt, ks_str(s.record.ptr, HEADER)), KS_ESYNTAX);
    check_err("§17.3: nothing", open_with(key, ANNA, s.salt, KS_STR_EMPTY), KS_ESYNTAX);
    ks_buf_done(&s.record);
}

/* Who has the key seals what he likes: it has to have the form all the same. */
static void test_forged(void)
{
    static const struct {
        const char *name;
        uint8_t last;
        enum ks_err want;
    } rows[] = {
        { "§17.3: a plaintext without mark", 0x00, KS_ECRYPTO },
        { "§17.3: another byte in place of the mark", 0x81, KS_ECRYPTO },
        { "the positive control: with its mark", 0x80, KS_OK },
    };
    uint8_t salt_rid[KS_ARCHIVE_SALT_LEN + KS_ARCHIVE_RID_LEN], record_key[32], plain[1280] = { 0 };
    struct ks_buf extra;
    struct sealed s;

    check_err("§17.3: seals", seal(&s, ANNA, KS_STR("x")), KS_OK);
    memcpy(salt_rid, s.salt, sizeof s.salt);
    memcpy(salt_rid + sizeof s.salt, s.header.rid, sizeof s.header.rid);
    ks_hkdf(KS_SHA256, ks_str(key, sizeof key), ks_str(salt_rid, sizeof salt_rid), KS_STR("konsil/0 record"),
        record_key, sizeof record_key);
    ks_buf_init(&extra, 256);
    ks_buf_add(&extra, ks_str(s.record.ptr, FRONT));
    ks_buf_field(&extra, ANNA);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        plain[7] = rows[i].last;
        ks_aead_seal(record_key, (const uint8_t *)s.record.ptr + HEADER, ks_buf_str(&extra),
            ks_str(plain, sizeof plain), (uint8_t *)s.record.ptr + FRONT);
        check_err(rows[i].name, open_with(key, ANNA, s.salt, ks_buf_str(&s.record)), rows[i].want);
    }
    ks_buf_done(&extra);
    ks_buf_done(&s.record);
}

static void test_lengths(void)
{
    static const struct {
        const char *name;
        size_t body, want; /* 0: refused */
    } rows[] = {
        { "§17.3: an empty body", 0, 1280 },
        { "§17.3: 1279 bytes", 1279, 1280 },
        { "§17.3: 1280 bytes have no room for the mark", 1280, 2304 },
        { "§17.3: 2303 bytes", 2303, 2304 },
        { "§17.3: 4351 bytes", 4351, 4352 },
        { "§17.3: 8447 bytes", 8447, 8448 },
        { "§17.3: 16639 bytes", 16639, 16640 },
        { "§17.3: 33023 bytes", 33023, 33024 },
        { "§17.3: 33024 bytes", 33024, 49086 },
        { "§17.3: the longest body", KS_ARCHIVE_BODY_MAX, 49086 },
        { "§17.3: a byte more", KS_ARCHIVE_BODY_MAX + 1, 0 },
    };
    static char body[KS_ARCHIVE_BODY_MAX + 1]; /* zeroes, as those that pad */
    static char account[KS_ARCHIVE_ACCOUNT_MAX + 1], above[KS_ARCHIVE_RECORD_MAX + 1];
    struct ks_archive_header header;
    struct sealed s;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum ks_err err = seal(&s, ANNA, ks_str(body, rows[i].body));
        size_t want = rows[i].want ? FRONT + rows[i].want + TAG : 0;
        struct ks_buf got;

        ks_buf_init_secret(&got, KS_ARCHIVE_RECORD_MAX);
        check_row(err == (want ? KS_OK : KS_ELIMIT) && s.record.len == want, rows[i].name, "%s, %zu bytes",
            ks_err_name(err), s.record.len);
        if (want) {
            err = ks_archive_open(key, ANNA, s.salt, ks_buf_str(&s.record), &header, &got);
            check_row(err == KS_OK && got.len == rows[i].body, "and back", "%s, %zu bytes", ks_err_name(err), got.len);
        }
        ks_buf_done(&got);
        ks_buf_done(&s.record);
    }
    check_err("§17.3: an account at its limit", seal(&s, ks_str(account, KS_ARCHIVE_ACCOUNT_MAX), KS_STR("x")), KS_OK);
    ks_buf_done(&s.record);
    check_err(
        "§17.3: an account above it", seal(&s, ks_str(account, KS_ARCHIVE_ACCOUNT_MAX + 1), KS_STR("x")), KS_ELIMIT);
    ks_buf_done(&s.record);
    check_err(
        "§18.8: a record above its limit", ks_archive_header_read(ks_str(above, sizeof above), &header), KS_ELIMIT);
}

static void test_without_memory(void)
{
    int rounds = 0;
    bool good = true;

    for (int n = 1; fail_nth(n); n++, rounds++) {
        struct ks_archive_header got;
        struct ks_buf body;
        struct sealed s;
        enum ks_err err = seal(&s, ANNA, KS_STR("x"));

        ks_buf_init_secret(&body, KS_ARCHIVE_RECORD_MAX);
        if (err == KS_OK)
            err = ks_buf_err(&s.record);
        if (err == KS_OK)
            err = ks_archive_open(key, ANNA, s.salt, ks_buf_str(&s.record), &got, &body);
        if (err == KS_OK)
            err = ks_buf_err(&body);
        if (fail_stop() ? err != KS_ENOMEM : err != KS_OK)
            good = false;
        ks_buf_done(&body);
        ks_buf_done(&s.record);
    }
    check_row(good && rounds > 4, "each allocation that fails is told", "%d rounds", rounds);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 2;
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    test_known();
    test_classes();
    test_periods();
    test_names();
    test_refused();
    test_forged();
    test_lengths();
    test_without_memory();
    ks_buf_done(&hex_text);
    ks_prng_done(&prng);
    return check_done();
}
