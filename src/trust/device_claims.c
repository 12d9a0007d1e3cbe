/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "device_claims.h"

#include "der.h"

#define DEVICE_MAX 0x7fffffff
#define OTHER_NAME (KS_DER_CONSTRUCTED | 0) /* GeneralName (RFC 5280 §4.2.1.6) */
#define URI_NAME (KS_DER_CONTEXT | 6)
#define URN KS_STR("urn:uuid:")
#define UUID_TEXT_LEN 36

/* --- the extension --- */

enum ks_err ks_device_claims_read(struct ks_str der, struct ks_device_claims *ret_claims)
{
    struct ks_cursor at = ks_cursor(der), in;
    struct ks_device_claims claims = { 0 };
    struct ks_str sequence, identity, seal_key;
    uint64_t version, device, envelope_min, kind;

    if (ks_der_take(&at, KS_DER_SEQUENCE, &sequence) != KS_OK || !ks_cursor_done(&at))
        return KS_ESYNTAX;
    in = ks_cursor(sequence);
    if (ks_der_take_number(&in, KS_DER_INTEGER, 0, &version) != KS_OK
        || ks_der_take_number(&in, KS_DER_INTEGER, DEVICE_MAX, &device) != KS_OK || !device
        || ks_der_take(&in, KS_DER_OCTETS, &identity) != KS_OK || identity.len != sizeof claims.identity
        || ks_der_take(&in, KS_DER_OCTETS, &seal_key) != KS_OK || seal_key.len != sizeof claims.seal_key
        || ks_der_take_number(&in, KS_DER_INTEGER, UINT32_MAX, &envelope_min) != KS_OK
        || ks_der_take_number(&in, KS_DER_ENUMERATED, KS_DEVICE_KINDS - 1, &kind) != KS_OK || !ks_cursor_done(&in))
        return KS_ESYNTAX;
    claims.device = (uint32_t)device;
    claims.envelope_min = (uint32_t)envelope_min;
    claims.kind = (enum ks_device_kind)kind;
    memcpy(claims.identity, identity.ptr, sizeof claims.identity);
    memcpy(claims.seal_key, seal_key.ptr, sizeof claims.seal_key);
    *ret_claims = claims;
    return KS_OK;
}

void ks_device_claims_write(struct ks_buf *buf, const struct ks_device_claims *claims)
{
    struct ks_buf in;

    ks_buf_init(&in, KS_CLAIMS_BYTES_MAX);
    ks_der_put_number(&in, KS_DER_INTEGER, 0);
    ks_der_put_number(&in, KS_DER_INTEGER, claims->device);
    ks_der_put(&in, KS_DER_OCTETS, ks_str(claims->identity, sizeof claims->identity));
    ks_der_put(&in, KS_DER_OCTETS, ks_str(claims->seal_key, sizeof claims->seal_key));
    ks_der_put_number(&in, KS_DER_INTEGER, claims->envelope_min);
    ks_der_put_number(&in, KS_DER_ENUMERATED, claims->kind);
    if (ks_buf_err(&in) == KS_OK)
        ks_der_put(buf, KS_DER_SEQUENCE, ks_buf_str(&in));
    else if (buf->err == KS_OK)
        buf->err = ks_buf_err(&in);
    ks_buf_done(&in);
}

/* --- the names --- */

/* Lower case, with dashes (RFC 9562 §4). */
static void write_uuid(const uint8_t uuid[KS_DEVICE_UUID_LEN], char text[UUID_TEXT_LEN])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0, at = 0; i < KS_DEVICE_UUID_LEN; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[at++] = '-';
        text[at++] = digits[uuid[i] >> 4];
        text[at++] = digits[uuid[i] & 15];
    }
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum ks_err read_uuid(struct ks_str text, uint8_t uuid[KS_DEVICE_UUID_LEN])
{
    if (text.len != UUID_TEXT_LEN)
        return KS_ESYNTAX;
    for (size_t i = 0, at = 0; i < KS_DEVICE_UUID_LEN; i++, at += 2) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && text.ptr[at++] != '-')
            return KS_ESYNTAX;
        if (digit(text.ptr[at]) < 0 || digit(text.ptr[at + 1]) < 0)
            return KS_ESYNTAX;
        uuid[i] = (uint8_t)(digit(text.ptr[at]) << 4 | digit(text.ptr[at + 1]));
    }
    return KS_OK;
}

void ks_device_names_write(struct ks_buf *buf, const struct ks_device_names *names)
{
    char text[UUID_TEXT_LEN];
    struct ks_buf in, other, value, uri;

    ks_buf_init(&in, KS_NAMES_BYTES_MAX);
    ks_buf_init(&other, KS_NAMES_BYTES_MAX);
    ks_buf_init(&value, KS_NAMES_BYTES_MAX);
    ks_buf_init(&uri, 64);
    write_uuid(names->uuid, text);
    ks_der_put(&value, KS_DER_UTF8, names->jid);
    ks_der_put(&other, KS_DER_OID, KS_OID_XMPP_ADDR);
    ks_der_put(&other, KS_DER_CONSTRUCTED | 0, ks_buf_str(&value));
    ks_buf_add(&uri, URN);
    ks_buf_add(&uri, ks_str(text, sizeof text));
    ks_der_put(&in, OTHER_NAME, ks_buf_str(&other));
    ks_der_put(&in, URI_NAME, ks_buf_str(&uri));
    if (ks_buf_err(&in) == KS_OK && ks_buf_err(&other) == KS_OK && ks_buf_err(&value) == KS_OK)
        ks_der_put(buf, KS_DER_SEQUENCE, ks_buf_str(&in));
    else if (buf->err == KS_OK)
        buf->err = KS_ELIMIT;
    ks_buf_done(&uri);
    ks_buf_done(&value);
    ks_buf_done(&other);
    ks_buf_done(&in);
}

static enum ks_err read_address(struct ks_str other, struct ks_str *ret_jid)
{
    struct ks_cursor at = ks_cursor(other), in;
    struct ks_str oid, value;

    if (ks_der_take(&at, KS_DER_OID, &oid) != KS_OK || !ks_str_eq(oid, KS_OID_XMPP_ADDR)
        || ks_der_take(&at, KS_DER_CONSTRUCTED | 0, &value) != KS_OK || !ks_cursor_done(&at))
        return KS_ESYNTAX;
    in = ks_cursor(value);
    return ks_der_take(&in, KS_DER_UTF8, ret_jid) == KS_OK && ks_cursor_done(&in) && ret_jid->len ? KS_OK : KS_ESYNTAX;
}

enum ks_err ks_device_names_read(struct ks_str der, struct ks_device_names *ret_names)
{
    struct ks_cursor at = ks_cursor(der), in;
    struct ks_device_names names = { 0 };
    struct ks_str sequence, name;
    bool has_uuid = false;

    if (ks_der_take(&at, KS_DER_SEQUENCE, &sequence) != KS_OK || !ks_cursor_done(&at))
        return KS_ESYNTAX;
    for (in = ks_cursor(sequence); !ks_cursor_done(&in);) {
        if (!names.jid.len && ks_der_take(&in, OTHER_NAME, &name) == KS_OK) {
            if (read_address(name, &names.jid) != KS_OK)
                return KS_ESYNTAX;
        } else if (!has_uuid && ks_der_take(&in, URI_NAME, &name) == KS_OK) {
            if (!ks_str_starts(name, URN) || read_uuid(ks_str_from(name, URN.len), names.uuid) != KS_OK)
                return KS_ESYNTAX;
            has_uuid = true;
        } else {
            return KS_ESYNTAX;
        }
    }
    if (!names.jid.len || !has_uuid)
        return KS_ESYNTAX;
    *ret_names = names;
    return KS_OK;
}
