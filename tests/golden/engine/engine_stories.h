/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine_stories.h -- what happens in the recorded conversations: people on the real server core, on virtual time. */
#ifndef ENGINE_STORIES_H
#define ENGINE_STORIES_H

#include "party.h"

struct engine_story {
    const char *name;
    /* From lab_begin on. NULL if it went as it should; else what came of it, good until the next story. */
    const char *(*play)(struct lab *lab);
    const char *tapes[3]; /* what the engines' transcripts are called, in their order; NULL: it is not kept */
};
extern const struct engine_story engine_stories[];
extern const size_t engine_stories_count;

#endif
