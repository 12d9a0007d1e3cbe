/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* config.h -- settings: descriptors, and the values in force.
 *
 * An option is a descriptor in the file of the feature it belongs to, or in config.c for the core. The parser of the
 * file (src/edge/config_file.c), the manual and `konsild --check` all come from descriptors. A ks_config is one
 * consistent set of values; it never changes once made. A reload makes a new one, which is mailed to every reactor. */
#ifndef KS_CONFIG_H
#define KS_CONFIG_H

#include "str.h"

enum ks_option_kind {
    KS_OPT_BOOL, /* 0, 1 */
    KS_OPT_COUNT,
    KS_OPT_BYTES,    /* "512 KiB" */
    KS_OPT_DURATION, /* in seconds; "5 min", "7 d" */
    KS_OPT_TEXT,     /* min..max bytes */
    KS_OPT_CHOICE,   /* one of choices; its index */
};
enum ks_option_scope { KS_OPT_DOMAIN, KS_OPT_SERVER };
enum ks_option_when { KS_OPT_RELOAD, KS_OPT_RESTART };

struct ks_option {
    const char *name; /* "blocking.items_max"; NULL ends a list */
    enum ks_option_kind kind;
    int64_t init, min, max;
    const char *init_text; /* of KS_OPT_TEXT */
    /* Of KS_OPT_TEXT, where not every text is one: whether it is, and the id of the sentence that says what is. */
    bool (*good)(struct ks_str text);
    const char *wants;
    bool secret;                /* likewise: wiped when it goes */
    const char *const *choices; /* NULL-ended */
    enum ks_option_scope scope;
    enum ks_option_when when;
    const char *doc;   /* one English sentence for the manual */
    int64_t init_open; /* with open_differs: the default in a domain that is not protected */
    bool open_differs;
};

/* The least that an administrator may leave of session.queue_max and session.queue_bytes. */
#define KS_SESSION_QUEUE_MIN 50
#define KS_SESSION_QUEUE_BYTES_MIN 4194304

/* A host name of ours: a domain, whose localparts are accounts; the room service of one (room.h), whose localparts are
 * rooms; or its component (c2s_component.h), whose localparts are another program's. The two have their domain's
 * options and protection. */
struct ks_domain {
    struct ks_str name; /* normalised */
    bool protected;
    uint16_t index; /* its place in the configuration, stable while the process lives */
    /* Where browsers reach its web access: "https://chat.klinik.example:5443"; empty: there is none. */
    struct ks_str origin;
    struct ks_option_values *values;
    const struct ks_domain *parent; /* of a room service: its domain; NULL: a domain, or a component */
    bool component;
};
/* In the index of a room service or a component, beside its domain's. */
#define KS_DOMAIN_ROOMS 0x8000
#define KS_DOMAIN_COMPONENT 0x4000
#define KS_COMPONENT_SECRET_MIN 20

struct ks_config;

/* All options there are: the core's and the features'. *at = 0 to begin; NULL at the end. */
const struct ks_option *ks_option_next(size_t *at);
/* NULL if there is none of that name. */
const struct ks_option *ks_option_find(struct ks_str name);

/* Building: defaults first, then what the file says. All text is copied. */
KS_CHECK struct ks_config *ks_config_new(void);            /* NULL without memory; one reference */
struct ks_config *ks_config_ref(struct ks_config *config); /* from any thread */
void ks_config_unref(struct ks_config *config);
/* KS_EEXISTS; KS_ENOMEM; KS_ESYNTAX (name is not a normalised domainpart). */
KS_CHECK enum ks_err ks_config_add_domain(struct ks_config *config, struct ks_str name, bool protected);
/* KS_ENOMEM. The domain of that index exists (assert). */
KS_CHECK enum ks_err ks_config_set_origin(struct ks_config *config, size_t index, struct ks_str origin);
/* domain NULL: of the server. KS_ENOTFOUND (no such option in that scope); KS_ELIMIT (outside min and max); KS_ESYNTAX
 * (kind, or not good); KS_ENOMEM. */
KS_CHECK enum ks_err ks_config_set_number(
    struct ks_config *config, const struct ks_domain *domain, struct ks_str name, int64_t value);
KS_CHECK enum ks_err ks_config_set_text(
    struct ks_config *config, const struct ks_domain *domain, struct ks_str name, struct ks_str value);

/* Reading. The name must exist (assert). */
const struct ks_domain *ks_config_host(const struct ks_config *config, struct ks_str name);   /* NULL: not ours */
const struct ks_domain *ks_config_domain(const struct ks_config *config, struct ks_str name); /* the same, no service */
/* By its index. Those from 0 on are the domains: NULL past the last. */
const struct ks_domain *ks_config_domain_at(const struct ks_config *config, size_t index);
/* The room service of a domain; NULL: it has none. */
const struct ks_domain *ks_config_rooms(const struct ks_config *config, const struct ks_domain *domain);
/* Its component; NULL: it has none. */
const struct ks_domain *ks_config_component(const struct ks_config *config, const struct ks_domain *domain);
/* The same names at the same places, of services too: only then may one take the other's place while the process lives.
 */
bool ks_config_same_domains(const struct ks_config *a, const struct ks_config *b);
int64_t ks_config_number(const struct ks_config *config, const char *name);
struct ks_str ks_config_text(const struct ks_config *config, const char *name);
int64_t ks_domain_number(const struct ks_domain *domain, const char *name);
struct ks_str ks_domain_text(const struct ks_domain *domain, const char *name);
/* Whether it is set at all: a number that is not 0, a text that is not empty. */
bool ks_domain_has(const struct ks_domain *domain, const char *name);

#endif
