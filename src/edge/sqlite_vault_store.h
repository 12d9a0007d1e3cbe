/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* sqlite_vault_store.h -- the vault's store in a file of its own (vault_store.h), encrypted like konsild's database. */
#ifndef KS_SQLITE_VAULT_STORE_H
#define KS_SQLITE_VAULT_STORE_H

#include "sqlite_connect.h"
#include "vault_store.h"

/* As konsild names them in its data.directory. */
#define KS_VAULT_FILE "vault.db"
#define KS_VAULT_TOMBS_FILE "vault.tombs"

/* Its key, out of that of konsild's database. */
void ks_vault_store_key(const uint8_t key[KS_STORE_KEY_LEN], uint8_t ret_key[KS_STORE_KEY_LEN]);

/* Opens or makes it. Errors of ks_sqlite_connect, and KS_EVERSION: made by a newer program. */
KS_CHECK enum ks_err ks_sqlite_vault_store_open(const struct ks_sqlite_setup *setup, struct ks_vault_store **ret_store);

#endif
