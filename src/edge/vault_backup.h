/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* vault_backup.h -- the vault's own backup: all slots in one sealed file (backup_stream.h), apart from every other.
 *
 * Its stream: "konsil vault 1\n" | when it was made, u64 milliseconds | how many slots, u64 | their records
 * (vault_store.h). It is good for a week: what is older is refused, since keys that were to be destroyed are in it.
 * Everything here blocks. */
#ifndef KS_VAULT_BACKUP_H
#define KS_VAULT_BACKUP_H

#include "backup_rotation.h"
#include "backup_stream.h"
#include "sqlite_connect.h"
#include "vault_store.h"

#define KS_VAULT_BACKUP_DAYS 7

/* records: each KS_VAULT_RECORD_LEN bytes. KS_EEXISTS, KS_EIO, KS_EFULL, KS_ENOMEM; then nothing is left at path. */
KS_CHECK enum ks_err ks_vault_backup_write(
    const char *path, const uint8_t key[32], struct ks_str records, int64_t now_ms, struct ks_prng *prng);

/* Removes what is older than KS_VAULT_BACKUP_DAYS, with its keys, whether there is a newer one or not. KS_OK, also when
 * there never was one; KS_EIO. */
KS_CHECK enum ks_err ks_vault_backup_end_old(
    const struct ks_backup_places *places, int64_t now_ms, unsigned *ret_removed);

struct ks_vault_backup_facts {
    int64_t made_ms;
    uint64_t slots;
    uint64_t ended; /* of them, because of their tombstones */
};
/* Makes a vault's database at store->path, where there is none, out of a backup: each slot has used up some tries, and
 * what has a tombstone is destroyed, before it gets its name. On an error nothing is left there.
 *   KS_ENOTFOUND, KS_ESYNTAX, KS_EVERSION   no backup; not one of the vault; of a newer konsild
 *   KS_ECRYPTO                              another key, or it was changed or cut short
 *   KS_ELIMIT                               it is older than KS_VAULT_BACKUP_DAYS, or not made yet
 *   KS_EEXISTS                              there is a database
 *   KS_EIO, KS_EFULL, KS_ENOMEM, KS_ESTORE */
KS_CHECK enum ks_err ks_vault_backup_restore(const char *path, const uint8_t key[32],
    const struct ks_sqlite_setup *store, struct ks_vault_tombs *tombs, int64_t now_ms,
    struct ks_vault_backup_facts *ret_facts);

#endif
