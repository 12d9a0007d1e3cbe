/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* data_register.h -- every field that konsild stores: columns, settings of the store, fields of log lines.
 *
 * What is kept, why, how long and for whom stands in the features' descriptors; a field here belongs to one of them, so
 * that each has a purpose, a lifetime and readers. tools/check-register compares this list with the schema, with the
 * settings and with the log calls of the sources while konsild is built: a field without a row fails the build. */
#ifndef KS_DATA_REGISTER_H
#define KS_DATA_REGISTER_H

struct ks_data_field {
    const char *name;  /* "archive.stamp_ms", "meta:archive.id_key", "log:tries"; NULL ends the list */
    const char *store; /* the store of a descriptor whose lifetime and readers it has; "*": the store that the row
                          itself names */
    const char
        *purpose; /* an English sentence; the German one is in the catalogue under field.NAME, with '.' for ':' */
};
extern const struct ks_data_field ks_data_register[];

#endif
