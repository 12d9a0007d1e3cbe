/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0484_fast.c -- XEP-0484 Fast Authentication Streamlining Tokens, version 0.2.0 (fast.h).
 *
 * A token is derived, not stored: from the secret of this installation, the account, the device, the mechanism, and a
 * salt that is stored. So neither the store nor a backup of it holds anything to log in with, and a token of one device
 * or account is none of another. TLS early data is never read, so a count (§3.4) is only kept when a client sends one.
 */
#include "fast.h"

#include "enc.h"
#include "feature_list.h"
#include "user.h"
#include "utf8.h"

#define STORE "device"
#define KEY_LEN 16   /* the device's number in hexadecimal; behind it: */
#define NAME_KEY 'n' /* what the person calls it, behind the seconds until which that is kept */
#define NAME_MAX 36
#define TOKEN_LEN KS_BASE64_LEN(32)

struct key {
    char text[KEY_LEN + 1];
};

static struct ks_str key_of(uint64_t device, struct key *key)
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < KEY_LEN; i++)
        key->text[i] = digits[device >> (60 - 4 * i) & 15];
    key->text[KEY_LEN] = NAME_KEY;
    return ks_str(key->text, KEY_LEN);
}

static struct ks_str name_key(const struct key *key)
{
    return ks_str(key->text, KEY_LEN + 1);
}

/* --- tokens --- */

static uint8_t *put(uint8_t *at, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        *at++ = (uint8_t)(value >> 8 * i);
    return at;
}

/* As text, which is the key of proofs. */
static struct ks_str derive(
    const struct ks_user *user, uint64_t device, const struct ks_token *token, char room[TOKEN_LEN])
{
    struct ks_str secret = ks_str(user->reactor->server->secret, sizeof user->reactor->server->secret);
    uint8_t key[32], of[8 + 8 + 1 + 4 + KS_TOKEN_SALT_LEN], *at = of;

    at = put(at, user->row.id, 8);
    at = put(at, device, 8);
    at = put(at, token->mechanism, 1);
    at = put(at, token->expiry, 4);
    memcpy(at, token->salt, KS_TOKEN_SALT_LEN);
    ks_hkdf(KS_SHA256, secret, ks_str(of, sizeof of), KS_STR("konsil device token\n"), key, sizeof key);
    ks_base64_write(ks_str(key, sizeof key), room);
    ks_wipe(key, sizeof key);
    return ks_str(room, TOKEN_LEN);
}

/* Zeroes when there is nothing that can be read: the device then logs in with its password. */
static void get(const struct ks_user *user, uint64_t device, struct ks_tokens *ret_tokens)
{
    struct key key;

    if (!ks_user_exists(user) || ks_tokens_read(ks_kv_get(user, STORE, key_of(device, &key)), ret_tokens) != KS_OK)
        *ret_tokens = (struct ks_tokens) { 0 };
}

static struct ks_str name_of(const struct ks_user *user, uint64_t device)
{
    struct key key;

    (void)key_of(device, &key);
    return ks_str_from(ks_kv_get(user, STORE, name_key(&key)), 4);
}

static void drop(struct ks_ctx *ctx, uint64_t device)
{
    struct key key;

    ks_kv_del(ctx, STORE, key_of(device, &key));
    ks_kv_del(ctx, STORE, name_key(&key));
}

static void set(struct ks_ctx *ctx, uint64_t device, const struct ks_tokens *tokens)
{
    struct ks_buf buf;
    struct key key;

    ks_buf_init(&buf, 64);
    ks_tokens_write(&buf, tokens);
    if (ks_buf_err(&buf) == KS_OK)
        ks_kv_put(ctx, STORE, key_of(device, &key), ks_buf_str(&buf));
    ks_buf_done(&buf);
}

static bool same(const struct ks_token *a, const struct ks_token *b)
{
    return a->mechanism == b->mechanism && a->expiry == b->expiry && !memcmp(a->salt, b->salt, sizeof a->salt);
}

/* --- what is offered --- */

static bool is_offered(
    const struct ks_domain *domain, const struct ks_scram_bindings *channels, const struct ks_ht_mechanism *mechanism)
{
    if (!ks_domain_number(domain, "token.lifetime"))
        return false;
    return mechanism->binding == KS_BIND_NONE ? ks_domain_number(domain, "token.unbound") != 0
                                              : channels->data[mechanism->binding].len != 0;
}

const struct ks_ht_mechanism *ks_fast_mechanism(
    const struct ks_domain *domain, const struct ks_scram_bindings *channels, struct ks_str name)
{
    const struct ks_ht_mechanism *mechanism = ks_ht_mechanism(name);

    return mechanism && is_offered(domain, channels, mechanism) ? mechanism : NULL;
}

void ks_fast_offer(struct ks_arena *arena, const struct ks_domain *domain, const struct ks_scram_bindings *channels,
    struct ks_xml *offer)
{
    struct ks_xml *fast = NULL;

    for (size_t i = 0; i < KS_HT_MECHANISMS; i++) {
        if (!is_offered(domain, channels, &ks_ht_mechanisms[i]))
            continue;
        if (!fast)
            fast = ks_xml_add(arena, offer, NS_FAST, "fast");
        ks_xml_add_text(arena, fast, NS_FAST, "mechanism", ks_str_z(ks_ht_mechanisms[i].name));
    }
}

/* --- logging in --- */

/* §3.4: no token twice with one count, once it was used with any. */
static bool counts(const struct ks_token *token, const struct ks_fast_try *attempt)
{
    return attempt->counted ? attempt->count > token->count : token->count == 0;
}

enum ks_fast_verdict ks_fast_check(const struct ks_user *user, const struct ks_fast_try *attempt,
    struct ks_token *ret_token, uint8_t ret_answer[KS_HT_PROOF_LEN])
{
    enum ks_fast_verdict verdict = KS_FAST_WRONG;
    int64_t now = user->reactor->now.wall_ms / 1000;
    struct ks_tokens tokens;

    get(user, attempt->device, &tokens);
    /* Both are looked at, there or not, so that the time does not tell. §5.1: the new one first. */
    for (int i = KS_TOKEN_NEW; i >= KS_TOKEN_CURRENT; i--) {
        const struct ks_token *token = &tokens.slots[i];
        char room[TOKEN_LEN];
        uint8_t proof[KS_HT_PROOF_LEN];
        struct ks_str text = derive(user, attempt->device, token, room);
        ks_ht_proof(text, KS_HT_INITIATOR, attempt->channel, proof);
        if (ks_crypto_eq(ks_str(proof, sizeof proof), attempt->proof) && verdict == KS_FAST_WRONG
            && token->mechanism == attempt->mechanism->code && counts(token, attempt)) {
            verdict = token->expiry > now ? KS_FAST_RIGHT : KS_FAST_EXPIRED;
            ks_ht_proof(text, KS_HT_RESPONDER, attempt->channel, ret_answer);
            *ret_token = *token;
            ret_token->count = (uint32_t)attempt->count;
        }
        ks_wipe(room, sizeof room);
    }
    return verdict;
}

bool ks_fast_used(
    struct ks_ctx *ctx, uint64_t device, const struct ks_token *token, const struct ks_xml *fast, bool *ret_due)
{
    int64_t lifetime = ks_domain_number(ctx->domain, "token.lifetime"), now = ctx->now.wall_ms / 1000;
    struct ks_str invalidate = ks_xml_attr(fast, "invalidate");
    struct ks_tokens tokens;
    int i = KS_TOKEN_NEW;

    get(ctx->user, device, &tokens);
    while (i >= KS_TOKEN_CURRENT && !same(&tokens.slots[i], token))
        i--;
    if (i < KS_TOKEN_CURRENT)
        return false;
    *ret_due = false;
    if (ks_str_is(invalidate, "true") || ks_str_is(invalidate, "1")) { /* §3.6 */
        drop(ctx, device);
        return true;
    }
    /* §3.5: "Upon successful use of any token, the server MUST invalidate all tokens issued to the same client with an
     * earlier expiry than the current token". */
    if (i == KS_TOKEN_NEW || tokens.slots[i].count != token->count) {
        if (i == KS_TOKEN_NEW)
            tokens.slots[KS_TOKEN_NEW] = (struct ks_token) { 0 };
        tokens.slots[KS_TOKEN_CURRENT] = *token;
        set(ctx, device, &tokens);
    }
    /* A device that is used each day writes each day, and not at each login. */
    *ret_due = token->expiry - now < lifetime - ks_domain_number(ctx->domain, "token.renew");
    return true;
}

/* Those whose time is up, and, when there are too many, the one whose time is up first. */
static void make_room(struct ks_ctx *ctx, uint64_t device)
{
    int64_t max = ks_domain_number(ctx->domain, "token.devices_max");

    for (;;) {
        struct ks_fast_device at = { 0 }, first = { 0 };
        int64_t count = 0;
        while (ks_fast_next(ctx->user, &at)) {
            count += at.device != device;
            if (at.device != device && (!first.device || at.expiry_ms < first.expiry_ms))
                first = at;
        }
        if (!first.device || (count < max && first.expiry_ms > ctx->now.wall_ms))
            return;
        drop(ctx, first.device);
    }
}

/* No more of it than a small row holds, and no half a character. */
static void set_name(struct ks_ctx *ctx, uint64_t device, struct ks_str name, uint32_t expiry)
{
    struct ks_buf buf;
    struct key key;

    name = ks_utf8_head(name, NAME_MAX);
    (void)key_of(device, &key);
    if (!name.len || !ks_account_text_ok(name))
        return;
    ks_buf_init(&buf, 64);
    ks_buf_u32(&buf, expiry);
    ks_buf_add(&buf, name);
    if (ks_buf_err(&buf) == KS_OK)
        ks_kv_put(ctx, STORE, name_key(&key), ks_buf_str(&buf));
    ks_buf_done(&buf);
}

void ks_fast_issue(struct ks_ctx *ctx, uint64_t device, const struct ks_ht_mechanism *mechanism, struct ks_str name,
    struct ks_xml *success)
{
    int64_t until_ms = ctx->now.wall_ms + ks_domain_number(ctx->domain, "token.lifetime") * 1000;
    char *text = ks_arena_alloc(ctx->arena, TOKEN_LEN), *stamp = ks_arena_alloc(ctx->arena, KS_STAMP_LEN + 1);
    struct ks_token token = { .mechanism = mechanism->code, .expiry = (uint32_t)(until_ms / 1000) };
    struct ks_tokens tokens;
    struct ks_xml *element;

    if (!text || !stamp)
        return; /* the arena failed, and with it the login */
    make_room(ctx, device);
    ks_prng_bytes(&ctx->reactor->prng, token.salt, sizeof token.salt);
    get(ctx->user, device, &tokens);
    tokens.slots[KS_TOKEN_NEW] = token; /* §3.5: one that was not used goes */
    set(ctx, device, &tokens);
    set_name(ctx, device, name.len ? name : name_of(ctx->user, device), token.expiry);
    element = ks_xml_add(ctx->arena, success, NS_FAST, "token");
    ks_xml_set(ctx->arena, element, "token", derive(ctx->user, device, &token, text));
    ks_xml_set(ctx->arena, element, "expiry", ks_stamp_write((int64_t)token.expiry * 1000, stamp));
}

/* --- devices --- */

/* The number that a row's key names; 0: it is a name's, or no key of ours. */
static uint64_t device_of(struct ks_str text)
{
    uint64_t device = 0;
    struct key key;

    for (size_t i = 0; i < KEY_LEN && text.len == KEY_LEN; i++)
        device = device << 4 | (unsigned)(text.ptr[i] <= '9' ? text.ptr[i] - '0' : text.ptr[i] - 'a' + 10);
    return ks_str_eq(key_of(device, &key), text) ? device : 0;
}

bool ks_fast_next(const struct ks_user *user, struct ks_fast_device *at)
{
    const struct ks_kv *kv = NULL;
    struct ks_tokens tokens;

    while ((kv = ks_kv_next(user, STORE, kv))) {
        uint64_t device = device_of(kv->key);
        if (device <= at->device)
            continue;
        get(user, device, &tokens);
        *at = (struct ks_fast_device) { .device = device };
        for (int i = 0; i < KS_TOKEN_SLOTS; i++)
            if (tokens.slots[i].mechanism && (int64_t)tokens.slots[i].expiry * 1000 > at->expiry_ms)
                at->expiry_ms = (int64_t)tokens.slots[i].expiry * 1000;
        at->name = name_of(user, device);
        return true;
    }
    return false;
}

static void device_out(struct ks_ctx *ctx, uint64_t device)
{
    struct ks_fast_device at = { 0 };

    if (device == KS_DEVICES_ALL)
        while (ks_fast_next(ctx->user, &at))
            drop(ctx, at.device);
    else
        drop(ctx, device);
}

/* When the last token of a row is good for nothing any more. */
static int64_t stamp_ms(struct ks_str key, struct ks_str value)
{
    struct ks_cursor at = ks_cursor(value);
    struct ks_tokens tokens;
    uint32_t last = 0;

    if (key.len > KEY_LEN)
        return ks_cursor_u32(&at, &last) == KS_OK ? (int64_t)last * 1000 : 0;
    if (ks_tokens_read(value, &tokens) == KS_OK)
        for (int i = 0; i < KS_TOKEN_SLOTS; i++)
            last = tokens.slots[i].expiry > last ? tokens.slots[i].expiry : last;
    return (int64_t)last * 1000;
}

const struct ks_feature ks_feature_fast = {
    .name = "fast",
    .stores = { { STORE, KS_DATA_CREDENTIALS, KS_KEEP_DAYS, 1,
        "Until when a device may log in without the password, and what its owner calls it; deleted when it is locked "
        "out, and a day after its time.",
        KS_READ_ADMINS, .stamp_ms = stamp_ms } },
    .options = { { "token.lifetime", KS_OPT_DURATION, .init = 30 * 86400, .min = 0, .max = 366 * 86400,
                     .doc = "How long a device may stay away and still log in without the password (XEP-0484); with 0 "
                            "none may." },
        { "token.renew", KS_OPT_DURATION, .init = 86400, .min = 60, .max = 366 * 86400,
            .doc = "A device that logs in with a token older than this is given another." },
        { "token.devices_max", KS_OPT_COUNT, .init = 20, .min = 1, .max = 100,
            .doc = "Devices of one account that may have tokens; the one whose time is up first makes room." },
        { "token.unbound", KS_OPT_BOOL, .init = 0, .min = 0, .max = 1,
            .doc = "Give tokens also to clients that cannot bind them to TLS, as browsers cannot. Whoever gets hold of "
                   "what such a client sends can then log in as it." } },
    .device_out = device_out,
};
