/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsil_model.h"

#include <stdlib.h>

#include "konsil_archive.h"
#include "konsil_enrol.h"
#include "konsil_files.h"
#include "konsil_invitations.h"
#include "konsil_outage.h"
#include "konsil_roles.h"
#include "konsil_signed.h"
#include "say.h"
#include "utf8.h"

static const char *text(json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));

    return value ? value : "";
}

static bool flag(json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

static void set(char **to, const char *value)
{
    free(*to);
    *to = *value ? strdup(value) : NULL;
}

void model_init(struct model *model, enum ks_language language)
{
    *model = (struct model) { .connection = "offline", .language = language };
}

static void message_done(struct model_message *message)
{
    free(message->id);
    free(message->from);
    free(message->body);
    free(message->reason);
    free(message->reactions);
    free(message->files);
    free(message->seal);
}

void model_done(struct model *model)
{
    for (size_t i = 0; i < model->people_count; i++) {
        struct model_person *person = model->people[i];
        for (size_t m = 0; m < person->message_count; m++)
            message_done(&person->messages[m]);
        free(person->messages);
        json_decref(person->devices);
        json_decref(person->room);
        json_decref(person->members);
        json_decref(person->occupants);
        free(person->jid);
        free(person->name);
        free(person->about);
        free(person);
    }
    free(model->people);
    json_decref(model->own_devices);
    json_decref(model->invitations);
    free(model->self);
}

struct model_person *model_person(const struct model *model, const char *jid)
{
    for (size_t i = 0; i < model->people_count; i++)
        if (strcmp(model->people[i]->jid, jid) == 0)
            return model->people[i];
    return NULL;
}

const char *model_name(const struct model_person *person)
{
    return person->name ? person->name : person->jid;
}

static struct model_person *person_at(struct model *model, const char *jid)
{
    struct model_person *person = model_person(model, jid);

    if (person || !*jid)
        return person;
    if (model->people_count == model->people_cap) {
        size_t cap = model->people_cap ? model->people_cap * 2 : 32;
        struct model_person **more = realloc(model->people, cap * sizeof(struct model_person *));
        if (!more)
            return NULL;
        model->people = more;
        model->people_cap = cap;
    }
    person = calloc(1, sizeof *person);
    if (person && !(person->jid = strdup(jid))) {
        free(person);
        person = NULL;
    }
    if (person) {
        person->more = true;
        model->people[model->people_count++] = person;
    }
    return person;
}

static int by_use(const void *a, const void *b)
{
    const struct model_person *x = *(struct model_person *const *)a, *y = *(struct model_person *const *)b;

    if (x->last_ms != y->last_ms)
        return x->last_ms < y->last_ms ? 1 : -1;
    return strcmp(model_name(x), model_name(y));
}

static void sort_people(struct model *model)
{
    if (model->people_count)
        qsort(model->people, model->people_count, sizeof(struct model_person *), by_use);
}

/* --- people --- */

static void on_contact(struct model *model, json_t *contact, bool removed)
{
    struct model_person *person = person_at(model, text(contact, "jid"));
    char about[512];

    if (!person)
        return;
    if (*text(contact, "name"))
        set(&person->name, text(contact, "name"));
    snprintf(about, sizeof about, "%s%s%s", text(contact, "department"),
        *text(contact, "department") && *text(contact, "profession") ? ", " : "", text(contact, "profession"));
    set(&person->about, about);
    person->colleague = flag(contact, "colleague") && !removed;
}

static void on_contacts(struct model *model, json_t *event)
{
    size_t index;
    json_t *contact;

    json_array_foreach(json_object_get(event, "contacts"), index, contact) on_contact(model, contact, false);
}

/* --- messages --- */

static enum model_state state_of(const char *name)
{
    static const char *const names[] = { "", "waiting", "server", "delivered", "read", "failed" };

    for (size_t i = 0; i < KS_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0)
            return (enum model_state)i;
    return STATE_NONE;
}

static struct model_message *message_by_id(struct model_person *person, const char *id)
{
    for (size_t i = person ? person->message_count : 0; i > 0; i--)
        if (person->messages[i - 1].id && strcmp(person->messages[i - 1].id, id) == 0)
            return &person->messages[i - 1];
    return NULL;
}

/* A place for a message of this order, in order. */
static struct model_message *insert(struct model_person *person, json_int_t order)
{
    size_t at = person->message_count;

    if (person->message_count == person->message_cap) {
        size_t cap = person->message_cap ? person->message_cap * 2 : 64;
        struct model_message *more = realloc(person->messages, cap * sizeof *more);
        if (!more)
            return NULL;
        person->messages = more;
        person->message_cap = cap;
    }
    while (at > 0 && person->messages[at - 1].order > order)
        at--;
    memmove(person->messages + at + 1, person->messages + at, (person->message_count - at) * sizeof *person->messages);
    person->messages[at] = (struct model_message) { .order = order };
    person->message_count++;
    if (person->message_count > MODEL_MESSAGES_MAX) {
        message_done(&person->messages[0]);
        memmove(person->messages, person->messages + 1, --person->message_count * sizeof *person->messages);
        person->more = true;
        at--;
    }
    return &person->messages[at];
}

struct model_message *model_own_last(struct model_person *person, bool files)
{
    for (size_t i = person ? person->message_count : 0; i > 0; i--)
        if (person->messages[i - 1].mine && !person->messages[i - 1].retracted
            && (person->messages[i - 1].body || (files && person->messages[i - 1].files)))
            return &person->messages[i - 1];
    return NULL;
}

static void set_reason(struct model_message *message, json_t *recipients)
{
    size_t index;
    json_t *recipient;

    set(&message->reason, "");
    json_array_foreach(recipients, index, recipient) if (*text(recipient, "reason"))
        set(&message->reason, text(recipient, "reason"));
}

/* --- rooms --- */

static const struct {
    const char *notice, *say, *say_you; /* say_you: if it is about this account */
} notices[] = {
    { "founded", SAY("konsil.room-founded"), NULL },
    { "joined", SAY("konsil.room-joined"), NULL },
    { "added", SAY("konsil.room-added"), SAY("konsil.room-added-you") },
    { "added_owner", SAY("konsil.room-added-owner"), SAY("konsil.room-added-you") },
    { "removed", SAY("konsil.room-removed"), SAY("konsil.room-removed-you") },
    { "left", SAY("konsil.room-left"), NULL },
    { "owner", SAY("konsil.room-owner"), SAY("konsil.room-owner-you") },
    { "no_owner", SAY("konsil.room-no-owner"), SAY("konsil.room-no-owner-you") },
    { "renamed", SAY("konsil.room-renamed"), NULL },
    { "pictured", SAY("konsil.room-pictured"), NULL },
    { "history_join", SAY("konsil.room-history-join"), NULL },
    { "history_all", SAY("konsil.room-history-all"), NULL },
    { "destroyed", SAY("konsil.room-destroyed"), NULL },
};

static void say_with(const struct model *model, char **to, const char *id, const char *place, const char *filling)
{
    char line[2048];

    model_fill(model, line, sizeof line, id,
        (const struct ks_filling[]) { { place, ks_str_z(filling) }, { NULL, KS_STR_EMPTY } });
    set(to, line);
}

/* A sentence in the place of a message's text: {who} is an account, by the name that people know. */
static void say_instead(
    struct model *model, struct model_message *message, const char *sentence, const char *jid, const char *why)
{
    const struct model_person *person = model_person(model, jid);
    char line[2048];

    model_fill(model, line, sizeof line, sentence,
        (const struct ks_filling[]) {
            { "who", ks_str_z(person ? model_name(person) : jid) }, { "why", ks_str_z(why) }, { NULL, KS_STR_EMPTY } });
    set(&message->body, line);
}

/* A line that tells what became of a room, in words. */
static void say_notice(struct model *model, struct model_message *message, json_t *event)
{
    const char *jid = text(event, "about");
    bool you = model->self && strcmp(jid, model->self) == 0;

    for (size_t i = 0; i < KS_COUNT(notices); i++)
        if (strcmp(notices[i].notice, text(event, "notice")) == 0)
            say_instead(model, message, you && notices[i].say_you ? notices[i].say_you : notices[i].say, jid, "");
}

/* What stands beside the title: how large it is, and what it is about. */
static void describe_room(struct model *model, struct model_person *person)
{
    json_int_t members = json_integer_value(json_object_get(person->room, "members"));
    char number[32];

    snprintf(number, sizeof number, "%lld", (long long)members);
    if (flag(person->room, "foreign"))
        say_with(model, &person->about, SAY("konsil.room-is-foreign"), "count", "");
    else if (flag(person->room, "left"))
        say_with(model, &person->about, SAY("konsil.room-is-left"), "count", "");
    else if (*text(person->room, "subject"))
        set(&person->about, text(person->room, "subject"));
    else
        say_with(
            model, &person->about, members == 1 ? SAY("konsil.room-of-one") : SAY("konsil.room-of"), "count", number);
}

/* Who took it out of the room, if that was not its author. */
static void say_moderated(struct model *model, struct model_message *message, json_t *event)
{
    const char *by = text(event, "moderated_by"), *why = text(event, "moderated_why");

    if (model->self && strcmp(by, model->self) == 0)
        say_instead(model, message, SAY("konsil.moderated-you"), by, why);
    else if (*by)
        say_instead(model, message, *why ? SAY("konsil.moderated-why") : SAY("konsil.moderated"), by, why);
}

static void on_room(struct model *model, json_t *room)
{
    struct model_person *person = person_at(model, text(room, "room"));

    if (!person)
        return;
    if (*text(room, "title"))
        set(&person->name, text(room, "title"));
    json_decref(person->room);
    person->room = json_incref(room);
    describe_room(model, person);
}

const char *model_member_name(struct model *model, json_t *member)
{
    const struct model_person *person = model_person(model, text(member, "jid"));

    return person ? model_name(person) : *text(member, "name") ? text(member, "name") : text(member, "jid");
}

static void on_members(struct model *model, json_t *event)
{
    struct model_person *room = person_at(model, text(event, "room"));
    json_t *sorted = json_array(), *member;
    size_t index;

    json_array_foreach(json_object_get(event, "members"), index, member)
    {
        size_t at = json_array_size(sorted);
        while (at > 0
            && strcoll(model_member_name(model, json_array_get(sorted, at - 1)), model_member_name(model, member)) > 0)
            at--;
        json_array_insert(sorted, at, member);
    }
    if (room)
        json_decref(room->members);
    if (room)
        room->members = sorted;
    else
        json_decref(sorted);
}

static void on_rooms(struct model *model, json_t *event)
{
    size_t index;
    json_t *room;

    json_array_foreach(json_object_get(event, "rooms"), index, room) on_room(model, room);
}

static const char *urgency_of(const char *wake)
{
    return strcmp(wake, "high") == 0 ? SAY("konsil.urgent") : strcmp(wake, "none") == 0 ? SAY("konsil.info") : NULL;
}

static void take_out(struct model_person *person, struct model_message *message)
{
    size_t at = (size_t)(message - person->messages);

    message_done(message);
    memmove(message, message + 1, (--person->message_count - at) * sizeof *message);
}

static void on_message(struct model *model, json_t *event, bool fresh)
{
    struct model_person *person = person_at(model, text(event, "conversation"));
    struct model_message *message = message_by_id(person, text(event, "message"));
    json_t *reactions;
    size_t index;

    if (!person)
        return;
    if (flag(event, "gone")) {
        if (message)
            take_out(person, message);
        return;
    }
    if (!message && !(message = insert(person, json_integer_value(json_object_get(event, "order")))))
        return;
    set(&message->id, text(event, "message"));
    set(&message->from, text(event, "from"));
    set(&message->body, text(event, "body"));
    say_notice(model, message, event);
    say_moderated(model, message, event);
    message->notice = *text(event, "notice");
    message->time_ms = json_integer_value(json_object_get(event, "time"));
    message->mine = flag(event, "mine");
    message->edited = flag(event, "edited");
    message->retracted = flag(event, "retracted");
    message->unknown = flag(event, "unknown");
    message->unreadable = flag(event, "unreadable");
    files_tell(model, message, json_object_get(event, "files"));
    signed_tell(model, message, event);
    message->urgency = urgency_of(text(event, "wake"));
    message->state = state_of(text(event, "state"));
    set_reason(message, json_object_get(event, "recipients"));
    json_array_foreach(json_object_get(event, "reactions"), index, reactions)
    {
        const char *emoji = json_string_value(json_array_get(json_object_get(reactions, "emoji"), 0));
        set(&message->reactions, emoji ? emoji : "");
    }
    if (message->time_ms > person->last_ms)
        person->last_ms = message->time_ms;
    if (fresh && !message->mine && !json_object_get(event, "notice"))
        person->unread++;
    if (fresh && !message->mine && strcmp(text(event, "wake"), "high") == 0)
        model->alarm = true;
}

static void on_history(struct model *model, json_t *event)
{
    struct model_person *person = person_at(model, text(event, "with"));
    size_t index;
    json_t *message;

    json_array_foreach(json_object_get(event, "messages"), index, message) on_message(model, message, false);
    if (person) {
        person->more = flag(event, "more");
        person->asked = false;
    }
}

static void on_conversations(struct model *model, json_t *event)
{
    size_t index;
    json_t *conversation, *last;

    json_array_foreach(json_object_get(event, "conversations"), index, conversation)
    {
        struct model_person *person = person_at(model, text(conversation, "with"));
        if (!person)
            continue;
        if (*text(conversation, "name") && !person->name)
            set(&person->name, text(conversation, "name"));
        if ((last = json_object_get(conversation, "last"))) {
            on_message(model, last, false);
            person->failed = flag(last, "mine") && state_of(text(last, "state")) == STATE_FAILED;
        }
        person->unread = (unsigned)json_integer_value(json_object_get(conversation, "unread"));
    }
}

static void on_gap(struct model *model, json_t *event)
{
    struct model_person *person = person_at(model, text(event, "conversation"));
    json_int_t missing = json_integer_value(json_object_get(event, "missing"));
    struct model_message *message;
    char number[32];

    if (!person || missing <= 0)
        return;
    message = insert(person, person->message_count ? person->messages[person->message_count - 1].order : 0);
    if (!message)
        return;
    snprintf(number, sizeof number, "%lld", (long long)missing);
    say_with(model, &message->body, missing == 1 ? SAY("konsil.gap-one") : SAY("konsil.gap"), "count", number);
    message->gap = true;
}

/* --- what to say --- */

void model_notice(struct model *model, const char *who, const char *id, const char *detail)
{
    struct ks_str what = ks_say(model->language, id), todo = ks_say_do(model->language, id);

    snprintf(model->notice, sizeof model->notice, "%s%s%.*s%s%s%s %.*s", who ? who : "", who && *who ? ": " : "",
        KS_STR_FMT(what), *detail ? " (" : "", detail, *detail ? ")" : "", KS_STR_FMT(todo));
    model->notice_offline = false;
}

void model_fill(const struct model *model, char *to, size_t cap, const char *id, const struct ks_filling *fillings)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 65536);
    ks_sentence_write(&buf, model->language, id, fillings);
    snprintf(
        to, cap, "%.*s", KS_STR_FMT(ks_utf8_head(ks_buf_err(&buf) == KS_OK ? ks_buf_str(&buf) : KS_STR(""), cap - 1)));
    ks_buf_done(&buf);
}

void model_quiet(struct model *model)
{
    model->notice[0] = 0;
    if (!model->transfer)
        model->progress[0] = 0;
    model->changed = true;
}

static void on_connection(struct model *model, json_t *event)
{
    static const char *const states[] = { "offline", "connecting", "secured", "authenticated", "catching_up",
        "online" };
    const char *name = text(event, *text(event, "state") ? "state" : "connection"), *reason = text(event, "reason");

    for (size_t i = 0; i < KS_COUNT(states); i++)
        if (strcmp(name, states[i]) == 0)
            model->connection = states[i];
    model->refused = strcmp(reason, SAY("login.refused")) == 0 || strcmp(reason, SAY("login.certificate")) == 0;
    if (*reason) {
        model_notice(model, NULL, reason, model->refused ? "" : text(event, "detail"));
        model->notice_offline = true;
    } else if (strcmp(name, "online") == 0 && model->notice_offline) {
        model_quiet(model);
    }
}

/* An own message that did not arrive must not go unnoticed. */
static void on_failed(struct model *model, struct model_person *person, const struct model_message *message)
{
    size_t used;

    model_notice(model, model_name(person), message->reason ? message->reason : SAY("konsil.state-failed"), "");
    used = strlen(model->notice);
    snprintf(model->notice + used, sizeof model->notice - used, "%s%.*s",
        !used || model->notice[used - 1] == ' ' ? "" : " ",
        KS_STR_FMT(ks_say(model->language, SAY("konsil.send-again"))));
    person->failed = true;
    model->alarm = true;
}

static void on_state(struct model *model, json_t *event, struct model_message *message)
{
    enum model_state before = message->state;

    message->state = state_of(text(event, "state"));
    set_reason(message, json_object_get(event, "recipients"));
    if (message->state == STATE_FAILED && before != STATE_FAILED)
        on_failed(model, model_person(model, text(event, "conversation")), message);
}

static void on_warning(struct model *model, json_t *event)
{
    const char *about = *text(event, "conversation") ? text(event, "conversation") : text(event, "jid");
    struct model_person *person = model_person(model, about), *whom = model_person(model, text(event, "jid"));
    bool in_room = person && person->room && *text(event, "jid") && strcmp(text(event, "jid"), about) != 0;

    model_notice(model, person ? model_name(person) : NULL, text(event, "code"),
        *text(event, "detail") || !in_room ? text(event, "detail")
            : whom                         ? model_name(whom)
                                           : text(event, "jid"));
}

/* What was asked for is done: its command has the sentence for that as its id. */
static void on_result(struct model *model, json_t *event)
{
    (void)person_at(model, text(event, "room"));
    if (ks_str_starts(ks_str_z(text(event, "re")), KS_STR("konsil.")))
        snprintf(
            model->progress, sizeof model->progress, "%.*s", KS_STR_FMT(ks_say(model->language, text(event, "re"))));
}

static void on_devices(struct model *model, json_t *event)
{
    const char *jid = text(event, "jid");
    struct model_person *person = model_person(model, jid);
    json_t **devices = model->self && strcmp(jid, model->self) == 0 ? &model->own_devices
        : person                                                    ? &person->devices
                                                                    : NULL;

    if (!devices)
        return;
    json_decref(*devices);
    *devices = json_incref(json_object_get(event, "devices"));
}

void model_event(struct model *model, json_t *event)
{
    const char *name = text(event, "event");
    struct model_message *message =
        message_by_id(model_person(model, text(event, "conversation")), text(event, "message"));

    model->changed = true;
    if (*text(event, "jid") && (strcmp(name, "ready") == 0 || strcmp(name, "state") == 0))
        set(&model->self, text(event, "jid"));
    if (strcmp(name, "state") == 0)
        model->tell_read = flag(event, "tell_read");
    if (strcmp(name, "contacts") == 0)
        on_contacts(model, event);
    else if (strcmp(name, "contact") == 0)
        on_contact(model, json_object_get(event, "contact"), flag(event, "removed"));
    else if (strcmp(name, "conversations") == 0)
        on_conversations(model, event);
    else if (strcmp(name, "room") == 0)
        on_room(model, json_object_get(event, "room"));
    else if (strcmp(name, "rooms") == 0)
        on_rooms(model, event);
    else if (strcmp(name, "members") == 0)
        on_members(model, event);
    else if (strcmp(name, "room_occupants") == 0)
        roles_occupants(model, event);
    else if (strcmp(name, "room_voice_asked") == 0)
        roles_voice_asked(model, event);
    else if (strcmp(name, "room_put_out") == 0)
        roles_put_out(model, event);
    else if (strcmp(name, "invitations") == 0)
        invitations_all(model, event);
    else if (strcmp(name, "invitation") == 0)
        invitations_one(model, event);
    else if (strcmp(name, "result") == 0)
        on_result(model, event);
    else if (strcmp(name, "message") == 0)
        on_message(model, json_object_get(event, "message"), true);
    else if (strcmp(name, "history") == 0)
        on_history(model, event);
    else if (strcmp(name, "connection") == 0 || strcmp(name, "state") == 0)
        on_connection(model, event);
    else if (strcmp(name, "outage") == 0)
        outage_tell(model, event);
    else if (strcmp(name, "transfer") == 0)
        files_transfer(model, json_object_get(event, "transfer"));
    else if (strcmp(name, "gap") == 0)
        on_gap(model, event);
    else if (strcmp(name, "error") == 0)
        model_notice(model, NULL, text(event, "code"), text(event, "detail"));
    else if (strcmp(name, "warning") == 0)
        on_warning(model, event);
    else if (strcmp(name, "enrolment") == 0)
        enrol_told(model, event);
    else if (strcmp(name, "signed_file") == 0)
        signed_file(model, event);
    else if (strcmp(name, "archive") == 0)
        archive_told(model, event);
    else if (strcmp(name, "archive_recovery") == 0)
        archive_key_told(model, event);
    else if (strcmp(name, "devices") == 0 || strcmp(name, "devices_changed") == 0)
        on_devices(model, event);
    else if (strcmp(name, "read") == 0 && model_person(model, text(event, "conversation")))
        model_person(model, text(event, "conversation"))->unread =
            (unsigned)json_integer_value(json_object_get(event, "unread"));
    else if (message && strcmp(name, "message_state") == 0)
        on_state(model, event, message);
    else if (message && strcmp(name, "edited") == 0) {
        set(&message->body, text(event, "body"));
        message->edited = true;
    } else if (message && strcmp(name, "retracted") == 0) {
        set(&message->body, "");
        set(&message->files, "");
        say_moderated(model, message, event);
        message->retracted = true;
    } else if (message && strcmp(name, "reaction") == 0) {
        const char *emoji = json_string_value(json_array_get(json_object_get(event, "emoji"), 0));
        set(&message->reactions, emoji ? emoji : "");
    }
    sort_people(model);
}
