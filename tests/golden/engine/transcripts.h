/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* transcripts.h -- the recorded transcripts, in the program: in WASM there are no files. embed.py makes the source. */
#ifndef TRANSCRIPTS_H
#define TRANSCRIPTS_H

#include <stddef.h>
#include <stdint.h>

struct transcript {
    const char *name; /* of the file, without its ending */
    const uint8_t *text;
    size_t len;
};

extern const struct transcript transcripts[];
extern const size_t transcripts_count;

#endif
