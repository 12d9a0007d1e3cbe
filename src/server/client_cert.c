/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "client_cert.h"

#include <stdlib.h>

#include "jid.h"

#define ARENA_BYTES_MAX ((size_t)KS_TLS_ADDRESSES_MAX * 16384)

/* One of the addresses. KS_OK, and *ret_bare is empty when it is nobody's of that domain; KS_ESYNTAX, KS_ENOMEM. */
static enum ks_err read_name(
    struct ks_arena *arena, const struct ks_domain *domain, struct ks_str text, struct ks_str *ret_bare)
{
    struct ks_jid jid;
    enum ks_err err = ks_jid_parse(arena, text, &jid);

    *ret_bare = KS_STR_EMPTY;
    if (err != KS_OK)
        return err == KS_ENOMEM ? err : KS_ESYNTAX;
    if (!jid.local.len || jid.resource.len || !ks_str_eq(jid.domain, domain->name))
        return KS_OK;
    return ks_jid_text(arena, jid, ret_bare);
}

static bool is_among(const struct ks_str *names, size_t count, struct ks_str bare)
{
    for (size_t i = 0; i < count; i++)
        if (ks_str_eq(names[i], bare))
            return true;
    return false;
}

/* Those of the domain, each once. KS_ESYNTAX: one is no address, or there are too many. */
static enum ks_err read_names(struct ks_arena *arena, const struct ks_domain *domain,
    const struct ks_tls_certificate *facts, struct ks_str names[KS_TLS_ADDRESSES_MAX], size_t *ret_count)
{
    size_t count = 0;

    if (facts->count > KS_TLS_ADDRESSES_MAX)
        return KS_ESYNTAX;
    for (size_t i = 0; i < facts->count; i++) {
        enum ks_err err = read_name(arena, domain, facts->addresses[i], &names[count]);
        if (err != KS_OK)
            return err;
        count += names[count].len && !is_among(names, count, names[count]);
    }
    *ret_count = count;
    return KS_OK;
}

enum ks_err ks_client_cert_new(
    const struct ks_config *config, const struct ks_tls_certificate *facts, struct ks_client_cert **ret_cert)
{
    const struct ks_domain *domain = ks_config_domain_at(config, facts->domain);
    struct ks_str names[KS_TLS_ADDRESSES_MAX];
    struct ks_client_cert *cert = NULL;
    size_t count = 0, bytes = 0;
    struct ks_arena arena;
    enum ks_err err;

    assert(domain);
    ks_arena_init(&arena, ARENA_BYTES_MAX);
    err = read_names(&arena, domain, facts, names, &count);
    for (size_t i = 0; i < count; i++)
        bytes += names[i].len;
    *ret_cert = NULL;
    if (err == KS_OK)
        cert = malloc(sizeof *cert + count * sizeof cert->names[0] + bytes);
    if (cert) {
        char *text = (char *)&cert->names[count];
        *cert = (struct ks_client_cert) { .domain = facts->domain, .end_ms = facts->end_ms, .count = count };
        for (size_t i = 0; i < count; i++) {
            memcpy(text, names[i].ptr, names[i].len);
            cert->names[i] = ks_str(text, names[i].len);
            text += names[i].len;
        }
    }
    ks_arena_done(&arena);
    *ret_cert = cert;
    return cert || err == KS_ESYNTAX ? KS_OK : KS_ENOMEM;
}

void ks_client_cert_free(struct ks_client_cert *cert)
{
    free(cert);
}

bool ks_client_cert_good(const struct ks_client_cert *cert, size_t domain, struct ks_now now)
{
    return cert && cert->domain == domain && now.wall_ms < cert->end_ms;
}

bool ks_client_cert_names(const struct ks_client_cert *cert, struct ks_str bare)
{
    return is_among(cert->names, cert->count, bare);
}

enum ks_err ks_client_cert_authorize(
    const struct ks_client_cert *cert, struct ks_arena *scratch, struct ks_str authzid, struct ks_str *ret_bare)
{
    struct ks_str bare = KS_STR_EMPTY;
    struct ks_jid jid;
    enum ks_err err = KS_OK;

    if (!authzid.len) {
        /* XEP-0178 §2: "If the client certificate contains more than one JID, then the client MUST include an
         * authorization identity so that the server can determine which JID to use". */
        if (cert->count != 1)
            return KS_EDENIED;
        *ret_bare = cert->names[0];
        return KS_OK;
    }
    if ((err = ks_jid_parse(scratch, authzid, &jid)) == KS_OK)
        err = ks_jid_text(scratch, jid, &bare);
    if (err != KS_OK)
        return err == KS_ENOMEM ? err : KS_EDENIED;
    for (size_t i = 0; i < cert->count; i++)
        if (ks_str_eq(cert->names[i], bare)) {
            *ret_bare = cert->names[i];
            return KS_OK;
        }
    return KS_EDENIED;
}
