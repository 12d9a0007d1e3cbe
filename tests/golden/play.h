/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* play.h -- plays a conversation in a world. */
#ifndef GOLDEN_PLAY_H
#define GOLDEN_PLAY_H

#include "script.h"
#include "world.h"

#define GOLDEN_PASSWORD "ein Kennwort"

/* What a step said when it failed: a line each, of what was expected and what came. */
struct verdict {
    const struct step *failed; /* NULL: all is as the script says */
    struct ks_buf why;
};

/* suffix: behind the localpart of each account, so that conversations
 * at one server do not disturb each other; empty in the simulator. */
void play(struct world *world, const struct conversation *conversation, struct ks_str suffix, struct verdict *verdict);

/* The accounts a conversation needs: visit(user, domain, local), each once. */
void play_accounts(const struct conversation *conversation,
    void (*visit)(void *user, struct ks_str domain, struct ks_str local), void *user);

#endif
