/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "recover_request.h"

#include "enc.h"
#include "statement.h"
#include "unicode.h"

#define PURPOSE "konsil/0 recover\n"
#define PURPOSE_RING KS_STR("konsil/0 ring\n")
#define RING_SLOTS_MAX 64
#define TIME_MAX INT64_C(253402300799) /* the end of the year 9999 */

static const char *const names[] = { "acct", "reason", "t", "chain", "ring", "ring_sig", "ring_chain", NULL };

/* --- whom to seal to --- */

enum ks_err ks_recover_dealing_check(struct ks_str file, struct ks_str certificate, struct ks_str root,
    struct ks_str domain, int64_t now_s, struct ks_officer_public *ret_public, enum ks_cert_verdict *ret_verdict)
{
    struct ks_officer_public public;
    uint8_t dealing[32], hash[32];
    struct ks_signer key;
    enum ks_err err = ks_officers_cert_check(certificate, root, domain, now_s, &key, dealing, ret_verdict);

    if (err != KS_OK || *ret_verdict != KS_CERT_GOOD)
        return err;
    ks_hash(KS_SHA256, file, hash);
    if (ks_officer_public_read(file, &public) != KS_OK || memcmp(hash, dealing, sizeof hash) != 0
        || memcmp(key.key, public.officers.commitments[0], sizeof key.key) != 0 || !ks_str_eq(public.root, root))
        *ret_verdict = KS_CERT_FORM;
    else
        *ret_public = public;
    return KS_OK;
}

/* --- writing --- */

static void put_chain(struct ks_buf *buf, const char *name, const struct ks_str *chain, size_t count)
{
    ks_buf_printf(buf, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        ks_buf_z(buf, i ? "," : "");
        ks_statement_put_bytes(buf, (const uint8_t *)chain[i].ptr, chain[i].len);
    }
    ks_buf_byte(buf, ']');
}

static bool fits(const struct ks_recover_request *request)
{
    bool fit = request->reason.len <= KS_RECOVER_REASON_MAX && request->ring.len <= KS_RECOVER_RING_MAX
        && request->chain_count <= KS_CHAIN_MAX && request->ring_chain_count <= KS_CHAIN_MAX;

    for (size_t i = 0; fit && i < request->chain_count; i++)
        fit = request->chain[i].len <= KS_CERT_BYTES_MAX;
    for (size_t i = 0; fit && i < request->ring_chain_count; i++)
        fit = request->ring_chain[i].len <= KS_CERT_BYTES_MAX;
    return fit;
}

enum ks_err ks_recover_request_write(
    struct ks_buf *buf, const struct ks_recover_request *request, const uint8_t private_key[KS_P256_PRIVATE_LEN])
{
    uint8_t digest[32], signature[KS_P256_SIGNATURE_LEN];
    struct ks_buf data;
    enum ks_err err;

    if (!fits(request))
        return KS_ELIMIT;
    ks_buf_init(&data, KS_RECOVER_FILE_MAX);
    ks_buf_z(&data, PURPOSE "{\"acct\":");
    ks_statement_put_text(&data, request->account);
    ks_buf_z(&data, ",\"reason\":");
    ks_statement_put_text(&data, request->reason);
    ks_buf_printf(&data, ",\"t\":%lld", (long long)request->t_s);
    put_chain(&data, "chain", request->chain, request->chain_count);
    ks_buf_z(&data, ",\"ring\":");
    ks_statement_put_bytes(&data, (const uint8_t *)request->ring.ptr, request->ring.len);
    ks_buf_z(&data, ",\"ring_sig\":");
    ks_statement_put_bytes(&data, request->ring_signature, sizeof request->ring_signature);
    put_chain(&data, "ring_chain", request->ring_chain, request->ring_chain_count);
    ks_buf_byte(&data, '}');
    if ((err = ks_buf_err(&data)) == KS_OK) {
        ks_hash(KS_SHA256, ks_buf_str(&data), digest);
        ks_p256_sign(private_key, digest, signature);
        ks_buf_field(buf, ks_buf_str(&data));
        ks_buf_add(buf, ks_str(signature, sizeof signature));
        err = ks_buf_err(buf);
    }
    ks_buf_done(&data);
    return err;
}

/* --- reading --- */

static enum ks_err take_bytes(struct ks_arena *arena, const json_t *value, size_t bytes_max, struct ks_str *ret_bytes)
{
    size_t len = json_string_length(value);
    enum ks_err err;

    if (!json_is_string(value) || len > KS_BASE64_LEN(bytes_max))
        return KS_ESYNTAX;
    if ((err = ks_base64_read(arena, ks_str(json_string_value(value), len), ret_bytes)) != KS_OK)
        return err;
    return ret_bytes->len && ret_bytes->len <= bytes_max ? KS_OK : KS_ESYNTAX;
}

static enum ks_err take_chain(
    struct ks_arena *arena, const json_t *array, struct ks_str ret_chain[KS_CHAIN_MAX], size_t *ret_count)
{
    size_t count = json_array_size(array);
    enum ks_err err = KS_OK;

    if (!json_is_array(array) || count < 1 || count > KS_CHAIN_MAX)
        return KS_ESYNTAX;
    for (size_t i = 0; err == KS_OK && i < count; i++)
        err = take_bytes(arena, json_array_get(array, i), KS_CERT_BYTES_MAX, &ret_chain[i]);
    *ret_count = count;
    return err;
}

static enum ks_err take_all(struct ks_arena *arena, const json_t *object, struct ks_recover_request *request)
{
    struct ks_str reason;
    uint64_t t_s = 0;
    enum ks_err err;

    if ((err = ks_statement_jid(arena, json_object_get(object, "acct"), &request->account)) != KS_OK
        || (err = ks_statement_text(arena, json_object_get(object, "reason"), KS_RECOVER_REASON_MAX, &reason)) != KS_OK
        || (err = ks_unicode_resource(arena, reason, &request->reason)) != KS_OK /* a person reads it in a terminal */
        || (err = ks_statement_number(json_object_get(object, "t"), TIME_MAX, &t_s)) != KS_OK
        || (err = take_chain(arena, json_object_get(object, "chain"), request->chain, &request->chain_count)) != KS_OK
        || (err = take_bytes(arena, json_object_get(object, "ring"), KS_RECOVER_RING_MAX, &request->ring)) != KS_OK
        || (err = ks_statement_bytes(
                arena, json_object_get(object, "ring_sig"), sizeof request->ring_signature, request->ring_signature))
            != KS_OK
        || (err = take_chain(
                arena, json_object_get(object, "ring_chain"), request->ring_chain, &request->ring_chain_count))
            != KS_OK)
        return err;
    request->t_s = (int64_t)t_s;
    return KS_OK;
}

static enum ks_err read_request(struct ks_arena *arena, struct ks_str bytes, struct ks_recover_facts *facts,
    struct ks_str *ret_data, struct ks_str *ret_signature)
{
    struct ks_cursor at = ks_cursor(bytes);
    json_t *object;
    enum ks_err err;

    if (bytes.len > KS_RECOVER_FILE_MAX || ks_cursor_field(&at, ret_data) != KS_OK
        || ks_cursor_take(&at, KS_P256_SIGNATURE_LEN, ret_signature) != KS_OK || !ks_cursor_done(&at))
        return KS_ESYNTAX;
    if ((err = ks_statement_open(*ret_data, PURPOSE, names, &object)) != KS_OK)
        return err;
    err = take_all(arena, object, &facts->request);
    json_decref(object);
    ks_hash(KS_SHA256, *ret_data, facts->about.request);
    facts->about.account = facts->request.account;
    return err;
}

/* --- the slot in the ring --- */

/* KS_ENOTFOUND: for somebody else. */
static enum ks_err read_slot(
    struct ks_arena *arena, const json_t *object, const uint8_t key[KS_P256_PUBLIC_LEN], struct ks_officers_slot *slot)
{
    const json_t *kind = json_object_get(object, "kind");
    uint8_t sealed[KS_RECOVER_SEALED_LEN], its_key[KS_P256_PUBLIC_LEN];
    enum ks_err err;

    if (!json_is_string(kind))
        return KS_ESYNTAX;
    if (!ks_str_is(ks_str(json_string_value(kind), json_string_length(kind)), "officers"))
        return KS_ENOTFOUND;
    if ((err = ks_statement_bytes(arena, json_object_get(object, "key"), sizeof its_key, its_key)) != KS_OK)
        return err;
    if (memcmp(its_key, key, sizeof its_key) != 0)
        return KS_ENOTFOUND;
    if ((err = ks_statement_bytes(arena, json_object_get(object, "enc"), sizeof slot->enc, slot->enc)) != KS_OK
        || (err = ks_statement_bytes(arena, json_object_get(object, "sealed"), sizeof sealed, sealed)) != KS_OK
        || (err = ks_statement_bytes(arena, json_object_get(object, "sig"), sizeof slot->signature, slot->signature))
            != KS_OK)
        return err;
    return ks_arena_copy(arena, ks_str(sealed, sizeof sealed), &slot->sealed);
}

static enum ks_err find_slot(struct ks_arena *arena, const json_t *object, struct ks_str account,
    const uint8_t key[KS_P256_PUBLIC_LEN], struct ks_officers_slot *ret_slot)
{
    const json_t *slots = json_object_get(object, "slots");
    struct ks_officers_slot slot;
    struct ks_str its_account;
    size_t found = 0;
    enum ks_err err = ks_statement_jid(arena, json_object_get(object, "acct"), &its_account);

    if (err != KS_OK)
        return err;
    if (!ks_str_eq(its_account, account))
        return KS_EDENIED;
    if (!json_is_array(slots) || json_array_size(slots) > RING_SLOTS_MAX)
        return KS_ESYNTAX;
    for (size_t i = 0; i < json_array_size(slots); i++) {
        err = read_slot(arena, json_array_get(slots, i), key, &slot);
        if (err == KS_OK) {
            *ret_slot = slot;
            found++;
        } else if (err != KS_ENOTFOUND) {
            return err;
        }
    }
    return found == 1 ? KS_OK : KS_ENOTFOUND;
}

enum ks_err ks_recover_slot_find(struct ks_arena *arena, struct ks_str ring, struct ks_str account,
    const uint8_t key[KS_P256_PUBLIC_LEN], struct ks_officers_slot *ret_slot)
{
    struct ks_str json = ks_str_from(ring, PURPOSE_RING.len);
    json_error_t error;
    json_t *object;
    enum ks_err err;

    if (ring.len > KS_RECOVER_RING_MAX || !ks_str_starts(ring, PURPOSE_RING))
        return KS_ESYNTAX;
    if (!(object = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, &error)))
        return json_error_code(&error) == json_error_out_of_memory ? KS_ENOMEM : KS_ESYNTAX;
    err = json_is_object(object) ? find_slot(arena, object, account, key, ret_slot) : KS_ESYNTAX;
    json_decref(object);
    return err;
}

/* --- judging --- */

static bool signed_by(const struct ks_device_cert *device, struct ks_str bytes, const uint8_t *signature)
{
    uint8_t digest[32];

    ks_hash(KS_SHA256, bytes, digest);
    return ks_p256_verify(device->key, digest, signature) == KS_OK;
}

/* Who signed the ring may have been certified when that was: rings are older than requests. */
static enum ks_err check_ring(struct ks_arena *arena, const struct ks_officer_public *public, int64_t now_s,
    struct ks_recover_facts *facts, enum ks_recover_verdict *ret_verdict)
{
    const struct ks_recover_request *request = &facts->request;
    struct ks_device_cert signer;
    enum ks_cert_verdict why;
    enum ks_err err = ks_device_chain_check(
        arena, request->ring_chain, request->ring_chain_count, public->root, now_s, &signer, &why);

    if (err != KS_OK)
        return err;
    *ret_verdict = KS_RECOVER_RING;
    if ((why != KS_CERT_GOOD && why != KS_CERT_EXPIRED) || !ks_str_eq(signer.names.jid, request->account)
        || !signed_by(&signer, request->ring, request->ring_signature))
        return KS_OK;
    err = ks_recover_slot_find(
        arena, request->ring, request->account, public->officers.commitments[0], &facts->about.slot);
    if (err == KS_ENOMEM)
        return err;
    *ret_verdict = err == KS_EDENIED ? KS_RECOVER_ACCOUNT : err == KS_ENOTFOUND ? KS_RECOVER_KEY : KS_RECOVER_MALFORMED;
    if (err == KS_OK)
        *ret_verdict =
            ks_officers_slot_check(request->account, &facts->about.slot) == KS_OK ? KS_RECOVER_GOOD : KS_RECOVER_SLOT;
    return KS_OK;
}

enum ks_err ks_recover_request_check(struct ks_arena *arena, struct ks_str bytes,
    const struct ks_officer_public *public, int64_t now_s, struct ks_recover_facts *ret_facts,
    enum ks_recover_verdict *ret_verdict)
{
    const struct ks_recover_request *request = &ret_facts->request;
    struct ks_str data, signature;
    enum ks_err err;

    *ret_facts = (struct ks_recover_facts) { .why = KS_CERT_MALFORMED };
    *ret_verdict = KS_RECOVER_MALFORMED;
    if ((err = read_request(arena, bytes, ret_facts, &data, &signature)) != KS_OK)
        return err == KS_ENOMEM ? err : KS_OK;
    if ((err = ks_device_chain_check(
             arena, request->chain, request->chain_count, public->root, now_s, &ret_facts->device, &ret_facts->why))
        != KS_OK)
        return err;
    *ret_verdict = KS_RECOVER_DEVICE;
    if (ret_facts->why != KS_CERT_GOOD)
        return KS_OK;
    *ret_verdict = KS_RECOVER_ACCOUNT;
    if (!ks_str_eq(ret_facts->device.names.jid, request->account))
        return KS_OK;
    *ret_verdict = KS_RECOVER_SIGNATURE;
    if (!signed_by(&ret_facts->device, data, (const uint8_t *)signature.ptr))
        return KS_OK;
    *ret_verdict = KS_RECOVER_TIME;
    if (request->t_s > now_s + KS_RECOVER_AHEAD_S || request->t_s < now_s - KS_RECOVER_AGE_MAX_S)
        return KS_OK;
    return check_ring(arena, public, now_s, ret_facts, ret_verdict);
}
