/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* log_file.h -- lines of ks_log in a file or on stderr, from any thread.
 *
 * A line is one write(), so lines of threads do not mix, and a file may be moved away and reopened at any time. Each
 * day has a file of its own, FILE.2026-11-21 and so on, which goes when its period is over; the current one is FILE. */
#ifndef KS_LOG_FILE_H
#define KS_LOG_FILE_H

#include "log.h"

#define KS_LOG_DEBUG_MS (3600 * 1000) /* debugging ends by itself after an hour */

struct ks_log_file;

/* path empty: stderr. NULL without memory, or when the file cannot be written. */
KS_CHECK struct ks_log_file *ks_log_file_open(const char *path, enum ks_level level);
/* Opens anew: after a change of the settings, or because the file was moved. KS_OK; KS_EIO: goes on as before. */
KS_CHECK enum ks_err ks_log_file_reopen(struct ks_log_file *file, const char *path, enum ks_level level);
void ks_log_file_close(struct ks_log_file *file);

/* To be called now and then, by one thread: the day before gets its file, and files that are older than keep_seconds
 * are deleted; *ret_removed is how many, in any case. Does nothing for stderr. KS_OK; KS_EIO: the file could not be
 * moved, or its directory not be read. */
KS_CHECK enum ks_err ks_log_file_turn(
    struct ks_log_file *file, int64_t keep_seconds, struct ks_now now, unsigned *ret_removed);

/* What cores and threads log to. Good until close. */
const struct ks_log *ks_log_file_log(const struct ks_log_file *file);

/* Lines of KS_DEBUG for an hour from now, or no longer. Whoever calls this has a reason, and the audit log has it. */
void ks_log_file_debug(struct ks_log_file *file, bool on, struct ks_now now);
/* When that hour ends, in milliseconds of the monotonic clock; 0: nobody debugs. */
int64_t ks_log_file_debug_end_ms(const struct ks_log_file *file);
/* Ends what is over. True once for each hour that ended by itself: that has to be in the audit log, too. */
bool ks_log_file_debug_over(struct ks_log_file *file, struct ks_now now);

#endif
