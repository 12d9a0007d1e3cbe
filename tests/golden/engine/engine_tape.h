/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* engine_tape.h -- stands between tests/client/party.c and libkonsil (the linker's --wrap puts it there), and writes
 * down every call into each engine and everything that came out of it, as lines of transcript.h.
 *
 * There is a tape for each store, in the order in which the stores came: an engine that starts again goes on on its
 * own. */
#ifndef ENGINE_TAPE_H
#define ENGINE_TAPE_H

#include "str.h"

size_t tapes_count(void);
/* A view, good until tapes_clear. */
struct ks_str tape_text(size_t i);
void tapes_clear(void);

#endif
