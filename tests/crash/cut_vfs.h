/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* cut_vfs.h -- a disk in memory that a seeded power cut leaves as a real one would.
 *
 * An SQLite VFS named "cut" (with encryption: "multipleciphers-cut"). A write is visible to its process at once and
 * durable after xSync of its file. At a cut every write since then may be there, be missing, or be torn at sectors of
 * 512 bytes, in any order, so that a later one may survive an earlier one; what lies beside a write is never touched
 * (SQLite calls that powersafe overwrite, and counts on it). From the cut on every call fails until the power is back.
 *
 * One disk a process; not thread-safe. Files live until cut_vfs_format. */
#ifndef CUT_VFS_H
#define CUT_VFS_H

#include "prng.h"

struct cut_counts {
    uint64_t writes, syncs;
    uint64_t dropped, torn, reordered; /* of the writes that were not synced at cuts */
};

/* Registers it; again is harmless. */
void cut_vfs_register(void);
/* An empty disk with power and room. */
void cut_vfs_format(void);

/* The power goes at the n-th write, truncation, sync or deletion from now, or (at_sync) at the n-th sync, before it is
 * done (n > 0). chance decides what survives. */
void cut_vfs_arm(uint64_t n, bool at_sync, struct ks_prng *chance);
/* True when it has gone. */
bool cut_vfs_off(void);
/* It goes now, if it has not gone. */
void cut_vfs_cut(struct ks_prng *chance);
/* After a cut, or to disarm. No file may be open. */
void cut_vfs_on(void);

/* A disk that says it has synced, and has not: what a test of durability must notice. */
void cut_vfs_lie(bool lie);

/* Files may grow by that many bytes more, all together; SIZE_MAX: as they like. */
void cut_vfs_room(size_t bytes);

/* Since the start of the process. */
struct cut_counts cut_vfs_counts(void);

#endif
