/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsild_web.c -- web access, from the settings. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "jid.h"
#include "konsild_parts.h"
#include "say.h"

/* The port of the first address that serves it; 0: none does. */
static uint16_t first_port(const struct konsild_parts *p, unsigned serves)
{
    for (size_t i = 0; i < p->listen_count; i++)
        if (p->listen[i].serves & serves)
            return ks_listen_port(&p->listen[i]);
    return 0;
}

/* web.url, or the domain's name at the first port for HTTPS. */
static enum ks_err set_origin(const struct konsild_parts *p, struct ks_config *config, size_t index)
{
    const char *url = ks_settings_domain_text(p->settings, index, "web.url");
    struct ks_str name = ks_config_domain_at(config, index)->name;
    uint16_t port = first_port(p, KS_LISTEN_HTTPS);
    char origin[sizeof "https://:65535" + KS_JID_PART_MAX];

    if (!port)
        return KS_OK;
    if (*url)
        return ks_config_set_origin(config, index, ks_str_z(url));
    if (port == 443)
        snprintf(origin, sizeof origin, "https://%.*s", KS_STR_FMT(name));
    else
        snprintf(origin, sizeof origin, "https://%.*s:%u", KS_STR_FMT(name), port);
    return ks_config_set_origin(config, index, ks_str_z(origin));
}

bool konsild_set_origins(const struct konsild_parts *p, struct ks_config *config)
{
    enum ks_err err = KS_OK;

    for (size_t i = 0; err == KS_OK && ks_config_domain_at(config, i); i++)
        err = set_origin(p, config, i);
    if (err)
        konsild_say(SAY("konsild.memory"), NULL);
    return err == KS_OK;
}

bool konsild_make_web(struct konsild_parts *p)
{
    struct ks_config *config = ks_settings_config(p->settings);
    struct ks_web_domain *domains;
    const struct ks_domain *domain;
    const char *root_path = ks_settings_text(p->settings, "web.root");
    int root = -1;
    size_t count = 0;

    if (!konsild_set_origins(p, config))
        return false;
    if (!first_port(p, KS_LISTEN_HTTPS | KS_LISTEN_REDIRECT | KS_LISTEN_METRICS))
        return true;
    if (*root_path && (root = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0) {
        konsild_say(SAY("konsild.web-root"), "directory", root_path, "reason", strerror(errno), NULL);
        return false;
    }
    while (ks_config_domain_at(config, count))
        count++;
    domains = calloc(count, sizeof domains[0]);
    for (size_t i = 0; domains && (domain = ks_config_domain_at(config, i)); i++)
        domains[i] = (struct ks_web_domain) { .name = domain->name,
            .origin = domain->origin,
            .addresses = ks_str_z(ks_settings_domain_text(p->settings, i, "web.addresses")) };
    if (domains)
        p->web = ks_web_new(&(struct ks_web_setup) { .domains = domains,
            .domain_count = count,
            .direct_tls_port = first_port(p, KS_LISTEN_DIRECT_TLS),
            .root = root,
            .origins = ks_str_z(ks_settings_text(p->settings, "web.origins")) });
    free(domains);
    if (!p->web && root >= 0)
        close(root);
    if (!p->web)
        konsild_say(SAY("konsild.memory"), NULL);
    return p->web != NULL;
}
