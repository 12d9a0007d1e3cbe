/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* device.h -- a client of the simulator: the engine (device_engine.c), or a small one without encryption that stands
 * for other programs (device_plain.c).
 *
 * A device has a disk, which outlives its process. Between start and die it gets what its connection brings, and calls
 * device_connect, device_send, device_start_tls and device_hang_up. */
#ifndef DEVICE_H
#define DEVICE_H

#include "town.h"

struct device;

/* A message as the device shows it now. */
struct sight {
    const char *from, *body;              /* by whom (bare JID); NULL: unreadable */
    bool failed;                          /* its author is told that it did not go out */
    const char *delivered[8], *denied[8]; /* to whom it came, and to whom it will not (bare JIDs), up to a NULL */
};
typedef void shown_fn(void *user, const struct sight *sight);

enum said {
    SAID_NO,
    SAID_YES,     /* it took the message, whatever happens from now on */
    SAID_PERHAPS, /* it died over it */
};

struct device_ops {
    void (*start)(struct device *device);
    void (*die)(struct device *device); /* what was not durable is gone */
    /* Both NULL for one that writes nothing step by step. Dooms its process: it dies at its commit after `commits` more
     * (device->dying says so), just before it or just behind it. */
    void (*doom)(struct device *device, unsigned commits, bool before);
    void (*fill)(struct device *device, bool full); /* its disk is full, or has room again */
    void (*opened)(struct device *device);
    void (*secured)(struct device *device);
    void (*feed)(struct device *device, struct ks_str bytes);
    void (*closed)(struct device *device);
    void (*tick)(struct device *device);
    int64_t (*deadline_ms)(struct device *device);
    enum said (*say)(struct device *device, const char *to, const char *body);
    /* A command to do something with a room, as JSON; NULL: it knows none. */
    void (*order)(struct device *device, const char *command);
    /* In the order in which a person sees them. */
    void (*shown)(struct device *device, const char *with, shown_fn *visit, void *user);
    void (*free)(struct device *device);
};

struct device {
    const struct device_ops *ops;
    struct town *town;
    const char *name; /* "anna/tablet" */
    const char *local, *domain, *password;
    char jid[64];          /* bare */
    struct sim_link *link; /* NULL: not connected */
    bool alive;
    bool dying;           /* it met its doom in the call at hand: nothing leaves it any more */
    int64_t back_ms;      /* when a dead one starts again */
    int64_t disk_well_ms; /* when its disk has room again */
    uint64_t address;     /* whom the server takes it for */
    unsigned said;
    bool silent;           /* nobody writes there, nor to whom it is of */
    uint64_t room_version; /* that it told last */
};

/* Both take over local, domain and name as they are: literals. */
struct device *device_engine_new(struct town *town, const char *name, const char *local, const char *domain);
struct device *device_plain_new(struct town *town, const char *name, const char *local, const char *domain);
/* What both begin with; town.c. */
void device_init(struct device *device, const struct device_ops *ops, struct town *town, const char *name,
    const char *local, const char *domain);

/* sim_link.c. After connect, ops->opened or ops->closed follows; after start_tls, ops->secured or closed. */
void device_connect(struct device *device);
void device_send(struct device *device, struct ks_str bytes);
void device_start_tls(struct device *device);
/* Closes the connection; nothing follows. */
void device_hang_up(struct device *device);

#endif
