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
#include "pep.h"
#include "pep_node.h"
#include "registrar_account.h"
#include "session.h"
#include "store_write.h"
#include "user.h"
#include "user_device.h"
#include "xml_reader.h"

#define STORE "keylog"
#define DEVICES "certified"
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

static void give_account(struct ks_ctx *ctx)
{
    const struct ks_xml *asked = ctx->parcel->stanza.payload;
    struct ks_xml *account = ks_xml_new(ctx->arena, NS_KONSIL_LOG, "account");
    struct ks_log_leaf leaf;
    struct ks_str name;
    struct state state;
    uint64_t from = 0;
    size_t count = 0;
    char text[24];

    if (ks_base64_read(ctx->arena, ks_xml_attr(asked, "name"), &name) != KS_OK || name.len != KS_LOG_ACCOUNT_LEN
        || (ks_xml_attr(asked, "from").ptr && !read_number(asked, "from", KS_MERKLE_SIZE_MAX, &from))) {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
        return;
    }
    if (!state_read(ctx->user, &state)) {
        ks_reply_error(ctx, KS_INTERNAL_SERVER_ERROR, NULL);
        return;
    }
    for (uint64_t i = from; i < state.frontier.size && count < PAGE_MAX; i++) {
        if (ks_log_leaf_read(leaf_at(ctx->user, i), &leaf) != KS_OK || memcmp(leaf.account, name.ptr, name.len) != 0)
            continue;
        count++;
        snprintf(text, sizeof text, "%llu", (unsigned long long)i);
        if (ks_arena_copy(ctx->arena, ks_str_z(text), &name) == KS_OK)
            ks_xml_add_text(ctx->arena, account, NS_KONSIL_LOG, "n", name);
        memcpy(text, leaf.account, sizeof leaf.account); /* what is looked for stays what it was */
        name = ks_str(text, sizeof leaf.account);
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

/* In each reactor: the same bytes but for 'to'. */
struct news {
    uint16_t domain;
    struct ks_bytes *bytes; /* a reference */
};

static void tell_dropped(struct ks_reactor *r, struct ks_parcel *parcel)
{
    struct news *news = parcel->user;

    ks_bytes_unref(news->bytes);
    ks_parcel_ignore(r, parcel);
}

static void tell_run(struct ks_ctx *ctx)
{
    struct news *news = ctx->parcel->user;
    struct ks_user *user;

    for (size_t at = 0; (user = ks_map_next(&ctx->reactor->users, &at));)
        for (struct ks_session *s = ks_user_session(user, NULL); s; s = ks_user_session(user, s)) {
            struct slot *slot = ks_session_slot(s, &ks_feature_log);
            if (slot->follows && !s->ending && user->domain == news->domain)
                ks_session_write(s, news->bytes, 0);
        }
    ks_bytes_unref(news->bytes);
}

/* The same bytes for everybody, so without 'to'. */
static void tell_followers(struct ks_ctx *ctx, const struct state *state)
{
    struct ks_xml *message =
        ks_stanza_new(ctx->arena, "message", "headline", KS_STR_EMPTY, ctx->domain->name, KS_STR_EMPTY);
    struct ks_xml *log = log_new(ctx, state, told_size(ctx, state));
    struct ks_bytes *bytes;

    if (!message || !log || !ks_xml_graft(message, log) || !(bytes = ks_stanza_bytes(ctx->reactor, message)))
        return; /* they ask by themselves, later */
    for (uint16_t i = 0; i < ctx->reactor->server->reactors; i++) {
        struct ks_parcel *parcel = ks_parcel_child(ctx->parcel, KS_PARCEL_BYTES_MAX);
        struct news *news = parcel ? KS_NEW(&parcel->arena, struct news) : NULL;
        if (!news) {
            ks_parcel_unref(ctx->reactor, parcel);
            break;
        }
        *news = (struct news) { ctx->user->domain, ks_bytes_ref(bytes) };
        parcel->user = news;
        parcel->run = tell_run;
        parcel->refused = tell_dropped;
        parcel->reactor = i;
        ks_ctx_post(ctx, parcel);
    }
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

/* Cuts off what is here already. False: here it is otherwise, or an entry is none. */
static bool only_new(struct ks_ctx *ctx, uint64_t size, struct appended *appended)
{
    struct ks_log_leaf leaf;

    while (appended->leaves.len && appended->from < size) {
        if (!ks_str_eq(leaf_at(ctx->user, appended->from), ks_str(appended->leaves.ptr, KS_LOG_LEAF_LEN)))
            return false;
        appended->leaves = ks_str_from(appended->leaves, KS_LOG_LEAF_LEN);
        appended->from++;
    }
    for (size_t at = 0; at < appended->leaves.len; at += KS_LOG_LEAF_LEN)
        if (ks_log_leaf_read(ks_str(appended->leaves.ptr + at, KS_LOG_LEAF_LEN), &leaf) != KS_OK)
            return false;
    return true;
}

/* NULL tell: only what the tree would be. */
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

/* A checkpoint must be of the very tree, and not of an earlier time. */
static bool fits(const struct ks_ctx *ctx, const struct state *state, const struct ks_merkle_frontier *tree,
    const struct appended *appended)
{
    struct ks_checkpoint now, before;
    struct ks_merkle_hash root;

    if (!appended->checkpoint.len)
        return true;
    ks_merkle_root(tree, &root);
    return ks_checkpoint_read(appended->checkpoint, ctx->domain->name, &now) == KS_OK && now.size == tree->size
        && ks_merkle_eq(&now.root, &root)
        && (!state->checkpoint.len || ks_checkpoint_read(state->checkpoint, ctx->domain->name, &before) != KS_OK
            || now.t_s >= before.t_s);
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

static void outs(struct ks_ctx *ctx, const struct ks_xml *append);

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
    if (!read_append(ctx, iq->payload, &appended) || !state_read(ctx->user, &state)) {
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
    outs(ctx, iq->payload);
    if (appended.checkpoint.len)
        tell_followers(ctx, &state);
    ks_reply_result(ctx, log_new(ctx, &state, state.frontier.size));
}

/* --- devices that are out --- */

/* Where its certificate was published from: the login device behind an OMEMO id. */
static void node_changed(struct ks_ctx *ctx, struct ks_str node, const struct ks_xml *payload)
{
    struct ks_pep_item item;
    uint64_t device = ctx->session ? ks_session_device(ctx->session) : 0;
    char bytes[8];

    if (!payload || !device || !ks_str_is(node, NS_X509) || !ks_pep_item_last(ctx->user, node, &item) || !item.id.len)
        return;
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(device >> (56 - 8 * i));
    ks_kv_put(ctx, DEVICES, item.id, ks_str(bytes, sizeof bytes));
}

static void take_off_list(struct ks_ctx *ctx, const char *node, const char *ns, const char *name, struct ks_str device)
{
    struct ks_pep_item item;
    struct ks_xml *list, *copy;
    struct ks_str id; /* the row that has it is replaced */

    if (!ks_pep_item_last(ctx->user, ks_str_z(node), &item) || ks_arena_copy(ctx->arena, item.id, &id) != KS_OK
        || ks_xml_read(ctx->arena, item.payload, KS_STR_EMPTY, KS_STR_EMPTY, &list) != KS_OK)
        return;
    copy = ks_xml_new(ctx->arena, ns, name);
    for (const struct ks_xml *one = ks_xml_child(list, NULL, NULL); one; one = ks_xml_next(one, NULL, NULL)) {
        struct ks_xml *kept = ks_str_eq(ks_xml_attr(one, "id"), device) ? NULL : ks_xml_copy_top(ctx->arena, one);
        if (kept)
            ks_xml_graft(copy, kept);
    }
    if (copy)
        ks_pep_publish_for(ctx, ks_str_z(node), id, copy);
}

static void ended(struct ks_ctx *ctx)
{
    uint64_t device = ctx->parcel->number;
    struct ks_session *s = ks_user_session(ctx->user, NULL), *next;

    for (; s; s = next) {
        next = ks_user_session(ctx->user, s);
        if (device == KS_DEVICES_ALL || s->device == device)
            ks_session_end(s, KS_STREAM_RESET);
    }
}

/* At the device's home. When it cannot be told which login device it is, all of them are out: too much is better than
 * too little. */
static void out_run(struct ks_ctx *ctx)
{
    struct ks_str id = ks_xml_attr(ctx->parcel->stanza.payload, "device"), row;
    struct ks_cursor at;
    uint64_t device = KS_DEVICES_ALL;
    char node[96];

    if (!ks_user_exists(ctx->user) || !id.len || id.len > 10)
        return;
    row = ks_kv_get(ctx->user, DEVICES, id);
    at = ks_cursor(row);
    if (ks_cursor_u64(&at, &device) != KS_OK)
        device = KS_DEVICES_ALL;
    ctx->parcel->number = device;
    ks_kv_del(ctx, DEVICES, id);
    take_off_list(ctx, NS_OMEMO_DEVICES, NS_OMEMO, "devices", id);
    take_off_list(ctx, NS_AXOLOTL_DEVICES, NS_AXOLOTL, "list", id);
    ks_pep_retract_for(ctx, KS_STR(NS_OMEMO_BUNDLES), id);
    ks_pep_retract_for(ctx, KS_STR(NS_X509), id);
    ks_pep_retract_for(ctx, KS_STR(NS_KONSIL_DEVICE_KEY), id);
    snprintf(node, sizeof node, NS_AXOLOTL_BUNDLES "%.*s", KS_STR_FMT(id));
    if (ks_pep_node_get(ctx->user, ks_str_z(node), &(struct ks_pep_config) { 0 }))
        ks_pep_node_delete(ctx, ks_str_z(node));
    ks_device_out(ctx, device);
    note(ctx, "device.revoked", ks_user_bare(ctx->user), "by the registrar");
    ctx->committed = ended;
}

static void outs(struct ks_ctx *ctx, const struct ks_xml *append)
{
    for (const struct ks_xml *out = ks_xml_child(append, NS_KONSIL_LOG, "out"); out;
         out = ks_xml_next(out, NS_KONSIL_LOG, "out")) {
        struct ks_xml *iq, *copy;
        struct ks_jid jid;
        if (ks_jid_parse(ctx->arena, ks_xml_attr(out, "jid"), &jid) != KS_OK || !jid.local.len
            || !ks_str_eq(jid.domain, ctx->domain->name))
            continue;
        iq = ks_stanza_new(ctx->arena, "iq", "set", KS_STR("out"), ctx->domain->name, ks_xml_attr(out, "jid"));
        copy = ks_xml_copy_top(ctx->arena, out);
        if (iq && copy && ks_xml_graft(iq, copy))
            ks_call(ctx, ks_jid_bare(jid), out_run, iq, 0);
        else
            ctx->arena->failed = true;
    }
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
                    KS_READ_DOMAIN },
        { DEVICES, KS_DATA_KEYS, KS_KEEP_WITH_ACCOUNT, 0,
            "From which login a device's certificate was published, so that both end together.", KS_READ_NOBODY } },
    .node_changed = node_changed,
    .session_size = sizeof(struct slot),
};
