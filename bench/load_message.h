/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* load_message.h -- the message that is sent, and what its id says when it comes back.
 *
 * It has the shape of an OMEMO 2 message between two people with two and three devices: keys for each device, a
 * payload, the usual hints, about 1,300 bytes. Its id tells the run, who sent it, the how-manieth of this sender it is,
 * and when it was due, so that the recipient, or a look into the archive after a crash, can tell which message it is.
 */
#ifndef KS_LOAD_MESSAGE_H
#define KS_LOAD_MESSAGE_H

#include "buf.h"
#include "prng.h"

#define LOAD_TAG_LEN 10 /* "kb" and 32 random bits in hexadecimal */

struct load_message_id {
    unsigned sender; /* account, up to 65535 */
    uint32_t number; /* of this sender's messages, from 1 */
    int64_t due_ns;  /* monotonic */
};

/* One stanza for each pair, ready but for its id. */
struct load_template {
    char *text;
    size_t len, id_at, origin_at;
};

void load_tag_make(struct ks_prng *prng, char ret_tag[LOAD_TAG_LEN + 1]);

/* stanza_bytes is reached exactly if it is at least what the frame needs (about 900). KS_OK or KS_ENOMEM. */
KS_CHECK enum ks_err load_template_init(struct load_template *template, const char *tag, const char *domain,
    unsigned sender, unsigned recipient, size_t stanza_bytes, struct ks_prng *prng);
void load_template_done(struct load_template *template);
/* The stanza with this id; a view until the next call. */
struct ks_str load_template_fill(struct load_template *template, const struct load_message_id *id);

/* Reads an id of this run. False if it is something else. */
KS_CHECK bool load_message_id_read(struct ks_str text, struct ks_str tag, struct load_message_id *ret_id);
/* Finds the first id of this run anywhere in a stanza, such as a forwarded one. */
KS_CHECK bool load_message_id_find(struct ks_str stanza, struct ks_str tag, struct load_message_id *ret_id);

#endif
