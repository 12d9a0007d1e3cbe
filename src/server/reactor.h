/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* reactor.h -- inside the core: one thread's part of the server. Not for features (feature.h) nor the edge (server.h).
 *
 * Everything here is touched by one thread. A reactor holds streams, and users: the accounts whose bare JIDs hash to
 * it. Work comes as parcels in one queue; a parcel runs at the home of an account, after its data was loaded. */
#ifndef KS_REACTOR_H
#define KS_REACTOR_H

#include <stdatomic.h>

#include "disco.h"
#include "feature.h"
#include "map.h"
#include "server.h"
#include "timer.h"

#define KS_PASSES_MAX 16 /* of one stage and kind */

struct ks_server {
    uint16_t reactors;
    struct ks_config *config; /* at start; reactors hold the one in force */
    const struct ks_log *log;
    uint8_t secret[32];
    const struct ks_archive_ids *archive_ids;
    const char *version;
    uint8_t push_key[KS_PUSH_KEY_LEN];
    size_t slots_bytes; /* of all features' session slots */
    const struct ks_feature_pass *passes[KS_STAGE_COUNT][KS_STANZA_KINDS][KS_PASSES_MAX + 1]; /* NULL ends a list */
    uint64_t home_key[2];
    atomic_uint people;      /* accounts with a session, of all reactors */
    atomic_uint people_fell; /* how often they became fewer than KS_PEOPLE_MANY */
};

struct ks_guard_addresses;
struct ks_retention;
struct ks_adhoc_sessions;

struct ks_reactor {
    struct ks_server *server;
    uint16_t index;
    struct ks_config *config;
    char (*caps_vers)[KS_CAPS_VER_LEN]; /* ks_caps_own_ver of each domain; beginning with a zero: none */
    const struct ks_log *log;
    struct ks_prng prng;
    struct ks_now now; /* of the call at hand */
    struct ks_timers timers;
    struct ks_map users;     /* bare JID to struct ks_user */
    struct ks_map sessions;  /* the bytes of an id to struct ks_session */
    struct ks_list streams;  /* all of struct ks_c2s */
    struct ks_list dirty;    /* streams with something to tell the edge */
    struct ks_list queue;    /* parcels to run here */
    struct ks_list mail;     /* parcels for other reactors */
    struct ks_list requests; /* struct ks_pending with a request to submit */
    struct ks_list asked;    /* those whose request is under way */
    struct ks_list works;    /* struct ks_control_call for the edge */
    struct ks_list controls; /* struct ks_control with output */
    struct ks_list files;    /* struct ks_file_ask with an answer */
    struct ks_list vaults;   /* struct ks_vault_ask, likewise */
    struct ks_guard_addresses *addresses;
    struct ks_retention *retention;  /* on reactor 0 */
    struct ks_adhoc_sessions *adhoc; /* adhoc.h; or NULL */
    struct ks_pushes *pushes;        /* push.h */
    struct ks_buf written;           /* ks_reactor_write */
    uint64_t epoch;                  /* of the store, as last seen (committer.h) */
    uint64_t outs;                   /* how often a device was out (user_device.h) */
    bool shutting_down, running;
    struct ks_reactor_stats stats;
};

/* Which reactor an account is at home in. */
uint16_t ks_home_of(const struct ks_server *server, struct ks_str bare);

/* Queues a parcel where it is to run (parcel.h); takes the caller's reference. */
void ks_post(struct ks_reactor *r, struct ks_parcel *parcel);
/* Runs what is queued, until nothing is. Every entry point of server.h ends with it. */
void ks_reactor_run(struct ks_reactor *r);

/* The bytes of a tree inside ns, good until the next call. ptr NULL: no memory, or more than
 * KS_STANZA_READ_MAX (written.err tells). */
struct ks_str ks_reactor_write(struct ks_reactor *r, const struct ks_xml *xml, struct ks_str ns);

/* Runs a parcel at the home of a user whose data is there; takes the reference. */
void ks_reactor_run_at(struct ks_user *user, struct ks_parcel *parcel);
/* The data cannot be read: <resource-constraint/> to whoever sent the stanza; takes the reference. */
void ks_reactor_refuse(struct ks_reactor *r, struct ks_parcel *parcel);

/* --- one call of handlers at a home --- */

/* session may be NULL. */
void ks_ctx_begin(struct ks_ctx *ctx, struct ks_reactor *r, struct ks_user *user, struct ks_session *session,
    struct ks_parcel *parcel);
/* Sends the transaction off, or posts the effects when nothing before them is under way. */
void ks_ctx_end(struct ks_ctx *ctx);
/* A parcel as an effect of ctx; takes the reference. */
void ks_ctx_post(struct ks_ctx *ctx, struct ks_parcel *parcel);
/* The transaction of ctx, made on the first call; NULL without memory (then ctx ends with an error to the sender). */
struct ks_store_req *ks_ctx_txn(struct ks_ctx *ctx);

/* What waits for the committer, in the order of its account. */
struct ks_pending {
    struct ks_list link;         /* in user->pendings; not for questions */
    struct ks_list request_link; /* in r->requests until the edge took it, then in r->asked */
    struct ks_store_req *req;    /* NULL: only waits for those before it */
    bool answered;
    enum ks_err result;
    struct ks_user *user;
    struct ks_parcel *parcel;
    uint64_t session;
    struct ks_list effects;
    void (*committed)(struct ks_ctx *ctx);
    void (*on_answer)(struct ks_ctx *ctx, struct ks_store_req *req); /* of a question */
};

/* NULL without memory. user may be NULL; parcel too (a load), else a reference is taken. */
KS_CHECK struct ks_pending *ks_pending_new(
    struct ks_reactor *r, struct ks_user *user, struct ks_parcel *parcel, struct ks_store_req *req);
/* Frees it and its effects, unsent; not its request. */
void ks_pending_free(struct ks_reactor *r, struct ks_pending *pending);
/* Settles what of the user's pendings is answered, oldest first. */
void ks_pending_settle(struct ks_user *user);

/* Says what all features have for this stage: KS_PASS_STOP if one stopped the stanza. */
enum ks_pass ks_run_passes(struct ks_ctx *ctx, enum ks_stage stage, struct ks_stanza *stanza);

#endif
