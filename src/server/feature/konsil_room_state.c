/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsil_room_state.c -- who belongs to a room, as its owners sign it (doc/PROTOCOL.md §9).
 *
 * The room keeps the statements and gives members what follows upon the version they know. A new one is taken only upon
 * the newest, by an account that owns the room by it, so of two owners at once one is told to look again. Affiliations
 * follow the newest statement and nothing else. Whether a signature holds is for the members to judge: what is kept
 * here cannot add anybody, since nobody gets a key by it who is in no statement that they believe. */
#include "feature_list.h"
#include "room.h"
#include "room_state.h"

#define PAGE_BYTES 262144 /* of statements in one answer; one is always in it */

/* --- rows: by version, as (version u8 | field data | field signature | field signer | u32 device) --- */

#define ROW_VERSION 1

struct key {
    char bytes[8];
};

static struct ks_str key_of(struct key *key, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        key->bytes[i] = (char)(v >> (56 - 8 * i));
    return ks_str(key->bytes, sizeof(key->bytes));
}

static struct ks_str row_of(struct ks_arena *arena, const struct ks_room_signed *one)
{
    struct ks_str row = KS_STR_EMPTY;
    struct ks_buf buf;

    ks_buf_init(&buf, KS_ROOM_DATA_MAX + 8192);
    ks_buf_byte(&buf, ROW_VERSION);
    ks_buf_field(&buf, one->data);
    ks_buf_field(&buf, one->signature);
    ks_buf_field(&buf, one->signer);
    ks_buf_u32(&buf, one->device);
    if (ks_buf_err(&buf) != KS_OK || ks_arena_copy(arena, ks_buf_str(&buf), &row) != KS_OK)
        row = KS_STR_EMPTY;
    ks_buf_done(&buf);
    return row;
}

/* Views into the row. False: none of ours. */
static bool read_row(struct ks_str row, struct ks_room_signed *one)
{
    struct ks_cursor at = ks_cursor(row);
    uint8_t version;

    *one = (struct ks_room_signed) { .device = 0 };
    return ks_cursor_u8(&at, &version) == KS_OK && version == ROW_VERSION && ks_cursor_field(&at, &one->data) == KS_OK
        && ks_cursor_field(&at, &one->signature) == KS_OK && ks_cursor_field(&at, &one->signer) == KS_OK
        && ks_cursor_u32(&at, &one->device) == KS_OK;
}

/* Versions have no holes, so their number says which is the newest. */
static bool read_newest(struct ks_ctx *ctx, struct ks_room_signed *one)
{
    size_t count = ks_kv_count(ctx->user, KS_STORE_ROOM_STATEMENT);
    struct key key;

    if (count == 0 || !read_row(ks_kv_get(ctx->user, KS_STORE_ROOM_STATEMENT, key_of(&key, count - 1)), one)
        || ks_room_state_read(ctx->arena, one->data, &one->state) != KS_OK)
        return false;
    ks_room_state_hash(one->data, one->hash);
    return true;
}

/* --- what members ask --- */

static bool is_member(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_str bare;

    return ks_jid_text(ctx->arena, ks_jid_bare(iq->from), &bare) == KS_OK
        && ks_room_affiliation(ctx->user, bare) >= KS_MEMBER;
}

static void on_get(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_xml *statements = ks_xml_new(ctx->arena, NS_KONSIL_ROOM, "statements");
    size_t count = ks_kv_count(ctx->user, KS_STORE_ROOM_STATEMENT), bytes = 0;
    struct ks_str since = ks_xml_attr(iq->payload, "since");
    uint64_t v = 0;

    if (!is_member(ctx, iq)) {
        ks_reply_error(ctx, KS_FORBIDDEN, NULL);
        return;
    }
    if (since.ptr && ks_str_u64(since, UINT32_MAX, &v) != KS_OK) {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
        return;
    }
    if (count > 0)
        ks_xml_set_u64(ctx->arena, statements, "v", count - 1);
    for (v += since.ptr != NULL; v < count && bytes < PAGE_BYTES; v++) {
        struct ks_room_signed one;
        struct ks_xml *xml;
        struct key key;

        if (!read_row(ks_kv_get(ctx->user, KS_STORE_ROOM_STATEMENT, key_of(&key, v)), &one))
            break;
        xml = ks_room_signed_write(ctx->arena, &one);
        if (xml)
            ks_xml_graft(statements, xml);
        bytes += one.data.len * 4 / 3;
    }
    if (v < count)
        ks_xml_set(ctx->arena, statements, "more", KS_STR("true"));
    ks_reply_result(ctx, statements);
}

/* --- what an owner states --- */

struct change {
    struct ks_str actor; /* a nick; empty: not in the room */
    size_t count;
    struct ks_str who[];
};

static void write_member(struct ks_ctx *ctx, struct ks_str bare, enum ks_affiliation affiliation, struct change *change)
{
    struct ks_room_member member;
    struct ks_str nick;

    ks_room_member(ctx->user, bare, &member);
    if (member.affiliation == affiliation)
        return;
    if (member.nick.len) { /* it lies in the row that is replaced */
        if (ks_arena_copy(ctx->arena, member.nick, &nick) != KS_OK)
            return;
        member.nick = affiliation < KS_MEMBER ? KS_STR_EMPTY : nick;
    }
    if (member.affiliation < KS_MEMBER)
        member.since_ms = ctx->now.wall_ms;
    member.affiliation = affiliation;
    change->who[change->count++] = bare;
    ks_room_member_put(ctx, bare, &member);
}

/* Everybody whom the room lists and the statement does not, then everybody whom the statement names. */
static struct change *write_members(struct ks_ctx *ctx, const struct ks_room_state *state)
{
    size_t listed = ks_kv_count(ctx->user, KS_STORE_ROOM_MEMBER), gone = 0;
    struct change *change =
        ks_arena_zero(ctx->arena, sizeof *change + (listed + state->member_count) * sizeof change->who[0]);
    struct ks_str *names = ks_arena_alloc(ctx->arena, (listed + 1) * sizeof *names), bare;
    const struct ks_kv *at = NULL;
    struct ks_room_member member;

    if (!change || !names)
        return NULL;
    while (ks_room_next_member(ctx->user, &at, &bare, &member)) /* it may not change while it is walked through */
        if (!ks_room_state_member(state, bare) && ks_arena_copy(ctx->arena, bare, &names[gone]) == KS_OK)
            gone++;
    for (size_t i = 0; i < gone; i++)
        write_member(ctx, names[i], KS_NO_AFFILIATION, change);
    for (size_t i = 0; i < state->member_count; i++)
        write_member(ctx, state->members[i].jid, state->members[i].owner ? KS_OWNER : KS_MEMBER, change);
    return change;
}

static void stated(struct ks_ctx *ctx)
{
    const struct change *change = ctx->parcel->user;

    for (size_t i = 0; i < change->count; i++)
        ks_room_affiliated(ctx, change->who[i], change->actor, KS_STR_EMPTY);
}

static void take(struct ks_ctx *ctx, const struct ks_stanza *iq, const struct ks_room_signed *next)
{
    struct ks_seat *seat = ks_room_seat_of(ctx, iq->from);
    struct ks_str row = row_of(ctx->arena, next), config_row;
    struct change *change = write_members(ctx, &next->state);
    struct ks_room_config config;
    struct key key;

    ks_room_config(ctx->user, &config);
    config.locked = false;
    config.history_of_join = next->state.history == KS_ROOM_JOIN;
    config_row = ks_room_config_write(ctx->arena, &config);
    if (!row.len || !config_row.len || !change
        || (seat && ks_arena_copy(ctx->arena, seat->occupant->nick, &change->actor) != KS_OK)) {
        ctx->arena->failed = true; /* nothing of it happens */
        return;
    }
    ks_kv_put(ctx, KS_STORE_ROOM_STATEMENT, key_of(&key, next->state.v), row);
    ks_kv_put(ctx, KS_STORE_ROOM, KS_STR("config"), config_row);
    ctx->parcel->user = change;
    ctx->committed = stated;
    ks_reply_result(ctx, NULL);
}

/* KS_COND_COUNT, or why not. *ret_same: it is the newest already, so what was asked for is so. */
static enum ks_cond judge(
    struct ks_ctx *ctx, const struct ks_stanza *iq, const struct ks_room_signed *next, bool *ret_same)
{
    struct ks_room_signed newest;
    struct ks_room_known known = { .newest = read_newest(ctx, &newest) ? &newest.state : NULL };
    enum ks_room_verdict verdict;
    struct ks_str bare;

    *ret_same = false;
    if (ks_jid_text(ctx->arena, ks_jid_bare(iq->from), &bare) != KS_OK)
        return KS_RESOURCE_CONSTRAINT;
    if (!ks_str_eq(next->signer, bare) || ks_room_affiliation(ctx->user, bare) != KS_OWNER)
        return KS_FORBIDDEN;
    if (!ks_str_eq(next->state.room, ks_user_bare(ctx->user)))
        return KS_NOT_ACCEPTABLE;
    if (next->state.member_count > (size_t)ks_domain_number(ctx->domain, "rooms.members_max"))
        return KS_POLICY_VIOLATION;
    if (known.newest)
        memcpy(known.newest_hash, newest.hash, sizeof known.newest_hash);
    else if (ks_kv_count(ctx->user, KS_STORE_ROOM_STATEMENT) > 0)
        return KS_INTERNAL_SERVER_ERROR; /* a row that we did not write */
    verdict = ks_room_judge(&known, next);
    *ret_same = verdict == KS_ROOM_SAME;
    return verdict == KS_ROOM_NEXT || verdict == KS_ROOM_SAME ? KS_COND_COUNT : KS_CONFLICT;
}

static void on_set(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_room_signed next;
    enum ks_err err = ks_room_signed_read(ctx->arena, iq->payload, &next);
    enum ks_cond cond;
    bool same;

    if (err != KS_OK) {
        ks_reply_error(ctx,
            err == KS_ENOMEM       ? KS_RESOURCE_CONSTRAINT
                : err == KS_ELIMIT ? KS_POLICY_VIOLATION
                                   : KS_BAD_REQUEST,
            NULL);
        return;
    }
    cond = judge(ctx, iq, &next, &same);
    if (cond != KS_COND_COUNT)
        ks_reply_error(ctx, cond, NULL);
    else if (same)
        ks_reply_result(ctx, NULL);
    else
        take(ctx, iq, &next);
}

/* The service says that it can, so that engines know where to found rooms. */
static const char *const features[] = { NS_KONSIL_ROOM, NULL };

const struct ks_feature ks_feature_room_state = {
    .name = "room-state",
    .disco_room = features,
    .iq = { { KS_IQ_GET, NS_KONSIL_ROOM, "statements", KS_TO_ROOM, on_get },
        { KS_IQ_SET, NS_KONSIL_ROOM, "statement", KS_TO_ROOM, on_set } },
    .stores = { { KS_STORE_ROOM_STATEMENT, KS_DATA_CONTACTS, KS_KEEP_WITH_ACCOUNT, 0,
        "Who belongs to a room, as its owners signed it; members judge it by themselves.", KS_READ_CONTACTS } },
};
