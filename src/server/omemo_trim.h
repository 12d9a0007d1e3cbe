/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* omemo_trim.h -- of an OMEMO header, to each account its own keys (doc/PROTOCOL.md §3.2).
 *
 * A message to 500 members with three devices each carries 1,500 keys, of which a phone can use one. It is stored
 * whole, so that a device that is new on its account's list finds its key in the archive, and cut where it is
 * delivered: of OMEMO 2 to the <keys jid='…'/> of the account; of the older OMEMO, whose keys have no addresses, to
 * those whose ids are on the account's device list, if there is one. Nothing that is authenticated is changed, and
 * whatever does not look as it should stays as it is.
 *
 * A text is looked through once, and then costs each recipient a search by halves and no copy. */
#ifndef KS_OMEMO_TRIM_H
#define KS_OMEMO_TRIM_H

#include "arena.h"
#include "user.h"
#include "xml.h"

#define KS_OMEMO_TRIM_PARTS_MAX 64

struct ks_omemo_key {
    struct ks_str name;  /* a bare JID, or a device id as it is written */
    struct ks_str bytes; /* the element */
};
struct ks_omemo_trim {
    struct ks_str text;
    size_t headers_count; /* 0: nothing to cut */
    struct ks_omemo_header {
        size_t from, to;           /* where its keys are in text */
        bool older;                /* by device ids */
        struct ks_omemo_key *keys; /* by rising name */
        size_t keys_count;
    } headers[2];
};

/* Looks through a stanza, or what is left of it behind its name, as ks_xml_write has it. Without memory there is
 * nothing to cut. */
void ks_omemo_trim_read(struct ks_arena *arena, struct ks_str text, struct ks_omemo_trim *ret_trim);
/* What of text goes to an account, as views into it; at least one, at most KS_OMEMO_TRIM_PARTS_MAX. devices: its list
 * of the older OMEMO as it was published, or empty. */
size_t ks_omemo_trim_parts(const struct ks_omemo_trim *trim, struct ks_str bare, struct ks_str devices,
    struct ks_str parts[KS_OMEMO_TRIM_PARTS_MAX]);
/* The list of an account, in its rows; empty if there is none, or its data is not in memory. */
struct ks_str ks_omemo_devices(const struct ks_user *user);
/* The same, for ks_omemo_trim_parts: empty, and not looked for in all of the account's rows, where no header is cut by
 * it. */
struct ks_str ks_omemo_trim_devices(const struct ks_omemo_trim *trim, const struct ks_user *user);
/* The same for a tree: a copy that shares the rest, or xml itself where nothing is to be cut. NULL without memory. */
struct ks_xml *ks_omemo_trim_tree(
    struct ks_arena *arena, struct ks_xml *xml, struct ks_str bare, struct ks_str devices);

#endif
