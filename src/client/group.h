/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* group.h -- rooms as this device knows them: who reads in them by their signed state, and how far we are in them
 * (doc/PROTOCOL.md §9; XEP-0045).
 *
 * A room is a conversation that is named by the room's JID. What is held to be true of it stands in the store: the
 * newest statement that was accepted, the one before, a rival of a fork, and what follows by its hashes but whose
 * signer could not be proven ("doubt": the last of these; of all of them whom they leave out). Who gets keys is decided
 * by these alone; what the server lists is compared, and told when it differs. Versions never go back. Where we are in
 * a room (its archive, its occupants) is of the session.
 *
 *   KS_T_GROUP   r room                 the record
 *                j room                 an invitation (invitations.h)
 *                s room 0 version(8)    data of a statement that was accepted
 *                h room 0 member 0 device(4) epoch(8)   what of our numbering a member has (acks.c)
 *
 * Views belong to the step's arena. */
#ifndef KS_GROUP_H
#define KS_GROUP_H

#include "catchup.h"
#include "envelope.h"
#include "group_service.h"
#include "history.h"
#include "list.h"
#include "occupants.h"
#include "room_state.h"
#include "stanza.h"

#define KS_GROUP_PING_MS 600000    /* XEP-0410: silence of a room for so long is looked into */
#define KS_GROUP_AGAIN_MAX 6       /* … with pauses that double, so often */
#define KS_GROUP_AGAIN_MS 60000    /* a room that could not be entered is tried again */
#define KS_GROUPS_MAX 1000         /* rooms of an account; more are not entered, which is told */
#define KS_GROUP_UNPROVEN_MAX 64   /* … of which nothing but a welcome is known */
#define KS_GROUP_TOLD_MAX 4096     /* accounts, of each kind */
#define KS_GROUP_HEADS_MAX 512     /* devices of which nothing but a head is known, of a room */
#define KS_GROUP_ENCLOSED_MAX 9000 /* bytes of a statement that goes inside an envelope */
#define KS_GROUP_WELCOMES_MAX 8    /* of a room that is not proven, by so many people */
#define KS_GROUP_FILLED_MAX 16000  /* … and of both, with a look: beside heads there is room for no more */

struct konsil;
struct ks_inbound;
struct ks_cmd;

enum {
    KS_GROUP_LEFT = 1,          /* by ourselves: nothing is sent or read there */
    KS_GROUP_REMOVED = 2,       /* by a statement without us, or destroyed */
    KS_GROUP_INVITED = 4,       /* by a welcome that is not proven yet */
    KS_GROUP_TOLD_BACK = 8,     /* that the server serves less than we know: told once */
    KS_GROUP_FOREIGN = 16,      /* without statements: only read (group_foreign.c) */
    KS_GROUP_WELCOMED = 32,     /* after LEFT or REMOVED: it is entered, and its statements say whether that is so */
    KS_GROUP_HELD = 64,         /* "doubt" waits for its signer's key: it restricts already, and nobody was told */
    KS_GROUP_TOLD_BEHIND = 128, /* that the server does not show what was named: told once */
    KS_GROUP_DISPUTED = 256,    /* of the version that is not here two hashes were named */
    KS_GROUP_NO_HASH = 512,     /* of what was named only the version is known: by an older record */
    KS_GROUP_SERVED = 1024, /* "doubt" is in the room's chain, as its server gives it; else an envelope brought it */
    KS_GROUP_TOLD_DOUBT = 2048, /* that there is one: told; once more only if more people are left out */
};

/* What statements in doubt say of a member of the newest one; served: one that the room's server gave. */
enum {
    KS_DOUBT_OUT = 1, /* he is no member */
    KS_DOUBT_OUT_SERVED = 2,
    KS_DOUBT_DEMOTED = 4, /* … no owner any more */
    KS_DOUBT_DEMOTED_SERVED = 8,
};

/* What somebody says of a room that is new here. */
struct ks_group_welcome {
    struct ks_str by, look; /* look: JSON, or empty */
    uint64_t v;
    uint8_t hash[KS_ROOM_HASH_LEN];
    const struct ks_ack_range *heads; /* at most KS_ACK_RANGES_MAX: nothing comes of them until it is proven */
    size_t head_count;
};

struct ks_group {
    struct ks_str room;
    unsigned flags;
    /* data is empty where there is none; state is read for all that are there. */
    struct ks_room_signed newest, before, rival, doubt;
    struct ks_str doubted;            /* a byte for each member of the newest one: KS_DOUBT_OUT …; or empty */
    bool chained;                     /* of these only what was served counts; not stored */
    struct ks_room_signed pending;    /* ours, on its way to the server */
    struct ks_str look, pending_look; /* JSON (group_look.h); look may be of an older statement */
    struct ks_group_welcome welcomes[KS_GROUP_WELCOMES_MAX]; /* with KS_GROUP_INVITED */
    size_t welcome_count;
    /* The greatest version that was named by somebody who may know, if it is not here (group_newer.c); 0: none. */
    uint64_t named_v;
    uint8_t named_hash[KS_ROOM_HASH_LEN], named_other[KS_ROOM_HASH_LEN]; /* other: with KS_GROUP_DISPUTED */
    struct ks_str named_by;
    int64_t named_ms; /* wall */
};

/* What is told or done once for an account and a state of the room. Each has its own bound: whom a server invents takes
 * no place from those whose keys open something. */
enum ks_group_told {
    KS_TOLD_GHOST,  /* the server names somebody who is no member */
    KS_TOLD_SHOWN,  /* he is behind, and was shown ours */
    KS_TOLD_FORKED, /* he cites another statement of this version */
    KS_TOLD_BEHIND, /* he named what is not here */
    KS_TOLD_COUNT
};

enum ks_group_place { KS_GROUP_OUT, KS_GROUP_ENTERING, KS_GROUP_IN };

/* One that is in use since the login. */
struct ks_group_live {
    struct ks_list link;
    enum ks_group_place place;
    bool syncing, synced, sync_wanted; /* its statements are being asked for; and should be once more */
    bool waits_for_key;                /* of a signer */
    bool ready;                        /* its statements and archive were read since it was entered */
    uint64_t resend; /* 1 + seq of what was on its way, and waits for keys or statements; 0: nothing does */
    bool behind;     /* the server was asked for a version that was named, and has it not */
    int64_t next_ms; /* of a ping, or another try */
    bool pinging;
    unsigned refusals;   /* to let us in, one after the other */
    unsigned nicks;      /* of ours that others have there */
    unsigned unanswered; /* times that its statements were asked for in vain, likewise */
    struct ks_catchup catchup;
    struct ks_occupants occupants;
    struct ks_list told; /* by the newest state (ks_group_first_time) */
    size_t told_count[KS_TOLD_COUNT];
    struct ks_buf offered; /* a statement out of an envelope, until its signer's key is here */
    char *command;         /* that founds it, to be answered; NULL: none */
    struct ks_str room;    /* behind this struct */
};

/* An answer to disco#info: has it this feature; is it a room's? */
bool ks_group_has(const struct ks_stanza *answer, const char *feature);
bool ks_group_is_there(const struct ks_stanza *answer);

struct ks_groups {
    struct ks_list live;
    struct ks_group_service service;
};

void ks_groups_init(struct konsil *k);
void ks_groups_done(struct konsil *k);
void ks_groups_lost(struct konsil *k); /* the session is gone */
void ks_groups_wake(struct konsil *k); /* a key of a signer came, or never will */
void ks_groups_due(struct konsil *k);  /* KS_WAIT_GROUP; outside of steps */
/* NULL: not in use. */
struct ks_group_live *ks_group_live(struct konsil *k, struct ks_str room);
/* False if an account was noted since the login and the last statement already, or there is no place to note it. */
bool ks_group_first_time(struct ks_group_live *live, enum ks_group_told what, struct ks_str jid);
/* There is a new statement. */
void ks_group_told_over(struct ks_group_live *live);
KS_CHECK enum ks_err ks_group_use(struct konsil *k, struct ks_str room, struct ks_group_live **ret_live);

/* --- in a step: what is known (group.c) --- */

/* KS_ENOTFOUND: no room of ours. */
KS_CHECK enum ks_err ks_group_get(struct konsil *k, struct ks_str room, struct ks_group *ret_group);
KS_CHECK enum ks_err ks_group_put(struct konsil *k, const struct ks_group *group);
/* With its statements, what its members have of ours, and how long its server keeps messages. */
KS_CHECK enum ks_err ks_group_forget(struct konsil *k, struct ks_str room);
KS_CHECK enum ks_err ks_group_all(struct konsil *k, struct ks_str **ret_rooms, size_t *ret_count);
/* Is there a place for one more? If not it is told. */
KS_CHECK enum ks_err ks_group_may_add(struct konsil *k, struct ks_str room, bool *ret_place);
/* Could it have statements? Its name has the form that a foundation gives. */
bool ks_group_may_state(struct ks_str room);
KS_CHECK enum ks_err ks_group_is(struct konsil *k, struct ks_str jid, bool *ret_is);
/* Is it one that this device enters, or will after the next login? */
KS_CHECK enum ks_err ks_group_comes(struct konsil *k, struct ks_str room, bool *ret_comes);
/* Why nothing can be said there: a code, or NULL if it can, or is no room. */
const char *ks_group_closed(const struct ks_group *group);
KS_CHECK enum ks_err ks_group_closed_to_us(struct konsil *k, struct ks_str jid, const char **ret_code);
void ks_group_known(const struct ks_group *group, struct ks_room_known *ret_known);
/* Who gets a key, doubts considered. NULL: not he. */
const struct ks_room_entry *ks_group_recipient(const struct ks_group *group, struct ks_str jid);
bool ks_group_owns(const struct ks_group *group, struct ks_str jid);
/* … and where that is disputed, by all that is said of it. */
bool ks_group_owns_by_all(const struct ks_group *group, struct ks_str jid);
/* All who get a key but ourselves, in an array of the step's arena. */
KS_CHECK enum ks_err ks_group_recipients(
    struct konsil *k, const struct ks_group *group, struct ks_str **ret_jids, size_t *ret_count);
/* Was an account a recipient by this version, or may it be given what was before, and is it one now? (§8.2, §9.6) */
KS_CHECK enum ks_err ks_group_was_recipient(
    struct konsil *k, struct ks_str room, uint64_t version, struct ks_str jid, bool *ret_was);
/* Keeps data of a statement that was accepted, for that. */
KS_CHECK enum ks_err ks_group_keep_version(struct konsil *k, const struct ks_room_signed *one);
/* Is the newest statement of the room's, or one that it stands on, that of this version with this hash? */
KS_CHECK enum ks_err ks_group_stands_on(struct konsil *k, const struct ks_group *group, uint64_t version,
    const uint8_t hash[KS_ROOM_HASH_LEN], bool *ret_stands);
/* Was an account a member by a version, or (ever) by any that is kept? */
KS_CHECK enum ks_err ks_group_had(
    struct konsil *k, struct ks_str room, uint64_t version, struct ks_str jid, bool *ret_had);
/* Did he own it by the version he cites, and at that time still: no statement from before it, by its signer's clock,
 * had ended that? */
KS_CHECK enum ks_err ks_group_owned_then(struct konsil *k, struct ks_str room, const struct ks_k *cited,
    struct ks_str jid, int64_t when_ms, bool *ret_owned);
KS_CHECK enum ks_err ks_group_ever_had(struct konsil *k, struct ks_str room, struct ks_str jid, bool *ret_had);
/* May this be shown: its author is a member, or, in what is read of the archive, was one by the version he cites. */
KS_CHECK enum ks_err ks_group_admits(
    struct konsil *k, const struct ks_inbound *in, const struct ks_k *cited, bool *ret_admitted);
/* The receipts of a message of ours: one for each account that it goes to, in a room by the version that it cites
 * (NULL: by the newest). In the arena. */
KS_CHECK enum ks_err ks_group_receipts(struct konsil *k, struct ks_str conversation, const struct ks_k *cited,
    enum ks_js_state state, struct ks_receipt **ret_receipts, size_t *ret_count);
/* Our programs should know of it what we know (kept_rooms.h). */
KS_CHECK enum ks_err ks_group_keep(struct konsil *k, const struct ks_group *group);
KS_CHECK enum ks_err ks_groups_keep(struct konsil *k); /* of all */
/* As an event has it; and tells "room". */
struct ks_js_room;
KS_CHECK enum ks_err ks_group_event(struct konsil *k, const struct ks_group *group, struct ks_js_room *ret_event);
KS_CHECK enum ks_err ks_group_tell(struct konsil *k, const struct ks_group *group);
KS_CHECK enum ks_err ks_group_warn(
    struct konsil *k, const char *code, struct ks_str room, struct ks_str jid, struct ks_str detail);
/* A visible line of the conversation: what `actor` did, to whom or to what. */
KS_CHECK enum ks_err ks_group_line(struct konsil *k, struct ks_str room, enum ks_js_notice notice, struct ks_str actor,
    struct ks_str about, int64_t time_ms);

/* --- how long it keeps what is said (group_retention.c) --- */

/* What its server answered to disco#info, NULL for no answer. What is new is told. */
KS_CHECK enum ks_err ks_group_retention_said(struct konsil *k, struct ks_str room, const struct ks_stanza *answer);
/* Command room_retention_set. */
KS_CHECK enum ks_err ks_group_retention_set(struct konsil *k, const struct ks_cmd *cmd);

/* --- rooms without statements (group_foreign.c) --- */

/* Answered when its server told what it is: room.not_member, if it has statements. */
KS_CHECK enum ks_err ks_group_join(struct konsil *k, struct ks_str room, struct ks_str answer, const char **ret_code);
/* Another program of ours is in it: if it exists and is not known here, or was left, we are, too. Or none is any more
 * (XEP-0402 §4): it is left. */
KS_CHECK enum ks_err ks_group_kept(struct konsil *k, struct ks_str room);
KS_CHECK enum ks_err ks_group_kept_no_more(struct konsil *k, struct ks_str room);
KS_CHECK enum ks_err ks_group_found_foreign(struct konsil *k, struct ks_group *group);
KS_CHECK enum ks_err ks_group_leave_foreign(struct konsil *k, struct ks_group *group);

/* --- its statements (group_sync.c) --- */

/* Asks the room's server for what follows upon what is known. */
KS_CHECK enum ks_err ks_group_sync(struct konsil *k, struct ks_group_live *live);
/* What an envelope offered is looked at once more. */
KS_CHECK enum ks_err ks_group_offered(struct konsil *k, struct ks_group_live *live);
/* One of our own, which the server took. */
KS_CHECK enum ks_err ks_group_confirmed(struct konsil *k, struct ks_group *group);
/* What an envelope said about a room: a welcome, a state, a wish to leave. */
KS_CHECK enum ks_err ks_group_said(struct konsil *k, const struct ks_inbound *in, const struct ks_content *content);
/* An author wrote by this version. */
KS_CHECK enum ks_err ks_group_cited(struct konsil *k, const struct ks_inbound *in, const struct ks_k *cited);

/* --- statements in doubt (group_doubt.c) --- */

/* This one follows upon what is accepted, and nobody can be proven to have signed it. Tells it. served: the room's
 * server gave it; else an envelope did. */
KS_CHECK enum ks_err ks_group_doubt(
    struct konsil *k, struct ks_group *group, const struct ks_room_signed *doubt, bool served);
/* While its signer's key is on its way nobody gets a key whom it leaves out. Nobody is told yet: it may be proven. */
KS_CHECK enum ks_err ks_group_doubt_hold(
    struct konsil *k, struct ks_group *group, const struct ks_room_signed *doubt, bool served);
/* Those before either of these. Nothing is stored: one of them follows. */
KS_CHECK enum ks_err ks_group_doubt_between(
    struct konsil *k, struct ks_group *group, const struct ks_room_signed *run, size_t count, bool served);
/* Its signature is false: if it was held it restricts nobody any more. */
KS_CHECK enum ks_err ks_group_doubt_forged(
    struct konsil *k, struct ks_group *group, const struct ks_room_signed *forged);
/* A proven one is accepted. Not stored. */
void ks_group_doubt_over(struct ks_group *group);
/* Does one of them say this (KS_DOUBT_OUT …) of a member of the newest statement? */
bool ks_group_doubts(const struct ks_group *group, const struct ks_room_entry *member, unsigned what);
/* Keys go to fewer than the newest statement has, or may. */
bool ks_group_restricted(const struct ks_group *group);

/* --- rooms that are new here (group_welcome.c) --- */

/* Of a room that is not known, or not proven yet: it is entered, and its own chain must say the same. */
KS_CHECK enum ks_err ks_group_welcomed(struct konsil *k, const struct ks_inbound *in, const struct ks_content *content);
/* Numbers up to these heads, of members, are no gap: said by who may welcome, in a room that is proven. Those above
 * KS_GROUP_HEADS_MAX are passed over. */
KS_CHECK enum ks_err ks_group_heads(
    struct konsil *k, const struct ks_group *group, const struct ks_ack_range *heads, size_t count);
/* Of one with KS_GROUP_INVITED, when the server gave what it has: a welcome is an owner's, and what it promised is
 * kept. *ret_good false: it was not, which is told, and the room is to be forgotten. */
KS_CHECK enum ks_err ks_group_check_welcome(struct konsil *k, struct ks_group *group, bool *ret_good);

/* --- what is newer than what the server shows (group_newer.c) --- */

/* This account names a version and its hash, in an envelope. */
KS_CHECK enum ks_err ks_group_named(
    struct konsil *k, struct ks_group *group, struct ks_str jid, uint64_t v, const uint8_t hash[KS_ROOM_HASH_LEN]);
/* What was named is not here, nor anything proven after it, or the welcome was not checked: nothing is sealed for the
 * room. */
bool ks_group_behind(const struct ks_group *group);
/* The server gave what it has: if that is less than was named it is told, and shown to the owners; once for each who
 * named something, and each state of ours. */
KS_CHECK enum ks_err ks_group_withheld(struct konsil *k, struct ks_group_live *live, struct ks_group *group);
/* Statements are about to be accepted: tells whom they remove and what was written for them meanwhile. */
KS_CHECK enum ks_err ks_group_overheard(
    struct konsil *k, struct ks_group *group, const struct ks_room_signed *run, size_t count);
/* They were: was it what was named? */
void ks_group_settle_named(struct ks_group *group);

/* --- changing it (group_change.c) --- */

/* What a new statement is to say beside what the newest says. */
struct ks_group_change {
    struct ks_str title, subject, avatar; /* ptr NULL: as it is */
    const struct ks_str *add;
    size_t add_count;
    struct ks_str remove, owner, no_owner; /* empty: nobody */
    enum ks_room_history history;          /* 0: as it is */
};
/* *ret_code: an id of codes.h that says why not, or NULL: under way, and answered to the command when decided. */
KS_CHECK enum ks_err ks_group_found(
    struct konsil *k, const struct ks_group_change *change, struct ks_str answer, const char **ret_code);
KS_CHECK enum ks_err ks_group_change(struct konsil *k, struct ks_str room, const struct ks_group_change *change,
    struct ks_str answer, const char **ret_code);
KS_CHECK enum ks_err ks_group_leave(struct konsil *k, struct ks_str room, const char **ret_code);
KS_CHECK enum ks_err ks_group_destroy(
    struct konsil *k, struct ks_str room, struct ks_str answer, const char **ret_code);
/* A member's wish to leave: one owner's device does it. */
KS_CHECK enum ks_err ks_group_let_go(struct konsil *k, struct ks_group *group, struct ks_str jid);
/* After our statement was accepted: everybody gets the state, and newcomers their welcome. */
KS_CHECK enum ks_err ks_group_announce(struct konsil *k, const struct ks_group *group, const struct ks_room_state *old);
/* To one account: the newest statement, and with heads how far everybody is. */
KS_CHECK enum ks_err ks_group_hand(struct konsil *k, const struct ks_group *group, struct ks_str to, bool heads);
/* May an account be told this of a room now? How it is called, and how far everybody is, only who reads in it. */
KS_CHECK enum ks_err ks_group_may_hear(
    struct konsil *k, const struct ks_content *content, struct ks_str jid, bool *ret_may);
/* There is a new device of ours: it gets of all rooms what the server cannot give it. */
KS_CHECK enum ks_err ks_groups_show_sibling(struct konsil *k);
/* What is pending is sent, perhaps again; command (or empty) is answered. */
KS_CHECK enum ks_err ks_group_push(struct konsil *k, struct ks_group *group, struct ks_str command);
/* It could not be founded. */
KS_CHECK enum ks_err ks_group_unfounded(
    struct konsil *k, struct ks_str room, struct ks_str command, const struct ks_stanza *answer);

/* --- being in it (group_muc.c) --- */

/* Everything is entered; after catch-up of our own archive. */
KS_CHECK enum ks_err ks_groups_online(struct konsil *k, bool resumed);
/* If it is there: entering would make it (XEP-0045 §10.1), so its server is asked, unless we found it ourselves. */
KS_CHECK enum ks_err ks_group_enter(struct konsil *k, struct ks_str room);
KS_CHECK enum ks_err ks_group_exit(struct konsil *k, struct ks_group_live *live);
/* The room says that we are not in it. */
KS_CHECK enum ks_err ks_group_again(struct konsil *k, struct ks_str room);
/* True if it was of a room. */
KS_CHECK enum ks_err ks_group_presence(struct konsil *k, const struct ks_stanza *presence, bool *ret_taken);
/* The real account behind a nick, as the server says; empty: unknown. */
struct ks_str ks_group_occupant(const struct ks_group_live *live, struct ks_str nick);
/* What we are known by in rooms: it tells nothing that the address does not. */
struct ks_str ks_group_own_nick(const struct konsil *k);
/* Statements are read: now the archive, then what came meanwhile. */
KS_CHECK enum ks_err ks_group_synced(struct konsil *k, struct ks_group_live *live);
KS_CHECK enum ks_err ks_group_caught_up(struct konsil *k, struct ks_catchup *catchup);
/* Outside of steps: somebody wrote who is no member. The statements are asked for, and the message follows them; false
 * when they were. */
bool ks_group_hold_for(struct konsil *k, struct ks_group_live *live, const struct ks_xml *message);
/* Compares what the server lists with who may be there; when the statements were just asked for. */
KS_CHECK enum ks_err ks_group_compare(struct konsil *k, struct ks_group_live *live, const struct ks_group *group);

#endif
