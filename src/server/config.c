/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "config.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "feature.h"
#include "say.h"
#include "stanza.h"

/* Options of the core; those of features stand in their files.
 *
 * What a client may send ends where others could not read it as konsild passes it on. libkonsil (src/client/stream.c)
 * has 16 MiB for a tree: with 18 bytes for each that came (c2s.c), and a copy of up to KS_STANZA_READ_MAX, that is
 * 768 KiB. It takes 120 levels, of which copies and results of the archive (XEP-0280, XEP-0313) need three. And a queue
 * must hold a page of the archive with the stanza that fills it, or no session would get past that page. */
static bool is_host(struct ks_str text);
static bool is_component_secret(struct ks_str text);
static const struct ks_option core_options[] = {
    { "server.streams_max", KS_OPT_COUNT, .init = 50000, .min = 10, .max = 1000000, .scope = KS_OPT_SERVER,
        .doc = "Connections one reactor accepts." },
    { "stream.login_timeout", KS_OPT_DURATION, .init = 30, .min = 5, .max = 600, .scope = KS_OPT_SERVER,
        .doc = "A connection that has not bound a resource by then is closed." },
    { "stream.bytes_before_login", KS_OPT_BYTES, .init = 16384, .min = 10000, .max = 65536, .scope = KS_OPT_SERVER,
        .doc = "The largest stanza before login (RFC 6120 §13.12 asks for at least 10000 bytes)." },
    { "stream.bytes", KS_OPT_BYTES, .init = KS_STANZA_SENT_MAX, .min = KS_STANZA_SENT_MAX, .max = 786432,
        .scope = KS_OPT_SERVER, .doc = "The largest stanza after login." },
    { "stream.depth_max", KS_OPT_COUNT, .init = 64, .min = 16, .max = 100, .scope = KS_OPT_SERVER,
        .doc = "How deep elements in a stanza may nest." },
    { "tls.client_required", KS_OPT_BOOL, .init = 0, .min = 0, .max = 1,
        .doc = "Take clients with a good certificate (tls.client_ca) only, however they log in, and only those whom it "
               "names, if it names somebody. The others get <policy-violation/> before they can try a password. "
               "Browsers are never asked for one, so nobody gets in by the web app." },
    { "login.tries", KS_OPT_COUNT, .init = 5, .min = 1, .max = 20, .scope = KS_OPT_SERVER,
        .doc = "Failed logins after which a stream is closed (RFC 6120 §6.4.5 asks for at least 2)." },
    { "login.iterations", KS_OPT_COUNT, .init = 10000, .min = 10000, .max = 1000000, .scope = KS_OPT_SERVER,
        .doc = "Rounds of PBKDF2 for new passwords; only clients pay for them." },
    { "session.per_account", KS_OPT_COUNT, .init = 16, .min = 1, .max = 100, .doc = "Sessions one account may have." },
    { "session.resume", KS_OPT_DURATION, .init = 300, .min = 0, .max = 86400,
        .doc = "How long a session whose connection broke waits to be resumed (XEP-0198)." },
    { "session.queue_max", KS_OPT_COUNT, .init = 2000, .min = KS_SESSION_QUEUE_MIN, .max = 100000,
        .doc = "Stanzas kept for a client that does not acknowledge them; past it the session ends, and messages are "
               "fetched from the archive." },
    { "session.queue_bytes", KS_OPT_BYTES, .init = 16777216, .min = KS_SESSION_QUEUE_BYTES_MIN, .max = 268435456,
        .doc = "Bytes of such stanzas." },
    { "account.bytes_max", KS_OPT_BYTES, .init = 16777216, .min = 1048576, .max = 50331648, .scope = KS_OPT_SERVER,
        .doc = "What is kept for one account besides its archive: contacts, and what its devices publish." },
    { "rooms.host", KS_OPT_TEXT, .max = 255, .when = KS_OPT_RESTART, .good = is_host, .wants = SAY("wants.host"),
        .doc = "The host name of the domain's room service (XEP-0045); if empty, \"rooms.\" and the domain's name." },
    { "rooms.on", KS_OPT_BOOL, .init = 1, .min = 0, .max = 1, .when = KS_OPT_RESTART,
        .doc = "Whether the domain has a room service." },
    { "component.host", KS_OPT_TEXT, .max = 255, .when = KS_OPT_RESTART, .good = is_host, .wants = SAY("wants.host"),
        .doc = "The host name of a program beside konsild that speaks for all addresses there (XEP-0114), and connects "
               "at listen.component: a gateway into another network. Empty: there is none. Not in a protected domain, "
               "where nobody but a certified device speaks." },
    { "component.secret", KS_OPT_TEXT, .max = 200, .when = KS_OPT_RESTART, .good = is_component_secret,
        .wants = SAY("wants.component-secret"), .secret = true,
        .doc = "What the program proves to know: from 20 characters on, by chance." },
    { "account.forget", KS_OPT_DURATION, .init = 10, .min = 1, .max = 3600, .scope = KS_OPT_SERVER,
        .doc = "Data of an account that nobody touched for so long leaves the memory." },
    { NULL },
};

const struct ks_option *ks_option_next(size_t *at)
{
    size_t place = (*at)++;

    if (place < KS_COUNT(core_options) - 1)
        return &core_options[place];
    place -= KS_COUNT(core_options) - 1;
    for (size_t i = 0; ks_features[i]; i++)
        for (const struct ks_option *option = ks_features[i]->options; option->name; option++)
            if (place-- == 0)
                return option;
    return NULL;
}

const struct ks_option *ks_option_find(struct ks_str name)
{
    const struct ks_option *option;

    for (size_t at = 0; (option = ks_option_next(&at));)
        if (ks_str_is(name, option->name))
            return option;
    return NULL;
}

struct value {
    const struct ks_option *option;
    int64_t number;
    char *text;
};

/* All values of the server or of one domain, sorted by name. */
struct ks_option_values {
    size_t count;
    struct value value[];
};

struct domain {
    struct ks_domain domain, rooms, component; /* the names of the two empty: it has none */
    struct ks_option_values *values;
    char *name, *origin, *rooms_name, *component_name;
};

struct ks_config {
    atomic_uint refs;
    struct ks_option_values *values;
    struct domain **domains; /* each stays where it is */
    size_t domain_count;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct value *)a)->option->name, ((const struct value *)b)->option->name);
}

static void text_free(const struct value *value)
{
    if (value->text && value->option->secret)
        ks_wipe(value->text, strlen(value->text));
    free(value->text);
}

static void values_free(struct ks_option_values *values)
{
    for (size_t i = 0; values && i < values->count; i++)
        text_free(&values->value[i]);
    free(values);
}

static struct ks_option_values *values_new(enum ks_option_scope scope, bool protected)
{
    const struct ks_option *option;
    size_t count = 0;

    for (size_t at = 0; (option = ks_option_next(&at));)
        count += option->scope == scope;
    struct ks_option_values *values = calloc(1, sizeof *values + count * sizeof values->value[0]);
    if (!values)
        return NULL;
    for (size_t at = 0; (option = ks_option_next(&at));) {
        if (option->scope != scope)
            continue;
        struct value *value = &values->value[values->count++];
        value->option = option;
        value->number = option->open_differs && !protected ? option->init_open : option->init;
        if (option->kind == KS_OPT_TEXT && !(value->text = ks_str_dup(ks_str_z(option->init_text)))) {
            values_free(values);
            return NULL;
        }
    }
    qsort(values->value, count, sizeof values->value[0], by_name);
    return values;
}

static struct value *find(struct ks_option_values *values, struct ks_str name)
{
    size_t low = 0, high = values->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = ks_str_cmp(name, ks_str_z(values->value[middle].option->name));
        if (order == 0)
            return &values->value[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

struct ks_config *ks_config_new(void)
{
    struct ks_config *config = calloc(1, sizeof *config);

    if (!config)
        return NULL;
    atomic_init(&config->refs, 1);
    config->values = values_new(KS_OPT_SERVER, true);
    if (!config->values) {
        free(config);
        return NULL;
    }
    return config;
}

struct ks_config *ks_config_ref(struct ks_config *config)
{
    atomic_fetch_add(&config->refs, 1);
    return config;
}

void ks_config_unref(struct ks_config *config)
{
    if (!config || atomic_fetch_sub(&config->refs, 1) > 1)
        return;
    for (size_t i = 0; i < config->domain_count; i++) {
        values_free(config->domains[i]->values);
        free(config->domains[i]->name);
        free(config->domains[i]->origin);
        free(config->domains[i]->rooms_name);
        free(config->domains[i]->component_name);
        free(config->domains[i]);
    }
    free(config->domains);
    values_free(config->values);
    free(config);
}

/* KS_OK; KS_ESYNTAX: not a normalised domainpart; KS_ENOMEM. */
static enum ks_err check_host(struct ks_str name)
{
    struct ks_arena arena;
    struct ks_jid jid;
    enum ks_err err;

    ks_arena_init(&arena, 16384);
    err = ks_jid_parse(&arena, name, &jid);
    if (!err && (jid.local.len || jid.resource.len || !ks_str_eq(jid.domain, name)))
        err = KS_ESYNTAX;
    ks_arena_done(&arena);
    return !err || err == KS_ENOMEM ? err : KS_ESYNTAX;
}

static bool is_host(struct ks_str text)
{
    return !text.len || check_host(text) == KS_OK;
}

static bool is_component_secret(struct ks_str text)
{
    return !text.len || text.len >= KS_COMPONENT_SECRET_MIN;
}

/* A service of the name prefix and host; without host there is none. */
static enum ks_err set_service(
    struct ks_domain *service, char **text, const struct ks_domain *of, struct ks_str prefix, struct ks_str host)
{
    char *name = host.len ? malloc(prefix.len + host.len) : NULL;

    if (host.len && !name)
        return KS_ENOMEM;
    if (prefix.len && name)
        memcpy(name, prefix.ptr, prefix.len);
    if (name)
        memcpy(name + prefix.len, host.ptr, host.len);
    free(*text);
    *text = name;
    *service = *of;
    service->name = name ? ks_str(name, prefix.len + host.len) : KS_STR_EMPTY;
    service->origin = KS_STR_EMPTY;
    return KS_OK;
}

/* A domain's services follow from its options: whenever one of them may have changed, they are made anew. */
static enum ks_err set_services(struct domain *domain)
{
    struct ks_str rooms = ks_domain_text(&domain->domain, "rooms.host"), prefix = KS_STR_EMPTY;
    enum ks_err err;

    if (!ks_domain_number(&domain->domain, "rooms.on")) {
        rooms = KS_STR_EMPTY;
    } else if (!rooms.len) {
        rooms = domain->domain.name;
        prefix = KS_STR("rooms.");
    }
    if ((err = set_service(&domain->rooms, &domain->rooms_name, &domain->domain, prefix, rooms)) != KS_OK
        || (err = set_service(&domain->component, &domain->component_name, &domain->domain, KS_STR_EMPTY,
                ks_domain_text(&domain->domain, "component.host")))
            != KS_OK)
        return err;
    domain->rooms.index |= KS_DOMAIN_ROOMS;
    domain->rooms.parent = &domain->domain;
    domain->component.index |= KS_DOMAIN_COMPONENT;
    domain->component.component = true;
    return KS_OK;
}

enum ks_err ks_config_add_domain(struct ks_config *config, struct ks_str name, bool protected)
{
    enum ks_err err;

    if (ks_config_domain(config, name))
        return KS_EEXISTS;
    if ((err = check_host(name)) != KS_OK)
        return err;
    struct domain **domains = realloc(config->domains, (config->domain_count + 1) * sizeof(struct domain *));
    if (!domains)
        return KS_ENOMEM;
    config->domains = domains;
    struct domain *added = calloc(1, sizeof *added);
    if (!added)
        return KS_ENOMEM;
    added->values = values_new(KS_OPT_DOMAIN, protected);
    added->name = ks_str_dup(name);
    if (!added->values || !added->name) {
        values_free(added->values);
        free(added->name);
        free(added);
        return KS_ENOMEM;
    }
    added->domain = (struct ks_domain) { .name = ks_str(added->name, name.len),
        .protected = protected,
        .index = (uint16_t)config->domain_count,
        .values = added->values };
    if ((err = set_services(added)) != KS_OK) {
        free(added->rooms_name);
        values_free(added->values);
        free(added->name);
        free(added);
        return err;
    }
    domains[config->domain_count++] = added;
    return KS_OK;
}

enum ks_err ks_config_set_origin(struct ks_config *config, size_t index, struct ks_str origin)
{
    struct domain *domain;
    char *copy = ks_str_dup(origin);

    assert(index < config->domain_count);
    if (!copy)
        return KS_ENOMEM;
    domain = config->domains[index];
    free(domain->origin);
    domain->origin = copy;
    domain->domain.origin = ks_str(copy, origin.len);
    return KS_OK;
}

static struct value *writable(struct ks_config *config, const struct ks_domain *domain, struct ks_str name)
{
    return find(domain ? config->domains[domain->index]->values : config->values, name);
}

enum ks_err ks_config_set_number(
    struct ks_config *config, const struct ks_domain *domain, struct ks_str name, int64_t number)
{
    struct value *value = writable(config, domain, name);

    if (!value)
        return KS_ENOTFOUND;
    if (value->option->kind == KS_OPT_TEXT)
        return KS_ESYNTAX;
    if (number < value->option->min || number > value->option->max)
        return KS_ELIMIT;
    value->number = number;
    return domain ? set_services(config->domains[domain->index]) : KS_OK;
}

enum ks_err ks_config_set_text(
    struct ks_config *config, const struct ks_domain *domain, struct ks_str name, struct ks_str text)
{
    struct value *value = writable(config, domain, name);

    if (!value)
        return KS_ENOTFOUND;
    if (value->option->kind != KS_OPT_TEXT || ks_str_find_byte(text, 0) < text.len
        || (value->option->good && !value->option->good(text)))
        return KS_ESYNTAX;
    if ((int64_t)text.len < value->option->min || (int64_t)text.len > value->option->max)
        return KS_ELIMIT;
    char *copy = ks_str_dup(text);
    if (!copy)
        return KS_ENOMEM;
    text_free(value);
    value->text = copy;
    return domain ? set_services(config->domains[domain->index]) : KS_OK;
}

const struct ks_domain *ks_config_domain(const struct ks_config *config, struct ks_str name)
{
    for (size_t i = 0; i < config->domain_count; i++)
        if (ks_str_eq(config->domains[i]->domain.name, name))
            return &config->domains[i]->domain;
    return NULL;
}

/* Where a service has the name of a domain, the domain has it. */
const struct ks_domain *ks_config_host(const struct ks_config *config, struct ks_str name)
{
    const struct ks_domain *domain = ks_config_domain(config, name);

    for (size_t i = 0; !domain && i < config->domain_count; i++)
        if (name.len && ks_str_eq(config->domains[i]->rooms.name, name))
            domain = &config->domains[i]->rooms;
    for (size_t i = 0; !domain && i < config->domain_count; i++)
        if (name.len && ks_str_eq(config->domains[i]->component.name, name))
            domain = &config->domains[i]->component;
    return domain;
}

const struct ks_domain *ks_config_rooms(const struct ks_config *config, const struct ks_domain *domain)
{
    const struct ks_domain *rooms = &config->domains[domain->index]->rooms;

    return rooms->name.len ? rooms : NULL;
}

const struct ks_domain *ks_config_component(const struct ks_config *config, const struct ks_domain *domain)
{
    const struct ks_domain *component = &config->domains[domain->index]->component;

    return component->name.len ? component : NULL;
}

const struct ks_domain *ks_config_domain_at(const struct ks_config *config, size_t index)
{
    size_t place = index & ~(size_t)(KS_DOMAIN_ROOMS | KS_DOMAIN_COMPONENT);

    if (place >= config->domain_count)
        return NULL;
    return index & KS_DOMAIN_ROOMS    ? &config->domains[place]->rooms
        : index & KS_DOMAIN_COMPONENT ? &config->domains[place]->component
                                      : &config->domains[place]->domain;
}

bool ks_config_same_domains(const struct ks_config *a, const struct ks_config *b)
{
    bool same = a->domain_count == b->domain_count;

    for (size_t i = 0; same && i < a->domain_count; i++)
        same = ks_str_eq(a->domains[i]->domain.name, b->domains[i]->domain.name)
            && ks_str_eq(a->domains[i]->rooms.name, b->domains[i]->rooms.name)
            && ks_str_eq(a->domains[i]->component.name, b->domains[i]->component.name);
    return same;
}

static const struct value *reading(struct ks_option_values *values, const char *name)
{
    const struct value *value = find(values, ks_str_z(name));

    assert(value);
    return value;
}

int64_t ks_config_number(const struct ks_config *config, const char *name)
{
    return reading(config->values, name)->number;
}

struct ks_str ks_config_text(const struct ks_config *config, const char *name)
{
    return ks_str_z(reading(config->values, name)->text);
}

int64_t ks_domain_number(const struct ks_domain *domain, const char *name)
{
    return reading(domain->values, name)->number;
}

struct ks_str ks_domain_text(const struct ks_domain *domain, const char *name)
{
    return ks_str_z(reading(domain->values, name)->text);
}

bool ks_domain_has(const struct ks_domain *domain, const char *name)
{
    return ks_option_find(ks_str_z(name))->kind == KS_OPT_TEXT ? ks_domain_text(domain, name).len > 0
                                                               : ks_domain_number(domain, name) != 0;
}
