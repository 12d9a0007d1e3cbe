/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* restore.h -- a device that has just come to its account's key ring reads the account's archive (doc/PROTOCOL.md
 * §17.10).
 *
 * Records come oldest first, so that who wrote them is known before what he wrote, and each edit finds what it is
 * about. Each is opened, held against its rid, its week and its writer's signature, and taken in as if it had come in
 * its time: with its number, in its place, and without a receipt to anybody. What fails is counted and told. A restore
 * that was broken off goes on where it was. */
#ifndef KS_RESTORE_H
#define KS_RESTORE_H

#include "err.h"
#include "str.h"

#include <stdbool.h>
#include <stdint.h>

#define KS_RESTORE_PAGE 32 /* records in one step, so that nobody waits */
#define KS_RESTORE_WRITERS_MAX 64

struct konsil;
struct ks_cmd;
struct ks_restore_writer;

struct ks_restore {
    bool wanted, asking;
    uint64_t after;                             /* the last record that was looked at */
    uint64_t messages, refused, damaged, later; /* later: of a newer program */
    struct ks_restore_writer *writers;          /* whose certificates were seen */
    unsigned writer_count;
    int64_t told_ms;
};

void ks_restore_done(struct konsil *k);

/* --- in a step --- */

KS_CHECK enum ks_err ks_restore_load(struct konsil *k);
KS_CHECK enum ks_err ks_restore_begin(struct konsil *k);
/* Asks for the next page, if one is wanted and none is under way. */
KS_CHECK enum ks_err ks_restore_go_on(struct konsil *k);
void ks_restore_lost(struct konsil *k);

/* How it stands with the archive, to the person; re: the command that asked, or "". */
KS_CHECK enum ks_err ks_restore_tell(struct konsil *k, struct ks_str re);
/* The command: how it stands with the archive. */
KS_CHECK enum ks_err ks_cmd_on_archive(struct konsil *k, const struct ks_cmd *cmd);

#endif
