/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sentence.h -- the catalogue of what people read, by id and language.
 *
 * Made at build time from catalogue.txt by tools/gen-catalogue. Places like {name} are filled by ks_sentence_write. */
#ifndef KS_SENTENCE_H
#define KS_SENTENCE_H

#include "buf.h"

enum ks_language { KS_GERMAN, KS_ENGLISH };

struct ks_sentence {
    const char *id, *de, *en;
    const char *do_de, *do_en; /* what the reader can do about it; NULL: nothing to say */
};
extern const struct ks_sentence ks_sentences[]; /* sorted by id */
extern const size_t ks_sentence_count;

/* NULL if there is none: an id that a newer program sent. */
const struct ks_sentence *ks_sentence_find(struct ks_str id);
/* The text; the id itself when it is not in the catalogue. */
struct ks_str ks_say(enum ks_language language, const char *id);
/* What to do; empty when there is nothing. */
struct ks_str ks_say_do(enum ks_language language, const char *id);

/* A place and what stands there. */
struct ks_filling {
    const char *name; /* "name" fills {name}; NULL ends the list */
    struct ks_str text;
};
/* The sentence with its places filled; unknown places stay as they are. */
void ks_sentence_write(
    struct ks_buf *buf, enum ks_language language, const char *id, const struct ks_filling *fillings);

/* The same of what to do; nothing when there is nothing to say. */
void ks_sentence_write_do(
    struct ks_buf *buf, enum ks_language language, const char *id, const struct ks_filling *fillings);

/* Of LC_ALL, LC_MESSAGES, LANG, in this order of the caller's choice: German unless it names another language. */
enum ks_language ks_language_of(const char *locale_z);

#endif
