/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* key_file.h -- the key of the database: 32 random bytes as 64 hexadecimal digits in a file that is nobody else's. */
#ifndef KS_KEY_FILE_H
#define KS_KEY_FILE_H

#include "str.h"

#define KS_KEY_FILE_LEN 32

/* Reads it. KS_OK; KS_ENOTFOUND: there is no such file; KS_EDENIED: others may read it, or we may not; KS_ESYNTAX: it
 * holds something else; KS_EIO. */
KS_CHECK enum ks_err ks_key_file_read(const char *path, uint8_t ret_key[KS_KEY_FILE_LEN]);
/* Makes a new key and its file, mode 0600, on the disk when this returns. KS_OK; KS_EEXISTS; KS_EIO. */
KS_CHECK enum ks_err ks_key_file_make(const char *path, uint8_t ret_key[KS_KEY_FILE_LEN]);

/* Writes over it and removes it: KS_OK, also if there is none; KS_EIO. Where files are written elsewhere than before (a
 * file system that copies on write, flash, a snapshot) its bytes may be there for a while longer. */
KS_CHECK enum ks_err ks_key_file_destroy(const char *path);

#endif
