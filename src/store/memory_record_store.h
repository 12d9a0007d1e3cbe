/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* memory_record_store.h -- the records (record_store.h) of the memory driver of the server store: tables among its. */
#ifndef KS_MEMORY_RECORD_STORE_H
#define KS_MEMORY_RECORD_STORE_H

#include "memory_table.h"
#include "record_store.h"

#define KS_MEMORY_RECORD_TABLES 3

struct ks_memory_record_store {
    struct ks_record_store base;
    struct ks_memory_tables *tables;
    int first; /* of its tables */
    struct ks_buf key, value;
};

void ks_memory_record_store_init(struct ks_memory_record_store *m, struct ks_memory_tables *tables, int first);
void ks_memory_record_store_done(struct ks_memory_record_store *m);

#endif
