/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "mutant.h"

#include "engine.h"
#include "group.h"
#include "receipts.h"

const char *const mutant_names[MUTANT_COUNT] = { [MUTANT_NONE] = "none",
    [MUTANT_ACK_EARLY] = "ack-early",
    [MUTANT_NO_DEDUP] = "no-dedup",
    [MUTANT_NO_RESEND] = "no-resend",
    [MUTANT_RATCHET_LOST] = "ratchet-lost",
    [MUTANT_GHOST] = "ghost",
    [MUTANT_OLD_STATE] = "old-state",
    [MUTANT_LINGER] = "linger",
    [MUTANT_BOAST] = "boast" };

#define LINGER_VERSIONS 3

/* One store is mutated at a time, and all stores of a kind are of one driver. */
static struct ks_server_store_ops server_real, server_mutant;
static struct ks_engine_store_ops engine_real, engine_mutant;
static enum mutant of_engines;
static bool server_open;
static unsigned server_commits, ratchet_puts;

/* --- a disk that lies: only each 16th commit is one --- */

static enum ks_err lying_begin(struct ks_server_store *s)
{
    enum ks_err err = server_open ? KS_OK : server_real.begin(s);

    server_open = server_open || err == KS_OK;
    return err;
}

static enum ks_err lying_commit(struct ks_server_store *s)
{
    if (++server_commits % 16)
        return KS_OK;
    server_open = false;
    return server_real.commit(s);
}

static void lying_rollback(struct ks_server_store *s)
{
    server_open = false;
    server_real.rollback(s);
}

void mutate_server_store(struct ks_server_store *store, enum mutant mutant)
{
    if (mutant != MUTANT_ACK_EARLY)
        return;
    server_real = server_mutant = *store->ops;
    server_mutant.begin = lying_begin;
    server_mutant.commit = lying_commit;
    server_mutant.rollback = lying_rollback;
    store->ops = &server_mutant;
}

void mutant_server_died(void)
{
    server_open = false;
}

/* --- the engine's --- */

/* Of KS_T_CHAIN: conversation 0 author 0 …, where the author is the other account of a conversation of two. */
static bool is_peers(struct ks_str key)
{
    struct ks_str conversation, author;

    return ks_str_cut(&key, 0, &conversation) && ks_str_cut(&key, 0, &author) && ks_str_eq(conversation, author);
}

/* What tells that a message of somebody else is here: its id, its number, and how far its author's numbers are known.
 */
static bool tells_twin(enum ks_table table, struct ks_str key)
{
    if (table == KS_T_CHAIN)
        return is_peers(key);
    return table == KS_T_MESSAGE_ID && key.len && (key.ptr[0] == 'i' || is_peers(ks_str_from(key, 1)));
}

static enum ks_err blind_get(
    struct ks_engine_store *s, enum ks_table table, struct ks_str key, struct ks_buf *ret_value)
{
    return tells_twin(table, key) ? KS_ENOTFOUND : engine_real.get(s, table, key, ret_value);
}

static enum ks_err forgetful_put(struct ks_engine_store *s, enum ks_table table, struct ks_str key, struct ks_str value)
{
    return table == KS_T_OUTBOX ? KS_OK : engine_real.put(s, table, key, value);
}

static enum ks_err slipping_put(struct ks_engine_store *s, enum ks_table table, struct ks_str key, struct ks_str value)
{
    return table == KS_T_SESSION2 && ++ratchet_puts % 4 == 0 ? KS_OK : engine_real.put(s, table, key, value);
}

void mutate_engine_store(struct ks_engine_store *store, enum mutant mutant)
{
    if (store->ops != &engine_mutant)
        engine_real = *store->ops;
    engine_mutant = engine_real;
    of_engines = mutant;
    if (mutant == MUTANT_NO_DEDUP)
        engine_mutant.get = blind_get;
    else if (mutant == MUTANT_NO_RESEND)
        engine_mutant.put = forgetful_put;
    else if (mutant == MUTANT_RATCHET_LOST)
        engine_mutant.put = slipping_put;
    store->ops = &engine_mutant;
}

/* --- who is told of what is said in a room --- */

enum ks_err __real_ks_group_recipients(
    struct konsil *k, const struct ks_group *group, struct ks_str **ret_jids, size_t *ret_count);
enum ks_err __wrap_ks_group_recipients(
    struct konsil *k, const struct ks_group *group, struct ks_str **ret_jids, size_t *ret_count);

static enum ks_err add_recipient(struct konsil *k, struct ks_str jid, struct ks_str **jids, size_t *count)
{
    struct ks_str *more = ks_arena_alloc(&k->arena, (*count + 1) * sizeof(*more));

    if (!more)
        return KS_ENOMEM;
    for (size_t i = 0; i < *count; i++) {
        if (ks_str_eq((*jids)[i], jid))
            return KS_OK;
        more[i] = (*jids)[i];
    }
    more[(*count)++] = jid;
    *jids = more;
    return KS_OK;
}

static enum ks_err add_former(
    struct konsil *k, const struct ks_group *group, struct ks_str **ret_jids, size_t *ret_count)
{
    const struct ks_room_state *before = &group->before.state;
    enum ks_err err = KS_OK;

    for (size_t i = 0; i < before->member_count && err == KS_OK; i++)
        if (!ks_str_eq(before->members[i].jid, ks_own(k)))
            err = add_recipient(k, before->members[i].jid, ret_jids, ret_count);
    return err;
}

enum ks_err __wrap_ks_group_recipients(
    struct konsil *k, const struct ks_group *group, struct ks_str **ret_jids, size_t *ret_count)
{
    enum ks_err err = __real_ks_group_recipients(k, group, ret_jids, ret_count);

    if (err == KS_OK && of_engines == MUTANT_GHOST)
        err = add_recipient(k, KS_STR("nina@klinik.example"), ret_jids, ret_count);
    if (err == KS_OK && of_engines == MUTANT_OLD_STATE && !ks_str_eq(ks_own(k), KS_STR("mina@klinik.example")))
        err = add_recipient(k, KS_STR("mina@klinik.example"), ret_jids, ret_count);
    if (err == KS_OK && of_engines == MUTANT_LINGER && group->newest.state.v <= LINGER_VERSIONS)
        err = add_former(k, group, ret_jids, ret_count);
    return err;
}

enum ks_err __real_ks_receipt_unreached(struct konsil *k, struct ks_str conversation, int64_t order,
    const struct ks_str *jids, const bool *reached, size_t count);
enum ks_err __wrap_ks_receipt_unreached(struct konsil *k, struct ks_str conversation, int64_t order,
    const struct ks_str *jids, const bool *reached, size_t count);

enum ks_err __wrap_ks_receipt_unreached(struct konsil *k, struct ks_str conversation, int64_t order,
    const struct ks_str *jids, const bool *reached, size_t count)
{
    return of_engines == MUTANT_BOAST ? ks_receipt_all(k, conversation, order, KS_JS_STATE_DELIVERED, NULL)
                                      : __real_ks_receipt_unreached(k, conversation, order, jids, reached, count);
}
