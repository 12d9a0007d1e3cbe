/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* script.h -- a conversation, as a file tells it.
 *
 *   # XEP-0191 §3.3: who blocks is answered            a row of the test: what follows, up to the next one
 *   anna on offen.example                              logs in, binds "desk", sends presence
 *   anna/tablet on offen.example, without presence     another device of hers; also: raw, secured, authenticated, bound
 *   clara exists on offen.example                      an account of which nobody connects
 *   anna  > <iq …/>                                    she sends (several lines, if the others are indented)
 *   anna >> <mess                                      the same, when it is not a whole stanza
 *   anna  < <iq type='result' id='b1'/>                the next that she gets
 *   anna <* <presence/>                                this is among what she got
 *   anna  sees nothing for 5s
 *   anna  forgets what came
 *   anna  logs in [as niemand] [with wrong] [by SCRAM-SHA-1]      up to <success/> or <failure/>, which she then sees
 *   anna  logs in [as …] [with …] [by …] asking <bind …/>         the same by <authenticate/>, with this inline
 *   anna has a certificate of offen.example for 60s [naming anna@offen.example …]      shown when she comes the next
 * time anna's certificate is revoked anna  starts TLS anna  disconnects                                  the network
 * does anna  logs out anna  is cut off                                   the server closed the connection clara is
 * invited on offen.example                  by an administrator; {token} is hers from then on time passes 24h the
 * server restarts the server dies the disk is slow         the disk is full          the disk is well again option
 * session.resume of offen.example is 60       before anybody connects; later on it is a reload only in the simulator:
 * it counts stanzas
 *   ----                                               another conversation: nobody connected, nothing stored
 *
 * The first comment is the script's title. Placeholders: pattern.h. */
#ifndef GOLDEN_SCRIPT_H
#define GOLDEN_SCRIPT_H

#include "arena.h"
#include "buf.h"

enum step_kind {
    STEP_ON,
    STEP_EXISTS,
    STEP_INVITED,
    STEP_SAY,
    STEP_SAY_PART,
    STEP_HEAR,
    STEP_HEAR_AMONG,
    STEP_NOTHING,
    STEP_FORGET,
    STEP_LOGIN,
    STEP_CERTIFICATE,
    STEP_REVOKED,
    STEP_TLS,
    STEP_DISCONNECT,
    STEP_LOGOUT,
    STEP_CUT_OFF,
    STEP_TIME,
    STEP_RESTART,
    STEP_DIE,
    STEP_DISK_SLOW,
    STEP_DISK_FULL,
    STEP_DISK_WELL,
    STEP_OPTION,
    STEP_SIMULATOR,
};

/* How far STEP_ON goes. */
enum reach { REACH_RAW, REACH_SECURED, REACH_AUTHENTICATED, REACH_BOUND, REACH_PRESENT };

struct step {
    struct step *next;
    unsigned line;
    struct ks_str row; /* of the row that begins here; empty: it goes on */
    enum step_kind kind;
    struct ks_str actor; /* "anna/tablet" */
    struct ks_str text;  /* XML; a domain; a value; a reason; of STEP_LOGIN: what is asked inline */
    bool sasl2;
    struct ks_str user, password, mechanism; /* of STEP_LOGIN; user: the option's name of STEP_OPTION,
                                                and whom STEP_CERTIFICATE names */
    enum reach reach;
    int64_t ms;
};

struct conversation {
    struct conversation *next;
    struct step *steps;
};

struct script {
    struct ks_arena arena;
    const char *path;
    struct ks_str title;
    struct conversation *conversations;
};

/* False: *ret_why says what is wrong, with its line. */
bool script_read(struct script *script, const char *path, struct ks_buf *ret_why);
void script_done(struct script *script);

/* Why a conversation needs the simulator; empty: it does not. */
struct ks_str script_needs_simulator(const struct conversation *conversation);

#endif
