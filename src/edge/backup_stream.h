/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* backup_stream.h -- bytes sealed in segments, written to a file and read back in order.
 *
 *     header   "konsil backup\n" | version u16 | key id, 8 bytes | salt, 32 random bytes
 *     segments of 1 MiB and a 16-byte tag each; the last is shorter, perhaps empty
 *
 * The file's key is HKDF-SHA-256(key, salt, "konsil backup file"); the key id, HKDF(key, "", "konsil backup key id"),
 * tells another key from a damaged file to the person who looks, and nothing else. A segment is XChaCha20-Poly1305
 * under the file's key with nonce (15 zero bytes | number u64 | 1 for the last, else 0) and the header as additional
 * data: so a changed byte, a segment in another place, and a file that ends early or goes on are all KS_ECRYPTO. */
#ifndef KS_BACKUP_STREAM_H
#define KS_BACKUP_STREAM_H

#include "prng.h"
#include "str.h"

#define KS_BACKUP_MAGIC "konsil backup\n" /* a backup begins with it */
#define KS_BACKUP_VERSION 1
#define KS_BACKUP_SEGMENT_LEN (1u << 20)

struct ks_backup_writer;
/* Makes the file (mode 0600). KS_EEXISTS, KS_EIO, KS_EFULL, KS_ENOMEM: of all calls that write. */
KS_CHECK enum ks_err ks_backup_writer_new(
    const char *path, const uint8_t key[32], struct ks_prng *prng, struct ks_backup_writer **ret_writer);
KS_CHECK enum ks_err ks_backup_write(struct ks_backup_writer *w, struct ks_str bytes);
/* The last segment; then syncs. */
KS_CHECK enum ks_err ks_backup_writer_end(struct ks_backup_writer *w);
void ks_backup_writer_free(struct ks_backup_writer *w);

struct ks_backup_reader;
/* KS_ENOTFOUND: no such file; KS_ESYNTAX: not a backup; KS_EVERSION: of a newer version; KS_ECRYPTO: another key;
 * KS_EIO; KS_ENOMEM. */
KS_CHECK enum ks_err ks_backup_reader_new(
    const char *path, const uint8_t key[32], struct ks_backup_reader **ret_reader);
/* Fills all of len bytes, which are genuine. KS_ECRYPTO: they are not, or the file ends before; KS_EIO. */
KS_CHECK enum ks_err ks_backup_read(struct ks_backup_reader *r, void *ret_bytes, size_t len);
/* KS_OK when all was read; KS_ECRYPTO when there is more. */
KS_CHECK enum ks_err ks_backup_reader_end(struct ks_backup_reader *r);
void ks_backup_reader_free(struct ks_backup_reader *r);

/* What lies outside of a stream: all of it, or KS_EFULL, KS_EIO. */
KS_CHECK enum ks_err ks_backup_write_plain(int fd, const void *bytes, size_t len);

#endif
