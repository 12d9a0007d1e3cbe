/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* town.h -- a konsild, devices and what connects them, on virtual time, from one seed.
 *
 * People write messages while connections break, processes die and the disk fails. Then comes a quiet phase, in which
 * every device returns and catches up, and then town_check (town_check.h) looks at what each of them shows. Nothing
 * here knows what a device is made of (device.h). Everything that happens follows from the seed: the same seed gives
 * the same steps, byte by byte (town->trace_hash). */
#ifndef TOWN_H
#define TOWN_H

#include "host.h"
#include "mutant.h"

#define TOWN_DEVICES_MAX 12
#define TOWN_MESSAGES_MAX 400
#define TOWN_PEOPLE 5 /* whom the room's life is about */
#define TOWN_VERSIONS_MAX 128

enum fault {
    FAULT_CUT,          /* a connection broke */
    FAULT_BYTES,        /* … with bytes under way, which are lost */
    FAULT_STALL,        /* a connection stood still */
    FAULT_OVERTAKEN,    /* what was sent later, on another connection, came first */
    FAULT_GHOST,        /* a device came back while the server still held its old connection */
    FAULT_SERVER_DEATH, /* konsild died */
    FAULT_COMMIT,       /* … with transactions that were not durable */
    FAULT_DEVICE_DEATH, /* a device's process died */
    FAULT_DEVICE_DOOM,  /* … at a commit of its store, just before it or just behind it */
    FAULT_DEVICE_FULL,  /* a device's disk was full */
    FAULT_DISK_SLOW,    /* commits took seconds */
    FAULT_DISK_FULL,    /* there was no room */
    FAULT_ROOM,         /* somebody wanted a room's members changed */
    FAULT_LIE,          /* the server named somebody in a room who is in none of its statements */
    FAULT_COUNT
};
extern const char *const fault_names[FAULT_COUNT];

struct device;
struct sim_link;

/* What a person wrote: the device took it, so it may not get lost. */
struct letter {
    const struct device *from;
    const char *to;        /* bare JID */
    uint64_t room_version; /* that its device knew, of a room's */
    char body[96];
    bool perhaps;                      /* the device died over it: it may know nothing of it */
    bool seen;                         /* the device shows it */
    bool arrived;                      /* one of the recipient does */
    unsigned claimed, denied, reached; /* accounts: to whom it came and did not, as its author is told; and did */
    bool failed;                       /* and the person was told that it did not go out */
};

/* town_room.h; sets of people are bits. */
struct town_room {
    char jid[128]; /* empty: not founded yet */
    unsigned members[TOWN_VERSIONS_MAX];
    size_t versions;
    unsigned given[TOWN_VERSIONS_MAX];  /* who got keys of what left a device when it had told of a version */
    unsigned sealed[TOWN_VERSIONS_MAX]; /* … and of what was sealed by one */
};

struct town {
    uint64_t seed;
    enum mutant mutant;
    bool trace;
    struct ks_prng prng;
    struct ks_now now;
    uint64_t step, trace_hash;

    struct ks_config *config;
    struct ks_server_store *disk;
    struct host *host; /* NULL: konsild is dead */
    int64_t server_back_ms, commit_ms, disk_well_ms;
    bool disk_slow, doomed; /* doomed: it dies at the next commit */

    struct device *devices[TOWN_DEVICES_MAX];
    size_t device_count;
    struct sim_link *links;
    struct letter letters[TOWN_MESSAGES_MAX];
    size_t letter_count;
    struct town_room room;
    bool lies; /* the server does, about who is in it */

    bool faults;
    int64_t next_fault_ms, next_letter_ms, next_change_ms;
    size_t letters_wanted, burst; /* burst: how many follow at once */
    uint64_t struck[FAULT_COUNT];
    char canary[32], clear[32];         /* in what is encrypted, and in what is not */
    uint64_t canaries_seen, clear_seen; /* in bytes between device and server */
    char wrong[200];                    /* the first thing that somebody saw and that may never be; empty: nothing */
};

/* A whole run, up to the end of the quiet phase. */
void town_begin(struct town *town, uint64_t seed, enum mutant mutant, bool trace);
void town_live(struct town *town);
void town_end(struct town *town);

/* --- for devices and links --- */
void town_trace(struct town *town, const char *format, ...) KS_PRINTF(2, 3);
/* Something is as it may never be: the run failed (the first one is told). */
void town_wrong(struct town *town, const char *format, ...) KS_PRINTF(2, 3);
/* From first to last, both inclusive. */
int64_t town_between(struct town *town, int64_t first, int64_t last);
/* konsild does what follows from what was just given to it, but for commits, which take their time. */
void town_serve(struct town *town);

#endif
