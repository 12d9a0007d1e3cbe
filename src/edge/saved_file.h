/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* saved_file.h -- where a fetched file lies before it has its name, and how it gets it. */
#ifndef KS_SAVED_FILE_H
#define KS_SAVED_FILE_H

#include <limits.h>

#include "err.h"
#include "str.h"

struct ks_saved_paths {
    char directory[PATH_MAX], part[PATH_MAX], open[PATH_MAX], final[PATH_MAX];
};
/* path: a file, or a directory that is there, in which it is called name. False: too long. */
bool ks_saved_paths(struct ks_saved_paths *paths, const char *path, const char *name, uint64_t number);
/* Opens paths->part to go on with it. What lies there and could be read or written by others, or is another file under
 * this name (in a directory that others write to), is not gone on with: a new one takes its place. -1, and errno. */
int ks_saved_part(const struct ks_saved_paths *paths);
/* Makes paths->open durable under the name of paths->final, or with a number behind it if that is taken; paths->final
 * is what it became. fd is of paths->open. KS_EIO, KS_EFULL: it has no name then. */
KS_CHECK enum ks_err ks_saved_name(struct ks_saved_paths *paths, int fd);

#endif
