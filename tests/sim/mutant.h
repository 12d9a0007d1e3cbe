/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* mutant.h -- faults that the simulator must find: each breaks one promise, at a store's contract or in the answer of a
 * function that other files call (the linker's --wrap), so that the code under test is the one that ships. */
#ifndef MUTANT_H
#define MUTANT_H

#include "engine_store.h"
#include "server_store.h"

enum mutant {
    MUTANT_NONE,
    MUTANT_ACK_EARLY,    /* konsild's disk says "durable" when it is not: what is acknowledged may be lost */
    MUTANT_NO_DEDUP,     /* a client does not find the message that it has already */
    MUTANT_NO_RESEND,    /* a client forgets what it had not sent */
    MUTANT_RATCHET_LOST, /* a step of a ratchet does not reach the disk */
    MUTANT_GHOST,        /* a client gives keys to somebody in the room who is in none of its statements */
    MUTANT_OLD_STATE,    /* … and to who was in it once */
    MUTANT_LINGER,       /* … and to whom one of its first statements left out, who came back later */
    MUTANT_BOAST,        /* a client says of what it just sent into the room that everybody has it */
    MUTANT_COUNT
};
extern const char *const mutant_names[MUTANT_COUNT];

/* konsild died: its store forgot what was open. */
void mutant_server_died(void);
/* Both change the store's functions; they have no effect for other mutants. What they keep lives as long as the
 * process. */
void mutate_server_store(struct ks_server_store *store, enum mutant mutant);
void mutate_engine_store(struct ks_engine_store *store, enum mutant mutant);

#endif
