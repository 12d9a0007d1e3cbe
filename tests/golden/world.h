/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* world.h -- where a conversation takes place: in the simulator (world_sim.c), or at a konsild that somebody started
 * (world_tcp.c). */
#ifndef GOLDEN_WORLD_H
#define GOLDEN_WORLD_H

#include "buf.h"
#include "server.h"

struct world;
struct wire; /* one connection */

/* What a client shows in TLS, as the authorities of a domain vouch for it. */
struct world_certificate {
    struct ks_str domain;
    int64_t ms;           /* good for so long from now on */
    struct ks_str naming; /* addresses, with blanks between them */
};

struct world_ops {
    void (*free)(struct world *world);
    /* NULL: refused. address: whom the server takes the client for, where that can be chosen. */
    struct wire *(*connect)(struct world *world, uint64_t address);
    void (*send)(struct wire *wire, struct ks_str bytes);
    /* Appends what came. When there is nothing, it waits for more; false: nothing came, nor will. */
    bool (*receive)(struct wire *wire, struct ks_buf *out);
    bool (*is_closed)(const struct wire *wire);
    /* From the next handshake on; NULL where there are no certificates to have. The texts outlive the wire. */
    void (*certify)(struct wire *wire, const struct world_certificate *certificate);
    void (*revoke)(struct wire *wire);
    /* The handshake, after <proceed/>; false: it failed. */
    bool (*start_tls)(struct wire *wire, struct ks_tls_facts *ret_facts);
    /* The network cuts it; frees. */
    void (*close)(struct wire *wire);

    /* The rest is NULL where accounts are prepared by others and time cannot be told to pass. */
    void (*begin)(struct world *world); /* nobody connected, nothing stored, default settings */
    bool (*option)(struct world *world, struct ks_str name, struct ks_str domain, struct ks_str value);
    void (*add_account)(struct world *world, struct ks_str domain, struct ks_str local, struct ks_str password);
    /* By an administrator; appends her token. */
    bool (*invite)(struct world *world, struct ks_str domain, struct ks_str local, struct ks_buf *ret_token);
    void (*wait)(struct world *world, int64_t ms);
    void (*restart)(struct world *world, bool orderly); /* connections are then closed */
    void (*hold_disk)(struct world *world, bool held);
    void (*fill_disk)(struct world *world, bool full);
};

struct world {
    const struct world_ops *ops;
};

/* websocket: for world_websocket_new. */
struct world *world_sim_new(bool verbose, bool websocket);
/* address: "127.0.0.1", port: "5222". NULL: nobody is there. */
struct world *world_tcp_new(const char *address, const char *port);
/* Plays in inner, which is freed with it, over WebSocket. */
struct world *world_websocket_new(struct world *inner);

#endif
