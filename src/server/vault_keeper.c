/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "vault_keeper.h"

#include <stdlib.h>

#define DAY_MS INT64_C(86400000)
#define YEAR_MS (365 * DAY_MS)

struct ks_vault_keeper {
    struct ks_vault_store *store;
    struct ks_vault_tombs *tombs;
    struct ks_prng prng;
    bool owes; /* tombstones that the store does not know of */
    int64_t tidied_ms;
};

/* A list of ids. */
struct ids {
    uint8_t (*at)[KS_VAULT_ID_LEN];
    size_t count, cap;
    enum ks_err err;
};

static bool ids_add(struct ids *ids, const uint8_t id[KS_VAULT_ID_LEN])
{
    if (ids->count == ids->cap) {
        size_t cap = ids->cap ? 2 * ids->cap : 16;
        uint8_t(*grown)[KS_VAULT_ID_LEN] = realloc(ids->at, cap * sizeof *grown);
        if (!grown) {
            ids->err = KS_ENOMEM;
            return false;
        }
        ids->at = grown;
        ids->cap = cap;
    }
    memcpy(ids->at[ids->count++], id, KS_VAULT_ID_LEN);
    return true;
}

/* --- destroying --- */

/* What stays is whose it was, and the token's hash, so that who has the token is told. */
static void empty(struct ks_vault_slot *slot, int64_t now_ms)
{
    slot->state = KS_VAULT_GONE;
    slot->gone_ms = now_ms;
    ks_wipe(slot->key, sizeof slot->key);
    ks_wipe(slot->confirm, sizeof slot->confirm);
    ks_wipe(slot->nonce, sizeof slot->nonce);
    ks_wipe(slot->ticket, sizeof slot->ticket);
    slot->nonce_open = false;
    slot->ticket_end_ms = 0;
}

static enum ks_err empty_all(struct ks_vault_keeper *k, const struct ids *ids, int64_t now_ms)
{
    enum ks_err err = KS_OK;

    for (size_t i = 0; i < ids->count && err == KS_OK; i++) {
        struct ks_vault_slot slot;
        err = k->store->ops->get(k->store, ids->at[i], &slot);
        if (err == KS_OK && slot.state != KS_VAULT_GONE) {
            empty(&slot, now_ms);
            err = k->store->ops->put(k->store, &slot);
        }
        if (err == KS_ENOTFOUND)
            err = KS_OK;
        ks_wipe(&slot, sizeof slot);
    }
    return err;
}

/* A transaction of its own. */
static enum ks_err empty_now(struct ks_vault_keeper *k, const struct ids *ids, int64_t now_ms)
{
    enum ks_err err = k->store->ops->begin(k->store);

    if (err != KS_OK)
        return err;
    err = empty_all(k, ids, now_ms);
    if (err == KS_OK)
        err = k->store->ops->commit(k->store);
    if (err != KS_OK)
        k->store->ops->rollback(k->store);
    return err;
}

static bool see_tomb(void *user, const uint8_t id[KS_VAULT_ID_LEN])
{
    return ids_add(user, id);
}

/* Before anything is served. */
static enum ks_err apply_tombs(struct ks_vault_keeper *k, int64_t now_ms)
{
    struct ids ids = { 0 };
    enum ks_err err = k->tombs->each(k->tombs, see_tomb, &ids);

    if (err == KS_OK)
        err = ids.err;
    if (err == KS_OK && ids.count)
        err = empty_now(k, &ids, now_ms);
    k->owes = err != KS_OK;
    free(ids.at);
    return err;
}

struct ending {
    enum ks_vault_end what;
    uint64_t device;
    struct ids ids;
};

static bool see_ending(void *user, const struct ks_vault_slot *slot)
{
    struct ending *ending = user;
    bool ends = ending->what == KS_VAULT_END_ACCOUNT
        || (slot->kind != KS_VAULT_ACCOUNT && (ending->what == KS_VAULT_END_DEVICES || slot->device == ending->device));

    return slot->state == KS_VAULT_GONE || !ends || ids_add(&ending->ids, slot->id);
}

enum ks_err ks_vault_end(struct ks_vault_keeper *k, enum ks_vault_end what, uint64_t account, uint64_t device,
    struct ks_now now, size_t *ret_count)
{
    struct ending ending = { what, device, { 0 } };
    enum ks_err err = k->store->ops->each(k->store, account, see_ending, &ending);

    assert(account);
    if (err == KS_OK)
        err = ending.ids.err;
    *ret_count = ending.ids.count;
    if (err == KS_OK && ending.ids.count) {
        bool owed = k->owes;
        err = k->tombs->bury(k->tombs, (const uint8_t(*)[KS_VAULT_ID_LEN])ending.ids.at, ending.ids.count);
        k->owes |= err == KS_OK;
        if (err == KS_OK && (err = empty_now(k, &ending.ids, now.wall_ms)) == KS_OK)
            k->owes = owed;
    }
    free(ending.ids.at);
    return err;
}

/* Of those whose time to be told of is over. */
static bool see_old(void *user, const struct ks_vault_slot *slot)
{
    struct ending *old = user;

    return slot->state != KS_VAULT_GONE || slot->gone_ms > (int64_t)old->device || ids_add(&old->ids, slot->id);
}

static enum ks_err tidy(struct ks_vault_keeper *k, struct ks_now now)
{
    struct ending old = { .device = (uint64_t)(now.wall_ms - KS_VAULT_GONE_DAYS * DAY_MS) };
    enum ks_err err;

    if (k->tidied_ms && now.wall_ms < k->tidied_ms + DAY_MS)
        return KS_OK;
    err = k->store->ops->each(k->store, 0, see_old, &old);
    if (err == KS_OK)
        err = old.ids.err;
    for (size_t i = 0; i < old.ids.count && err == KS_OK; i++)
        err = k->store->ops->remove(k->store, old.ids.at[i]);
    free(old.ids.at);
    k->tidied_ms = now.wall_ms;
    return err;
}

/* --- trying --- */

/* After the first failure, the second, … The tenth locks. */
static const uint16_t waits_s[KS_VAULT_TRIES_MAX] = { 0, 0, 0, 0, 5, 15, 60, 300, 900, 0 };

static bool is_token(const struct ks_vault_slot *slot, const uint8_t token[KS_VAULT_TOKEN_LEN])
{
    uint8_t hash[KS_HASH_MAX];

    ks_hash(KS_SHA256, ks_str(token, KS_VAULT_TOKEN_LEN), hash);
    return ks_crypto_eq(ks_str(hash, sizeof slot->token_hash), ks_str(slot->token_hash, sizeof slot->token_hash));
}

/* Finds the slot that the token names; for a session the account's own alone. False: it is answered. */
static bool find(
    struct ks_vault_keeper *k, struct ks_vault_call *call, struct ks_vault_slot *ret_slot, enum ks_err *err)
{
    *err = k->store->ops->get(k->store, call->slot, ret_slot);
    call->answer = KS_VAULT_UNKNOWN;
    if (*err != KS_OK) {
        *err = *err == KS_ENOTFOUND ? KS_OK : *err;
        return false;
    }
    if (!is_token(ret_slot, call->token)
        || (call->account && (ret_slot->account != call->account || ret_slot->kind != KS_VAULT_ACCOUNT)))
        return false;
    if (ret_slot->state == KS_VAULT_GONE)
        call->answer = KS_VAULT_IS_GONE;
    return ret_slot->state != KS_VAULT_GONE;
}

/* How long nobody may try, in milliseconds. */
static int64_t wait_of(struct ks_vault_slot *slot, int64_t now_ms)
{
    int64_t wait = slot->tries ? waits_s[slot->tries - 1] * INT64_C(1000) : 0, day;

    if (slot->tried_ms > now_ms)
        slot->tried_ms = now_ms;
    if (slot->day_ms > now_ms || now_ms - slot->day_ms >= DAY_MS) {
        slot->day_ms = now_ms;
        slot->day_count = 0;
    }
    wait -= now_ms - slot->tried_ms;
    day = slot->day_count >= KS_VAULT_DAY_MAX ? slot->day_ms + DAY_MS - now_ms : 0;
    return wait > day ? wait : day;
}

static void note(struct ks_vault_call *call, const struct ks_vault_slot *slot, const char *action)
{
    call->audit = action;
    call->audit_account = slot->account;
}

/* The try is counted, and the call knows the key: what is left is done when this is durable. */
static enum ks_err eval(struct ks_vault_keeper *k, struct ks_vault_call *call, struct ks_now now)
{
    struct ks_vault_slot slot;
    enum ks_err err = KS_OK;
    int64_t wait, tried_ms;

    /* What is no element costs nothing: nothing was evaluated, and whoever looks at the request knows it as well. */
    if (ks_oprf_check(call->blinded) != KS_OK) {
        call->answer = KS_VAULT_MALFORMED;
        return KS_OK;
    }
    if (!find(k, call, &slot, &err))
        goto out;
    if (slot.state == KS_VAULT_LOCKED) {
        call->answer = KS_VAULT_IS_LOCKED;
        goto out;
    }
    tried_ms = slot.tried_ms;
    if ((wait = wait_of(&slot, now.wall_ms)) > 0) {
        call->answer = KS_VAULT_WAIT;
        call->wait_s = (uint32_t)((wait + 999) / 1000);
        if (slot.tried_ms != tried_ms) /* the clock went back: from now on it waits */
            err = k->store->ops->put(k->store, &slot);
        goto out;
    }
    slot.tries++;
    slot.day_count++;
    slot.tried_ms = now.wall_ms;
    if (slot.tries >= KS_VAULT_TRIES_MAX) {
        slot.state = KS_VAULT_LOCKED;
        note(call, &slot, "vault.lock");
    }
    ks_prng_bytes(&k->prng, slot.nonce, sizeof slot.nonce);
    slot.nonce_open = true;
    err = k->store->ops->put(k->store, &slot);
    call->answer = KS_VAULT_YES;
    call->left = KS_VAULT_TRIES_MAX - slot.tries;
    memcpy(call->nonce, slot.nonce, sizeof call->nonce);
    memcpy(call->key, slot.key, sizeof call->key);
out:
    ks_wipe(&slot, sizeof slot);
    return err;
}

void ks_vault_confirm_bytes(const uint8_t slot[KS_VAULT_ID_LEN], const uint8_t nonce[KS_VAULT_NONCE_LEN], uint64_t gen,
    uint8_t ret_bytes[KS_VAULT_CONFIRM_LEN])
{
    static const char purpose[] = "konsil/0 confirm\n";
    uint8_t *at = ret_bytes;

    memcpy(at, purpose, sizeof purpose - 1);
    at += sizeof purpose - 1;
    *at++ = 0;
    *at++ = KS_VAULT_ID_LEN;
    memcpy(at, slot, KS_VAULT_ID_LEN);
    at += KS_VAULT_ID_LEN;
    *at++ = 0;
    *at++ = KS_VAULT_NONCE_LEN;
    memcpy(at, nonce, KS_VAULT_NONCE_LEN);
    at += KS_VAULT_NONCE_LEN;
    for (int shift = 56; shift >= 0; shift -= 8)
        *at++ = (uint8_t)(gen >> shift);
}

static enum ks_err confirm(struct ks_vault_keeper *k, struct ks_vault_call *call, struct ks_now now)
{
    uint8_t bytes[KS_VAULT_CONFIRM_LEN];
    struct ks_vault_slot slot;
    enum ks_err err = KS_OK;

    if (call->gen > KS_VAULT_GEN_MAX) {
        call->answer = KS_VAULT_MALFORMED;
        return KS_OK;
    }
    if (!find(k, call, &slot, &err))
        goto out;
    ks_vault_confirm_bytes(slot.id, slot.nonce, call->gen, bytes);
    if (!slot.nonce_open || ks_ed25519_verify(slot.confirm, ks_str(bytes, sizeof bytes), call->signature) != KS_OK) {
        call->answer = KS_VAULT_UNKNOWN;
        goto out;
    }
    if (slot.state == KS_VAULT_LOCKED)
        note(call, &slot, "vault.open"); /* the tenth was the right one */
    slot.state = KS_VAULT_OPEN;
    slot.nonce_open = false;
    slot.tries = 0;
    slot.confirmed_ms = now.wall_ms;
    slot.gen = call->gen > slot.gen ? call->gen : slot.gen < KS_VAULT_GEN_MAX ? slot.gen + 1 : slot.gen;
    slot.ticket_end_ms = 0;
    if (call->window_ms && slot.kind == KS_VAULT_PIN) {
        ks_prng_bytes(&k->prng, slot.ticket, sizeof slot.ticket);
        slot.ticket_end_ms = now.wall_ms + call->window_ms;
        memcpy(call->ticket, slot.ticket, sizeof call->ticket);
    }
    call->has_ticket = slot.ticket_end_ms != 0;
    call->gen = slot.gen;
    call->answer = KS_VAULT_YES;
    err = k->store->ops->put(k->store, &slot);
out:
    ks_wipe(&slot, sizeof slot);
    return err;
}

static enum ks_err ticket(struct ks_vault_keeper *k, struct ks_vault_call *call, struct ks_now now)
{
    struct ks_vault_slot slot;
    enum ks_err err = KS_OK;

    if (find(k, call, &slot, &err)) {
        call->has_ticket = slot.state == KS_VAULT_OPEN && slot.ticket_end_ms && now.wall_ms >= slot.confirmed_ms
            && now.wall_ms < slot.ticket_end_ms;
        call->answer = call->has_ticket     ? KS_VAULT_YES
            : slot.state == KS_VAULT_LOCKED ? KS_VAULT_IS_LOCKED
                                            : KS_VAULT_STALE;
        if (call->has_ticket)
            memcpy(call->ticket, slot.ticket, sizeof call->ticket);
    }
    ks_wipe(&slot, sizeof slot);
    return err;
}

/* --- what an account does with its slots --- */

struct census {
    uint64_t device;
    int64_t now_ms;
    size_t live;
    size_t accounts;    /* account slots */
    bool unlocked_once; /* this device has a slot that was confirmed at some time */
    bool fresh;
};

static bool is_fresh(const struct ks_vault_slot *slot, int64_t now_ms)
{
    return slot->confirmed_ms && now_ms >= slot->confirmed_ms && now_ms - slot->confirmed_ms <= KS_VAULT_FRESH_MS;
}

static bool see_census(void *user, const struct ks_vault_slot *slot)
{
    struct census *census = user;

    if (slot->state == KS_VAULT_GONE)
        return true;
    census->live++;
    census->accounts += slot->kind == KS_VAULT_ACCOUNT;
    if (slot->kind == KS_VAULT_PIN && slot->device == census->device) {
        census->unlocked_once |= slot->confirmed_ms != 0;
        census->fresh |= is_fresh(slot, census->now_ms);
    }
    return true;
}

static enum ks_err count(
    struct ks_vault_keeper *k, const struct ks_vault_call *call, struct ks_now now, struct census *ret_census)
{
    *ret_census = (struct census) { .device = call->device, .now_ms = now.wall_ms };
    return k->store->ops->each(k->store, call->account, see_census, ret_census);
}

static enum ks_err make(struct ks_vault_keeper *k, struct ks_vault_call *call, struct ks_now now)
{
    struct ks_vault_slot slot = { .account = call->account,
        .device = call->kind == KS_VAULT_ACCOUNT ? 0 : call->device,
        .kind = call->kind,
        .state = KS_VAULT_OPEN,
        .made_ms = now.wall_ms };
    struct ks_vault_slot other;
    struct census census;
    enum ks_err err = count(k, call, now, &census), there;

    if (err != KS_OK)
        return err;
    there = k->store->ops->get(k->store, call->slot, &other);
    ks_wipe(&other, sizeof other);
    if (there != KS_OK && there != KS_ENOTFOUND)
        return there;
    if (there == KS_OK || (call->kind == KS_VAULT_ACCOUNT && census.accounts >= KS_VAULT_ACCOUNT_SLOTS_MAX)) {
        call->answer = KS_VAULT_EXISTS;
        return KS_OK;
    }
    if (census.live >= KS_VAULT_SLOTS_MAX) {
        call->answer = KS_VAULT_FULL;
        return KS_OK;
    }
    if (census.unlocked_once && !census.fresh) {
        call->answer = KS_VAULT_STALE;
        return KS_OK;
    }
    memcpy(slot.id, call->slot, sizeof slot.id);
    memcpy(slot.token_hash, call->token_hash, sizeof slot.token_hash);
    memcpy(slot.confirm, call->confirm, sizeof slot.confirm);
    ks_oprf_generate(&k->prng, slot.key);
    err = ks_oprf_key_id(slot.key, call->keyid);
    assert(err == KS_OK);
    err = k->store->ops->put(k->store, &slot);
    call->answer = KS_VAULT_YES;
    ks_wipe(&slot, sizeof slot);
    return err;
}

/* What was never confirmed; with a PIN that was right a moment ago; and the account slot with its token, which the
 * account's certified devices alone know, on a device that has no PIN of its own to ask for. */
static bool may_drop(const struct ks_vault_call *call, const struct ks_vault_slot *slot, const struct census *census)
{
    return !slot->confirmed_ms || census->fresh
        || (slot->kind == KS_VAULT_ACCOUNT && !census->unlocked_once && is_token(slot, call->token));
}

static enum ks_err drop(struct ks_vault_keeper *k, struct ks_vault_call *call, struct ks_now now)
{
    struct ids ids = { 0 };
    struct ks_vault_slot slot;
    struct census census;
    enum ks_err err = count(k, call, now, &census);

    if (err == KS_OK)
        err = k->store->ops->get(k->store, call->slot, &slot);
    if (err == KS_ENOTFOUND || (err == KS_OK && slot.account != call->account))
        call->answer = KS_VAULT_UNKNOWN;
    else if (err == KS_OK && slot.state == KS_VAULT_GONE)
        call->answer = KS_VAULT_YES; /* an answer that was lost */
    else if (err == KS_OK && !may_drop(call, &slot, &census))
        call->answer = KS_VAULT_STALE;
    else if (err == KS_OK
        && (err = k->tombs->bury(k->tombs, (const uint8_t(*)[KS_VAULT_ID_LEN]) & slot.id, 1)) == KS_OK) {
        k->owes = true;
        ids_add(&ids, slot.id);
        err = ids.err == KS_OK ? empty_all(k, &ids, now.wall_ms) : ids.err;
        call->answer = KS_VAULT_YES;
        free(ids.at);
    }
    ks_wipe(&slot, sizeof slot);
    return err == KS_ENOTFOUND ? KS_OK : err;
}

struct listing {
    struct ks_vault_call *call;
    struct ks_arena *arena;
    size_t cap;
    enum ks_err err;
};

static bool see_listed(void *user, const struct ks_vault_slot *slot)
{
    struct listing *l = user;
    struct ks_vault_call *call = l->call;

    if (call->slots_count == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : KS_VAULT_SLOTS_MAX;
        struct ks_vault_slot *grown = ks_arena_alloc(l->arena, cap * sizeof *grown);
        if (!grown) {
            l->err = KS_ENOMEM;
            return false;
        }
        if (call->slots_count)
            memcpy(grown, call->slots, call->slots_count * sizeof *grown);
        call->slots = grown;
        l->cap = cap;
    }
    call->slots[call->slots_count++] = (struct ks_vault_slot) { .account = slot->account,
        .device = slot->device,
        .kind = slot->kind,
        .state = slot->state,
        .tries = slot->tries,
        .made_ms = slot->made_ms,
        .confirmed_ms = slot->confirmed_ms,
        .gone_ms = slot->gone_ms };
    memcpy(call->slots[call->slots_count - 1].id, slot->id, sizeof slot->id);
    return true;
}

static enum ks_err list(struct ks_vault_keeper *k, struct ks_vault_call *call, struct ks_arena *arena)
{
    struct listing listing = { call, arena, 0, KS_OK };
    enum ks_err err = k->store->ops->each(k->store, call->account, see_listed, &listing);

    call->answer = KS_VAULT_YES;
    return err == KS_OK ? listing.err : err;
}

static enum ks_err unlock(struct ks_vault_keeper *k, struct ks_vault_call *call, struct ks_now now)
{
    struct ks_vault_slot slot;
    enum ks_err err = k->store->ops->get(k->store, call->slot, &slot);
    int64_t oldest = err == KS_OK ? slot.unlocked_ms[KS_VAULT_UNLOCKS - 1] : 0;

    if (err == KS_ENOTFOUND || (err == KS_OK && slot.account != call->account)) {
        call->answer = KS_VAULT_UNKNOWN;
        err = KS_OK;
    } else if (err == KS_OK && slot.state == KS_VAULT_GONE) {
        call->answer = KS_VAULT_IS_GONE;
    } else if (err == KS_OK && slot.state != KS_VAULT_LOCKED) {
        call->answer = KS_VAULT_EXISTS;
    } else if (err == KS_OK && oldest && now.wall_ms - oldest < YEAR_MS) {
        call->answer = KS_VAULT_FULL;
    } else if (err == KS_OK) {
        note(call, &slot, "vault.unlock");
        slot.state = KS_VAULT_OPEN;
        slot.tries = KS_VAULT_TRIES_MAX - KS_VAULT_UNLOCK_TRIES;
        memmove(slot.unlocked_ms + 1, slot.unlocked_ms, sizeof slot.unlocked_ms - sizeof slot.unlocked_ms[0]);
        slot.unlocked_ms[0] = now.wall_ms;
        call->answer = KS_VAULT_YES;
        call->left = KS_VAULT_UNLOCK_TRIES;
        err = k->store->ops->put(k->store, &slot);
    }
    ks_wipe(&slot, sizeof slot);
    return err;
}

static enum ks_err ask_fresh(struct ks_vault_keeper *k, struct ks_vault_call *call, struct ks_now now)
{
    struct census census;
    enum ks_err err = count(k, call, now, &census);

    call->answer = err == KS_OK && census.fresh ? KS_VAULT_YES : KS_VAULT_STALE;
    return err;
}

/* --- turns --- */

enum ks_err ks_vault_begin_turn(struct ks_vault_keeper *k, struct ks_now now)
{
    enum ks_err err = k->owes ? apply_tombs(k, now.wall_ms) : KS_OK;

    if (err == KS_OK)
        err = k->store->ops->begin(k->store);
    if (err == KS_OK && (err = tidy(k, now)) != KS_OK)
        k->store->ops->rollback(k->store);
    return err;
}

enum ks_err ks_vault_do(
    struct ks_vault_keeper *k, struct ks_vault_call *call, struct ks_arena *arena, struct ks_now now)
{
    switch (call->want) {
    case KS_VAULT_EVAL:
        return eval(k, call, now);
    case KS_VAULT_CONFIRM:
        return confirm(k, call, now);
    case KS_VAULT_TICKET:
        return ticket(k, call, now);
    case KS_VAULT_MAKE:
        return make(k, call, now);
    case KS_VAULT_DROP:
        return drop(k, call, now);
    case KS_VAULT_LIST:
        return list(k, call, arena);
    case KS_VAULT_UNLOCK:
        return unlock(k, call, now);
    case KS_VAULT_IS_FRESH:
        return ask_fresh(k, call, now);
    }
    assert(!"what is wanted");
    return KS_ESTORE;
}

enum ks_err ks_vault_commit_turn(struct ks_vault_keeper *k)
{
    enum ks_err err = k->store->ops->commit(k->store);

    k->owes &= err != KS_OK;
    return err;
}

void ks_vault_drop_turn(struct ks_vault_keeper *k)
{
    k->store->ops->rollback(k->store);
}

void ks_vault_finish(struct ks_vault_call *call)
{
    if (call->want == KS_VAULT_EVAL && call->answer == KS_VAULT_YES
        && (ks_oprf_evaluate(call->key, call->blinded, call->z) != KS_OK
            || ks_oprf_key_id(call->key, call->keyid) != KS_OK))
        call->answer = KS_VAULT_LATER; /* a key that is none: the row is damaged */
    ks_wipe(call->key, sizeof call->key);
}

/* --- begin and end --- */

enum ks_err ks_vault_keeper_new(struct ks_vault_store *store, struct ks_vault_tombs *tombs,
    const uint8_t seed[KS_PRNG_SEED_LEN], struct ks_now now, struct ks_vault_keeper **ret_keeper)
{
    struct ks_vault_keeper *k = calloc(1, sizeof *k);
    enum ks_err err;

    if (!k)
        return KS_ENOMEM;
    k->store = store;
    k->tombs = tombs;
    ks_prng_init(&k->prng, seed);
    if ((err = apply_tombs(k, now.wall_ms)) != KS_OK) {
        ks_vault_keeper_free(k);
        return err;
    }
    *ret_keeper = k;
    return KS_OK;
}

void ks_vault_keeper_free(struct ks_vault_keeper *k)
{
    if (!k)
        return;
    ks_prng_done(&k->prng);
    free(k);
}

void ks_vault_restored(struct ks_vault_slot *slot)
{
    if (slot->state == KS_VAULT_OPEN && slot->tries < KS_VAULT_RESTORED_TRIES)
        slot->tries = KS_VAULT_RESTORED_TRIES;
    slot->nonce_open = false;
    slot->ticket_end_ms = 0;
    ks_wipe(slot->nonce, sizeof slot->nonce);
    ks_wipe(slot->ticket, sizeof slot->ticket);
}
