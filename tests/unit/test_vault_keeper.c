/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The vault's rules (doc/PROTOCOL.md §16) on virtual time: through the committer, over the memory stores. */
#include "committer_rig.h"

#include <limits.h>

#define TURN_ROOM 100
#define MINUTE_MS INT64_C(60000)
#define DAY_MS (1440 * MINUTE_MS)
#define WINDOW_MS (480 * MINUTE_MS)

static struct ks_vault_store *vault;
static struct ks_vault_keeper *keeper;
static uint8_t seed[KS_PRNG_SEED_LEN] = { 7 };

/* A client's slot, and what it has of it. */
struct mine {
    uint8_t id[KS_VAULT_ID_LEN], token[KS_VAULT_TOKEN_LEN], secret[KS_ED25519_SEED_LEN], keyid[KS_OPRF_KEY_ID_LEN];
    uint8_t blind[KS_OPRF_SCALAR_LEN];
    uint64_t account, device;
};

static void start_keeper(void)
{
    must(ks_vault_keeper_new(vault, ks_memory_vault_tombs(vault), seed, now, &keeper), "a keeper");
    ks_committer_set_vault(c, keeper);
}

static void begin(void)
{
    ks_vault_keeper_free(keeper);
    ks_vault_store_free(vault);
    start_new();
    now.wall_ms = 1000 * DAY_MS;
    vault = ks_memory_vault_store_new();
    if (!vault)
        abort();
    start_keeper();
}

/* The process dies and comes back. */
static void crash(void)
{
    ks_vault_keeper_free(keeper);
    ks_memory_vault_store_crash(vault);
    restart();
    start_keeper();
}

static struct ks_vault_call ask(struct ks_vault_call call)
{
    struct ks_store_req *req = done(ks_store_vault_new(&call));

    call = *req->vault;
    call.slots = NULL;
    ks_store_req_free(req);
    return call;
}

static struct ks_vault_call naming(const struct mine *mine, enum ks_vault_want want)
{
    struct ks_vault_call call = { .want = want, .account = mine->account, .device = mine->device };

    if (want == KS_VAULT_EVAL || want == KS_VAULT_CONFIRM || want == KS_VAULT_TICKET)
        call.account = 0; /* over HTTPS nobody says whose */
    memcpy(call.slot, mine->id, sizeof call.slot);
    memcpy(call.token, mine->token, sizeof call.token);
    return call;
}

static enum ks_vault_answer make(struct mine *mine, enum ks_vault_kind kind, uint64_t account, uint64_t device)
{
    struct ks_vault_call call;

    ks_prng_bytes(&chance, mine, sizeof *mine);
    mine->account = account;
    mine->device = device;
    call = naming(mine, KS_VAULT_MAKE);
    call.kind = kind;
    ks_hash(KS_SHA256, ks_str(mine->token, sizeof mine->token), call.token_hash);
    ks_ed25519_public(mine->secret, call.confirm);
    call = ask(call);
    memcpy(mine->keyid, call.keyid, sizeof mine->keyid);
    return call.answer;
}

static struct ks_vault_call blinded(struct mine *mine, const char *pin)
{
    struct ks_vault_call call = naming(mine, KS_VAULT_EVAL);

    must(ks_oprf_blind(&chance, ks_str_z(pin), mine->blind, call.blinded), "a blind");
    return call;
}

static struct ks_vault_call eval(struct mine *mine)
{
    return ask(blinded(mine, "246813"));
}

static struct ks_vault_call signed_by(
    const struct mine *mine, const uint8_t nonce[KS_VAULT_NONCE_LEN], uint64_t gen, const uint8_t *secret)
{
    struct ks_vault_call call = naming(mine, KS_VAULT_CONFIRM);
    uint8_t bytes[KS_VAULT_CONFIRM_LEN];

    call.gen = gen;
    call.window_ms = WINDOW_MS;
    ks_vault_confirm_bytes(mine->id, nonce, gen, bytes);
    ks_ed25519_sign(secret, ks_str(bytes, sizeof bytes), call.signature);
    return call;
}

static struct ks_vault_call confirm(struct mine *mine, uint64_t gen)
{
    struct ks_vault_call tried = eval(mine);

    if (tried.answer != KS_VAULT_YES)
        return tried;
    return ask(signed_by(mine, tried.nonce, gen, mine->secret));
}

static struct ks_vault_slot row(const struct mine *mine)
{
    struct ks_vault_slot slot = { 0 };

    must(vault->ops->get(vault, mine->id, &slot), "the row");
    return slot;
}

static bool check_answer(const char *name, enum ks_vault_answer got, enum ks_vault_answer want)
{
    return check_row(got == want, name, "got %d, want %d", got, want);
}

static bool is_zero(const void *ptr, size_t len)
{
    const uint8_t *at = ptr;

    for (size_t i = 0; i < len; i++)
        if (at[i])
            return false;
    return true;
}

/* Tries until it is locked, over a long time; how many were evaluated. */
static unsigned exhaust(struct mine *mine)
{
    unsigned evaluated = 0;

    for (unsigned i = 0; i < 40; i++) {
        evaluated += eval(mine).answer == KS_VAULT_YES;
        now.wall_ms += 16 * MINUTE_MS;
    }
    return evaluated;
}

static uint64_t audit_rows(const char *action)
{
    struct ks_store_req *req = done(ks_store_audit_new(1, 1000));
    uint64_t count = 0;

    for (size_t i = 0; i < req->audit_count; i++)
        count += ks_str_is(req->audit[i].action, action);
    ks_store_req_free(req);
    return count;
}

/* --- trying --- */

static void test_unlock(void)
{
    struct mine mine;
    struct ks_vault_call first, second, right;
    uint8_t outputs[2][KS_OPRF_OUTPUT_LEN], key[KS_OPRF_SCALAR_LEN];

    begin();
    check_answer("§16.2: a slot is made", make(&mine, KS_VAULT_PIN, 5, 9), KS_VAULT_YES);
    first = eval(&mine);
    must(ks_oprf_finalize(KS_STR("246813"), mine.blind, first.z, outputs[0]), "an output");
    second = eval(&mine);
    must(ks_oprf_finalize(KS_STR("246813"), mine.blind, second.z, outputs[1]), "an output");
    check_row(memcmp(outputs[0], outputs[1], sizeof outputs[0]) == 0 && memcmp(first.z, second.z, sizeof first.z) != 0,
        "§16.3: two evaluations of one PIN give one output, and have nothing in common on the way", "they differ");
    check_row(memcmp(first.keyid, mine.keyid, sizeof first.keyid) == 0, "§16.3: keyid is the one that making told",
        "another");
    memcpy(key, row(&mine).key, sizeof key);
    check_row(ks_oprf_key_id(key, first.keyid) == KS_OK && memcmp(first.keyid, second.keyid, sizeof first.keyid) == 0,
        "§16.3: and it is that of the key", "another");
    check_row(first.left == 9 && second.left == 8, "§16.3: left counts down", "%u, %u", first.left, second.left);
    right = ask(signed_by(&mine, second.nonce, 1, mine.secret));
    check_answer("§16.4: a signature over the newest nonce confirms", right.answer, KS_VAULT_YES);
    check_row(eval(&mine).left == 9, "§16.4: after which there are ten tries again", "there are not");
}

static void test_ten(void)
{
    struct ks_store_req *reqs[100];
    struct mine mine, other;
    unsigned evaluated = 0, told = 0;

    begin();
    make(&mine, KS_VAULT_PIN, 5, 9);
    make(&other, KS_VAULT_PIN, 5, 10);
    check_row(exhaust(&mine) == 10,
        "DSK I.2-d part (a device's side): ten wrong PINs, and then none is evaluated any more (attack 40)", "not ten");
    check_answer("attack 40: the slot is locked", eval(&mine).answer, KS_VAULT_IS_LOCKED);
    check_row(audit_rows("vault.lock") == 1, "attack 40: which is in the audit log, once", "%llu rows",
        (unsigned long long)audit_rows("vault.lock"));
    now.wall_ms += 400 * DAY_MS;
    check_answer("attack 40: also a year later", eval(&mine).answer, KS_VAULT_IS_LOCKED);
    for (unsigned round = 0; round < 20; round++) {
        for (size_t i = 0; i < KS_COUNT(reqs); i++) {
            struct ks_vault_call call = blinded(&other, "135790");
            reqs[i] = submit(ks_store_vault_new(&call));
        }
        while (ks_committer_queued(c))
            turn();
        for (size_t i = 0; i < KS_COUNT(reqs); i++) {
            evaluated += reqs[i]->vault->answer == KS_VAULT_YES;
            told += !is_zero(reqs[i]->vault->z, sizeof reqs[i]->vault->z);
            ks_store_req_free(reqs[i]);
        }
        now.wall_ms += DAY_MS;
    }
    check_row(evaluated == 10 && told == 10,
        "attack 40: of a hundred evaluations at once, again and again, ten are made and ten answers have a point",
        "%u made, %u told", evaluated, told);
}

static void test_crash(void)
{
    struct ks_vault_call call;
    struct ks_arena arena;
    struct mine mine;

    begin();
    make(&mine, KS_VAULT_PIN, 5, 9);
    ks_arena_init(&arena, 65536);
    call = blinded(&mine, "111111");
    must(ks_vault_begin_turn(keeper, now), "a turn");
    must(ks_vault_do(keeper, &call, &arena, now), "an evaluation");
    check_row(
        is_zero(call.z, sizeof call.z), "attack 40: before it is counted nothing is evaluated", "there is a point");
    must(ks_vault_commit_turn(keeper), "a commit");
    crash();
    check_row(eval(&mine).left == 8, "attack 40: a crash between count and answer costs the try", "it does not");
    must(ks_vault_begin_turn(keeper, now), "a turn");
    must(ks_vault_do(keeper, &call, &arena, now), "an evaluation");
    crash();
    check_row(eval(&mine).left == 7, "attack 40: one before the count costs none, and told nothing", "it did");
    ks_memory_vault_store_last(vault, 0);
    call = eval(&mine);
    check_row(call.answer == KS_VAULT_LATER && is_zero(call.z, sizeof call.z) && is_zero(call.key, sizeof call.key),
        "attack 40: what cannot be counted is not evaluated", "answer %d", call.answer);
    ks_memory_vault_store_last(vault, UINT_MAX);
    check_row(eval(&mine).left == 6, "attack 40: positive control: it can again", "it cannot");
    now.wall_ms += DAY_MS;
    for (unsigned i = 0; i < 5; i++) {
        eval(&mine);
        now.wall_ms += DAY_MS;
    }
    ks_memory_server_store_room(store, 0);
    call = eval(&mine);
    check_row(call.answer == KS_VAULT_LATER && is_zero(call.z, sizeof call.z),
        "§16.3: what the audit log cannot take is not told: the tenth try, whose row finds no room",
        "answer %d, left %u", call.answer, call.left);
    ks_memory_server_store_room(store, SIZE_MAX);
    call = eval(&mine);
    check_row(call.answer == KS_VAULT_YES && call.left == 0 && audit_rows("vault.lock") == 1,
        "§16.3: and is, when there is room again", "answer %d", call.answer);
    ks_arena_done(&arena);
}

static void test_waits(void)
{
    static const unsigned want[] = { 0, 0, 0, 0, 5, 15, 60, 300, 900 };
    struct ks_vault_call call;
    struct mine mine;
    unsigned bad = 0;

    begin();
    make(&mine, KS_VAULT_PIN, 5, 9);
    for (size_t i = 0; i < KS_COUNT(want); i++) {
        if (eval(&mine).answer != KS_VAULT_YES)
            bad++;
        if (!want[i])
            continue;
        now.wall_ms += 1;
        call = eval(&mine);
        if (call.answer != KS_VAULT_WAIT || call.wait_s != want[i])
            bad++;
        now.wall_ms += want[i] * 1000 - 2;
        call = eval(&mine);
        if (call.answer != KS_VAULT_WAIT || call.wait_s != 1 || row(&mine).tries != i + 1)
            bad++;
        now.wall_ms += 1;
    }
    check_row(!bad && row(&mine).tries == 9,
        "§16.3: after the failures 0, 0, 0, 0, 5, 15, 60, 300, 900 seconds, to the millisecond, and asking sooner "
        "costs "
        "nothing",
        "%u, tries %u", bad, row(&mine).tries);
    now.wall_ms -= 10 * DAY_MS;
    call = eval(&mine);
    check_row(call.answer == KS_VAULT_WAIT && call.wait_s == 900,
        "§16.3: when the clock goes back, the wait begins anew", "answer %d, %u", call.answer, call.wait_s);
    now.wall_ms += 900 * 1000;
    check_answer("§16.3: and ends", eval(&mine).answer, KS_VAULT_YES);
}

static void test_day(void)
{
    struct ks_vault_call call;
    struct mine mine;
    unsigned good = 0;

    begin();
    make(&mine, KS_VAULT_PIN, 5, 9);
    for (unsigned i = 0; i < 250; i++)
        good += confirm(&mine, i + 1).answer == KS_VAULT_YES;
    check_row(good == 200, "§16.3: two hundred evaluations a day, also when all were right", "%u", good);
    call = eval(&mine);
    check_row(
        call.answer == KS_VAULT_WAIT && call.wait_s == 86400, "§16.3: the next in so many seconds", "%u", call.wait_s);
    now.wall_ms += DAY_MS;
    check_answer("§16.3: which is so", confirm(&mine, 300).answer, KS_VAULT_YES);
}

static void test_strangers(void)
{
    static const uint8_t identity[KS_OPRF_ELEMENT_LEN];
    struct ks_vault_call call;
    struct ks_vault_slot before, after;
    struct mine mine, stranger;

    begin();
    make(&mine, KS_VAULT_PIN, 5, 9);
    eval(&mine);
    before = row(&mine);
    stranger = mine;
    stranger.token[31] ^= 1;
    for (unsigned i = 0; i < 50; i++)
        if ((call = eval(&stranger)).answer != KS_VAULT_UNKNOWN)
            break;
    after = row(&mine);
    check_row(call.answer == KS_VAULT_UNKNOWN && memcmp(&before, &after, sizeof before) == 0,
        "attack 41: with another token nothing moves", "something does");
    stranger.id[0] ^= 1;
    check_answer("attack 41: and no slot is told from one that is not there", eval(&stranger).answer, KS_VAULT_UNKNOWN);
    call = blinded(&mine, "1");
    memcpy(call.blinded, identity, sizeof call.blinded);
    check_answer("attack 43: the identity is malformed", ask(call).answer, KS_VAULT_MALFORMED);
    memset(call.blinded, 0xff, sizeof call.blinded);
    check_answer("attack 43: what is no point is malformed", ask(call).answer, KS_VAULT_MALFORMED);
    after = row(&mine);
    check_row(memcmp(&before, &after, sizeof before) == 0, "§16.3: neither counts", "it does");
    check_row(eval(&mine).left == 8, "§16.3: positive control: a good one does", "it does not");
}

static void test_confirm(void)
{
    struct ks_vault_call call, tried, again;
    struct mine mine, other;
    uint8_t wrong[KS_ED25519_SEED_LEN] = { 1 };

    begin();
    make(&mine, KS_VAULT_PIN, 5, 9);
    make(&other, KS_VAULT_PIN, 5, 9);
    call = signed_by(&mine, (const uint8_t[KS_VAULT_NONCE_LEN]) { 0 }, 1, mine.secret);
    check_answer("attack 42: nothing is confirmed that was not tried", ask(call).answer, KS_VAULT_UNKNOWN);
    tried = eval(&mine);
    check_answer("attack 42: another key does not confirm", ask(signed_by(&mine, tried.nonce, 1, wrong)).answer,
        KS_VAULT_UNKNOWN);
    call = signed_by(&mine, tried.nonce, 1, mine.secret);
    call.gen = 2;
    check_answer("attack 42: nor a signature over another generation", ask(call).answer, KS_VAULT_UNKNOWN);
    check_row(row(&mine).tries == 1, "attack 42: neither of which resets anything", "it does");
    call = signed_by(&mine, tried.nonce, 1, mine.secret);
    again = call;
    check_answer("attack 42: positive control: the right one confirms", ask(call).answer, KS_VAULT_YES);
    check_answer("attack 42: and no second time", ask(again).answer, KS_VAULT_UNKNOWN);
    eval(&mine);
    check_answer("attack 42: nor after a new try", ask(again).answer, KS_VAULT_UNKNOWN);
    tried = eval(&mine);
    memcpy(again.slot, other.id, sizeof again.slot);
    memcpy(again.token, other.token, sizeof again.token);
    eval(&other);
    check_answer("attack 42: nor for another slot", ask(again).answer, KS_VAULT_UNKNOWN);
    check_row(row(&mine).tries == 2 && row(&other).tries == 1, "attack 42: the counters stand", "they do not");

    check_row(confirm(&mine, 7).gen == 7, "§16.4: a higher generation is taken as it is", "it is not");
    check_row(confirm(&mine, 7).gen == 8, "§16.4: one that was there tells of a second copy", "it does not");
    check_row(confirm(&mine, 2).gen == 9, "§16.4: and so does an old one", "it does not");
    check_row(confirm(&mine, KS_VAULT_GEN_MAX).gen == KS_VAULT_GEN_MAX, "§16.4: the largest", "not taken");
    check_answer("§16.4: one above the largest", confirm(&mine, KS_VAULT_GEN_MAX + 1).answer, KS_VAULT_MALFORMED);
}

static void test_tenth_is_right(void)
{
    struct ks_vault_call tried = { 0 };
    struct mine mine;

    begin();
    make(&mine, KS_VAULT_PIN, 5, 9);
    for (unsigned i = 0; i < 10; i++) {
        tried = eval(&mine);
        now.wall_ms += 16 * MINUTE_MS;
    }
    check_row(tried.answer == KS_VAULT_YES && tried.left == 0, "§16.3: the tenth is evaluated", "it is not");
    check_answer("§16.4: and confirms, if it was the right one",
        ask(signed_by(&mine, tried.nonce, 1, mine.secret)).answer, KS_VAULT_YES);
    check_row(row(&mine).state == KS_VAULT_OPEN && audit_rows("vault.open") == 1,
        "§16.4: then the slot is open again, which is in the audit log", "it is not");
}

/* --- tickets and freshness --- */

static void test_tickets(void)
{
    struct ks_vault_call call, got, second;
    struct mine mine, account;

    begin();
    make(&mine, KS_VAULT_PIN, 5, 9);
    make(&account, KS_VAULT_ACCOUNT, 5, 9);
    check_answer("attack 47: no ticket before a PIN", ask(naming(&mine, KS_VAULT_TICKET)).answer, KS_VAULT_STALE);
    call = confirm(&mine, 1);
    check_row(call.has_ticket && !is_zero(call.ticket, sizeof call.ticket), "§16.5: a confirmation gives a ticket",
        "it does not");
    now.wall_ms += WINDOW_MS - 1;
    got = ask(naming(&mine, KS_VAULT_TICKET));
    check_row(got.answer == KS_VAULT_YES && memcmp(got.ticket, call.ticket, sizeof got.ticket) == 0,
        "§16.5: which is given again inside the window", "it is not");
    now.wall_ms += 1;
    got = ask(naming(&mine, KS_VAULT_TICKET));
    check_row(got.answer == KS_VAULT_STALE && is_zero(got.ticket, sizeof got.ticket),
        "DSK I.2-b part (a device's side): and not when it is over (attack 47)", "answer %d", got.answer);
    now.wall_ms -= WINDOW_MS + 1;
    check_answer("attack 47: nor when the clock is set back before it", ask(naming(&mine, KS_VAULT_TICKET)).answer,
        KS_VAULT_STALE);
    now.wall_ms += DAY_MS;
    second = confirm(&mine, 2);
    check_row(
        memcmp(second.ticket, call.ticket, sizeof call.ticket) != 0, "§16.5: each window has its own", "the same");
    check_row(!confirm(&account, 1).has_ticket, "§16.5: the account slot has none", "it has");
    exhaust(&mine);
    check_answer("§16.5: a locked slot gives none", ask(naming(&mine, KS_VAULT_TICKET)).answer, KS_VAULT_IS_LOCKED);
}

static enum ks_vault_answer fresh(uint64_t account, uint64_t device)
{
    struct ks_store_req *req = done(ks_vault_fresh(account, device));
    enum ks_vault_answer answer = req->vault->answer;

    ks_store_req_free(req);
    return answer;
}

static void test_fresh(void)
{
    struct mine mine, next, third;

    begin();
    make(&mine, KS_VAULT_PIN, 5, 9);
    check_answer("attack 60: nothing is fresh that was never confirmed", fresh(5, 9), KS_VAULT_STALE);
    confirm(&mine, 1);
    check_answer("attack 60: fresh", fresh(5, 9), KS_VAULT_YES);
    check_answer("attack 60: not for another device", fresh(5, 10), KS_VAULT_STALE);
    check_answer("attack 60: not for another account", fresh(6, 9), KS_VAULT_STALE);
    now.wall_ms += KS_VAULT_FRESH_MS;
    check_answer("attack 60: for five minutes", fresh(5, 9), KS_VAULT_YES);
    now.wall_ms += 1;
    check_answer("attack 60: and no longer", fresh(5, 9), KS_VAULT_STALE);
    check_answer("attack 60: a PIN is not changed without it", make(&next, KS_VAULT_PIN, 5, 9), KS_VAULT_STALE);
    check_answer("attack 60: nor a slot dropped", ask(naming(&mine, KS_VAULT_DROP)).answer, KS_VAULT_STALE);
    confirm(&mine, 2);
    check_answer("§16.2: with it there is a second slot", make(&next, KS_VAULT_PIN, 5, 9), KS_VAULT_YES);
    confirm(&next, 1);
    check_answer("§16.2: and the first is dropped", ask(naming(&mine, KS_VAULT_DROP)).answer, KS_VAULT_YES);
    check_answer("§16.2: twice is once", ask(naming(&mine, KS_VAULT_DROP)).answer, KS_VAULT_YES);
    check_answer("§16.2: it is gone", eval(&mine).answer, KS_VAULT_IS_GONE);
    check_answer("§16.2: the second is there", confirm(&next, 2).answer, KS_VAULT_YES);
    now.wall_ms += DAY_MS;
    check_answer("§16.2: another device makes its first without", make(&third, KS_VAULT_PIN, 5, 10), KS_VAULT_YES);
    check_answer("§16.2: and drops what was never confirmed", ask(naming(&third, KS_VAULT_DROP)).answer, KS_VAULT_YES);
}

static void test_making(void)
{
    struct mine mine[KS_VAULT_SLOTS_MAX + 2], account, other, foreign;
    struct ks_vault_call call;
    unsigned made = 0;

    begin();
    check_answer("§16.2: an account slot", make(&account, KS_VAULT_ACCOUNT, 5, 9), KS_VAULT_YES);
    check_answer("§16.2: one that takes its place", make(&other, KS_VAULT_ACCOUNT, 5, 9), KS_VAULT_YES);
    check_answer("§16.2: no third one", make(&mine[0], KS_VAULT_ACCOUNT, 5, 10), KS_VAULT_EXISTS);
    check_answer("§16.2: until one is dropped", ask(naming(&other, KS_VAULT_DROP)).answer, KS_VAULT_YES);
    for (uint64_t i = 1; i < KS_VAULT_SLOTS_MAX; i++)
        made += make(&mine[i], KS_VAULT_PIN, 5, i) == KS_VAULT_YES;
    check_row(made == KS_VAULT_SLOTS_MAX - 1, "§16.2: sixteen slots of an account", "%u", made + 1);
    check_answer("§16.2: no seventeenth", make(&mine[0], KS_VAULT_PIN, 5, 30), KS_VAULT_FULL);
    check_answer("§16.2: another account has its own", make(&foreign, KS_VAULT_PIN, 6, 1), KS_VAULT_YES);
    call = naming(&mine[1], KS_VAULT_DROP);
    call.account = 6;
    check_answer("§16.2: and drops none of it", ask(call).answer, KS_VAULT_UNKNOWN);
    check_answer("§16.2: it is there", eval(&mine[1]).answer, KS_VAULT_YES);
    ask(naming(&mine[2], KS_VAULT_DROP));
    check_answer("§16.2: what is gone makes room", make(&mine[0], KS_VAULT_PIN, 5, 30), KS_VAULT_YES);
    call = naming(&mine[2], KS_VAULT_MAKE);
    call.kind = KS_VAULT_PIN;
    check_answer("§16.2: an id is not used again", ask(call).answer, KS_VAULT_EXISTS);
}

static void test_unlocks(void)
{
    struct mine mine;

    begin();
    make(&mine, KS_VAULT_PIN, 5, 9);
    check_answer(
        "§16.6: what is not locked is not unlocked", ask(naming(&mine, KS_VAULT_UNLOCK)).answer, KS_VAULT_EXISTS);
    exhaust(&mine);
    check_answer("§16.6: unlocked", ask(naming(&mine, KS_VAULT_UNLOCK)).answer, KS_VAULT_YES);
    check_row(exhaust(&mine) == 3, "§16.6: three tries more", "not three");
    check_answer("§16.6: a second time", ask(naming(&mine, KS_VAULT_UNLOCK)).answer, KS_VAULT_YES);
    check_row(exhaust(&mine) == 3, "§16.6: three again", "not three");
    check_answer("§16.6: no third time", ask(naming(&mine, KS_VAULT_UNLOCK)).answer, KS_VAULT_FULL);
    now.wall_ms += 365 * DAY_MS;
    check_answer("§16.6: within a year", ask(naming(&mine, KS_VAULT_UNLOCK)).answer, KS_VAULT_YES);
}

/* --- destroying --- */

static enum ks_vault_answer tried_by(struct mine *mine, uint64_t account)
{
    struct ks_vault_call call = blinded(mine, "246813");

    call.account = account;
    return ask(call).answer;
}

static void test_account_tries(void)
{
    struct mine account, phone;
    struct ks_vault_call call, tried;

    begin();
    make(&account, KS_VAULT_ACCOUNT, 5, 9);
    make(&phone, KS_VAULT_PIN, 5, 9);
    check_answer("§16.10: a session of the account tries its PIN", tried_by(&account, 5), KS_VAULT_YES);
    check_answer("§16.10: none of another account's", tried_by(&account, 6), KS_VAULT_UNKNOWN);
    check_row(row(&account).tries == 1, "§16.10: which costs nothing", "it does");
    check_answer("§16.10: a device's own slot is not tried over a session", tried_by(&phone, 5), KS_VAULT_UNKNOWN);
    tried = ask(blinded(&account, "246813"));
    call = signed_by(&account, tried.nonce, 0, account.secret);
    call.account = 6;
    check_answer("§16.10: nor confirmed by another account", ask(call).answer, KS_VAULT_UNKNOWN);
    call.account = 5;
    check_answer("§16.10: but by its own", ask(call).answer, KS_VAULT_YES);
    check_row(row(&account).tries == 0, "§16.10: and the tries are given back", "they are not");
    call = naming(&account, KS_VAULT_DROP);
    memset(call.token, 7, sizeof call.token);
    check_answer("§16.4: a session without its token does not drop it", ask(call).answer, KS_VAULT_STALE);
    confirm(&phone, 1);
    now.wall_ms += KS_VAULT_FRESH_MS + 1;
    check_answer("§16.4: nor one with it whose device has a PIN that was not entered",
        ask(naming(&account, KS_VAULT_DROP)).answer, KS_VAULT_STALE);
    account.device = 10;
    check_answer("§16.4: a device without a PIN does", ask(naming(&account, KS_VAULT_DROP)).answer, KS_VAULT_YES);
}

static enum ks_err end_slots(enum ks_vault_end what, uint64_t account, uint64_t device)
{
    struct ks_store_req *req = ks_store_txn_new();

    ks_store_txn_vault_end(req, what, account, device);
    return result_of(req);
}

static bool is_destroyed(const struct mine *mine)
{
    struct ks_vault_slot slot = row(mine);

    return slot.state == KS_VAULT_GONE && is_zero(slot.key, sizeof slot.key) && is_zero(slot.ticket, sizeof slot.ticket)
        && is_zero(slot.confirm, sizeof slot.confirm);
}

static void test_ends(void)
{
    struct mine phone, tablet, account, other;

    begin();
    make(&phone, KS_VAULT_PIN, 5, 9);
    make(&tablet, KS_VAULT_PIN, 5, 10);
    make(&account, KS_VAULT_ACCOUNT, 5, 10);
    make(&other, KS_VAULT_PIN, 6, 9);
    confirm(&phone, 1);
    check_err("§16.7: a device is ended", end_slots(KS_VAULT_END_DEVICE, 5, 9), KS_OK);
    check_row(is_destroyed(&phone), "§16.7: its key, ticket and confirm key are zeroes", "they are not");
    check_answer("§16.7: and whoever has the token is told", eval(&phone).answer, KS_VAULT_IS_GONE);
    check_row(eval(&tablet).answer == KS_VAULT_YES && eval(&account).answer == KS_VAULT_YES
            && eval(&other).answer == KS_VAULT_YES,
        "§16.7: all else is there", "it is not");
    end_slots(KS_VAULT_END_DEVICES, 5, 0);
    check_row(is_destroyed(&tablet) && eval(&account).answer == KS_VAULT_YES,
        "§16.7: all devices are ended, and the account slot stays", "it does not");
    end_slots(KS_VAULT_END_ACCOUNT, 5, 0);
    check_row(
        is_destroyed(&account) && eval(&other).answer == KS_VAULT_YES, "§16.7: the account is ended", "it is not");
    now.wall_ms += (KS_VAULT_GONE_DAYS + 1) * DAY_MS;
    eval(&other);
    check_answer("§16.7: after ninety days it is unknown", eval(&phone).answer, KS_VAULT_UNKNOWN);
}

static void test_account_deleted(void)
{
    struct ks_account_row person = { .state = KS_ACCOUNT_ACTIVE, .domain = KS_STR("x"), .local = KS_STR("anna") };
    struct ks_store_req *req = ks_store_txn_new();
    struct mine mine;

    begin();
    ks_store_txn_account_add(req, &person);
    done(req);
    make(&mine, KS_VAULT_PIN, req->account_id, 9);
    ks_store_req_free(req);
    req = ks_store_txn_new();
    ks_store_txn_account_delete(req, KS_STR("x"), KS_STR("anna"));
    ks_memory_vault_store_last(vault, 0);
    check_err("§16.7: an account whose keys cannot be destroyed is not deleted", result_of(req), KS_EIO);
    ks_memory_vault_store_last(vault, UINT_MAX);
    req = ks_store_txn_new();
    ks_store_txn_account_delete(req, KS_STR("x"), KS_STR("anna"));
    check_err("§16.7: deleted", result_of(req), KS_OK);
    check_row(is_destroyed(&mine), "§16.7: and its keys with it", "they are there");
}

static void test_restore(void)
{
    struct ks_vault_store *yesterday = ks_memory_vault_store_new();
    struct mine wiped, kept;
    struct ks_vault_slot slot;

    begin();
    make(&wiped, KS_VAULT_PIN, 5, 9);
    make(&kept, KS_VAULT_PIN, 6, 9);
    confirm(&kept, 1);
    must(ks_memory_vault_store_copy(yesterday, vault), "a backup");
    now.wall_ms += DAY_MS;
    end_slots(KS_VAULT_END_DEVICE, 5, 9);
    must(ks_memory_vault_store_copy(vault, yesterday), "a restore");
    check_row(!is_zero(row(&wiped).key, 32), "attack 45: positive control: in yesterday's backup the key is there",
        "it is not");
    crash();
    check_row(
        is_destroyed(&wiped), "attack 45: wiped, restored, started: the tombstone was applied first", "it was not");
    check_answer("attack 45: gone", eval(&wiped).answer, KS_VAULT_IS_GONE);
    slot = row(&kept);
    ks_vault_restored(&slot);
    check_row(slot.tries == 5 && !slot.nonce_open && !slot.ticket_end_ms && is_zero(slot.ticket, sizeof slot.ticket),
        "§16.8: what is restored has used up five tries, and has no ticket", "tries %u", slot.tries);
    slot.tries = 8;
    ks_vault_restored(&slot);
    check_row(slot.tries == 8, "§16.8: or more, if there were", "%u", slot.tries);
    ks_vault_store_free(yesterday);
}

/* A burial that the store does not know of. */
static void test_owed(void)
{
    struct mine mine, other;

    begin();
    make(&mine, KS_VAULT_PIN, 5, 9);
    make(&other, KS_VAULT_PIN, 6, 9);
    ks_memory_vault_store_last(vault, 1);
    check_err("§16.7: buried, and then the disk is full", end_slots(KS_VAULT_END_DEVICE, 5, 9), KS_EIO);
    check_answer("§16.7: nothing is served", eval(&mine).answer, KS_VAULT_LATER);
    check_answer("§16.7: to nobody", eval(&other).answer, KS_VAULT_LATER);
    ks_memory_vault_store_last(vault, UINT_MAX);
    check_answer("§16.7: until it is destroyed there, too", eval(&other).answer, KS_VAULT_YES);
    check_row(is_destroyed(&mine), "§16.7: which it is", "it is not");
}

static void test_list(void)
{
    struct ks_vault_call call = { .want = KS_VAULT_LIST, .account = 5 };
    struct ks_store_req *req;
    struct mine mine[20];
    bool secret = false;

    begin();
    for (uint64_t i = 0; i < KS_COUNT(mine); i++) {
        make(&mine[i], KS_VAULT_PIN, 5, 1 + i / 2);
        ask(naming(&mine[i], KS_VAULT_DROP));
    }
    make(&mine[0], KS_VAULT_PIN, 5, 9);
    confirm(&mine[0], 1);
    req = done(ks_store_vault_new(&call));
    for (size_t i = 0; i < req->vault->slots_count; i++)
        secret |= !is_zero(req->vault->slots[i].key, 32) || !is_zero(req->vault->slots[i].ticket, 32)
            || !is_zero(req->vault->slots[i].token_hash, 32);
    check_row(req->vault->slots_count == 21 && !secret, "§16.2: a list has all slots, without secrets", "%zu",
        req->vault->slots_count);
    ks_store_req_free(req);
    ks_vault_keeper_free(keeper);
    keeper = NULL;
    ks_committer_set_vault(c, NULL);
    check_answer("§16.3: without a vault no slot is known", eval(&mine[0]).answer, KS_VAULT_UNKNOWN);
}

int main(void)
{
    must(ks_crypto_init(), "crypto");
    ks_prng_init_number(&chance, 1);
    test_unlock();
    test_ten();
    test_crash();
    test_waits();
    test_day();
    test_strangers();
    test_confirm();
    test_tenth_is_right();
    test_tickets();
    test_fresh();
    test_making();
    test_unlocks();
    test_ends();
    test_account_tries();
    test_account_deleted();
    test_restore();
    test_owed();
    test_list();
    ks_vault_keeper_free(keeper);
    ks_vault_store_free(vault);
    ks_committer_free(c);
    ks_server_store_free(store);
    return check_done();
}
