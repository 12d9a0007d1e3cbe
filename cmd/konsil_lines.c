/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsil_lines.h"

#include <stdlib.h>

#include "konsil_archive.h"
#include "konsil_enrol.h"
#include "konsil_files.h"
#include "konsil_invitations.h"
#include "konsil_picture.h"
#include "konsil_roles.h"
#include "konsil_rooms.h"
#include "konsil_said.h"
#include "konsil_signed.h"
#include "say.h"

static void send_woken(
    const struct model_person *person, const char *rest, const char *wake, const char *ask, struct lines_deed *deed)
{
    deed->command = json_pack("{s:s, s:s, s:s, s:s}", "cmd", "send", "to", person->jid, "body", rest, "wake", wake);
    deed->ask = ask;
}

static void send_info(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    send_woken(person, rest, "none", NULL, deed);
}

static void send_important(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    send_woken(person, rest, "normal", NULL, deed);
}

/* It wakes people: one Enter too many must not. */
static void send_urgent(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    send_woken(person, rest, "high", SAY("konsil.ask-urgent"), deed);
}

enum where { ANYWHERE, TALK, ROOM, OWN_ROOM };

static const struct {
    const char *words[2];
    enum where where;
    bool more; /* something has to follow */
    lines_fn *read;
} lines[] = {
    { { "/send", "/senden" }, TALK, true, files_send },
    { { "/save", "/speichern" }, TALK, true, files_save },
    { { "/cancel", "/abbrechen" }, TALK, false, files_cancel },
    { { "/forget", "/vergessen" }, TALK, true, said_forget },
    { { "/info", NULL }, TALK, true, send_info },
    { { "/important", "/wichtig" }, TALK, true, send_important },
    { { "/urgent", "/dringend" }, TALK, true, send_urgent },
    { { "/room", "/raum" }, ANYWHERE, true, rooms_make },
    { { "/add", "/aufnehmen" }, OWN_ROOM, true, rooms_add },
    { { "/remove", "/entfernen" }, OWN_ROOM, true, rooms_remove },
    { { "/owner", "/besitzer" }, OWN_ROOM, true, rooms_owner },
    { { "/noowner", "/keinbesitzer" }, OWN_ROOM, true, rooms_no_owner },
    { { "/title", "/titel" }, OWN_ROOM, true, rooms_title },
    { { "/topic", "/thema" }, OWN_ROOM, true, rooms_topic },
    { { "/earlier", "/früheres" }, OWN_ROOM, true, rooms_earlier },
    { { "/days", "/tage" }, OWN_ROOM, true, rooms_days },
    { { "/delete", "/löschen" }, OWN_ROOM, true, rooms_delete },
    { { "/kick", "/hinauswerfen" }, ROOM, true, roles_kick },
    { { "/ban", "/sperren" }, ROOM, true, roles_ban },
    { { "/unban", "/entsperren" }, ROOM, true, roles_unban },
    { { "/voice", "/stimme" }, ROOM, true, roles_voice },
    { { "/novoice", "/keinestimme" }, ROOM, true, roles_no_voice },
    { { "/moderator", NULL }, ROOM, true, roles_moderator },
    { { "/nomoderator", "/keinmoderator" }, ROOM, true, roles_no_moderator },
    { { "/askvoice", "/wortmeldung" }, ROOM, false, roles_ask_voice },
    { { "/members", "/mitglieder" }, ROOM, false, rooms_members },
    { { "/join", "/beitreten" }, ANYWHERE, true, rooms_join },
    { { "/invitations", "/einladungen" }, ANYWHERE, false, invitations_show },
    { { "/decline", "/ablehnen" }, ANYWHERE, true, invitations_decline },
    { { "/invite", "/einladen" }, ROOM, true, rooms_invite },
    { { "/leave", "/verlassen" }, ROOM, false, rooms_leave },
    { { "/destroy", "/auflösen" }, OWN_ROOM, false, rooms_destroy },
    { { "/enrol", "/anmelden" }, ANYWHERE, true, enrol_by },
    { { "/archive", "/archiv" }, ANYWHERE, false, archive_ask },
    { { "/recoverykey", "/wiederherstellungsschlüssel" }, ANYWHERE, false, archive_recovery },
    { { "/archivepin", "/archivpin" }, ANYWHERE, false, archive_pin },
    { { "/restore", "/wiederherstellen" }, ANYWHERE, false, archive_open_pin },
    { { "/restore", "/wiederherstellen" }, ANYWHERE, true, archive_open },
    { { "/order", "/anordnung" }, TALK, true, signed_order },
    { { "/consult", "/konsil" }, TALK, true, signed_consult },
    { { "/handover", "/übergabe" }, TALK, true, signed_handover },
    { { "/ack", "/quittieren" }, TALK, true, signed_ack },
    { { "/signed", "/unterschrieben" }, TALK, true, signed_save },
    { { "/mixed", "/fremdgeräte" }, TALK, false, enrol_mixed },
    { { "/nomixed", "/keinefremdgeräte" }, TALK, false, enrol_not_mixed },
    { { "/picture", "/bild" }, ANYWHERE, true, picture_own },
    { { "/nopicture", "/keinbild" }, ANYWHERE, false, picture_own_none },
    { { "/roompicture", "/raumbild" }, OWN_ROOM, true, picture_room },
    { { "/noroompicture", "/keinraumbild" }, OWN_ROOM, false, picture_room_none },
};

/* NULL: another word. */
static const char *behind(const char *line, const char *word)
{
    size_t len = word ? strlen(word) : 0;

    return len && strncmp(line, word, len) == 0 && (!line[len] || line[len] == ' ') ? line + len : NULL;
}

/* NULL: it may be done here. */
static const char *why_not_here(const struct model_person *person, enum where where)
{
    if (where >= ROOM && !person->room)
        return SAY("konsil.line-no-room");
    if (where == OWN_ROOM && rooms_is(person, "foreign"))
        return SAY("room.foreign");
    return NULL;
}

static void read_line(
    const struct model *model, const struct model_person *person, const char *typed, size_t at, struct lines_deed *deed)
{
    char *rest = ks_str_dup(ks_str_trim(ks_str_z(typed)));

    deed->wrong = why_not_here(person, lines[at].where);
    if (!deed->wrong && rest && lines[at].more && !*rest)
        deed->wrong = SAY("konsil.line-short");
    if (!deed->wrong && rest)
        lines[at].read(model, person, rest, deed);
    free(rest);
}

bool lines_read(
    const struct model *model, const struct model_person *person, const char *line, struct lines_deed *ret_deed)
{
    *ret_deed = (struct lines_deed) { .command = NULL };
    for (size_t i = 0; i < KS_COUNT(lines); i++)
        for (size_t word = 0; word < KS_COUNT(lines[i].words); word++) {
            const char *rest = behind(line, lines[i].words[word]);
            if (!rest || (!lines[i].more && ks_str_trim(ks_str_z(rest)).len > 0)
                || (lines[i].where != ANYWHERE && !person))
                continue;
            read_line(model, person, rest, i, ret_deed);
            return true;
        }
    return false;
}
