/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A statement that is read keeps to its limits, and what is written of it reads as the same; a foundation alone follows
 * upon nothing, and what follows upon a statement is one version later. */
#include <stdlib.h>

#include "room_state.h"
#include "xml_reader.h"

static void check_again(struct ks_arena *arena, const struct ks_room_state *state)
{
    struct ks_room_state again;
    struct ks_buf bytes;
    enum ks_err err;

    ks_buf_init(&bytes, KS_ROOM_DATA_MAX);
    ks_room_state_write(state, &bytes);
    if (ks_buf_err(&bytes) == KS_OK) {
        err = ks_room_state_read(arena, ks_buf_str(&bytes), &again);
        /* A foundation's name is of the bytes it had, so others of the same meaning may have another. */
        assert(err == KS_OK || err == KS_ELIMIT || state->v == 0);
        if (err == KS_OK)
            assert(again.v == state->v && again.member_count == state->member_count && again.t == state->t
                && again.prev_count == state->prev_count && again.history == state->history
                && ks_str_eq(again.room, state->room));
    }
    ks_buf_done(&bytes);
}

static void check_order(const struct ks_room_signed *one)
{
    struct ks_room_known known = { .newest = NULL };
    enum ks_room_verdict verdict = ks_room_judge(&known, one);

    assert(verdict != KS_ROOM_NEXT || one->state.v == 0);
    known.newest = &one->state;
    memcpy(known.newest_hash, one->hash, KS_ROOM_HASH_LEN);
    verdict = ks_room_judge(&known, one);
    assert(verdict == KS_ROOM_SAME || one->state.roster);
    for (size_t i = 0; i < one->state.member_count; i++)
        assert(ks_room_recipient(&known, one->state.members[i].jid) == &one->state.members[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_room_state state;
    struct ks_room_signed one;
    struct ks_arena arena;
    struct ks_xml *xml;

    if (ks_crypto_init() != KS_OK)
        abort();
    ks_arena_init(&arena, 8u << 20);
    if (ks_room_state_read(&arena, ks_str(data, len), &state) == KS_OK) {
        assert(state.member_count >= 1 && state.member_count <= KS_ROOM_MEMBERS_MAX);
        check_again(&arena, &state);
    } else if (ks_xml_read(&arena, ks_str(data, len), KS_STR_EMPTY, KS_STR_EMPTY, &xml) == KS_OK
        && ks_room_signed_read(&arena, xml, &one) == KS_OK) {
        check_order(&one);
    }
    ks_arena_done(&arena);
    return 0;
}
