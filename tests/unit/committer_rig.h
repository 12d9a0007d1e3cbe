/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* committer_rig.h -- one committer over one store, and short ways to ask it. A failure to set it up ends the test. */
#ifndef COMMITTER_RIG_H
#define COMMITTER_RIG_H

#include "check.h"
#include "committer.h"

static struct ks_server_store *store;
static struct ks_committer *c;
static struct ks_prng chance;
static struct ks_now now = { 0, 1000000 };

__attribute__((unused)) static void must(enum ks_err err, const char *what)
{
    if (err != KS_OK) {
        printf("Bail out! %s: %s\n", what, ks_err_name(err));
        exit(1);
    }
}

__attribute__((unused)) static void start(void)
{
    must(ks_committer_new(store, &chance, &c), "a committer");
}

__attribute__((unused)) static void start_new(void)
{
    ks_committer_free(c);
    ks_server_store_free(store);
    store = ks_memory_server_store_new();
    now.wall_ms = 1000000;
    start();
}

__attribute__((unused)) static void restart(void)
{
    ks_committer_free(c);
    ks_memory_server_store_crash(store);
    start();
}

__attribute__((unused)) static struct ks_store_req *submit(struct ks_store_req *req)
{
    assert(req);
    if (!req->epoch)
        req->epoch = 1;
    ks_committer_submit(c, req);
    return req;
}

/* One turn; what it returns stays the caller's. */
__attribute__((unused)) static struct ks_store_req *turn(void)
{
    return ks_committer_turn(c, now);
}

__attribute__((unused)) static void free_all(struct ks_store_req *req)
{
    while (req) {
        struct ks_store_req *next = req->next;
        ks_store_req_free(req);
        req = next;
    }
}

/* Submits one request and does it. */
__attribute__((unused)) static struct ks_store_req *done(struct ks_store_req *req)
{
    submit(req);
    while (ks_committer_queued(c))
        turn();
    return req;
}

__attribute__((unused)) static enum ks_err result_of(struct ks_store_req *req)
{
    enum ks_err result = done(req)->result;

    ks_store_req_free(req);
    return result;
}

/* A message of owner1 with b@x and of owner2 with a@x; 0: no such owner. */
__attribute__((unused)) static struct ks_store_req *message(uint64_t owner1, uint64_t owner2, const char *text)
{
    struct ks_store_req *req = ks_store_txn_new();
    struct ks_archive_row row = { .owner = { owner1, owner2 },
        .with = { owner1 ? KS_STR("b@x") : KS_STR_EMPTY, owner2 ? KS_STR("a@x") : KS_STR_EMPTY },
        .stanza = ks_str_z(text) };

    ks_store_txn_archive(req, &row);
    return req;
}

#endif
