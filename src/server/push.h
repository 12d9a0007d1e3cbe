/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* push.h -- waking devices that are not there: which are owed a wake-up, and what of it is under way.
 *
 * A device registers with a push service (xep_0357_push.c, konsil_webpush.c). It is woken once for all that comes until
 * it is back, and a second time only when something calls louder. What wakes it says nothing but that there is
 * something; so one is enough, and as good as all.
 *
 * A device whose client is connected is watched for a while first: a phone in a pocket looks connected for minutes
 * after it went. If by then the client has not acknowledged what it was sent (XEP-0198), or said that nobody looks at
 * it (XEP-0352) and cannot acknowledge, it is woken.
 *
 * Entries are in the memory of the account's home, for devices that are being woken only; with konsild they go, and
 * what comes next wakes anew. */
#ifndef KS_PUSH_H
#define KS_PUSH_H

#include "feature.h"
#include "server.h"

/* doc/PROTOCOL.md §3.3 */
enum ks_wake { KS_WAKE_NONE, KS_WAKE_NORMAL, KS_WAKE_HIGH };
#define KS_WAKE_FOR_MAX 256 /* accounts with a level of their own, of one message */

/* Of an author's <wake/>, or NULL: does it say for single accounts what it does not say for all? */
bool ks_wake_has_for(const struct ks_xml *wake);
/* What it says to one of them, as <wake level='…'/>; NULL without memory. Texts are shared with it. */
KS_CHECK struct ks_xml *ks_wake_for(struct ks_arena *arena, const struct ks_xml *wake, struct ks_str bare);

struct ks_pushes;

/* One reactor's. NULL without memory. */
KS_CHECK struct ks_pushes *ks_pushes_new(struct ks_reactor *r);
void ks_pushes_free(struct ks_pushes *pushes);
/* The next request for the edge; NULL: none. The caller's. */
struct ks_push_request *ks_pushes_next(struct ks_pushes *pushes);

/* There is something to see on a device of ctx->user, which has registered. It is durable. */
void ks_push_want(struct ks_ctx *ctx, uint64_t device, enum ks_wake wake);
/* The client of a session is there: bound or resumed, at the account's home. */
void ks_push_back(const struct ks_session *s);
/* A device of ctx->user registered anew, or not any more: what is under way for it does not count. */
void ks_push_forget(const struct ks_ctx *ctx, uint64_t device);

/* Stored keys begin with the device: 16 hexadecimal digits. */
#define KS_PUSH_DEVICE_LEN 16
struct ks_str ks_push_device_write(uint64_t device, char room[KS_PUSH_DEVICE_LEN]);
/* Of a stored key; 0: it is none. */
uint64_t ks_push_device_read(struct ks_str key);

#define KS_STORE_WEBPUSH "webpush"

/* room_len bytes of room, and nothing set but that; NULL without memory. */
KS_CHECK struct ks_push_request *ks_push_request_new(size_t room_len);

/* --- the two kinds of registrations --- */

/* One of them, as administrators may see it: of a service its host alone, since whoever has the rest can wake the
 * device.
 */
struct ks_push_seen {
    uint64_t device;
    const char *kind; /* "xmpp", "web" */
    struct ks_str service;
    int64_t since_ms; /* 0: from before that was kept */
};
typedef void ks_push_seen_fn(void *user, const struct ks_push_seen *seen);

/* xep_0357_push.c: publishes to the device's services, as part of ctx. */
void ks_push_publish(struct ks_ctx *ctx, uint64_t device);
void ks_push_each(const struct ks_user *account, ks_push_seen_fn *each, void *user);
void ks_webpush_each(const struct ks_user *account, ks_push_seen_fn *each, void *user);
/* Those of a device of ctx->user (KS_DEVICES_ALL: of all) go. */
void ks_push_remove(struct ks_ctx *ctx, uint64_t device);
void ks_webpush_remove(struct ks_ctx *ctx, uint64_t device);
/* konsil_webpush.c: what is to be sent to the device's push service; NULL: it has none, or no memory. */
KS_CHECK struct ks_push_request *ks_webpush_request(struct ks_ctx *ctx, uint64_t device, enum ks_wake wake);
/* Its push service knows it no longer. */
void ks_webpush_gone(struct ks_ctx *ctx, uint64_t device);

/* --- the installation's key (RFC 8292) --- */

/* Reads it from the store, where it is made at the first start, or makes it; so it is in every backup. Not while the
 * committer works. KS_OK; what the store says; KS_ESTORE: what is stored is no key. */
KS_CHECK enum ks_err ks_push_key_open(
    struct ks_server_store *store, struct ks_prng *prng, uint8_t ret_key[KS_PUSH_KEY_LEN]);

#endif
