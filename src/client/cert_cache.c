/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cert_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs.h"
#include "engine.h"

struct entry {
    struct ks_cert cert;
    struct ks_str key; /* behind this struct */
};

#define NAME_BYTES_MAX (KS_JID_MAX + 12)

static struct ks_str name(char text[NAME_BYTES_MAX], struct ks_str jid, uint32_t device)
{
    int len = snprintf(text, NAME_BYTES_MAX, "%u %.*s", device, KS_STR_FMT(jid));

    return ks_str(text, (size_t)len < NAME_BYTES_MAX ? (size_t)len : NAME_BYTES_MAX - 1);
}

static void forget_all(struct ks_cert_cache *cache)
{
    struct entry *entry;
    size_t at = 0;

    while ((entry = ks_map_next(&cache->map, &at)))
        free(entry);
    ks_map_done(&cache->map);
    cache->map = (struct ks_map) { .count = 0 };
}

void ks_cert_cache_done(struct konsil *k)
{
    forget_all(&k->certs.cache);
}

bool ks_cert_cache_get(const struct konsil *k, struct ks_str jid, uint32_t device, struct ks_cert *ret_cert)
{
    char text[NAME_BYTES_MAX];
    const struct entry *entry = ks_map_get(&k->certs.cache.map, name(text, jid, device));

    if (entry)
        *ret_cert = entry->cert;
    return entry;
}

void ks_cert_cache_note(struct konsil *k, struct ks_str jid, uint32_t device, const struct ks_cert *cert)
{
    struct ks_cert_cache *cache = &k->certs.cache;
    char text[NAME_BYTES_MAX];
    struct ks_str key = name(text, jid, device);
    struct entry *entry;

    if (cache->map.count >= KS_CERT_CACHE_MAX)
        forget_all(cache);
    if (cache->map.cap == 0) /* whose devices are certified strangers do not choose: no secret is needed */
        ks_map_init(&cache->map, (const uint64_t[2]) { k->epoch, ~k->epoch });
    if (!(entry = calloc(1, sizeof(*entry) + key.len)))
        return;
    memcpy(entry + 1, key.ptr, key.len);
    entry->key = ks_str(entry + 1, key.len);
    entry->cert = *cert;
    entry->cert.name = entry->cert.profession = entry->cert.department = entry->cert.organisation = entry->cert.person =
        entry->cert.der = KS_STR_EMPTY;
    if (ks_map_add(&cache->map, entry->key, entry) != KS_OK)
        free(entry);
}

void ks_cert_cache_drop(struct konsil *k, struct ks_str jid, uint32_t device)
{
    char text[NAME_BYTES_MAX];

    free(ks_map_remove(&k->certs.cache.map, name(text, jid, device)));
    k->certs.cache.written = true;
}

void ks_cert_cache_step_ended(struct konsil *k, bool durable)
{
    if (!durable && k->certs.cache.written)
        forget_all(&k->certs.cache);
    k->certs.cache.written = false;
}
