/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* memory_table.h -- tables in memory with transactions, for the memory drivers of the stores.
 *
 * Every table is a sorted array of records, a record is a key and a value, and keys are written so that their bytes
 * sort as their fields do. A transaction keeps an undo log of the records it replaced: a crash is a rollback. */
#ifndef KS_MEMORY_TABLE_H
#define KS_MEMORY_TABLE_H

#include "buf.h"

#define KS_MEMORY_TABLES_MAX 12

struct ks_memory_record {
    struct ks_str key, value;
    char bytes[];
};

struct ks_memory_rows {
    struct ks_memory_record **at;
    size_t count, cap;
};

struct ks_memory_undo;

struct ks_memory_tables {
    struct ks_memory_rows tables[KS_MEMORY_TABLES_MAX];
    struct ks_memory_undo *undo;
    size_t undo_count, undo_cap;
    bool in_txn;
    size_t room; /* bytes that can still be written; SIZE_MAX: any number */
};

void ks_memory_tables_init(struct ks_memory_tables *t);
void ks_memory_tables_done(struct ks_memory_tables *t);

void ks_memory_begin(struct ks_memory_tables *t);
void ks_memory_commit(struct ks_memory_tables *t);
/* Also outside a transaction, where nothing is to be taken back. */
void ks_memory_rollback(struct ks_memory_tables *t);

/* The first row whose key is not below key. */
size_t ks_memory_lower_bound(const struct ks_memory_rows *rows, struct ks_str key);
bool ks_memory_row_is(const struct ks_memory_rows *rows, size_t at, struct ks_str key);
/* NULL: no such row. */
struct ks_memory_record *ks_memory_find(const struct ks_memory_tables *t, int table, struct ks_str key);

/* Inside a transaction; both are copied, and what stood at key is replaced. KS_EFULL, KS_ENOMEM. */
KS_CHECK enum ks_err ks_memory_put(struct ks_memory_tables *t, int table, struct ks_str key, struct ks_str value);
KS_CHECK enum ks_err ks_memory_delete_at(struct ks_memory_tables *t, int table, size_t at);
/* Deletes the rows whose keys begin so. */
KS_CHECK enum ks_err ks_memory_delete_all(struct ks_memory_tables *t, int table, struct ks_str prefix);

#endif
