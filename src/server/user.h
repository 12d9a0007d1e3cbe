/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* user.h -- an account at its home: stored data, sessions, and what waits for either.
 *
 * An account that does not exist has a user too, while somebody asks for it (row.state is 0), so that it answers as one
 * that does. Data is loaded whole when a parcel comes, and forgotten when nobody came for account.forget. */
#ifndef KS_USER_H
#define KS_USER_H

#include "login_guard.h"
#include "reactor.h"

/* MAKING: the transaction that makes it is under way, and who comes waits for that. */
enum ks_user_state { KS_USER_COLD, KS_USER_LOADING, KS_USER_LOADED, KS_USER_MAKING };

struct ks_room; /* room.h */

struct ks_user {
    struct ks_reactor *reactor;
    struct ks_str bare; /* in one block with the struct */
    enum ks_user_state state;
    uint16_t domain; /* its index in the configuration */
    uint16_t session_count;
    struct ks_account_row row; /* its texts live in row_text; state 0: no such account */
    char *row_text;
    struct ks_kv **kv; /* sorted by store, then key; each one block */
    size_t kv_count, kv_cap, kv_bytes;
    struct ks_list sessions;
    struct ks_list waiting;  /* parcels, until the data is loaded */
    struct ks_list pendings; /* struct ks_pending, oldest first */
    uint32_t questions;      /* under way */
    uint32_t looking;        /* messages to it that wait until rows of an archive were read (message.c) */
    int64_t missed_ms;       /* offline.h; 0: nothing */
    struct ks_timer forget;
    int64_t touched_ms; /* when it was set, of ks_now.mono_ms */
    uint64_t out_at;    /* r->outs when a device of it was last out */
    struct ks_guard guard;
    struct ks_room *room; /* who is in it, if it is one; NULL: nobody */
};

/* The user of a bare JID of one of our domains, made if need be; NULL without memory. */
struct ks_user *ks_user_at(struct ks_reactor *r, struct ks_str bare);
/* Keeps parcel until the data is there, and asks for it; takes the reference. */
void ks_user_wait(struct ks_user *user, struct ks_parcel *parcel);
/* Called when something happened to the user, so that it is not forgotten for a while. */
void ks_user_touch(struct ks_user *user);
/* ctx's transaction makes the account: whoever comes waits until ks_user_reload. */
void ks_user_making(struct ks_user *user);
/* It was made: its data is read, and parcel runs before those who wait; takes the reference. */
void ks_user_made(struct ks_user *user, struct ks_parcel *parcel);
/* Drops the stored data and reads it anew: what was written did not become durable. */
void ks_user_reload(struct ks_user *user);
void ks_user_free(struct ks_user *user);
/* The answer to a load. */
void ks_user_loaded(struct ks_user *user, struct ks_store_req *req);
/* One block; NULL without memory. */
struct ks_kv *ks_kv_new(struct ks_str store, struct ks_str key, struct ks_str value);

static inline bool ks_user_exists(const struct ks_user *user)
{
    return user->row.state == KS_ACCOUNT_ACTIVE;
}

#endif
