/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_log.c -- the key log, as konsild has it from the registrar and gives it to devices (doc/PROTOCOL.md §15, §22).
 *
 * Rows of the registrar's account: "s", the log's state; "l", entries, 64 in a row; "n", hashes of complete subtrees of
 * 64 entries and more, by level and place. A proof reads a few of them, whatever the log's size. konsild checks that
 * the registrar's checkpoint is of the tree that it has; whether its signature is good is for devices to say, which
 * know the root. */
#include <stdio.h>

#include "checkpoint.h"
#include "enc.h"
#include "feature_list.h"
#include "log_leaf.h"
#include "registrar_account.h"
#include "revoked_device.h"
#include "session.h"
#include "store_write.h"
#include "user.h"

#define STORE "keylog"
#define STATE KS_STR("s")
#define ROW_LEVEL 6
#define ROW_LEAVES 64
#define PAGE_MAX 1000
#define PROOFS_MAX 100
#define SIGNER_MAX 4096
#define STATE_BYTES_MAX 16384

struct slot {
    bool follows;
};

/* --- what is stored --- */

struct state {
    struct ks_merkle_frontier frontier;
    struct ks_str checkpoint, signature, signer; /* views into the row, or a stanza; empty: none yet */
};

static bool state_read(const struct ks_user *user, struct state *state)
{
    struct ks_str row = ks_kv_get(user, STORE, STATE);
    struct ks_cursor at = ks_cursor(row);

    *state = (struct state) { .checkpoint = KS_STR_EMPTY };
    return !row.ptr
        || (ks_merkle_frontier_read(&at, &state->frontier) == KS_OK && ks_cursor_field(&at, &state->checkpoint) == KS_OK
            && ks_cursor_field(&at, &state->signature) == KS_OK && ks_cursor_field(&at, &state->signer) == KS_OK);
}

static void state_write(struct ks_ctx *ctx, const struct state *state)
{
    struct ks_buf row;

    ks_buf_init(&row, STATE_BYTES_MAX);
    ks_merkle_frontier_write(&state->frontier, &row);
    ks_buf_field(&row, state->checkpoint);
    ks_buf_field(&row, state->signature);
    ks_buf_field(&row, state->signer);
    if (ks_buf_err(&row) == KS_OK)
        ks_kv_put(ctx, STORE, STATE, ks_buf_str(&row));
    else
        ctx->arena->failed = true;
    ks_buf_done(&row);
}

struct key {
    char text[10];
};

static struct ks_str leaves_key(uint64_t row, struct key *key)
{
    key->text[0] = 'l';
    for (int i = 0; i < 8; i++)
        key->text[1 + i] = (char)(row >> (56 - 8 * i));
    return ks_str(key->text, 9);
}

static struct ks_str node_key(unsigned level, uint64_t index, struct key *key)
{
    key->text[0] = 'n';
    key->text[1] = (char)level;
    for (int i = 0; i < 8; i++)
        key->text[2 + i] = (char)(index >> (56 - 8 * i));
    return ks_str(key->text, 10);
}

/* ptr NULL: it is not there. */
static struct ks_str leaf_at(const struct ks_user *user, uint64_t number)
{
    struct key key;
    struct ks_str row = ks_kv_get(user, STORE, leaves_key(number / ROW_LEAVES, &key));
    size_t at = (size_t)(number % ROW_LEAVES) * KS_LOG_LEAF_LEN;

    return at + KS_LOG_LEAF_LEN <= row.len ? ks_str(row.ptr + at, KS_LOG_LEAF_LEN) : KS_STR_EMPTY;
}

/* The hash of a complete subtree: of a small one out of its entries. */
static enum ks_err read_node(void *arg, unsigned level, uint64_t index, struct ks_merkle_hash *ret_hash)
{
    const struct ks_user *user = arg;
    struct ks_merkle_frontier small = { .size = 0 };
    struct ks_merkle_hash leaf;
    struct ks_str bytes;
    struct key key;
    enum ks_err err = KS_OK;

    if (level >= ROW_LEVEL) {
        bytes = ks_kv_get(user, STORE, node_key(level, index, &key));
        if (bytes.len != sizeof *ret_hash)
            return KS_ENOTFOUND;
        memcpy(ret_hash, bytes.ptr, bytes.len);
        return KS_OK;
    }
    for (uint64_t i = index << level; i < (index + 1) << level && err == KS_OK; i++) {
        bytes = leaf_at(user, i);
        if (!bytes.ptr)
            return KS_ENOTFOUND;
        ks_merkle_leaf(bytes, &leaf);
        err = ks_merkle_append(&small, &leaf, NULL, NULL);
    }
    if (err == KS_OK)
        ks_merkle_root(&small, ret_hash);
    return err;
}

static void keep_node(void *arg, unsigned level, uint64_t index, const struct ks_merkle_hash *hash)
{
    struct key key;

    if (level >= ROW_LEVEL)
        ks_kv_put(arg, STORE, node_key(level, index, &key), ks_str(hash, sizeof *hash));
}

/* Entries from the log's end on, row by row. */
static void keep_leaves(struct ks_ctx *ctx, uint64_t size, struct ks_str leaves)
{
    struct ks_str before, parts[2], joined;
    struct key key;

    while (leaves.len) {
        size_t room = (size_t)(ROW_LEAVES - size % ROW_LEAVES) * KS_LOG_LEAF_LEN;
        before = ks_kv_get(ctx->user, STORE, leaves_key(size / ROW_LEAVES, &key));
        parts[0] = size % ROW_LEAVES ? before : KS_STR_EMPTY;
        parts[1] = ks_str(leaves.ptr, leaves.len < room ? leaves.len : room);
        if (ks_arena_join(ctx->arena, parts, 2, &joined) != KS_OK)
            return;
        ks_kv_put(ctx, STORE, leaves_key(size / ROW_LEAVES, &key), joined);
        size += parts[1].len / KS_LOG_LEAF_LEN;
        leaves = ks_str_from(leaves, parts[1].len);
    }
}

/* --- what devices are told --- */

static void add_base64(struct ks_ctx *ctx, struct ks_xml *parent, const char *name, struct ks_str bytes)
{
    struct ks_str text;

    if (ks_base64(ctx->arena, bytes, &text) == KS_OK)
        ks_xml_add_text(ctx->arena, parent, NS_KONSIL_LOG, name, text);
}

/* How far devices may look: while pages are still to come, as far as the newest checkpoint. */
static uint64_t told_size(const struct ks_ctx *ctx, const struct state *state)
{
    struct ks_checkpoint checkpoint;

    return state->checkpoint.len && ks_checkpoint_read(state->checkpoint, ctx->domain->name, &checkpoint) == KS_OK
        ? checkpoint.size
        : 0;
}

static struct ks_xml *log_new(struct ks_ctx *ctx, const struct state *state, uint64_t size)
{
    struct ks_xml *log = ks_xml_new(ctx->arena, NS_KONSIL_LOG, "log"), *checkpoint;

    ks_xml_set_u64(ctx->arena, log, "size", size);
    if (!state->checkpoint.len)
        return log;
    checkpoint = ks_xml_add(ctx->arena, log, NS_KONSIL_LOG, "checkpoint");
    add_base64(ctx, checkpoint, "data", state->checkpoint);
    add_base64(ctx, checkpoint, "sig", state->signature);
    add_base64(ctx, log, "signer", state->signer);
    return log;
}

static bool read_number(const struct ks_xml *xml, const char *name, uint64_t max, uint64_t *ret_number)
{
    return ks_str_u64(ks_xml_attr(xml, name), max, ret_number) == KS_OK;
}

static void give_page(struct ks_ctx *ctx)
{
    const struct ks_xml *asked = ctx->parcel->stanza.payload;
    struct ks_xml *log;
    struct ks_buf leaves;
    struct state state;
    uint64_t from, size, max = PAGE_MAX;

    if (!state_read(ctx->user, &state)) {
        ks_reply_error(ctx, KS_INTERNAL_SERVER_ERROR, NULL);
        return;
    }
    if (!ks_xml_attr(asked, "from").ptr) { /* the registrar looks how far konsild is */
        ks_reply_result(ctx, log_new(ctx, &state, state.frontier.size));
        return;
    }
    size = told_size(ctx, &state);
    log = log_new(ctx, &state, size);
    if (!read_number(asked, "from", size, &from)) {
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
        return;
    }
    if (ks_xml_attr(asked, "max").ptr && !read_number(asked, "max", PAGE_MAX, &max)) {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
        return;
    }
    ks_buf_init(&leaves, (size_t)PAGE_MAX * KS_LOG_LEAF_LEN);
    for (uint64_t i = from; i < size && i < from + max; i++)
        ks_buf_add(&leaves, leaf_at(ctx->user, i));
    add_base64(ctx, log, "leaves", ks_buf_str(&leaves));
    if (log && log->last_child)
        ks_xml_set_u64(ctx->arena, log->last_child, "from", from);
    if (ks_buf_err(&leaves) != KS_OK)
        ctx->arena->failed = true;
    ks_buf_done(&leaves);
    ks_reply_result(ctx, log);
}

static struct ks_str proof_bytes(const struct ks_merkle_proof *proof)
{
    return ks_str(proof->hashes, proof->count * sizeof *proof->hashes);
}

static void give_proofs(struct ks_ctx *ctx)
{
    const struct ks_xml *asked = ctx->parcel->stanza.payload;
    struct ks_xml *proofs = ks_xml_new(ctx->arena, NS_KONSIL_LOG, "proofs"), *one;
    struct ks_merkle_proof proof;
    struct ks_str text;
    struct state state;
    uint64_t size, n;
    size_t count = 0;

    if (!state_read(ctx->user, &state) || !read_number(asked, "size", state.frontier.size, &size) || !size) {
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
        return;
    }
    ks_xml_set_u64(ctx->arena, proofs, "size", size);
    for (const struct ks_xml *p = ks_xml_child(asked, NS_KONSIL_LOG, "p"); p; p = ks_xml_next(p, NS_KONSIL_LOG, "p")) {
        if (++count > PROOFS_MAX || !read_number(p, "n", KS_MERKLE_SIZE_MAX, &n)) {
            ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
            return;
        }
        if (n >= size || ks_merkle_prove_leaf(n, size, read_node, ctx->user, &proof) != KS_OK)
            continue;
        add_base64(ctx, proofs, "p", proof_bytes(&proof));
        one = proofs ? proofs->last_child : NULL;
        if (one && ks_xml_set_u64(ctx->arena, one, "n", n)
            && ks_base64(ctx->arena, leaf_at(ctx->user, n), &text) == KS_OK)
            ks_xml_set(ctx->arena, one, "leaf", text);
    }
    ks_reply_result(ctx, proofs);
}

/* The frontier of the first `size` entries: one complete subtree for each bit. */
static enum ks_err frontier_of(struct ks_user *user, uint64_t size, struct ks_merkle_frontier *ret_frontier)
{
    uint64_t begin = 0;
    enum ks_err err = KS_OK;

    *ret_frontier = (struct ks_merkle_frontier) { .size = size };
    for (unsigned level = KS_MERKLE_LEVELS; level-- > 0 && err == KS_OK;)
        if (size >> level & 1) {
            err = read_node(user, level, begin >> level, &ret_frontier->peaks[level]);
            begin += (uint64_t)1 << level;
        }
    return err;
}

static void give_growth(struct ks_ctx *ctx)
{
    const struct ks_xml *asked = ctx->parcel->stanza.payload;
    struct ks_xml *growth = ks_xml_new(ctx->arena, NS_KONSIL_LOG, "growth");
    struct ks_merkle_frontier frontier;
    struct ks_merkle_proof proof = { .count = 0 };
    struct ks_buf bytes;
    struct state state;
    uint64_t from, to;

    if (!state_read(ctx->user, &state) || !read_number(asked, "to", state.frontier.size, &to) || !to
        || !read_number(asked, "from", to, &from) || frontier_of(ctx->user, to, &frontier) != KS_OK
        || (from && ks_merkle_prove_growth(from, to, read_node, ctx->user, &proof) != KS_OK)) {
        ks_reply_error(ctx, KS_ITEM_NOT_FOUND, NULL);
        return;
    }
    ks_buf_init(&bytes, KS_MERKLE_FRONTIER_BYTES_MAX);
    ks_merkle_frontier_write(&frontier, &bytes);
    ks_xml_set_u64(ctx->arena, growth, "from", from);
    ks_xml_set_u64(ctx->arena, growth, "to", to);
    add_base64(ctx, growth, "proof", proof_bytes(&proof));
    add_base64(ctx, growth, "frontier", ks_buf_str(&bytes));
    if (ks_buf_err(&bytes) != KS_OK)
        ctx->arena->failed = true;
    ks_buf_done(&bytes);
    ks_reply_result(ctx, growth);
}

static void add_number(struct ks_ctx *ctx, struct ks_xml *account, uint64_t number)
{
    struct ks_str text;
    char digits[24];

    snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    if (ks_arena_copy(ctx->arena, ks_str_z(digits), &text) == KS_OK)
        ks_xml_add_text(ctx->arena, account, NS_KONSIL_LOG, "n", text);
}

/* A row of entries at a time: a hospital's log has hundreds of thousands, and anybody may ask. */
static void give_account(struct ks_ctx *ctx)
{
    const struct ks_xml *asked = ctx->parcel->stanza.payload;
    struct ks_xml *account = ks_xml_new(ctx->arena, NS_KONSIL_LOG, "account");
    struct ks_log_leaf leaf;
    struct ks_str name, row = KS_STR_EMPTY;
    struct state state;
    struct key key;
    uint64_t from = 0, size;
    size_t count = 0, at;

    if (ks_base64_read(ctx->arena, ks_xml_attr(asked, "name"), &name) != KS_OK || name.len != KS_LOG_ACCOUNT_LEN
        || (ks_xml_attr(asked, "from").ptr && !read_number(asked, "from", KS_MERKLE_SIZE_MAX, &from))) {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
        return;
    }
    if (!state_read(ctx->user, &state)) {
        ks_reply_error(ctx, KS_INTERNAL_SERVER_ERROR, NULL);
        return;
    }
    for (size = told_size(ctx, &state); from < size && count < PAGE_MAX; from++) {
        if (!row.ptr || from % ROW_LEAVES == 0)
            row = ks_kv_get(ctx->user, STORE, leaves_key(from / ROW_LEAVES, &key));
        at = (size_t)(from % ROW_LEAVES) * KS_LOG_LEAF_LEN;
        if (row.len < at + KS_LOG_LEAF_LEN || ks_log_leaf_read(ks_str(row.ptr + at, KS_LOG_LEAF_LEN), &leaf) != KS_OK
            || memcmp(leaf.account, name.ptr, name.len) != 0)
            continue;
        count++;
        add_number(ctx, account, from);
    }
    ks_reply_result(ctx, account);
}

static void on_page(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    (void)ks_at_registrar(ctx, iq, give_page);
}

static void on_proofs(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    (void)ks_at_registrar(ctx, iq, give_proofs);
}

static void on_growth(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    (void)ks_at_registrar(ctx, iq, give_growth);
}

static void on_account(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    (void)ks_at_registrar(ctx, iq, give_account);
}

/* --- who follows --- */

static void on_follow(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct slot *slot = ctx->session ? ks_session_slot(ctx->session, &ks_feature_log) : NULL;

    if (!slot || !ks_str_eq(iq->to.domain, ks_user_jid(ctx->user).domain)
        || !ks_domain_text(ctx->domain, KS_OPTION_REGISTRAR).len) {
        ks_reply_error(ctx, KS_SERVICE_UNAVAILABLE, NULL);
        return;
    }
    slot->follows = true;
    ks_reply_result(ctx, NULL);
}

/* The same text for each reactor, in the parcel's own arena: it may be dropped on the way. */
struct news {
    uint16_t domain;
    struct ks_str text;
};

static void tell_run(struct ks_ctx *ctx)
{
    const struct news *news = ctx->parcel->user;
    struct ks_bytes *bytes = ks_bytes_new(news->text);
    struct ks_user *user;

    for (size_t at = 0; bytes && (user = ks_map_next(&ctx->reactor->users, &at));)
        for (struct ks_session *s = ks_user_session(user, NULL); s; s = ks_user_session(user, s)) {
            struct slot *slot = ks_session_slot(s, &ks_feature_log);
            if (slot->follows && !s->ending && user->domain == news->domain)
                ks_session_write(s, bytes, 0);
        }
    ks_bytes_unref(bytes);
}

static void tell_reactor(struct ks_ctx *ctx, uint16_t reactor, struct ks_str text)
{
    struct ks_parcel *parcel = ks_parcel_child(ctx->parcel, KS_PARCEL_BYTES_MAX);
    struct news *news = parcel ? KS_NEW(&parcel->arena, struct news) : NULL;

    if (!news || ks_arena_copy(&parcel->arena, text, &news->text) != KS_OK) {
        ks_parcel_unref(ctx->reactor, parcel);
        return;
    }
    news->domain = ctx->user->domain;
    parcel->user = news;
    parcel->run = tell_run;
    parcel->refused = ks_parcel_ignore;
    parcel->reactor = reactor;
    ks_ctx_post(ctx, parcel);
}

/* Without 'to'. Who is not told for lack of memory asks, later. */
static void tell_followers(struct ks_ctx *ctx, const struct state *state)
{
    struct ks_xml *message =
        ks_stanza_new(ctx->arena, "message", "headline", KS_STR_EMPTY, ctx->domain->name, KS_STR_EMPTY);
    struct ks_xml *log = log_new(ctx, state, told_size(ctx, state));
    struct ks_bytes *bytes = NULL;

    if (message && log && ks_xml_graft(message, log))
        bytes = ks_stanza_bytes(ctx->reactor, message);
    for (uint16_t i = 0; bytes && i < ctx->reactor->server->reactors; i++)
        tell_reactor(ctx, i, ks_bytes_str(bytes));
    ks_bytes_unref(bytes);
}

/* --- what the registrar writes --- */

struct appended {
    struct ks_str leaves, checkpoint, signature, signer;
    uint64_t from;
};

static bool read_child(struct ks_ctx *ctx, const struct ks_xml *parent, const char *name, struct ks_str *ret_bytes)
{
    const struct ks_xml *child = ks_xml_child(parent, NS_KONSIL_LOG, name);

    *ret_bytes = KS_STR_EMPTY;
    return !child || ks_base64_read(ctx->arena, ks_xml_text(ctx->arena, child), ret_bytes) == KS_OK;
}

static bool read_append(struct ks_ctx *ctx, const struct ks_xml *append, struct appended *appended)
{
    const struct ks_xml *checkpoint = ks_xml_child(append, NS_KONSIL_LOG, "checkpoint");

    return read_number(append, "from", KS_MERKLE_SIZE_MAX, &appended->from)
        && read_child(ctx, append, "leaves", &appended->leaves)
        && read_child(ctx, checkpoint, "data", &appended->checkpoint)
        && read_child(ctx, checkpoint, "sig", &appended->signature)
        && read_child(ctx, append, "signer", &appended->signer) && appended->leaves.len % KS_LOG_LEAF_LEN == 0
        && appended->leaves.len <= (size_t)PAGE_MAX * KS_LOG_LEAF_LEN
        && (!checkpoint
            || (appended->checkpoint.len && appended->signature.len == KS_P256_SIGNATURE_LEN && appended->signer.len
                && appended->signer.len <= SIGNER_MAX));
}

/* A bad entry would stop all who follow the log, for ever. */
static bool are_entries(struct ks_str leaves)
{
    struct ks_log_leaf leaf;

    for (size_t at = 0; at < leaves.len; at += KS_LOG_LEAF_LEN)
        if (ks_log_leaf_read(ks_str(leaves.ptr + at, KS_LOG_LEAF_LEN), &leaf) != KS_OK)
            return false;
    return true;
}

/* Cuts off what is here already. False: here it is otherwise. */
static bool only_new(struct ks_ctx *ctx, uint64_t size, struct appended *appended)
{
    while (appended->leaves.len && appended->from < size) {
        if (!ks_str_eq(leaf_at(ctx->user, appended->from), ks_str(appended->leaves.ptr, KS_LOG_LEAF_LEN)))
            return false;
        appended->leaves = ks_str_from(appended->leaves, KS_LOG_LEAF_LEN);
        appended->from++;
    }
    return true;
}

/* keep false: only what the tree would be. */
static bool grow(struct ks_ctx *ctx, struct ks_merkle_frontier *frontier, struct ks_str leaves, bool keep)
{
    struct ks_merkle_hash hash;

    for (size_t at = 0; at < leaves.len; at += KS_LOG_LEAF_LEN) {
        ks_merkle_leaf(ks_str(leaves.ptr + at, KS_LOG_LEAF_LEN), &hash);
        if (ks_merkle_append(frontier, &hash, keep ? keep_node : NULL, ctx) != KS_OK)
            return false;
    }
    return true;
}

/* A checkpoint must be of this very log. One of an earlier time or size that is of it was sent again, and is dropped.
 */
static bool fits(const struct ks_ctx *ctx, const struct state *state, const struct ks_merkle_frontier *tree,
    struct appended *appended)
{
    struct ks_checkpoint now, before = { .size = 0 };
    struct ks_merkle_frontier then;
    struct ks_merkle_hash root;

    if (!appended->checkpoint.len)
        return true;
    if (ks_checkpoint_read(appended->checkpoint, ctx->domain->name, &now) != KS_OK || now.size > tree->size)
        return false;
    then = *tree;
    if (now.size < tree->size && (now.size > state->frontier.size || frontier_of(ctx->user, now.size, &then) != KS_OK))
        return false;
    ks_merkle_root(&then, &root);
    if (!ks_merkle_eq(&now.root, &root))
        return false;
    if (state->checkpoint.len)
        (void)!ks_checkpoint_read(state->checkpoint, ctx->domain->name, &before);
    if (now.size < before.size || now.t_s < before.t_s)
        appended->checkpoint = KS_STR_EMPTY;
    return true;
}

static void note(struct ks_ctx *ctx, const char *action, struct ks_str subject, const char *detail)
{
    struct ks_store_req *txn = ks_ctx_txn(ctx);
    struct ks_audit_row row = {
        .actor = ks_user_bare(ctx->user), .action = ks_str_z(action), .subject = subject, .detail = ks_str_z(detail)
    };

    if (txn)
        ks_store_txn_audit(txn, &row);
}

static void refuse_fork(struct ks_ctx *ctx, const struct state *state)
{
    struct ks_xml *error;

    note(ctx, "log.conflict", ctx->domain->name, "");
    error = ks_stanza_error(ctx->arena, &ctx->parcel->stanza, KS_CONFLICT, NULL);
    if (error)
        ks_xml_graft(error, log_new(ctx, state, state->frontier.size));
    ks_reply(ctx, error);
}

static void on_append(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_merkle_frontier tree;
    struct appended appended;
    struct state state;

    if (!ks_from_registrar(ctx)) {
        if (ks_is_registrar(ctx))
            note(ctx, "log.refused", ctx->domain->name, "no certificate");
        ks_reply_error(ctx, KS_FORBIDDEN, NULL);
        return;
    }
    if (!read_append(ctx, iq->payload, &appended) || !are_entries(appended.leaves) || !state_read(ctx->user, &state)) {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
        return;
    }
    if (appended.from > state.frontier.size) {
        struct ks_xml *error = ks_stanza_error(ctx->arena, iq, KS_ITEM_NOT_FOUND, NULL);
        if (error)
            ks_xml_graft(error, log_new(ctx, &state, state.frontier.size));
        ks_reply(ctx, error);
        return;
    }
    tree = state.frontier;
    if (!only_new(ctx, state.frontier.size, &appended) || !grow(ctx, &tree, appended.leaves, false)
        || !fits(ctx, &state, &tree, &appended)) {
        refuse_fork(ctx, &state);
        return;
    }
    tree = state.frontier;
    keep_leaves(ctx, tree.size, appended.leaves);
    (void)grow(ctx, &tree, appended.leaves, true);
    /* Until the last page is here, what devices are told of is the log of the checkpoint before. */
    if (appended.checkpoint.len) {
        state.checkpoint = appended.checkpoint;
        state.signature = appended.signature;
        state.signer = appended.signer;
    }
    state.frontier = tree;
    /* The row that the views were of is replaced. */
    if (ks_arena_copy(ctx->arena, state.checkpoint, &state.checkpoint) != KS_OK
        || ks_arena_copy(ctx->arena, state.signature, &state.signature) != KS_OK
        || ks_arena_copy(ctx->arena, state.signer, &state.signer) != KS_OK)
        return;
    state_write(ctx, &state);
    ks_revoked_all(ctx, iq->payload);
    if (appended.checkpoint.len)
        tell_followers(ctx, &state);
    ks_reply_result(ctx, log_new(ctx, &state, state.frontier.size));
}

/* konsild may have ended between an entry and what follows from it. */
static void bound(struct ks_ctx *ctx, struct ks_session *session)
{
    (void)session;
    if (ks_is_registrar(ctx))
        ks_revoked_again(ctx);
}

const struct ks_feature ks_feature_log = {
    .name = "log",
    .disco = (const char *const[]) { NS_KONSIL_LOG, NULL },
    .disco_if = KS_OPTION_REGISTRAR,
    .iq = { { KS_IQ_GET, NS_KONSIL_LOG, "log", KS_TO_DOMAIN, on_page },
        { KS_IQ_GET, NS_KONSIL_LOG, "proofs", KS_TO_DOMAIN, on_proofs },
        { KS_IQ_GET, NS_KONSIL_LOG, "growth", KS_TO_DOMAIN, on_growth },
        { KS_IQ_GET, NS_KONSIL_LOG, "account", KS_TO_DOMAIN, on_account },
        { KS_IQ_SET, NS_KONSIL_LOG, "follow", KS_TO_DOMAIN, on_follow },
        { KS_IQ_SET, NS_KONSIL_LOG, "append", KS_TO_DOMAIN, on_append } },
    .clear = (const struct ks_feature_clear[]) { { KS_CLEAR_NODE, NS_X509, "x509-cert-chain", NS_X509 }, { 0 } },
    .stores = { { STORE, KS_DATA_KEYS, KS_KEEP_WITH_ACCOUNT, 0,
                    "The key log: when a device of whom was certified or revoked, in a form that only the domain's own "
                    "devices can read.",
                    KS_READ_DOMAIN, .beyond_limit = true },
        { KS_STORE_REVOKING, KS_DATA_KEYS, KS_KEEP_WITH_ACCOUNT, 0,
            "Whose revoked device is being shut out; gone as soon as it is.", KS_READ_NOBODY, .beyond_limit = true },
        { KS_STORE_CERTIFIED, KS_DATA_KEYS, KS_KEEP_WITH_ACCOUNT, 0,
            "From which login a device's certificate was published, so that both end together.", KS_READ_NOBODY } },
    .bound = bound,
    .node_changed = ks_revoked_published,
    .session_size = sizeof(struct slot),
};
