/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "settings.h"

#include <libconfig.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "listen_address.h"
#include "option_value.h"
#include "say.h"
#include "web_text.h"

static const char *const levels[] = { "error", "warning", "info", NULL };
static const char *const ciphers[] = { "aegis", "chacha20", NULL };

/* The edge's own options. */
static const struct edge_option {
    struct ks_option option;
    bool path, addresses;
    unsigned serves; /* of addresses: enum ks_listen_for */
} edge_options[] = {
    { { "data.directory", KS_OPT_TEXT, .min = 1, .max = 3000, .init_text = "/var/lib/konsild", .scope = KS_OPT_SERVER,
          .when = KS_OPT_RESTART, .doc = "Where the database lies. Made if missing; one konsild at a time." },
        true },
    { { "data.key_file", KS_OPT_TEXT, .max = 3000, .scope = KS_OPT_SERVER, .when = KS_OPT_RESTART,
          .doc = "The key of the database: 64 hexadecimal digits. Empty: the service manager's credential "
                 "konsild.key if it gives one, else konsild.key in data.directory. Made at the first start. Without "
                 "it the data is lost, so keep a copy elsewhere." },
        true },
    { { "data.cipher", KS_OPT_CHOICE, .choices = ciphers, .max = 1, .scope = KS_OPT_SERVER, .when = KS_OPT_RESTART,
        .doc = "How pages of a new database are encrypted: aegis wants a processor with AES instructions, chacha20 is "
               "for those without. A database stays with what it was made with." } },
    { { "files.directory", KS_OPT_TEXT, .max = 3000, .scope = KS_OPT_SERVER, .when = KS_OPT_RESTART,
          .doc = "Where uploaded files lie. Made if missing. Empty: files in data.directory." },
        true },
    { { "backup.directory", KS_OPT_TEXT, .max = 3000, .scope = KS_OPT_SERVER, .when = KS_OPT_RESTART,
          .doc = "Where konsilctl backup puts its files, best on another disk. Made if missing. Empty: backup in "
                 "data.directory." },
        true },
    { { "backup.keep", KS_OPT_DURATION, .init = 30 * 86400, .max = 10 * 365 * 86400, .scope = KS_OPT_SERVER,
        .when = KS_OPT_RESTART,
        .doc = "How old backups in that directory may become: older ones go whenever a new one is whole, so what was "
               "deleted leaves the last file that it was in. Their keys go with them, so that copies elsewhere cannot "
               "be read "
               "any more. 0: both stay until somebody deletes them." } },
    { { "backup.key_directory", KS_OPT_TEXT, .max = 3000, .scope = KS_OPT_SERVER, .when = KS_OPT_RESTART,
          .doc =
              "Where the key of each backup is put, as its name and .key. Made if missing. Empty: backup-keys in "
              "data.directory. A backup is restored with its key, and with nothing else, so keep copies elsewhere, "
              "apart from the backups, and destroy them when backup.keep has passed: konsild destroys its own then." },
        true },
    { { "listen.starttls", KS_OPT_TEXT, .max = 1000, .init_text = "*:5222", .scope = KS_OPT_SERVER,
          .when = KS_OPT_RESTART,
          .doc = "Addresses and ports for clients that begin in clear and turn to TLS, separated by blanks: "
                 "192.0.2.1:5222, [2001:db8::1]:5222, or * for all addresses." },
        .addresses = true, .serves = KS_LISTEN_STARTTLS },
    { { "listen.direct_tls", KS_OPT_TEXT, .max = 1000, .init_text = "*:5223", .scope = KS_OPT_SERVER,
          .when = KS_OPT_RESTART, .doc = "The same for clients that begin with TLS (XEP-0368)." },
        .addresses = true, .serves = KS_LISTEN_DIRECT_TLS },
    { { "listen.https", KS_OPT_TEXT, .max = 1000, .scope = KS_OPT_SERVER, .when = KS_OPT_RESTART,
          .doc =
              "The same for HTTPS: XMPP over WebSocket (RFC 7395), the web app, and what else konsild says to "
              "browsers. An address may stand in listen.direct_tls, too: then ALPN tells what a client means, and one "
              "without ALPN means XMPP. Empty: there is no web access." },
        .addresses = true, .serves = KS_LISTEN_HTTPS },
    { { "listen.http", KS_OPT_TEXT, .max = 1000, .scope = KS_OPT_SERVER, .when = KS_OPT_RESTART,
          .doc = "The same for HTTP in clear, which says to browsers where HTTPS is, and nothing else." },
        .addresses = true, .serves = KS_LISTEN_REDIRECT },
    { { "listen.metrics", KS_OPT_TEXT, .max = 1000, .scope = KS_OPT_SERVER, .when = KS_OPT_RESTART,
          .doc = "The same for HTTP in clear that answers /metrics (Prometheus) and /health, for machines that watch "
                 "this one. Figures are sums over all who are here; best on 127.0.0.1 or in a network of its own." },
        .addresses = true, .serves = KS_LISTEN_METRICS },
    { { "listen.component", KS_OPT_TEXT, .max = 1000, .scope = KS_OPT_SERVER, .when = KS_OPT_RESTART,
          .doc = "The same for programs that speak for a host name of their own (XEP-0114, component.host): "
                 "127.0.0.1:5347. "
                 "They are on this machine, since that protocol encrypts nothing. Empty: there are none." },
        .addresses = true, .serves = KS_LISTEN_COMPONENT },
    { { "listen.connections_per_second", KS_OPT_COUNT, .init = 5000, .min = 1, .max = 1000000, .scope = KS_OPT_SERVER,
        .when = KS_OPT_RESTART,
        .doc =
            "New connections accepted in a second; the rest waits, so that a storm of logins leaves time for those who "
            "are there." } },
    { { "tls.handshake_timeout", KS_OPT_DURATION, .init = 10, .min = 1, .max = 120, .scope = KS_OPT_SERVER,
        .when = KS_OPT_RESTART, .doc = "A client whose TLS handshake takes longer is cut off." } },
    { { "web.connections_per_address", KS_OPT_COUNT, .init = 200, .min = 1, .max = 60000, .scope = KS_OPT_SERVER,
        .when = KS_OPT_RESTART,
        .doc = "HTTP connections at a time from one address (of IPv6, from one /64); more are closed at once. Sessions "
               "over WebSocket do not count." } },
    { { "web.root", KS_OPT_TEXT, .max = 3000, .scope = KS_OPT_SERVER, .when = KS_OPT_RESTART,
          .doc =
              "The directory of the web app: its files are served over HTTPS, and what lies elsewhere is not, whatever "
              "links say. NAME.br and NAME.gz beside a file go to browsers that take them. Empty: a page that says "
              "what runs here." },
        true },
    { { "web.origins", KS_OPT_TEXT, .max = 2000, .scope = KS_OPT_SERVER, .when = KS_OPT_RESTART,
        .good = ks_web_origins_ok, .wants = SAY("wants.origins"),
        .doc = "Other sites whose pages may connect over WebSocket, separated by blanks: https://app.klinik.example. A "
               "page from here always may, and so may programs that are no browser." } },
    { { "push.ca_file", KS_OPT_TEXT, .max = 3000, .scope = KS_OPT_SERVER, .when = KS_OPT_RESTART,
          .doc = "Certificates that push services are checked against, in place of the system's: for a relay with a "
                 "certificate of one's own authority." },
        true },
    { { "push.private_addresses", KS_OPT_BOOL, .init = 0, .min = 0, .max = 1, .scope = KS_OPT_SERVER,
        .when = KS_OPT_RESTART,
        .doc =
            "Whether a push service may have an address of a private network: for a relay in the hospital's own." } },
    { { "process.threads", KS_OPT_COUNT, .init = 0, .min = 0, .max = 128, .scope = KS_OPT_SERVER,
        .when = KS_OPT_RESTART,
        .doc = "Threads that serve clients. 0: one less than there are processors, for the store has a thread, and at "
               "least one." } },
    { { "process.user", KS_OPT_TEXT, .max = 32, .scope = KS_OPT_SERVER, .when = KS_OPT_RESTART,
        .doc = "Who konsild becomes when root starts it. Empty: it stays who it is, without capabilities." } },
    { { "control.socket", KS_OPT_TEXT, .min = 1, .max = 107, .init_text = "/run/konsild/control",
          .scope = KS_OPT_SERVER, .when = KS_OPT_RESTART, .doc = "The local socket of konsilctl." },
        true },
    { { "control.group", KS_OPT_TEXT, .max = 32, .scope = KS_OPT_SERVER, .when = KS_OPT_RESTART,
        .doc = "Members of this group may connect to the socket; what they may do, the next three options say. Empty: "
               "only "
               "konsild's user and root." } },
    { { "control.accounts", KS_OPT_TEXT, .max = 2000, .scope = KS_OPT_SERVER, .when = KS_OPT_RESTART,
        .doc =
            "Users of this machine who may manage accounts and sessions, separated by blanks. Root and konsild's own "
            "user have all rights." } },
    { { "control.operate", KS_OPT_TEXT, .max = 2000, .scope = KS_OPT_SERVER, .when = KS_OPT_RESTART,
        .doc = "Users who may operate the server: health, backup, reload, the log's level." } },
    { { "control.audit", KS_OPT_TEXT, .max = 2000, .scope = KS_OPT_SERVER, .when = KS_OPT_RESTART,
        .doc = "Users who may read the audit log, and what is stored about people." } },
    { { "log.file", KS_OPT_TEXT, .max = 3000, .scope = KS_OPT_SERVER, .doc = "Opened anew on SIGHUP. Empty: stderr." },
        true },
    { { "log.level", KS_OPT_CHOICE, .choices = levels, .init = 2, .max = 2, .scope = KS_OPT_SERVER,
        .doc = "The quietest lines that are written. Debugging is switched on with konsilctl, with a reason, for an "
               "hour." } },
    { { "web.url", KS_OPT_TEXT, .max = 1000, .scope = KS_OPT_DOMAIN, .when = KS_OPT_RESTART, .good = ks_web_origin_ok,
        .wants = SAY("wants.origin"),
        .doc = "Where browsers reach the domain's web access: https://chat.klinik.example. Empty: at the domain's own "
               "name, and the port of listen.https." } },
    { { "web.addresses", KS_OPT_TEXT, .max = 1000, .scope = KS_OPT_DOMAIN, .when = KS_OPT_RESTART,
        .good = ks_web_addresses_ok, .wants = SAY("wants.ips"),
        .doc = "IP addresses at which clients reach the domain, separated by blanks. With them host-meta.json tells "
               "clients of direct TLS, too (XEP-0487), and they need no other lookup." } },
    { { "tls.client_ca", KS_OPT_TEXT, .max = 3000, .scope = KS_OPT_DOMAIN,
          .doc =
              "Certificates of the hospital's own authorities (PEM), whose issuing ones are enough. Clients of the "
              "domain are then asked for a certificate, and who has one with an address of the domain in it (XmppAddr, "
              "RFC 6120) logs in without a password (SASL EXTERNAL). Over HTTPS and WebSocket nobody is asked, "
              "because browsers would show a dialog. Who shows none, or not a good one, logs in by a password. With "
              "an authority taken out nobody else gets in by it; who is here stays." },
        true },
    { { "tls.client_crl", KS_OPT_TEXT, .max = 3000, .scope = KS_OPT_DOMAIN,
          .doc =
              "Their lists of revoked certificates (CRLs): PEM, one or several, or one in DER. Whose certificate is on "
              "it does not get in by it, and after konsilctl reload, which reads it anew, who is here by it is sent "
              "away. A list is needed for whoever issues certificates of clients; when its time is up, no "
              "certificate is good until there is a new one. Empty: nothing is revoked." },
        true },
    { { "certificate", KS_OPT_TEXT, .min = 1, .max = 3000, .scope = KS_OPT_DOMAIN,
          .doc = "The domain's certificate and its chain (PEM). Must be given." },
        true },
    { { "key", KS_OPT_TEXT, .min = 1, .max = 3000, .scope = KS_OPT_DOMAIN,
          .doc = "The certificate's private key (PEM, without password). Must be given." },
        true },
};

#define EDGE_OPTIONS KS_COUNT(edge_options)

struct value {
    int64_t number;
    char *text;
    char *place; /* where the file says it; NULL: nowhere */
};

/* All of the edge's options, of the server or of one domain. */
struct values {
    struct value value[EDGE_OPTIONS];
};

struct ks_settings {
    struct ks_config *config;
    struct values server, *domains;
    size_t domain_count;
};

/* --- values --- */

static bool init_values(struct values *values, enum ks_option_scope scope)
{
    for (size_t i = 0; i < EDGE_OPTIONS; i++) {
        const struct ks_option *option = &edge_options[i].option;
        values->value[i].number = option->init;
        if (option->scope == scope && option->kind == KS_OPT_TEXT
            && !(values->value[i].text = ks_str_dup(ks_str_z(option->init_text))))
            return false;
    }
    return true;
}

static void done_values(struct values *values)
{
    for (size_t i = 0; i < EDGE_OPTIONS; i++) {
        free(values->value[i].text);
        free(values->value[i].place);
    }
}

static const struct edge_option *find_edge(struct ks_str name)
{
    for (size_t i = 0; i < EDGE_OPTIONS; i++)
        if (ks_str_is(name, edge_options[i].option.name))
            return &edge_options[i];
    return NULL;
}

static const struct value *reading(const struct values *values, const char *name)
{
    const struct edge_option *option = find_edge(ks_str_z(name));

    assert(option);
    return &values->value[option - edge_options];
}

void ks_settings_free(struct ks_settings *s)
{
    if (!s)
        return;
    done_values(&s->server);
    for (size_t i = 0; i < s->domain_count; i++)
        done_values(&s->domains[i]);
    free(s->domains);
    ks_config_unref(s->config);
    free(s);
}

struct ks_config *ks_settings_config(const struct ks_settings *s)
{
    return s->config;
}

int64_t ks_settings_number(const struct ks_settings *s, const char *name)
{
    return reading(&s->server, name)->number;
}

const char *ks_settings_text(const struct ks_settings *s, const char *name)
{
    return reading(&s->server, name)->text;
}

const char *ks_settings_listen(const struct ks_settings *s, size_t *at, unsigned *ret_serves)
{
    while (*at < EDGE_OPTIONS) {
        const struct edge_option *option = &edge_options[(*at)++];
        *ret_serves = option->serves;
        if (option->addresses)
            return ks_settings_text(s, option->option.name);
    }
    return NULL;
}

const char *ks_settings_domain_text(const struct ks_settings *s, size_t domain, const char *name)
{
    assert(domain < s->domain_count);
    return reading(&s->domains[domain], name)->text;
}

const char *ks_settings_domain_place(const struct ks_settings *s, size_t domain, const char *name)
{
    assert(domain < s->domain_count);
    return reading(&s->domains[domain], name)->place;
}

/* --- all options, the edge's first --- */

/* What makes a group of the list "domains" a domain; the reader knows them by name. */
static const struct ks_option domain_own[] = {
    { "name", KS_OPT_TEXT, .min = 1, .max = 1023, .scope = KS_OPT_DOMAIN, .when = KS_OPT_RESTART,
        .doc = "The domain. Must be given, in each group of the list domains." },
    { "protected", KS_OPT_BOOL, .init = 1, .init_open = 1, .scope = KS_OPT_DOMAIN,
        .doc = "What is not encrypted from device to device is refused." },
};

static const struct ks_option *option_next(size_t *at)
{
    size_t core_at = *at - EDGE_OPTIONS;
    const struct ks_option *option;

    if (*at < EDGE_OPTIONS)
        return &edge_options[(*at)++].option;
    option = ks_option_next(&core_at);
    *at = core_at + EDGE_OPTIONS;
    return option;
}

static const struct ks_option *option_find(struct ks_str name)
{
    const struct edge_option *edge = find_edge(name);

    return edge ? &edge->option : ks_option_find(name);
}

static bool is_option_group(const char *name)
{
    const struct ks_option *option;
    size_t len = strlen(name);

    for (size_t at = 0; (option = option_next(&at));)
        if (strncmp(option->name, name, len) == 0 && option->name[len] == '.')
            return true;
    return false;
}

/* --- reading --- */

struct reader {
    struct ks_settings *settings;
    const char *path;
    enum ks_language language;
    char *directory; /* of the file: absolute, or "" */
    struct ks_buf *complaints;
    size_t complained;
    enum ks_err err; /* of the world: ends everything */
};

/* A line "FILE:LINE: KEY: what is wrong, and what would be right"; line 0 and key "" are left out. */
static void complain_of(struct reader *reader, const char *file, unsigned line, const char *key, const char *id,
    const struct ks_filling *fillings)
{
    struct ks_buf *to = reader->complaints;

    ks_buf_z(to, file ? file : reader->path);
    if (line)
        ks_buf_printf(to, ":%u", line);
    ks_buf_printf(to, ": %s%s", key, *key ? ": " : "");
    ks_sentence_write(to, reader->language, id, fillings);
    ks_buf_z(to, " ");
    ks_sentence_write_do(to, reader->language, id, fillings);
    ks_buf_z(to, "\n");
    reader->complained++;
}

static void complain(struct reader *reader, const config_setting_t *at, const char *key, const char *id,
    const struct ks_filling *fillings)
{
    complain_of(reader, config_setting_source_file(at), config_setting_source_line(at), key, id, fillings);
}

/* Of a value; places: {value} as it was given (NULL: not shown), {wants} as it should be. */
static void complain_of_value(struct reader *reader, const config_setting_t *at, const struct ks_option *option,
    const char *id, const char *value)
{
    struct ks_buf wants;

    ks_buf_init(&wants, 1000);
    ks_option_describe(&wants, reader->language, option);
    complain(reader, at, option->name, id,
        (struct ks_filling[]) { { "value", ks_str_z(value) }, { "wants", ks_buf_str(&wants) }, { 0 } });
    ks_buf_done(&wants);
}

/* Of a domain by its name, at most the beginning of it. */
static void complain_of_domain(
    struct reader *reader, const config_setting_t *at, const char *key, const char *id, const char *name)
{
    complain(reader, at, key, id,
        (struct ks_filling[]) { { "name", ks_str_head(ks_str_z(name), 100) }, { "key", ks_str_z(key) }, { 0 } });
}

static enum ks_err set_edge_text(struct reader *reader, const config_setting_t *at, struct values *values,
    const struct edge_option *edge, const char *text)
{
    struct value *value = &values->value[edge - edge_options];
    const char *file = config_setting_source_file(at);
    size_t len = strlen(text);
    char *copy = NULL, *place = NULL;

    if ((int64_t)len < edge->option.min || (int64_t)len > edge->option.max)
        return KS_ELIMIT;
    if (len && edge->option.good && !edge->option.good(ks_str(text, len)))
        return KS_ESYNTAX;
    if (asprintf(&copy, "%s%s", edge->path && len && text[0] != '/' ? reader->directory : "", text) < 0)
        return KS_ENOMEM;
    free(value->text);
    value->text = copy;
    if (asprintf(&place, "%s:%u", file ? file : reader->path, config_setting_source_line(at)) < 0)
        return KS_ENOMEM;
    free(value->place);
    value->place = place;
    return KS_OK;
}

static void judge_addresses(
    struct reader *reader, const config_setting_t *at, const struct edge_option *option, const char *text)
{
    const char *name = option->option.name;
    struct ks_str list = ks_str_z(text), one;
    struct ks_listen_address address;

    while (ks_str_cut(&list, ' ', &one))
        if (one.len && ks_listen_parse(one, 0, &address) != KS_OK)
            complain(reader, at, name, SAY("setting.address"),
                (struct ks_filling[]) { { "address", ks_str_head(one, 100) }, { 0 } });
        else if (one.len && option->serves == KS_LISTEN_COMPONENT && !ks_listen_is_local(&address))
            complain(reader, at, name, SAY("setting.address-local"),
                (struct ks_filling[]) { { "address", ks_str_head(one, 100) }, { 0 } });
}

/* What a setting holds, as the option's kind wants it. False: complained. */
static bool value_of(struct reader *reader, config_setting_t *at, const struct ks_option *option, int64_t *ret_number,
    const char **ret_text)
{
    struct ks_str text = ks_str_z(config_setting_get_string(at));
    int type = config_setting_type(at);
    bool number = type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;

    switch (option->kind) {
    case KS_OPT_BOOL:
        *ret_number = config_setting_get_bool(at);
        if (type == CONFIG_TYPE_BOOL)
            return true;
        break;
    case KS_OPT_COUNT:
        *ret_number = number ? config_setting_get_int64(at) : 0;
        if (number)
            return true;
        break;
    case KS_OPT_BYTES:
    case KS_OPT_DURATION:
        *ret_number = number ? config_setting_get_int64(at) : 0;
        if (number || (type == CONFIG_TYPE_STRING && ks_option_read(option, text, ret_number) == KS_OK))
            return true;
        break;
    case KS_OPT_TEXT:
        *ret_text = text.ptr;
        if (type == CONFIG_TYPE_STRING)
            return true;
        break;
    case KS_OPT_CHOICE:
        if (type == CONFIG_TYPE_STRING && ks_option_read(option, text, ret_number) == KS_OK)
            return true;
        break;
    }
    complain_of_value(reader, at, option, SAY("setting.value"), NULL);
    return false;
}

static void complain_of_range(
    struct reader *reader, config_setting_t *at, const struct ks_option *option, int64_t number, const char *text)
{
    char value[KS_OPTION_VALUE_LEN];

    if (text)
        complain_of_value(reader, at, option, *text ? SAY("setting.long") : SAY("setting.empty"), NULL);
    else
        complain_of_value(reader, at, option, number < option->min ? SAY("setting.below") : SAY("setting.above"),
            ks_option_write(option, number, value));
}

/* One option, of the server or of a domain (by index, or -1). */
static void read_option(struct reader *reader, config_setting_t *at, const char *name, int domain)
{
    struct ks_settings *s = reader->settings;
    const struct ks_option *option = option_find(ks_str_z(name));
    const struct edge_option *edge = find_edge(ks_str_z(name));
    int64_t number = 0;
    const char *text = NULL;
    enum ks_err err;

    if (!option) {
        complain(reader, at, name, SAY("setting.unknown"), NULL);
        return;
    }
    if (option->scope == KS_OPT_DOMAIN && domain < 0) {
        complain(reader, at, name, SAY("setting.of-domain"), NULL);
        return;
    }
    if (option->scope == KS_OPT_SERVER && domain >= 0) {
        complain(reader, at, name, SAY("setting.of-server"), NULL);
        return;
    }
    if (!value_of(reader, at, option, &number, &text))
        return;
    if (edge) {
        struct values *values = domain < 0 ? &s->server : &s->domains[domain];
        if (text) {
            err = set_edge_text(reader, at, values, edge, text);
            if (edge->addresses)
                judge_addresses(reader, at, edge, text);
        } else {
            err = number < option->min || number > option->max ? KS_ELIMIT : KS_OK;
            values->value[edge - edge_options].number = number;
        }
    } else {
        const struct ks_domain *of = domain < 0 ? NULL : ks_config_domain_at(s->config, (size_t)domain);
        err = text ? ks_config_set_text(s->config, of, ks_str_z(name), ks_str_z(text))
                   : ks_config_set_number(s->config, of, ks_str_z(name), number);
    }
    if (err == KS_ELIMIT)
        complain_of_range(reader, at, option, number, text);
    else if (err == KS_ESYNTAX)
        complain_of_value(reader, at, option, SAY("setting.value"), NULL);
    else if (err)
        reader->err = err;
}

/* A group and all groups in it. skip: names that are no options. */
static void read_group(struct reader *reader, config_setting_t *group, const char *prefix, int domain)
{
    for (int i = 0; reader->err == KS_OK && i < config_setting_length(group); i++) {
        config_setting_t *at = config_setting_get_elem(group, (unsigned)i);
        char name[200];
        snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "." : "", config_setting_name(at));
        if (!*prefix
            && (domain < 0 ? strcmp(name, "domains") == 0
                           : strcmp(name, "name") == 0 || strcmp(name, "protected") == 0))
            continue;
        if (!config_setting_is_group(at))
            read_option(reader, at, name, domain);
        else if (is_option_group(name))
            read_group(reader, at, name, domain);
        else
            complain(reader, at, name, SAY("setting.unknown-group"), NULL);
    }
}

/* What says something of clients' certificates says nothing without authorities, and would keep everybody out. */
static void judge_client_certificates(
    struct reader *reader, const config_setting_t *at, size_t domain, const char *name)
{
    struct ks_settings *s = reader->settings;
    bool required = ks_domain_number(ks_config_domain_at(s->config, domain), "tls.client_required") != 0;

    if (reader->err == KS_OK && !*ks_settings_domain_text(s, domain, "tls.client_ca")
        && (required || *ks_settings_domain_text(s, domain, "tls.client_crl")))
        complain_of_domain(reader, at, "tls.client_ca", SAY("setting.client-ca-missing"), name);
}

/* Who speaks for all addresses of a host has no certificate of a device; and without a secret anybody would speak. */
static void judge_component(struct reader *reader, const config_setting_t *at, size_t index, const char *name)
{
    const struct ks_domain *domain = ks_config_domain_at(reader->settings->config, index);

    if (reader->err || !ks_config_component(reader->settings->config, domain))
        return;
    if (domain->protected)
        complain_of_domain(reader, at, "component.host", SAY("setting.component-protected"), name);
    if (!ks_domain_text(domain, "component.secret").len)
        complain_of_domain(reader, at, "component.secret", SAY("setting.component-secret"), name);
}

static void read_domain(struct reader *reader, config_setting_t *at)
{
    struct ks_settings *s = reader->settings;
    const char *name = NULL;
    int is_protected = 1;
    config_setting_t *protection;

    if (!config_setting_is_group(at)) {
        complain(reader, at, "domains", SAY("setting.domains"), NULL);
        return;
    }
    if (!config_setting_lookup_string(at, "name", &name)) {
        complain(reader, at, "domains", SAY("setting.domain-nameless"), NULL);
        return;
    }
    protection = config_setting_get_member(at, "protected");
    if (protection && config_setting_type(protection) != CONFIG_TYPE_BOOL) {
        complain_of_value(reader, protection, &domain_own[1], SAY("setting.value"), NULL);
        return;
    }
    if (protection)
        is_protected = config_setting_get_bool(protection);
    struct values *domains = realloc(s->domains, (s->domain_count + 1) * sizeof domains[0]);
    if (!domains) {
        reader->err = KS_ENOMEM;
        return;
    }
    s->domains = domains;
    domains[s->domain_count] = (struct values) { 0 };
    enum ks_err err = ks_config_add_domain(s->config, ks_str_z(name), is_protected);
    if (err == KS_ESYNTAX) {
        complain_of_domain(reader, at, "name", SAY("setting.domain-form"), name);
        return;
    }
    if (err == KS_EEXISTS) {
        complain_of_domain(reader, at, "name", SAY("setting.domain-twice"), name);
        return;
    }
    if (err || !init_values(&domains[s->domain_count++], KS_OPT_DOMAIN)) {
        reader->err = KS_ENOMEM;
        return;
    }
    size_t index = s->domain_count - 1;
    read_group(reader, at, "", (int)index);
    for (size_t i = 0; i < EDGE_OPTIONS; i++)
        if (edge_options[i].option.scope == KS_OPT_DOMAIN && edge_options[i].option.min && reader->err == KS_OK
            && !*reading(&domains[index], edge_options[i].option.name)->text)
            complain_of_domain(reader, at, edge_options[i].option.name, SAY("setting.pem-missing"), name);
    judge_client_certificates(reader, at, index, name);
    judge_component(reader, at, index, name);
}

/* One port cannot begin both with TLS and without, nor with HTTP and XMPP in clear. */
static void judge_pair(
    struct reader *reader, config_t *file, const struct edge_option *option, const struct edge_option *other)
{
    struct ks_str list = ks_str_z(ks_settings_text(reader->settings, option->option.name)), one, another;
    const config_setting_t *at = config_lookup(file, other->option.name);
    struct ks_listen_address a, b;

    at = at ? at : config_lookup(file, option->option.name);
    while (at && ks_str_cut(&list, ' ', &one)) {
        struct ks_str others = ks_str_z(ks_settings_text(reader->settings, other->option.name));
        while (ks_str_cut(&others, ' ', &another))
            if (ks_listen_parse(one, 0, &a) == KS_OK && ks_listen_parse(another, 0, &b) == KS_OK
                && ks_listen_same(&a, &b))
                complain(reader, at, other->option.name, SAY("setting.address-both"),
                    (struct ks_filling[]) {
                        { "address", ks_str_head(another, 100) }, { "option", ks_str_z(option->option.name) }, { 0 } });
    }
}

static void judge_all_addresses(struct reader *reader, config_t *file)
{
    for (size_t i = 0; i < EDGE_OPTIONS; i++)
        for (size_t j = i + 1; j < EDGE_OPTIONS; j++)
            if (edge_options[i].addresses && edge_options[j].addresses
                && (edge_options[i].serves | edge_options[j].serves) != (KS_LISTEN_DIRECT_TLS | KS_LISTEN_HTTPS))
                judge_pair(reader, file, &edge_options[i], &edge_options[j]);
}

static void read_file(struct reader *reader, config_t *file)
{
    config_setting_t *root = config_root_setting(file), *domains = config_setting_get_member(root, "domains");

    if (domains && !config_setting_is_list(domains))
        complain(reader, domains, "domains", SAY("setting.domains"), NULL);
    for (int i = 0; domains && config_setting_is_list(domains) && i < config_setting_length(domains); i++) {
        if (reader->err == KS_OK)
            read_domain(reader, config_setting_get_elem(domains, (unsigned)i));
    }
    read_group(reader, root, "", -1);
    if (reader->err == KS_OK)
        judge_all_addresses(reader, file);
    if (!reader->settings->domain_count && !reader->complained)
        complain(reader, root, "domains", SAY("setting.domain-none"), NULL);
}

/* "DIRECTORY/" of path, absolute; NULL without memory. */
static char *directory_of(const char *path)
{
    char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
    const char *slash = strrchr(path, '/');
    char *directory = NULL;

    if (asprintf(
            &directory, "%s%s%.*s/", here ? here : "", here && slash ? "/" : "", slash ? (int)(slash - path) : 0, path)
        < 0)
        directory = NULL;
    free(here);
    return directory;
}

/* What libconfig could not read. Its own words are English, so only those are told apart that help. */
static void complain_of_syntax(struct reader *reader, const config_t *file)
{
    struct ks_str text = ks_str_z(config_error_text(file));

    complain_of(reader, config_error_file(file), (unsigned)config_error_line(file), "",
        ks_str_is(text, "duplicate setting name")             ? SAY("setting.twice")
            : ks_str_starts(text, KS_STR("cannot open incl")) ? SAY("setting.include")
                                                              : SAY("setting.syntax"),
        NULL);
}

enum ks_err ks_settings_read(
    const char *path, enum ks_language language, struct ks_settings **ret_settings, struct ks_buf *complaints)
{
    struct reader reader = { .settings = calloc(1, sizeof *reader.settings),
        .path = path,
        .language = language,
        .directory = directory_of(path),
        .complaints = complaints };
    struct ks_settings *s = reader.settings;
    config_t file;

    config_init(&file);
    if (s)
        s->config = ks_config_new();
    if (!s || !s->config || !reader.directory || !init_values(&s->server, KS_OPT_SERVER)) {
        reader.err = KS_ENOMEM;
    } else if (!config_read_file(&file, path)) {
        if (config_error_type(&file) == CONFIG_ERR_FILE_IO) {
            complain_of(&reader, path, 0, "", SAY("setting.unreadable"), NULL);
            reader.err = KS_EIO;
        } else {
            complain_of_syntax(&reader, &file);
        }
    } else {
        read_file(&reader, &file);
    }
    config_destroy(&file);
    free(reader.directory);
    if (reader.err || reader.complained) {
        ks_settings_free(s);
        return reader.err ? reader.err : KS_ESYNTAX;
    }
    *ret_settings = s;
    return KS_OK;
}

/* --- comparing and printing --- */

static bool same(const struct ks_settings *a, const struct ks_settings *b, const struct ks_option *option)
{
    if (find_edge(ks_str_z(option->name))) {
        const struct value *x = reading(&a->server, option->name), *y = reading(&b->server, option->name);
        return option->kind == KS_OPT_TEXT ? strcmp(x->text, y->text) == 0 : x->number == y->number;
    }
    if (option->kind == KS_OPT_TEXT)
        return ks_str_eq(ks_config_text(a->config, option->name), ks_config_text(b->config, option->name));
    return ks_config_number(a->config, option->name) == ks_config_number(b->config, option->name);
}

const struct ks_option *ks_settings_changed(
    const struct ks_settings *before, const struct ks_settings *after, size_t *at)
{
    const struct ks_option *option;

    while ((option = option_next(at)))
        if (option->when == KS_OPT_RESTART && option->scope == KS_OPT_SERVER && !same(before, after, option))
            break;
    return option;
}

static void print_default(struct ks_buf *buf, const struct ks_option *option)
{
    char value[KS_OPTION_VALUE_LEN];

    if (option->kind == KS_OPT_TEXT)
        ks_buf_printf(buf, "\"%s\"", option->init_text ? option->init_text : "");
    else
        ks_buf_z(buf, ks_option_write(option, option->init, value));
    if (option->open_differs)
        ks_buf_printf(
            buf, " (in a domain that is not protected: %s)", ks_option_write(option, option->init_open, value));
}

static void print_option(struct ks_buf *buf, bool manual, const struct ks_option *option)
{
    ks_buf_printf(buf, manual ? ".It Cm %s\n" : "%s\n    ", option->name);
    ks_buf_z(buf, option->doc);
    ks_buf_z(buf, manual ? "\n.br\n" : "\n    ");
    ks_option_describe(buf, KS_ENGLISH, option);
    ks_buf_z(buf, "; default ");
    print_default(buf, option);
    ks_buf_z(buf, option->scope == KS_OPT_DOMAIN ? "; of a domain" : "");
    ks_buf_z(buf, option->when == KS_OPT_RESTART ? "; takes a restart.\n" : ".\n");
    ks_buf_z(buf, manual ? "" : "\n");
}

void ks_settings_print(struct ks_buf *buf, bool manual)
{
    const struct ks_option *option;

    for (size_t i = 0; i < KS_COUNT(domain_own); i++)
        print_option(buf, manual, &domain_own[i]);
    for (size_t at = 0; (option = option_next(&at));)
        print_option(buf, manual, option);
}

void ks_settings_print_defaults(struct ks_buf *buf)
{
    const struct ks_option *option;

    for (size_t at = 0; (option = option_next(&at));) {
        ks_buf_printf(buf, "%s = ", option->name);
        print_default(buf, option);
        ks_buf_byte(buf, '\n');
    }
    ks_buf_z(buf, "protected = true\n");
}
