/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* stores.h -- what a device's store and the server's archives hold, for tests of what was deleted. */
#ifndef STORES_H
#define STORES_H

#include "party.h"

struct stores_search {
    struct ks_str text;
    bool found;
};

static inline bool stores_look(void *user, struct ks_str key, struct ks_str value)
{
    struct stores_search *search = user;

    (void)key;
    search->found = search->found || ks_str_find(value, search->text) < value.len;
    return !search->found;
}

/* True if text stands anywhere in a device's store. Sessions have no text: that would only cost time. */
static inline bool device_holds(struct party *party, const char *text)
{
    struct stores_search search = { .text = ks_str_z(text) };

    for (int table = KS_T_META; table < KS_T_COUNT; table++)
        if (table != KS_T_SESSION2 && table != KS_T_SESSION1
            && party->store->ops->scan(
                   party->store, (enum ks_table)table, KS_STR_EMPTY, KS_STR_EMPTY, false, stores_look, &search)
                != KS_OK)
            abort();
    return search.found;
}

/* Rows of the server's archives, of accounts and rooms, in which a text stands. */
struct archive {
    struct ks_str text;
    size_t rows, sealed, tombstones;
    char payload[64]; /* the beginning of the last one's ciphertext */
};

static inline bool archive_count(void *user, const struct ks_archive_row *row)
{
    struct archive *archive = user;
    size_t at = ks_str_find(row->stanza, KS_STR("<payload>"));

    if (ks_str_find(row->stanza, archive->text) == row->stanza.len)
        return true;
    archive->rows++;
    archive->sealed += ks_str_find(row->stanza, KS_STR("<encrypted")) < row->stanza.len;
    archive->tombstones += ks_str_find(row->stanza, KS_STR("<retracted")) < row->stanza.len;
    if (at + sizeof(archive->payload) + 9 < row->stanza.len)
        snprintf(archive->payload, sizeof(archive->payload), "%.*s", (int)sizeof(archive->payload) - 1,
            row->stanza.ptr + at + 9);
    return true;
}

static inline struct archive archive_of(struct lab *lab, const char *text)
{
    struct archive archive = { .text = ks_str_z(text) };

    if (lab->store->ops->archive_scan(lab->store, 0, archive_count, &archive) != KS_OK)
        abort();
    return archive;
}

#endif
