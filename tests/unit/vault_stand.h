/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* vault_stand.h -- a server of the vault for tests of the client's side: it has a slot's key, counts nothing and lies
 * when it is told to. What it looks at in a request it takes as the bytes stand there: doc/PROTOCOL.md §16.3. */
#ifndef VAULT_STAND_H
#define VAULT_STAND_H

#include <string.h>

#include "check.h"
#include "enc.h"
#include "vault_pin.h"

struct stand {
    uint8_t key[KS_OPRF_SCALAR_LEN], keyid[KS_OPRF_KEY_ID_LEN];
    struct ks_pin_new slot; /* as it was made */
    uint8_t nonce[KS_PIN_NONCE_LEN];
    uint64_t gen;
    unsigned evaluations;
    struct ks_arena arena;
    struct ks_buf answer;
};

__attribute__((unused)) static void stand_init(struct stand *s, struct ks_prng *prng)
{
    *s = (struct stand) { .gen = 0 };
    ks_oprf_generate(prng, s->key);
    if (ks_oprf_key_id(s->key, s->keyid) != KS_OK)
        exit(1);
    ks_arena_init(&s->arena, 1 << 20);
    ks_buf_init(&s->answer, KS_PIN_ANSWER_MAX);
}

__attribute__((unused)) static void stand_done(struct stand *s)
{
    ks_arena_done(&s->arena);
    ks_buf_done(&s->answer);
}

/* The bytes under a name of a request; exits when there are not so many. */
static struct ks_str stand_bytes(struct stand *s, struct ks_str body, const char *name, size_t len)
{
    struct ks_str quoted, bytes;
    char want[32];
    size_t at;

    snprintf(want, sizeof want, "\"%s\":\"", name);
    at = ks_str_find(body, ks_str_z(want));
    quoted = ks_str_from(body, at + strlen(want));
    quoted = ks_str_head(quoted, ks_str_find_byte(quoted, '"'));
    if (ks_base64_read(&s->arena, quoted, &bytes) != KS_OK || bytes.len != len) {
        printf("# no %s in %.*s\n", name, KS_STR_FMT(body));
        exit(1);
    }
    return bytes;
}

static void stand_put(struct stand *s, const char *before, const void *bytes, size_t len)
{
    ks_buf_z(&s->answer, before);
    ks_base64_add(&s->answer, ks_str(bytes, len));
}

/* 200, and the answer of a server that has the key. */
__attribute__((unused)) static struct ks_str stand_eval(struct stand *s, struct ks_str body)
{
    uint8_t z[KS_OPRF_ELEMENT_LEN];

    s->evaluations++;
    if (ks_oprf_evaluate(s->key, (const uint8_t *)stand_bytes(s, body, "blinded", KS_OPRF_ELEMENT_LEN).ptr, z) != KS_OK)
        exit(1);
    for (size_t i = 0; i < sizeof s->nonce; i++)
        s->nonce[i]++;
    ks_buf_reset(&s->answer);
    stand_put(s, "{\"z\":\"", z, sizeof z);
    stand_put(s, "\",\"keyid\":\"", s->keyid, sizeof s->keyid);
    stand_put(s, "\",\"nonce\":\"", s->nonce, sizeof s->nonce);
    ks_buf_z(&s->answer, "\",\"left\":9}\n");
    return ks_buf_str(&s->answer);
}

/* Whether the signature is the slot's over the newest nonce (§16.4); the answer is in s->answer. */
__attribute__((unused)) static bool stand_confirm(struct stand *s, struct ks_str body)
{
    static const uint8_t ticket[KS_PIN_TICKET_LEN] = { 't' };
    struct ks_str signature = stand_bytes(s, body, "sig", KS_ED25519_SIGNATURE_LEN);
    struct ks_str number = ks_str_from(body, ks_str_find(body, KS_STR("\"gen\":")) + 6);
    struct ks_buf bytes;
    uint64_t gen;
    bool ok;

    if (ks_str_u64(ks_str_head(number, ks_str_find_byte(number, ',')), KS_PIN_GEN_MAX, &gen) != KS_OK)
        exit(1);
    ks_buf_init(&bytes, 256);
    ks_buf_z(&bytes, "konsil/0 confirm\n");
    ks_buf_u16(&bytes, sizeof s->slot.slot);
    ks_buf_add(&bytes, ks_str(s->slot.slot, sizeof s->slot.slot));
    ks_buf_u16(&bytes, sizeof s->nonce);
    ks_buf_add(&bytes, ks_str(s->nonce, sizeof s->nonce));
    ks_buf_u64(&bytes, gen);
    ok = ks_ed25519_verify(s->slot.confirm, ks_buf_str(&bytes), (const uint8_t *)signature.ptr) == KS_OK;
    ks_buf_done(&bytes);
    s->gen = gen > s->gen ? gen : s->gen + 1;
    ks_buf_reset(&s->answer);
    ks_buf_printf(&s->answer, "{\"gen\":%llu,", (unsigned long long)s->gen);
    stand_put(s, "\"ticket\":\"", ticket, sizeof ticket);
    ks_buf_z(&s->answer, "\"}\n");
    return ok;
}

#endif
