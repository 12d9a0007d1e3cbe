/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* room.h -- a room of group chat (XEP-0045 1.34) at its home.
 *
 * A room is an account under the host name of its domain's room service (config.h): it has one home, by its bare JID;
 * what is stored of it are rows of that account (its configuration, its subject, who belongs to it), and its messages
 * are rows of that account's archive, each stored once and committed before anybody gets it: so an author who sees his
 * message come back may rely on it. What is loaded is forgotten when nobody asks; who is in it stays in memory.
 *
 * An occupant is a nick of one account; each of her sessions in it has a seat. What goes to seats travels as one parcel
 * a reactor with the ids of the sessions (room_out.c), where each stanza is written as "<name to='…'" and the bytes
 * that all share. A session that is not there any more is reported, and its seat goes: ghosts do not stay.
 *
 * When the server ends in order no presence with 332 goes to occupants (§11.2, which says "SHOULD"): that is for those
 * whose streams are to another server and stay. Here each occupant has a stream of this server, which is told
 * <system-shutdown/> and ends, and with it her presence in every room; one presence for each seat would be written to
 * buffers that the end of the stream overtakes or waits for. Streams are not resumed by the next start, and rooms are
 * there again with nobody in them: who believes to be in one is told so by 333 (§7.2.18) or a ping (XEP-0410).
 *
 * Handlers here run at the room's home (ctx->user), after its data is there. What depends on who is in the room happens
 * in ctx->committed, so in the order in which all came. */
#ifndef KS_ROOM_H
#define KS_ROOM_H

#include "map.h"
#include "user.h"

/* Stores: rows "config" and "subject"; rows by bare JID. */
#define KS_STORE_ROOM "room"
#define KS_STORE_ROOM_MEMBER "member"
/* A store of accounts: rows by the room's bare JID. */
#define KS_STORE_ROOM_OF "room-of"
#define KS_STORE_ROOM_STATEMENT "room-statement"
/* As the department of its account: anybody can find it. */
#define KS_ROOM_LISTED "listed"

/* XEP-0045 §5.1, §5.2, in the order of their power. */
enum ks_role { KS_NO_ROLE, KS_VISITOR, KS_PARTICIPANT, KS_MODERATOR };
enum ks_affiliation { KS_OUTCAST, KS_NO_AFFILIATION, KS_MEMBER, KS_ADMIN, KS_OWNER };
const char *ks_role_name(enum ks_role role);
const char *ks_affiliation_name(enum ks_affiliation affiliation);
/* False if there is none of that name. */
bool ks_role_read(struct ks_str name, enum ks_role *ret_role);
bool ks_affiliation_read(struct ks_str name, enum ks_affiliation *ret_affiliation);

/* --- configuration (room_config.c) --- */

enum ks_room_whisper { KS_WHISPER_ANYONE, KS_WHISPER_PARTICIPANTS, KS_WHISPER_MODERATORS, KS_WHISPER_NONE };

struct ks_room_config {
    bool locked; /* made, and not yet configured (§10.1.2) */
    bool listed, persistent, members_only, moderated, archived, anonymous;
    bool subject_by_all;  /* participants may change it (§8.1) */
    bool invite_by_all;   /* members may invite, too (§7.8.2) */
    bool history_of_join; /* a member reads what came since she belongs to the room, and not what was before */
    enum ks_room_whisper whisper;
    uint32_t occupants_max, history_max;
    struct ks_str name, description, password; /* views into the stored row */
};
/* What a new room of this service is like. */
void ks_room_config_init(const struct ks_domain *service, struct ks_room_config *ret_config);
/* As stored; the defaults where a protected domain leaves no choice. */
void ks_room_config(const struct ks_user *room, struct ks_room_config *ret_config);
/* The row's bytes in arena; empty without memory. */
struct ks_str ks_room_config_write(struct ks_arena *arena, const struct ks_room_config *config);

/* --- how long it keeps messages (room_period.c; retention.h) --- */

/* Instead of a number: as long as its domain says, from then on. */
#define KS_ROOM_DAYS_OF_DOMAIN "domain"
/* In days: its own period, or its domain's if that is shorter or it has none. */
uint64_t ks_room_days(const struct ks_user *room);
bool ks_room_days_fit(const struct ks_user *room, uint64_t days);
/* A number of days from 1 to KS_RETENTION_DAYS_MAX, or 0 for KS_ROOM_DAYS_OF_DOMAIN. False: neither. */
bool ks_room_days_read(struct ks_str text, uint64_t *ret_days);
/* As part of ctx. What does not shorten its domain's period is no period of its own: then it follows its domain. */
void ks_room_days_put(struct ks_ctx *ctx, uint64_t days);

/* --- who belongs to it (room.c) --- */

struct ks_room_member {
    enum ks_affiliation affiliation;
    int64_t since_ms;   /* when she came to belong to it */
    struct ks_str nick; /* reserved for her; may be empty. A view into the stored row. */
};
/* Zeroes and KS_NO_AFFILIATION if bare is not listed. */
void ks_room_member(const struct ks_user *room, struct ks_str bare, struct ks_room_member *ret_member);
enum ks_affiliation ks_room_affiliation(const struct ks_user *room, struct ks_str bare);
/* Writes the row as part of ctx, or deletes it when nothing is left in it. Tells nobody (ks_room_affiliate does). */
void ks_room_member_put(struct ks_ctx *ctx, struct ks_str bare, const struct ks_room_member *member);
/* The row's bytes in arena; empty without memory. */
struct ks_str ks_room_member_write(struct ks_arena *arena, const struct ks_room_member *member);
/* True if its owners sign who belongs to it (doc/PROTOCOL.md §9): then affiliations follow that alone. */
bool ks_room_is_stated(const struct ks_user *room);
/* xep_0486_room_avatars.c: SHA-1 of its picture in hexadecimal, a view into the row; empty if it has none. */
struct ks_str ks_room_avatar_id(const struct ks_user *room);
/* const struct ks_kv *at = NULL; while (ks_room_next_member(room, &at, &bare, &member)) */
bool ks_room_next_member(
    const struct ks_user *room, const struct ks_kv **at, struct ks_str *ret_bare, struct ks_room_member *ret_member);
/* Whether a nick is reserved for another account than bare. */
bool ks_room_is_reserved(const struct ks_user *room, struct ks_str nick, struct ks_str bare);
size_t ks_room_count(const struct ks_user *room, enum ks_affiliation affiliation);
/* Whether a nick can be somebody's: not too long, and to be seen (XEP-0045 §17.1). */
bool ks_room_nick_ok(const struct ks_ctx *ctx, struct ks_str nick);
/* A nick that is to be reserved for bare, as a resource has it: KS_COND_COUNT; KS_NOT_ACCEPTABLE: it can be nobody's;
 * KS_CONFLICT: it is somebody else's. *ret_nick belongs to the arena. */
enum ks_cond ks_room_nick_read(struct ks_ctx *ctx, struct ks_str wish, struct ks_str bare, struct ks_str *ret_nick);

/* room_index.c: the account learns that it belongs to the room of ctx, or does not any more. */
void ks_room_index(struct ks_ctx *ctx, struct ks_str bare, bool belongs);
/* ctx->user is being deleted: it leaves the rooms that it belongs to. */
void ks_room_account_gone(struct ks_ctx *ctx);
/* Whether ctx->user belongs to as many rooms as an account may, and not to this one. */
bool ks_room_index_full(struct ks_ctx *ctx, struct ks_jid room);

/* --- who is in it --- */

struct ks_seat {
    struct ks_list link; /* in occupant->seats */
    struct ks_occupant *occupant;
    uint64_t session;
    struct ks_str jid; /* full */
    uint16_t reactor;
    /* While it is being given the history, messages come to it that way only: rows of the archive, the last it was
     * given and the last that passed it by. */
    bool fetching;
    uint64_t fetched, passed_by;
};

struct ks_occupant {
    struct ks_list link; /* in room->occupants */
    struct ks_list seats;
    struct ks_str nick, bare; /* in one block with the struct */
    enum ks_role role;
    struct ks_bytes *said;     /* the children of her presence, as XML; NULL: none */
    struct ks_bytes *shown[2]; /* her presence as others get it, without and with her address; NULL: to be made */
};

struct ks_room {
    struct ks_list occupants;
    struct ks_map nicks, seats; /* occupants by nick, seats by full JID */
    size_t count;               /* of occupants */
    uint64_t last_row;          /* of the archive, that went to all; 0: none since it is in memory */
    struct ks_list waiting;     /* messages, until a row of the archive was read (room_message.c) */
};

/* The room of a user, made if need be; NULL without memory. */
struct ks_room *ks_room_of(struct ks_user *user);
bool ks_room_is_empty(const struct ks_room *room);
void ks_room_free(struct ks_room *room); /* accepts NULL */

/* Each NULL: none. room may be NULL. */
struct ks_occupant *ks_room_nick(const struct ks_room *room, struct ks_str nick);
struct ks_seat *ks_room_seat(const struct ks_room *room, struct ks_str full);
struct ks_seat *ks_room_seat_of(struct ks_ctx *ctx, struct ks_jid full);

/* A seat for a session under a nick, which is free or the account's own. NULL without memory. */
struct ks_seat *ks_room_sit(
    struct ks_room *room, struct ks_str nick, struct ks_str full, uint64_t session, uint16_t reactor);
/* Frees the seat, and the occupant with her last one: true then. */
bool ks_room_rise(struct ks_room *room, struct ks_seat *seat);
/* Gives an occupant another nick, which is free: *occupant is then another one. False without memory. */
KS_CHECK bool ks_room_rename(struct ks_room *room, struct ks_occupant **occupant, struct ks_str nick);
/* What others see of her is made anew. */
void ks_occupant_changed(struct ks_occupant *occupant);

/* --- sending (room_out.c): each leaves when what ctx wrote is durable --- */

/* A stanza as a room sends it to many. */
struct ks_piece {
    const struct ks_xml *stanza; /* for csi.h: its top and its children */
    const char *name;            /* "message" */
    struct ks_str tail;          /* all that follows "<message to='…'" */
    /* Of a message that was archived: it wakes devices, but none of its author's account (bare; empty: it wakes none).
     * wake: PROTOCOL §3.3 as the author wrote it, or NULL. */
    struct ks_str author;
    const struct ks_xml *wake;
    uint64_t row;
};
/* Tells the home of an account of a message that is to wake its devices (ks_feature.room_missed). */
void ks_room_call(struct ks_ctx *ctx, struct ks_str bare, const struct ks_piece *message);
/* A stanza of the room as a piece; 'from' is set if there is none. Without memory its tail is empty. */
struct ks_piece ks_room_piece(struct ks_ctx *ctx, struct ks_xml *stanza);
/* To one session, in this order, as one write. */
void ks_room_give(struct ks_ctx *ctx, uint64_t session, uint16_t reactor, const struct ks_piece *pieces, size_t count);
/* To each seat that `fits` (NULL: all). user is for fits. */
void ks_room_fan(
    struct ks_ctx *ctx, const struct ks_piece *piece, bool (*fits)(struct ks_seat *seat, void *user), void *user);
/* A stanza of the room to all who are in it; 'to' is set here, 'from' if there is none. */
void ks_room_send_all(struct ks_ctx *ctx, struct ks_xml *stanza);

/* What a presence says beside who it is. */
struct ks_room_says {
    const char *type;         /* "unavailable", or NULL */
    const uint16_t *statuses; /* a zero ends them; NULL: none */
    enum ks_role role;        /* of the item */
    enum ks_affiliation affiliation;
    struct ks_str nick;          /* the new one (§7.6), or empty */
    struct ks_str actor, reason; /* a nick; of a kick or ban; or empty */
    bool destroy;                /* with <destroy/>: `reason` and */
    struct ks_str venue;         /* the room that takes its place, or empty */
};
/* Her presence to all, as each may see it; to her own seats with status 110. */
void ks_room_show(struct ks_ctx *ctx, struct ks_occupant *occupant, const struct ks_room_says *says);
/* The same to all but one seat. */
void ks_room_show_others(
    struct ks_ctx *ctx, struct ks_occupant *occupant, const struct ks_seat *not_to, const struct ks_room_says *says);
/* Her presence as one seat sees it. NULL memory: tail is empty. */
struct ks_piece ks_room_presence(
    struct ks_ctx *ctx, struct ks_occupant *occupant, bool with_jid, const struct ks_room_says *says);
/* Whether a seat sees the addresses of others. */
bool ks_room_sees_jids(const struct ks_room_config *config, const struct ks_seat *seat);
/* room/nick as text in ctx->arena. */
struct ks_str ks_room_nick_jid(struct ks_ctx *ctx, struct ks_str nick);
/* XEP-0421: of an account in a room, in arena; the same as long as both are. */
struct ks_str ks_room_occupant_id(struct ks_ctx *ctx, struct ks_str bare);

/* --- what happens in it --- */

/* room_presence.c: entering, leaving, and what a session says of itself. */
void ks_room_presence_arrived(struct ks_ctx *ctx, struct ks_stanza *presence);
/* All seats of an occupant go, with says (type is set). */
void ks_room_remove(struct ks_ctx *ctx, struct ks_occupant *occupant, struct ks_room_says *says);
/* A seat's session is not there any more. */
void ks_room_ghost(struct ks_ctx *ctx, struct ks_seat *seat);
/* The account's affiliation is as it is in the rows now: roles follow, all see it, who may not stay goes (§9). In
 * ctx->committed. */
void ks_room_affiliated(struct ks_ctx *ctx, struct ks_str bare, struct ks_str actor, struct ks_str reason);
void ks_room_set_role(
    struct ks_ctx *ctx, struct ks_occupant *occupant, enum ks_role role, struct ks_str actor, struct ks_str reason);
enum ks_role ks_room_role_of(const struct ks_room_config *config, enum ks_affiliation affiliation);
/* Its configuration changed: roles follow, and who may not stay goes (§10.2). In ctx->committed. */
void ks_room_reconfigured(struct ks_ctx *ctx, const struct ks_room_config *from, const struct ks_room_config *to);
/* Tells all who are in it of its end, and deletes it. destroy: <destroy/> with a reason and another room, or NULL. */
void ks_room_destroy(struct ks_ctx *ctx, struct ks_xml *destroy);
/* The first half of it: all are told, and out. In ctx->committed. */
void ks_room_tell_end(struct ks_ctx *ctx, struct ks_str reason, struct ks_str venue);
/* Deletes it with all that is stored of it; its name is not given again. Who is in it was told before. */
void ks_room_delete(struct ks_ctx *ctx);
/* room_message.c, xep_0045_invite.c: to all or one of them; to the room itself. */
void ks_room_message_arrived(struct ks_ctx *ctx, struct ks_stanza *message);
/* room_message.c: what an account (bare) said and what waits still is not said any more. */
void ks_room_silence(struct ks_room *room, struct ks_str author);
/* A message of the room to all who are in it, once it is in the archive, if such messages are kept; 'from' is set, 'to'
 * is not. author: a bare JID, whose it is there; who: <x/> with her address for those who may know it, or NULL. Takes
 * ctx->committed and ctx->parcel->user; ctx may write more. */
void ks_room_publish(struct ks_ctx *ctx, struct ks_xml *stanza, struct ks_str author, struct ks_xml *who);
void ks_room_asked(struct ks_ctx *ctx, struct ks_stanza *message);
/* room_history.c: what was said, then the subject, to a seat that was just taken. muc: <x/> of its presence or NULL. */
void ks_room_give_history(struct ks_ctx *ctx, struct ks_seat *seat, const struct ks_xml *muc);
/* A row of the room's archive: `rest` is what follows "<message", from the attributes on, without the address of its
 * author, which is in `who` (<x/> of §muc#user, or empty). False: not a row of ours. */
struct ks_room_row {
    struct ks_str attributes, who, children; /* children: with "</message>" */
};
bool ks_room_row_read(struct ks_str stanza, struct ks_room_row *ret_row);
/* The tail of a row for a seat: with its id, its author's address if with_who, and its time if late: then of a change
 * of the subject there is none. */
struct ks_str ks_room_row_tail(struct ks_ctx *ctx, const struct ks_archive_row *row, bool with_who, bool late);

/* room.c: whatever comes for a room or somebody in it. */
void ks_room_arrived(struct ks_ctx *ctx, struct ks_stanza *stanza);
/* True if the room is there (and locked only if the asker owns it); else <item-not-found/> was answered. */
bool ks_room_is_there(struct ks_ctx *ctx);

#endif
