/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_table.h -- an answer as a table for people: columns as wide as their widest cell. */
#ifndef KONSILCTL_TABLE_H
#define KONSILCTL_TABLE_H

#include <jansson.h>
#include <stdio.h>

struct ctl_column {
    const char *key;   /* of the row's object; NULL ends the list */
    const char *title; /* as it is printed */
};
/* rows: an array of objects. Texts, numbers and booleans. */
void ctl_table_print(FILE *out, const struct ctl_column *columns, json_t *rows);

#endif
