/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "archive_record.h"

#include "crypto.h"

#define VERSION 1
#define SUITE 1 /* HKDF-SHA-256, XChaCha20-Poly1305 */
#define PURPOSE_RID KS_STR("konsil/0 rid")
#define PURPOSE_RECORD KS_STR("konsil/0 record")

#define HEADER_LEN (4 + 4 + 2 + KS_ARCHIVE_RID_LEN)
#define PREFIX_LEN (HEADER_LEN + KS_AEAD_NONCE_LEN)
#define MARK 0x80     /* ends the body; zeroes follow */
#define MONDAY 345600 /* 1970-01-05: the first one that a stamp can have */
#define DAY_S 86400

/* An envelope is padded already (§4.5). A body with one is a little longer, and takes the length made for it instead of
 * twice as much. */
#define BESIDE_ENVELOPE 256
static const size_t lengths[] = {
    1024 + BESIDE_ENVELOPE,
    2048 + BESIDE_ENVELOPE,
    4096 + BESIDE_ENVELOPE,
    8192 + BESIDE_ENVELOPE,
    16384 + BESIDE_ENVELOPE,
    32768 + BESIDE_ENVELOPE,
    KS_ARCHIVE_BODY_MAX + 1,
};
#define LENGTHS (sizeof lengths / sizeof *lengths)
_Static_assert(PREFIX_LEN + KS_ARCHIVE_BODY_MAX + 1 + KS_AEAD_TAG_LEN == KS_ARCHIVE_RECORD_MAX, "§18.8");

/* --- periods --- */

static const uint16_t class_days[] = {
    [KS_ARCHIVE_7_DAYS] = 7,
    [KS_ARCHIVE_30_DAYS] = 30,
    [KS_ARCHIVE_90_DAYS] = 90,
    [KS_ARCHIVE_YEAR] = 365,
    [KS_ARCHIVE_10_YEARS] = 3652,
};

bool ks_archive_class_of(uint64_t retention_s, enum ks_archive_class *ret_class)
{
    for (int class = KS_ARCHIVE_10_YEARS; class >= KS_ARCHIVE_7_DAYS; class --)
        if (retention_s >= (uint64_t)class_days[class] * DAY_S) {
            *ret_class = (enum ks_archive_class) class;
            return true;
        }
    return false;
}

enum ks_err ks_archive_period_of(enum ks_archive_class class, int64_t stamp_s, struct ks_archive_period *ret_period)
{
    assert(class >= KS_ARCHIVE_7_DAYS && class <= KS_ARCHIVE_10_YEARS);
    if (stamp_s < MONDAY || stamp_s > UINT32_MAX)
        return KS_ELIMIT;
    *ret_period = (struct ks_archive_period) {
        .class = class,
        .start = (uint32_t)(stamp_s - (stamp_s - MONDAY) % KS_ARCHIVE_WEEK_S),
    };
    return KS_OK;
}

int64_t ks_archive_period_end(const struct ks_archive_period *period)
{
    return (int64_t)period->start + KS_ARCHIVE_WEEK_S + (int64_t)class_days[period->class] * DAY_S;
}

/* --- names --- */

enum ks_err ks_archive_rid(const uint8_t period_key[KS_ARCHIVE_KEY_LEN], const struct ks_archive_name *name,
    uint8_t ret_rid[KS_ARCHIVE_RID_LEN])
{
    uint8_t key[32], mac[32];
    struct ks_buf text;
    enum ks_err err;

    if (name->conv.len > KS_ARCHIVE_NAME_MAX || name->author.len > KS_ARCHIVE_NAME_MAX
        || name->ep.len > KS_ARCHIVE_NAME_MAX)
        return KS_ELIMIT;
    ks_buf_init(&text, 3 * (KS_ARCHIVE_NAME_MAX + 4) + 4 + 8 + 1);
    ks_buf_field(&text, name->conv);
    ks_buf_field(&text, name->author);
    ks_buf_u32(&text, name->device);
    ks_buf_field(&text, name->ep);
    ks_buf_u64(&text, name->n);
    ks_buf_byte(&text, name->kind);
    err = ks_buf_err(&text);
    if (err == KS_OK) {
        ks_hkdf(KS_SHA256, ks_str(period_key, KS_ARCHIVE_KEY_LEN), KS_STR_EMPTY, PURPOSE_RID, key, sizeof key);
        ks_hmac(KS_SHA256, ks_str(key, sizeof key), ks_buf_str(&text), mac);
        memcpy(ret_rid, mac, KS_ARCHIVE_RID_LEN);
        ks_wipe(key, sizeof key);
    }
    ks_buf_done(&text);
    return err;
}

/* --- records --- */

static void record_key(const uint8_t period_key[KS_ARCHIVE_KEY_LEN], const uint8_t salt[KS_ARCHIVE_SALT_LEN],
    const uint8_t rid[KS_ARCHIVE_RID_LEN], uint8_t ret_key[KS_AEAD_KEY_LEN])
{
    uint8_t both[KS_ARCHIVE_SALT_LEN + KS_ARCHIVE_RID_LEN];

    memcpy(both, salt, KS_ARCHIVE_SALT_LEN);
    memcpy(both + KS_ARCHIVE_SALT_LEN, rid, KS_ARCHIVE_RID_LEN);
    ks_hkdf(KS_SHA256, ks_str(period_key, KS_ARCHIVE_KEY_LEN), ks_str(both, sizeof both), PURPOSE_RECORD, ret_key,
        KS_AEAD_KEY_LEN);
    ks_wipe(both, sizeof both);
}

/* What is authenticated beside the body: all in front of it, and whose it is. */
static void write_extra(struct ks_buf *extra, struct ks_str prefix, struct ks_str account)
{
    ks_buf_init(extra, PREFIX_LEN + 4 + KS_ARCHIVE_ACCOUNT_MAX);
    ks_buf_add(extra, prefix);
    ks_buf_field(extra, account);
}

static void write_prefix(struct ks_buf *prefix, struct ks_prng *prng, const struct ks_archive_header *header)
{
    uint8_t nonce[KS_AEAD_NONCE_LEN];

    ks_prng_bytes(prng, nonce, sizeof nonce);
    ks_buf_init(prefix, PREFIX_LEN);
    ks_buf_byte(prefix, VERSION);
    ks_buf_byte(prefix, SUITE);
    ks_buf_byte(prefix, (uint8_t)header->period.class);
    ks_buf_byte(prefix, 0);
    ks_buf_u32(prefix, header->period.start);
    ks_buf_u16(prefix, header->period.sub);
    ks_buf_add(prefix, ks_str(header->rid, KS_ARCHIVE_RID_LEN));
    ks_buf_add(prefix, ks_str(nonce, sizeof nonce));
}

/* Body, mark, zeroes. */
static void write_padded(struct ks_buf *plain, struct ks_str body)
{
    size_t i = 0;

    while (lengths[i] < body.len + 1) /* the caller looked at its limit */
        i++;
    ks_buf_init_secret(plain, lengths[i]);
    ks_buf_add(plain, body);
    ks_buf_byte(plain, MARK);
    for (size_t left = lengths[i] - body.len - 1; left; left--)
        ks_buf_byte(plain, 0);
}

enum ks_err ks_archive_seal(struct ks_prng *prng, const uint8_t period_key[KS_ARCHIVE_KEY_LEN], struct ks_str account,
    const struct ks_archive_header *header, struct ks_str body, uint8_t ret_salt[KS_ARCHIVE_SALT_LEN],
    struct ks_buf *buf)
{
    struct ks_buf prefix, extra, plain;
    uint8_t key[KS_AEAD_KEY_LEN];
    char *room;
    enum ks_err err;

    if (body.len > KS_ARCHIVE_BODY_MAX || account.len > KS_ARCHIVE_ACCOUNT_MAX)
        return KS_ELIMIT;
    ks_prng_bytes(prng, ret_salt, KS_ARCHIVE_SALT_LEN);
    record_key(period_key, ret_salt, header->rid, key);
    write_prefix(&prefix, prng, header);
    write_extra(&extra, ks_buf_str(&prefix), account);
    write_padded(&plain, body);
    err = ks_buf_err(&prefix);
    if (err == KS_OK)
        err = ks_buf_err(&extra);
    if (err == KS_OK)
        err = ks_buf_err(&plain);
    if (err != KS_OK)
        goto out;
    room = ks_buf_room(buf, PREFIX_LEN + plain.len + KS_AEAD_TAG_LEN);
    if (!room)
        goto out;
    memcpy(room, prefix.ptr, PREFIX_LEN);
    ks_aead_seal(key, (const uint8_t *)prefix.ptr + HEADER_LEN, ks_buf_str(&extra), ks_buf_str(&plain),
        (uint8_t *)room + PREFIX_LEN);
out:
    ks_wipe(key, sizeof key);
    ks_buf_done(&plain);
    ks_buf_done(&extra);
    ks_buf_done(&prefix);
    return err;
}

static bool is_padded_length(size_t len)
{
    for (size_t i = 0; i < LENGTHS; i++)
        if (lengths[i] == len)
            return true;
    return false;
}

enum ks_err ks_archive_header_read(struct ks_str record, struct ks_archive_header *ret_header)
{
    struct ks_cursor at = ks_cursor(record);
    uint8_t version, suite, class, flags;
    struct ks_archive_header header;
    struct ks_str rid;

    if (record.len > KS_ARCHIVE_RECORD_MAX)
        return KS_ELIMIT;
    if (ks_cursor_u8(&at, &version) != KS_OK || ks_cursor_u8(&at, &suite) != KS_OK)
        return KS_ESYNTAX;
    if (version != VERSION || suite != SUITE)
        return KS_EVERSION;
    if (ks_cursor_u8(&at, &class) != KS_OK || ks_cursor_u8(&at, &flags) != KS_OK
        || ks_cursor_u32(&at, &header.period.start) != KS_OK || ks_cursor_u16(&at, &header.period.sub) != KS_OK
        || ks_cursor_take(&at, KS_ARCHIVE_RID_LEN, &rid) != KS_OK)
        return KS_ESYNTAX;
    if (class < KS_ARCHIVE_7_DAYS || class > KS_ARCHIVE_10_YEARS || flags || header.period.start < MONDAY
        || (header.period.start - MONDAY) % KS_ARCHIVE_WEEK_S || record.len < PREFIX_LEN + KS_AEAD_TAG_LEN
        || !is_padded_length(record.len - PREFIX_LEN - KS_AEAD_TAG_LEN))
        return KS_ESYNTAX;
    header.period.class = (enum ks_archive_class) class;
    memcpy(header.rid, rid.ptr, KS_ARCHIVE_RID_LEN);
    *ret_header = header;
    return KS_OK;
}

/* The body in what was padded. KS_ECRYPTO: there is no mark; who sealed it had the key and did not keep to the form. */
static enum ks_err take_body(struct ks_str plain, struct ks_str *ret_body)
{
    size_t len = plain.len;

    while (len && !plain.ptr[len - 1])
        len--;
    if (!len || (uint8_t)plain.ptr[len - 1] != MARK)
        return KS_ECRYPTO;
    *ret_body = ks_str(plain.ptr, len - 1);
    return KS_OK;
}

enum ks_err ks_archive_open(const uint8_t period_key[KS_ARCHIVE_KEY_LEN], struct ks_str account,
    const uint8_t salt[KS_ARCHIVE_SALT_LEN], struct ks_str record, struct ks_archive_header *ret_header,
    struct ks_buf *buf)
{
    struct ks_archive_header header;
    struct ks_str sealed, body;
    struct ks_buf extra, plain;
    uint8_t key[KS_AEAD_KEY_LEN];
    char *room;
    enum ks_err err = ks_archive_header_read(record, &header);

    if (err != KS_OK)
        return err;
    if (account.len > KS_ARCHIVE_ACCOUNT_MAX)
        return KS_ELIMIT;
    sealed = ks_str(record.ptr + PREFIX_LEN, record.len - PREFIX_LEN);
    record_key(period_key, salt, header.rid, key);
    write_extra(&extra, ks_str(record.ptr, PREFIX_LEN), account);
    ks_buf_init_secret(&plain, KS_ARCHIVE_BODY_MAX + 1);
    room = ks_buf_room(&plain, sealed.len - KS_AEAD_TAG_LEN);
    err = ks_buf_err(&extra);
    if (err == KS_OK)
        err = ks_buf_err(&plain);
    if (err == KS_OK)
        err = ks_aead_open(key, (const uint8_t *)record.ptr + HEADER_LEN, ks_buf_str(&extra), sealed, (uint8_t *)room);
    if (err == KS_OK)
        err = take_body(ks_buf_str(&plain), &body);
    if (err == KS_OK) {
        ks_buf_add(buf, body);
        *ret_header = header;
    }
    ks_wipe(key, sizeof key);
    ks_buf_done(&plain);
    ks_buf_done(&extra);
    return err;
}
