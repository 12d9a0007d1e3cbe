/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* webpush.h -- what an application server says to a push service (RFC 8030): an encrypted message (RFC 8291, in the
 * coding of RFC 8188) and who it is (VAPID, RFC 8292).
 *
 * Pure: chance and time are arguments, and nothing here sends anything. webpush_endpoint.h has where it may go. */
#ifndef KS_WEBPUSH_H
#define KS_WEBPUSH_H

#include "crypto.h"

#define KS_WEBPUSH_AUTH_LEN 16
/* RFC 8030 §7.2: a push service takes at least this. */
#define KS_WEBPUSH_BODY_MAX 4096

/* What a browser gave with an endpoint (RFC 8291 §2). */
struct ks_webpush_keys {
    uint8_t p256dh[KS_P256_PUBLIC_LEN];
    uint8_t auth[KS_WEBPUSH_AUTH_LEN];
};

/* Reads both from base64url as browsers write it (RFC 4648 §5, without padding). KS_OK; KS_ESYNTAX: not that, or not
 * as long; KS_ECRYPTO: no point of the curve (RFC 8291 §7). */
KS_CHECK enum ks_err ks_webpush_keys_read(struct ks_str p256dh, struct ks_str auth, struct ks_webpush_keys *ret_keys);

/* RFC 8188 §2 with one record (§2.1: salt, record size, key id), which may hold pad zeroes behind the text: appended to
 * body. keyid has at most 255 bytes. */
struct ks_webpush_record {
    uint8_t salt[16];
    struct ks_str secret, keyid; /* input keying material, and what the other side finds it by */
    uint32_t size;               /* rs: at least the text, pad and 17 */
    size_t pad;
};
void ks_webpush_record_add(struct ks_buf *body, const struct ks_webpush_record *record, struct ks_str text);

/* RFC 8291 §3.4 and §4: text for the owner of keys, so that the body has body_len bytes whatever text is. Assert: text
 * fits (it is ours): body_len is from text.len + KS_WEBPUSH_OVERHEAD to KS_WEBPUSH_BODY_MAX. KS_OK; KS_ECRYPTO: keys
 * are no keys. */
#define KS_WEBPUSH_OVERHEAD (16 + 4 + 1 + KS_P256_PUBLIC_LEN + 1 + 16)
KS_CHECK enum ks_err ks_webpush_encrypt(struct ks_buf *body, const struct ks_webpush_keys *keys,
    const uint8_t private_key[KS_P256_PRIVATE_LEN], const uint8_t salt[16], struct ks_str text, size_t body_len);

/* RFC 8292 §3: "vapid t=TOKEN, k=KEY", the value of Authorization, appended to value. origin: of the endpoint (RFC 6454
 * §6.1); subject: "mailto:" or "https:" and what belongs to it, or empty (§2.1); neither has a character that JSON
 * would escape (assert). expires: seconds since 1970, at most 24 hours away (§2). */
struct ks_webpush_claim {
    struct ks_str origin, subject;
    int64_t expires;
};
void ks_webpush_vapid_add(
    struct ks_buf *value, const uint8_t private_key[KS_P256_PRIVATE_LEN], const struct ks_webpush_claim *claim);

#endif
