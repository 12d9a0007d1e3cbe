/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "group_service.h"

#include <stdlib.h>

#include "engine.h"
#include "group.h"

#define SERVICES_MAX 16
#define FOUNDING_BYTES_MAX (2u * KONSIL_COMMAND_MAX)

/* A room that is to be made. */
struct founding {
    struct ks_list link;
    struct ks_arena arena;
    struct ks_group_change change;
    struct ks_str answer;
};

static void founding_free(struct founding *founding)
{
    ks_list_leave(&founding->link);
    ks_arena_done(&founding->arena);
    free(founding);
}

void ks_group_service_init(struct konsil *k)
{
    ks_list_init(&k->groups.service.foundings);
}

void ks_group_service_done(struct konsil *k)
{
    if (k->groups.service.foundings.next)
        for (KS_LIST_EACH_SAFE(&k->groups.service.foundings, at))
            founding_free(KS_CONTAINER(at, struct founding, link));
    ks_group_service_lost(k);
}

void ks_group_service_lost(struct konsil *k)
{
    struct ks_group_service *service = &k->groups.service;

    free(service->jid);
    service->jid = NULL;
    service->asked = 0;
}

/* --- who waits --- */

static enum ks_err found(struct konsil *k, const struct founding *founding)
{
    const struct ks_group_service *service = &k->groups.service;
    const char *code = service->unanswered ? KS_CODE_OFFLINE : KS_CODE_ROOM_NO_SERVICE;
    enum ks_err err = KS_OK;

    if (service->jid)
        err = ks_group_found(k, &founding->change, founding->answer, &code);
    return err == KS_OK && code ? ks_command_refused(k, founding->answer, code, KS_STR_EMPTY) : err;
}

/* It is known, or nobody is left who might tell it. */
static enum ks_err go_on(struct konsil *k)
{
    struct ks_group_service *service = &k->groups.service;
    enum ks_err err;

    if (!service->jid && service->asked > 0)
        return KS_OK;
    for (KS_LIST_EACH(&service->foundings, at))
        if ((err = found(k, KS_CONTAINER(at, struct founding, link))) != KS_OK)
            return err;
    for (KS_LIST_EACH_SAFE(&service->foundings, at))
        founding_free(KS_CONTAINER(at, struct founding, link));
    return KS_OK;
}

static bool is_full(struct konsil *k)
{
    size_t count = 0;

    for (KS_LIST_EACH(&k->groups.service.foundings, at))
        count++;
    return count >= KS_GROUP_FOUNDINGS_MAX;
}

static enum ks_err copy_text(struct ks_arena *arena, struct ks_str text, struct ks_str *ret_text)
{
    *ret_text = text.ptr ? KS_STR("") : KS_STR_EMPTY;
    return text.len > 0 ? ks_arena_copy(arena, text, ret_text) : KS_OK;
}

static enum ks_err copy(struct founding *founding, const struct ks_group_change *change, struct ks_str answer)
{
    struct ks_arena *arena = &founding->arena;
    struct ks_str *add = ks_arena_zero(arena, (change->add_count + 1) * sizeof(*add));
    enum ks_err err;

    if (!add)
        return KS_ENOMEM;
    founding->change = *change;
    founding->change.add = add;
    for (size_t i = 0; i < change->add_count; i++)
        if ((err = ks_arena_copy(arena, change->add[i], &add[i])) != KS_OK)
            return err;
    if ((err = copy_text(arena, change->title, &founding->change.title)) != KS_OK
        || (err = copy_text(arena, change->subject, &founding->change.subject)) != KS_OK)
        return err;
    return ks_arena_copy(arena, answer, &founding->answer);
}

enum ks_err ks_group_service_wait(
    struct konsil *k, const struct ks_group_change *change, struct ks_str answer, const char **ret_code)
{
    struct founding *founding;
    enum ks_err err = ks_group_service_find(k);

    if (err != KS_OK)
        return err;
    if (k->groups.service.asked == 0 || is_full(k)) { /* nothing can be asked just now */
        *ret_code = KS_CODE_ROOM_BUSY;
        return KS_OK;
    }
    if (!(founding = calloc(1, sizeof(*founding))))
        return KS_ENOMEM;
    ks_list_init(&founding->link);
    ks_arena_init(&founding->arena, FOUNDING_BYTES_MAX);
    if ((err = copy(founding, change, answer)) != KS_OK) {
        founding_free(founding);
        return err;
    }
    ks_list_append(&k->groups.service.foundings, &founding->link);
    *ret_code = NULL;
    return KS_OK;
}

/* --- looking for it --- */

static bool has_rooms(const struct ks_stanza *answer)
{
    const struct ks_xml *query = ks_iq_ok(answer) ? ks_xml_child(answer->xml, NS_DISCO_INFO, "query") : NULL;

    for (const struct ks_xml *c = ks_xml_child(query, NS_DISCO_INFO, "feature"); c;
         c = ks_xml_next(c, NS_DISCO_INFO, "feature"))
        if (ks_str_is(ks_xml_attr(c, "var"), NS_KONSIL_ROOM))
            return true;
    return false;
}

static void note_answer(struct konsil *k, const struct ks_stanza *answer)
{
    struct ks_group_service *service = &k->groups.service;

    service->asked -= service->asked > 0; /* it may be of a session that is lost */
    service->unanswered = service->unanswered || !answer;
}

static enum ks_err on_service(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_group_service *service = &k->groups.service;

    note_answer(k, answer);
    if (!service->jid && has_rooms(answer) && !(service->jid = ks_str_dup(iq->text)))
        return KS_ENOMEM;
    return go_on(k);
}

static enum ks_err ask_items(struct konsil *k, const struct ks_xml *query)
{
    size_t count = 0;

    for (const struct ks_xml *c = ks_xml_child(query, NS_DISCO_ITEMS, "item"); c && count < SERVICES_MAX;
         c = ks_xml_next(c, NS_DISCO_ITEMS, "item"), count++) {
        struct ks_str jid = ks_xml_attr(c, "jid");
        enum ks_err err;

        if (jid.len == 0 || ks_str_find_byte(jid, '@') < jid.len)
            continue;
        err = ks_iq_send(k, "get", jid, ks_xml_new(&k->arena, NS_DISCO_INFO, "query"), on_service, jid, 0);
        if (err != KS_OK) {
            k->groups.service.unanswered = true;
            return err == KS_EAGAIN ? KS_OK : err;
        }
        k->groups.service.asked++;
    }
    return KS_OK;
}

static enum ks_err on_items(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    enum ks_err err;

    (void)iq;
    note_answer(k, answer);
    if (ks_iq_ok(answer) && (err = ask_items(k, ks_xml_child(answer->xml, NS_DISCO_ITEMS, "query"))) != KS_OK)
        return err;
    return go_on(k);
}

enum ks_err ks_group_service_find(struct konsil *k)
{
    struct ks_group_service *service = &k->groups.service;
    enum ks_err err;

    if (service->jid || service->asked > 0)
        return KS_OK;
    err = ks_iq_send(
        k, "get", ks_str_z(k->domain), ks_xml_new(&k->arena, NS_DISCO_ITEMS, "query"), on_items, KS_STR_EMPTY, 0);
    if (err != KS_OK)
        return err == KS_EAGAIN ? KS_OK : err;
    service->asked = 1;
    service->unanswered = false;
    return KS_OK;
}
