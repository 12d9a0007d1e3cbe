/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* feature.h -- what a feature is, and what it may do.
 *
 * A feature is one file in src/server/feature/ with one descriptor, one line in feature_list.c, a golden script and a
 * conformance line. Its handlers run at the home of one account (ctx->user), whose stored data is in memory: so they
 * read at once, and never wait. What they write becomes one transaction, and what they send leaves after it is durable,
 * in the order in which it was asked for. When the store refuses, or ctx->arena cannot give what was asked of it (so
 * that something is not whole: nobody needs to look at each builder's result), nothing is written or sent but
 * <resource-constraint/> to the sender, and the account's data is read anew. Handlers must not keep pointers of ctx
 * beyond the call. */
#ifndef KS_FEATURE_H
#define KS_FEATURE_H

#include "clock.h"
#include "committer.h"
#include "config.h"
#include "list.h"
#include "log.h"
#include "parcel.h"
#include "stanza.h"
#include "xml.h"

struct ks_server;  /* reactor.h: what all reactors share */
struct ks_reactor; /* reactor.h: one thread's part of it */
struct ks_user;    /* user.h: an account at its home */
struct ks_session; /* session.h: one bound resource */
struct ks_feature;
struct ks_adhoc_command; /* adhoc.h: what people do by forms */

/* One call of a handler. */
struct ks_ctx {
    struct ks_reactor *reactor;
    struct ks_user *user;           /* the account at whose home this runs */
    struct ks_session *session;     /* the sending session if it belongs to user, else NULL */
    const struct ks_domain *domain; /* the user's */
    struct ks_parcel *parcel;
    struct ks_arena *arena; /* the parcel's: for what is sent, and for scratch */
    struct ks_now now;
    struct ks_store_req *txn;              /* what was written so far, or NULL */
    struct ks_list effects;                /* parcels to post when it is durable */
    void (*committed)(struct ks_ctx *ctx); /* called when it is durable, before the effects; or NULL */
};

/* --- sending: leaves when what ctx wrote is durable --- */

/* To the sender of the stanza at hand. A stanza that is NULL was not built for want of memory. */
void ks_reply(struct ks_ctx *ctx, struct ks_xml *stanza);
void ks_reply_result(struct ks_ctx *ctx, struct ks_xml *payload); /* payload may be NULL */
void ks_reply_error(struct ks_ctx *ctx, enum ks_cond cond, const char *text_z);
/* With an application condition beside it: <name xmlns='ns'/>. */
void ks_reply_error_app(struct ks_ctx *ctx, enum ks_cond cond, const char *ns, const char *name);
void ks_reply_error_with(struct ks_ctx *ctx, enum ks_cond cond, struct ks_xml *app);
/* A new stanza with 'to' set (and 'from', if it is not the user's bare JID), built in ctx->arena, to wherever that is.
 * Each needs a tree of its own, at the top (ks_xml_copy_top). */
void ks_send(struct ks_ctx *ctx, struct ks_xml *stanza);
/* To one session of this user, past routing, blocking and archive. */
void ks_send_session(struct ks_ctx *ctx, struct ks_session *session, struct ks_xml *stanza);
/* Runs run at the home of the account `bare` with stanza (or NULL) and number in its parcel; when the account is not
 * of one of our domains, nothing happens. */
void ks_call(
    struct ks_ctx *ctx, struct ks_jid bare, void (*run)(struct ks_ctx *), struct ks_xml *stanza, uint64_t number);

/* --- what is stored for ctx->user (ks_kv_* of other accounts: by ks_call) --- */

/* A view until the next write to this key; ptr NULL if it is not there. */
struct ks_str ks_kv_get(const struct ks_user *user, const char *store, struct ks_str key);
/* Visible to reads at once, durable with the transaction. Both are copied. Above account.bytes_max the transaction
 * fails as if the store had refused it. */
void ks_kv_put(struct ks_ctx *ctx, const char *store, struct ks_str key, struct ks_str value);
void ks_kv_del(struct ks_ctx *ctx, const char *store, struct ks_str key);
/* The rows of a store in order of key: struct ks_kv *at = NULL; while ((at = ks_kv_next(user, store, at))) */
struct ks_kv {
    struct ks_str store, key, value;
};
size_t ks_kv_count(const struct ks_user *user, const char *store);
const struct ks_kv *ks_kv_next(const struct ks_user *user, const char *store, const struct ks_kv *after);

/* Asks the committer (a page of the archive, a list of accounts); answered at the same home, with req->result to look
 * at. The stanza at hand counts as handled after that. req is freed afterwards. */
void ks_ask(struct ks_ctx *ctx, struct ks_store_req *req, void (*answered)(struct ks_ctx *, struct ks_store_req *));

/* --- the account and its sessions --- */

struct ks_jid ks_user_jid(const struct ks_user *user);  /* bare */
struct ks_str ks_user_bare(const struct ks_user *user); /* the same as text */
uint64_t ks_user_account(const struct ks_user *user);   /* 0: there is no such account, or it is disabled or deleted */
const struct ks_account_row *ks_user_row(const struct ks_user *user);
/* A name, department or profession that others can be shown: UTF-8 of at most KS_ACCOUNT_TEXT_MAX bytes, and nothing in
 * it that is no character of XML or that moves a terminal's cursor. */
#define KS_ACCOUNT_TEXT_MAX 256
bool ks_account_text_ok(struct ks_str text);
/* struct ks_session *s = NULL; while ((s = ks_user_session(user, s))). Bound ones, with or without presence. */
struct ks_session *ks_user_session(const struct ks_user *user, const struct ks_session *after);
struct ks_session *ks_user_resource(const struct ks_user *user, struct ks_str resource); /* NULL: none */

uint64_t ks_session_id(const struct ks_session *s);
struct ks_str ks_session_jid(const struct ks_session *s); /* full JID as text */
struct ks_jid ks_session_jid_parts(const struct ks_session *s);
/* <presence/> as last broadcast, in bytes that the session keeps; ptr NULL while it is not available. */
struct ks_str ks_session_presence(const struct ks_session *s);
bool ks_session_available(const struct ks_session *s);
int ks_session_priority(const struct ks_session *s); /* -128..127; 0 without presence */
/* The number of the device that it is of, never 0: what is kept for a device (a token, an address to wake it by) is
 * kept under it, and goes by the hook device_out (user_device.h). */
uint64_t ks_session_device(const struct ks_session *s);
/* The feature's slot, session_size bytes, cleared at bind. */
void *ks_session_slot(struct ks_session *s, const struct ks_feature *feature);

/* --- the descriptor --- */

enum {
    KS_TO_SELF = 1,         /* no 'to', or the sender's own bare JID */
    KS_TO_ACCOUNT = 2,      /* somebody else's bare JID: runs at that home */
    KS_TO_DOMAIN = 4,       /* one of our domains: runs at the sender's home */
    KS_TO_ROOMS = 8,        /* a room service (room.h): runs at the sender's home */
    KS_TO_ROOM = 16,        /* a room, which is there: runs at its home (ctx->user) */
    KS_TO_DOMAIN_OPEN = 32, /* one of our domains, from whomever: ctx->user may be a component, which is no account */
};

struct ks_feature_iq {
    enum ks_stanza_type type; /* KS_IQ_GET or KS_IQ_SET; 0 ends the list */
    const char *ns, *name;    /* name NULL: any */
    unsigned to;
    void (*handle)(struct ks_ctx *ctx, const struct ks_stanza *iq);
};

/* Where a message or presence passes, in this order. Behind RECEIVE nobody changes it: the homes of its recipient and
 * of its sender read it at the same time. */
enum ks_stage {
    KS_STAGE_SEND = 1,  /* at the sender's home, from a session of his: may change the stanza, refuse or swallow it */
    KS_STAGE_CLEAN,     /* then, and for what a component says: takes out what only a server may say */
    KS_STAGE_SENT,      /* at the sender's home, when all is durable: carbons */
    KS_STAGE_RECEIVE,   /* at the recipient's home, before it is stored: may refuse or swallow */
    KS_STAGE_DELIVER,   /* at the recipient's home, when all is durable, before sessions are chosen */
    KS_STAGE_DELIVERED, /* after that: parcel->number is how many sessions got it */
    KS_STAGE_COUNT,
};
enum ks_pass { KS_PASS_ON, KS_PASS_STOP };
struct ks_feature_pass {
    enum ks_stage stage; /* 0 ends the list */
    unsigned kinds;      /* 1 << KS_MESSAGE | 1 << KS_PRESENCE | 1 << KS_IQ */
    enum ks_pass (*pass)(struct ks_ctx *ctx, struct ks_stanza *stanza);
};

/* What is kept about a person: printed by `konsilctl describe data`, deleted by its lifetime. */
enum ks_data_class {
    KS_DATA_NONE, /* nothing about anybody */
    KS_DATA_CREDENTIALS,
    KS_DATA_CONTACTS,
    KS_DATA_KEYS,
    KS_DATA_CONTENT,
    KS_DATA_TRAFFIC,
    KS_DATA_SETTINGS
};
enum ks_keep { KS_KEEP_WITH_ACCOUNT, KS_KEEP_SESSION, KS_KEEP_ARCHIVE, KS_KEEP_DAYS, KS_KEEP_ALWAYS };
/* Where it lies. */
enum ks_where {
    KS_IN_VALUES, /* rows of ks_kv_* under this store's name */
    KS_IN_ARCHIVE,
    KS_IN_ACCOUNTS,
    KS_IN_AUDIT,
    KS_IN_LOG,
    KS_IN_SETTINGS, /* of the database itself */
    KS_IN_VAULT,    /* vault_store.h */
    KS_IN_RECORDS,  /* of persons' archives (record_store.h) */
    KS_IN_SALTS,    /* theirs, in the shred store (shred_store.h): each goes with its record */
    KS_IN_RINGS,    /* there, too: what is replaced has a period, the newest goes with the account */
};
/* Who can read it, beside konsild; administrators of the machine never see content (KS_DATA_CONTENT is ciphertext). */
enum ks_reader {
    KS_READ_NOBODY = 1,    /* konsild alone, for its purpose */
    KS_READ_OWNER = 2,     /* the person's own devices */
    KS_READ_CONTACTS = 4,  /* whom she allowed */
    KS_READ_DOMAIN = 8,    /* all of her domain */
    KS_READ_ADMINS = 16,   /* konsilctl with the right to manage accounts */
    KS_READ_AUDITORS = 32, /* konsilctl with the right to audit */
    KS_READ_OPERATORS = 64,
};
/* Deleted by retention.h when its period is over: what KS_KEEP_ARCHIVE and KS_KEEP_DAYS say. */
struct ks_feature_store {
    const char *store; /* NULL ends the list */
    enum ks_data_class holds;
    enum ks_keep keep;
    int days;            /* of KS_KEEP_DAYS without `period` */
    const char *purpose; /* a literal: an English sentence; the German one is in the catalogue under data.STORE */
    unsigned readers;    /* of enum ks_reader */
    enum ks_where where;
    const char *period; /* the option that says how long (KS_OPT_DURATION; 0: no end); NULL: days */
    /* Of KS_KEEP_DAYS and KS_KEEP_ARCHIVE in KS_IN_VALUES: when a row became old, out of its key and value; 0: never.
     * Runs in the committer's thread. */
    int64_t (*stamp_ms)(struct ks_str key, struct ks_str value);
    /* In KS_IN_VALUES: its rows fit above account.bytes_max, too. Only for what no client can make grow. */
    bool beyond_limit;
};

/* What may go in clear from a person's client to somebody else in a protected domain, where everything else is refused
 * or taken out (konsil_policy.c). */
enum ks_clear {
    KS_CLEAR_MESSAGE = 1, /* an element of messages */
    KS_CLEAR_PRESENCE,    /* of presence */
    KS_CLEAR_QUERY,       /* what one client asks another (an iq of type get), and is answered */
    KS_CLEAR_NODE,        /* what a node of personal eventing holds */
};
struct ks_feature_clear {
    enum ks_clear kind;    /* 0 ends the list */
    const char *ns, *name; /* the element; name NULL: any of the namespace */
    const char *node;      /* of KS_CLEAR_NODE; with a ':' at its end: all nodes that begin so */
};

/* What a client may turn on with its resource (XEP-0386 §3.2), and nobody is asked about. */
struct ks_feature_bind {
    const char *ns, *name; /* the element inside <bind/>; ns is the feature's name there, too. NULL ends the list */
    void (*on)(struct ks_ctx *ctx, struct ks_session *session, const struct ks_xml *element);
};

#define KS_DEVICES_ALL 0 /* in place of a device's number */

struct ks_feature {
    const char *name;
    const char *const *disco;         /* features of the domain, NULL-ended; or NULL */
    const char *const *disco_account; /* of an account's bare JID */
    const char *const *disco_room;    /* of a room */
    const char *disco_if;             /* a domain's option without which neither is announced; or NULL */
    struct ks_feature_iq iq[16];
    struct ks_feature_pass pass[8];
    const struct ks_feature_clear *clear;    /* or NULL */
    const struct ks_adhoc_command *commands; /* adhoc.h; or NULL */
    /* Nodes of personal eventing for the person's own devices, NULL-ended; or NULL. They have an item for whatever they
     * are about, nobody else reads them, and they cannot be opened (pep_node.h). */
    const char *const *own_nodes;
    const struct ks_feature_bind *binds; /* or NULL */
    struct ks_feature_store stores[6];
    struct ks_option options[8];
    /* Adds to <stream:features/> after login (before bind), or NULL. */
    void (*stream_features)(
        struct ks_arena *arena, const struct ks_reactor *r, const struct ks_domain *domain, struct ks_xml *features);
    /* Adds a form (XEP-0128) to what disco says of a domain, or NULL. Texts are copied. */
    void (*disco_form)(struct ks_arena *arena, const struct ks_domain *domain, struct ks_xml *query);
    /* A session of ctx->user: was bound; became available or changed its presence (first: the initial one); is gone
     * (unavailable; it may have been available before or not). Each may be NULL. */
    void (*bound)(struct ks_ctx *ctx, struct ks_session *session);
    void (*available)(struct ks_ctx *ctx, struct ks_session *session, bool first);
    void (*unavailable)(struct ks_ctx *ctx, struct ks_session *session);
    /* A device of ctx->user is out: an administrator ended its session, set a password, or disabled the account. What
     * was kept for it goes, in ctx's transaction, so that nothing of it can be used. KS_DEVICES_ALL: every one. */
    void (*device_out)(struct ks_ctx *ctx, uint64_t device);
    /* A message that a room has archived (from room/nick), at the home of an account of ours that belongs to the room
     * and did not write it; in no order. ctx->parcel->number is its row in the room's archive. For waking devices: of
     * those who are in it with a session only if room_wakes says that there are any, since that is asked for each
     * session and message. */
    void (*room_missed)(struct ks_ctx *ctx, const struct ks_stanza *message);
    bool (*room_wakes)(const struct ks_user *user);
    /* A client changed a node of ctx->user: payload is what it published, or NULL. Not called for what
     * ks_pep_publish_for and the like change, so that two features do not change each other for ever. */
    void (*node_changed)(struct ks_ctx *ctx, struct ks_str node, const struct ks_xml *payload);
    /* Frees what the slot owns; no ctx, nothing can be sent. */
    void (*slot_done)(void *slot);
    size_t session_size;
};

/* feature_list.c: all there are, in the order in which their passes run. NULL-ended. */
extern const struct ks_feature *const ks_features[];

#endif
