/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_table.h -- rows of JSON objects as a table, and facts as a list, both for a person at a terminal. */
#ifndef KONSILCTL_TABLE_H
#define KONSILCTL_TABLE_H

#include <jansson.h>
#include <stdio.h>

#include "sentence.h"

#define CTL_TABLE_COLUMNS 100 /* the last column is wrapped to fit */

struct ctl_column {
    const char *key, *title; /* of the object; a catalogue id. NULL, NULL ends the list */
};

/* Prints an array of objects; texts, numbers and booleans. */
void ctl_table_print(FILE *out, enum ks_language language, const struct ctl_column *columns, json_t *rows);

struct ctl_fact {
    const char *id; /* of what it is, in the catalogue */
    char text[160];
};

/* Two columns. */
void ctl_facts_print(FILE *out, enum ks_language language, const struct ctl_fact *facts, size_t count);

/* "52 GB", "1,5 GB": powers of 1000. */
void ctl_write_bytes(char *text, size_t cap, enum ks_language language, uint64_t bytes);
/* "3 Tage", "90 min" */
void ctl_write_duration(char *text, size_t cap, enum ks_language language, int64_t seconds);
/* "2026-11-22 05:10", in the time of this machine */
void ctl_write_time(char *text, size_t cap, int64_t wall_ms);

#endif
