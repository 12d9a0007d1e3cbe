/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0045_config.c -- XEP-0045 §10.1, §10.2, §10.9: its owners configure a room, and destroy it.
 *
 * In a protected domain a form that asks for what the domain does not leave a choice of is refused as a whole: a person
 * who believes that she opened a room, or hid who is in it, should not. How long messages stay, an owner may shorten
 * in any domain. */
#include "dataform.h"
#include "feature_list.h"
#include "room.h"

#define TEXT_BYTES_MAX 1024

static bool is_owner(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_str bare;

    if (ks_jid_text(ctx->arena, ks_jid_bare(iq->from), &bare) == KS_OK
        && ks_room_affiliation(ctx->user, bare) == KS_OWNER)
        return true;
    ks_reply_error(ctx, KS_FORBIDDEN, NULL); /* §10.2 */
    return false;
}

/* --- the form --- */

enum {
    NAME,
    DESCRIPTION,
    LISTED,
    PERSISTENT,
    MEMBERS_ONLY,
    MODERATED,
    PASSWORD_ON,
    PASSWORD,
    WHOIS,
    OCCUPANTS,
    SUBJECT,
    INVITES,
    WHISPER,
    ARCHIVED,
    HISTORY,
    HISTORY_FROM,
    RETENTION
};

static const struct {
    const char *var, *type, *label;
    const char *choices; /* of list-single, with blanks between them */
    bool open_only;      /* a protected domain leaves no choice */
} fields[] = {
    [NAME] = { "muc#roomconfig_roomname", "text-single", "Name", NULL, true },
    [DESCRIPTION] = { "muc#roomconfig_roomdesc", "text-single", "Description", NULL, true },
    [LISTED] = { "muc#roomconfig_publicroom", "boolean", "Anybody can find it", NULL, true },
    [PERSISTENT] = { "muc#roomconfig_persistentroom", "boolean", "It stays when the last one leaves", NULL, true },
    [MEMBERS_ONLY] = { "muc#roomconfig_membersonly", "boolean", "Only members enter", NULL, true },
    [MODERATED] = { "muc#roomconfig_moderatedroom", "boolean", "Others than members need permission to speak", NULL,
        false },
    [PASSWORD_ON] = { "muc#roomconfig_passwordprotectedroom", "boolean", "A password is needed", NULL, true },
    [PASSWORD] = { "muc#roomconfig_roomsecret", "text-private", "Password", NULL, true },
    [WHOIS] = { "muc#roomconfig_whois", "list-single", "Who sees addresses", "anyone moderators", true },
    [OCCUPANTS] = { "muc#roomconfig_maxusers", "list-single", "People in it at most", NULL, false },
    [SUBJECT] = { "muc#roomconfig_changesubject", "boolean", "All may change the subject", NULL, false },
    [INVITES] = { "muc#roomconfig_allowinvites", "boolean", "Members may invite others", NULL, false },
    [WHISPER] = { "muc#roomconfig_allowpm", "list-single", "Who may write to single people in it",
        "anyone participants moderators none", true },
    [ARCHIVED] = { "muc#roomconfig_enablelogging", "boolean", "Messages are kept", NULL, true },
    [HISTORY] = { "muc#maxhistoryfetch", "text-single", "Messages sent to who enters", NULL, false },
    [HISTORY_FROM] = { "konsil#history", "list-single", "What new members may read", "all join", false },
    [RETENTION] = { "konsil#retention", "text-single", "Days that messages are kept", NULL, false },
};

static struct ks_str flag(bool value)
{
    return value ? KS_STR("1") : KS_STR("0");
}

static struct ks_str number(struct ks_ctx *ctx, uint64_t value)
{
    struct ks_str text = KS_STR_EMPTY;
    struct ks_buf buf;

    ks_buf_init(&buf, 32);
    ks_buf_u64_dec(&buf, value);
    (void)!ks_arena_copy(ctx->arena, ks_buf_str(&buf), &text);
    ks_buf_done(&buf);
    return text;
}

static struct ks_str copy(struct ks_ctx *ctx, struct ks_str text)
{
    return text.len && ks_arena_copy(ctx->arena, text, &text) == KS_OK ? text : KS_STR("");
}

static struct ks_str whisper_word(enum ks_room_whisper whisper)
{
    static const char *const words[] = { "anyone", "participants", "moderators", "none" };

    return ks_str_z(words[whisper]);
}

static struct ks_str value_of(struct ks_ctx *ctx, const struct ks_room_config *config, unsigned field)
{
    switch (field) {
    case NAME:
        return copy(ctx, config->name);
    case DESCRIPTION:
        return copy(ctx, config->description);
    case LISTED:
        return flag(config->listed);
    case PERSISTENT:
        return flag(config->persistent);
    case MEMBERS_ONLY:
        return flag(config->members_only);
    case MODERATED:
        return flag(config->moderated);
    case PASSWORD_ON:
        return flag(config->password.len > 0);
    case PASSWORD:
        return copy(ctx, config->password);
    case WHOIS:
        return config->anonymous ? KS_STR("moderators") : KS_STR("anyone");
    case OCCUPANTS:
        return number(ctx, config->occupants_max);
    case SUBJECT:
        return flag(config->subject_by_all);
    case INVITES:
        return flag(config->invite_by_all);
    case WHISPER:
        return whisper_word(config->whisper);
    case ARCHIVED:
        return flag(config->archived);
    case HISTORY:
        return number(ctx, config->history_max);
    case RETENTION:
        return number(ctx, ks_room_days(ctx->user));
    default:
        return config->history_of_join ? KS_STR("join") : KS_STR("all");
    }
}

static bool read_choice(const char *choices, struct ks_str value, unsigned *ret_at)
{
    struct ks_str left = ks_str_z(choices), word;

    for (*ret_at = 0; left.len && ks_str_cut(&left, ' ', &word); ++*ret_at)
        if (ks_str_eq(word, value))
            return true;
    return false;
}

static void add_choice(struct ks_ctx *ctx, struct ks_xml *field, struct ks_str word)
{
    ks_xml_add_text(ctx->arena, ks_xml_add(ctx->arena, field, NS_DATA, "option"), NS_DATA, "value", word);
}

static void add_choices(struct ks_ctx *ctx, struct ks_xml *field, const char *choices)
{
    struct ks_str left = ks_str_z(choices), word;

    while (left.len && ks_str_cut(&left, ' ', &word))
        add_choice(ctx, field, word);
}

/* §15.5.3 has the number of occupants as a list, so what is now stands on it. Any other number is taken, too. */
static void add_numbers(struct ks_ctx *ctx, struct ks_xml *field, struct ks_str now)
{
    static const char numbers[] = "10 20 50 100 500 none";
    unsigned at;

    if (!read_choice(numbers, now, &at))
        add_choice(ctx, field, now);
    add_choices(ctx, field, numbers);
}

static void on_get(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    struct ks_xml *query = ks_xml_new(ctx->arena, NS_MUC_OWNER, "query");
    struct ks_xml *form = ks_form_new(ctx->arena, "form", NS_MUC_ROOMCONFIG);
    struct ks_room_config config;

    if (!is_owner(ctx, iq))
        return;
    ks_room_config(ctx->user, &config);
    for (unsigned i = 0; i < KS_COUNT(fields); i++) {
        struct ks_xml *field = ks_form_add(ctx->arena, form, fields[i].var, fields[i].type, value_of(ctx, &config, i));
        ks_xml_set(ctx->arena, field, "label", ks_str_z(fields[i].label));
        if (fields[i].choices)
            add_choices(ctx, field, fields[i].choices);
        if (i == OCCUPANTS)
            add_numbers(ctx, field, value_of(ctx, &config, i));
    }
    ks_xml_graft(query, form);
    ks_reply_result(ctx, query);
}

/* --- what an owner submits --- */

struct change {
    struct ks_room_config from, to;
    uint64_t days; /* that messages are kept; 0: as the domain says */
};

/* One field into what it changes. False: it cannot be so. */
static bool read_field(struct ks_ctx *ctx, unsigned field, struct ks_str value, struct change *change)
{
    struct ks_room_config *config = &change->to;
    bool *const flags[KS_COUNT(fields)] = { [LISTED] = &config->listed,
        [PERSISTENT] = &config->persistent,
        [MEMBERS_ONLY] = &config->members_only,
        [MODERATED] = &config->moderated,
        [SUBJECT] = &config->subject_by_all,
        [INVITES] = &config->invite_by_all,
        [ARCHIVED] = &config->archived };
    struct ks_str *const texts[KS_COUNT(fields)] = {
        [NAME] = &config->name, [DESCRIPTION] = &config->description, [PASSWORD] = &config->password
    };
    uint64_t count, most = (uint64_t)ks_domain_number(ctx->domain, "rooms.occupants_max");
    unsigned at;

    if (flags[field])
        return ks_form_bool(value, flags[field]);
    if (texts[field]) {
        *texts[field] = value;
        return value.len <= TEXT_BYTES_MAX;
    }
    if (fields[field].choices) {
        if (!read_choice(fields[field].choices, value, &at))
            return false;
        if (field == WHOIS)
            config->anonymous = at == 1;
        else if (field == HISTORY_FROM)
            config->history_of_join = at == 1;
        else
            config->whisper = (enum ks_room_whisper)at;
        return true;
    }
    if (field == OCCUPANTS) { /* "none": as many as the service lets in */
        if (ks_str_is(value, "none") || !value.len)
            config->occupants_max = (uint32_t)most;
        else if (ks_str_u64(value, UINT32_MAX, &count) != KS_OK || count < 1)
            return false;
        else
            config->occupants_max = (uint32_t)(count < most ? count : most);
        return true;
    }
    if (field == HISTORY) {
        if (ks_str_u64(value, UINT32_MAX, &count) != KS_OK)
            return false;
        config->history_max = (uint32_t)(count < 200 ? count : 200);
    }
    if (field == RETENTION)
        return ks_room_days_read(value, &change->days);
    return true; /* PASSWORD_ON */
}

/* Whether a protected domain lets it be so. The room's own address may stand for its name: clients fill it in. */
static bool is_allowed(struct ks_ctx *ctx, unsigned field, const struct ks_room_config *now, struct ks_str value)
{
    bool wish;

    if (!ctx->domain->protected || !fields[field].open_only)
        return true;
    if (field == NAME && ks_str_eq(value, ks_user_jid(ctx->user).local))
        return true;
    if (ks_str_is(ks_str_z(fields[field].type), "boolean"))
        return ks_form_bool(value, &wish) && ks_str_eq(flag(wish), value_of(ctx, now, field));
    return ks_str_eq(value, value_of(ctx, now, field));
}

/* Those who are not allowed in it any more go (§10.2: with 322), all others are told what changed (104, 170 to 173).
 */
static void configured(struct ks_ctx *ctx)
{
    const struct change *change = ctx->parcel->user;
    struct ks_xml *message, *x;
    uint16_t statuses[8];
    size_t count = 0;

    if (!ctx->user->room) {
        ks_user_reload(ctx->user);
        return;
    }
    ks_room_reconfigured(ctx, &change->from, &change->to);
    if (change->from.archived != change->to.archived)
        statuses[count++] = change->to.archived ? 170 : 171;
    if (change->from.anonymous != change->to.anonymous)
        statuses[count++] = change->to.anonymous ? 173 : 172;
    statuses[count++] = 104;
    message = ks_stanza_new(ctx->arena, "message", "groupchat", KS_STR_EMPTY, ks_user_bare(ctx->user), KS_STR_EMPTY);
    x = ks_xml_add(ctx->arena, message, NS_MUC_USER, "x");
    for (size_t i = 0; i < count; i++)
        ks_xml_set_u64(ctx->arena, ks_xml_add(ctx->arena, x, NS_MUC_USER, "status"), "code", statuses[i]);
    ks_room_send_all(ctx, message);
    ks_user_reload(ctx->user); /* its account row says whether it is listed */
}

static void submit(struct ks_ctx *ctx, const struct ks_xml *form)
{
    struct change *change = KS_NEW(ctx->arena, struct change);
    struct ks_str row, password_on;
    struct ks_store_req *txn;
    bool on = true;

    if (!change)
        return;
    ks_room_config(ctx->user, &change->from);
    change->to = change->from;
    change->days = ks_room_days(ctx->user);
    for (const struct ks_xml *at = ks_xml_child(form, NS_DATA, "field"); at; at = ks_xml_next(at, NS_DATA, "field"))
        for (unsigned i = 0; i < KS_COUNT(fields); i++) {
            struct ks_str value = ks_form_value(ctx->arena, form, fields[i].var);
            if (!ks_str_is(ks_xml_attr(at, "var"), fields[i].var) || !value.ptr)
                continue;
            if (!is_allowed(ctx, i, &change->from, value)) {
                ks_reply_error(ctx, KS_POLICY_VIOLATION,
                    KS_WIRE("wire.room-config", "In this domain rooms are closed and without words."));
                return;
            }
            if (!read_field(ctx, i, value, change)) {
                ks_reply_error(ctx, KS_NOT_ACCEPTABLE, NULL); /* §10.2 */
                return;
            }
        }
    password_on = ks_form_value(ctx->arena, form, fields[PASSWORD_ON].var);
    if (password_on.ptr && ks_form_bool(password_on, &on) && !on)
        change->to.password = KS_STR_EMPTY;
    if (on && password_on.ptr && !change->to.password.len) {
        ks_reply_error(ctx, KS_NOT_ACCEPTABLE, NULL); /* a password that is none keeps nobody out */
        return;
    }
    change->to.locked = false;
    if (ctx->domain->protected)
        change->to.name = KS_STR_EMPTY;
    row = ks_room_config_write(ctx->arena, &change->to);
    if (!row.len || !(txn = ks_ctx_txn(ctx))) {
        ks_reply_error(ctx, KS_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    struct ks_account_row account = *ks_user_row(ctx->user);
    account.name = change->to.name;
    account.department = change->to.listed ? KS_STR(KS_ROOM_LISTED) : KS_STR_EMPTY;
    ks_store_txn_account_update(txn, &account);
    ks_kv_put(ctx, KS_STORE_ROOM, KS_STR("config"), row);
    if (change->days != ks_room_days(ctx->user)) /* what is sent back as it was shown is no wish */
        ks_room_days_put(ctx, change->days);
    ctx->parcel->user = change;
    ctx->committed = configured;
    ks_reply_result(ctx, NULL);
}

/* --- the end (§10.9) --- */

void ks_room_tell_end(struct ks_ctx *ctx, struct ks_str reason, struct ks_str venue)
{
    struct ks_room *room = ctx->user->room;
    struct ks_room_says says = {
        .type = "unavailable", .affiliation = KS_NO_AFFILIATION, .destroy = true, .reason = reason, .venue = venue
    };

    /* "MUST send a presence stanza of type unavailable from each occupant": each is told of her own. */
    while (room && !ks_room_is_empty(room)) {
        struct ks_occupant *occupant = KS_CONTAINER(room->occupants.next, struct ks_occupant, link);
        struct ks_piece piece = ks_room_presence(ctx, occupant, true, &says);
        while (occupant) {
            struct ks_seat *seat = KS_CONTAINER(occupant->seats.next, struct ks_seat, link);
            ks_room_give(ctx, seat->session, seat->reactor, &piece, 1);
            if (ks_room_rise(room, seat))
                occupant = NULL;
        }
    }
}

static void destroyed(struct ks_ctx *ctx)
{
    /* In a protected domain a reason would be words in clear. */
    const struct ks_xml *destroy = ctx->domain->protected ? NULL : ctx->parcel->user;

    ks_room_tell_end(
        ctx, ks_xml_text(ctx->arena, ks_xml_child(destroy, NS_MUC_OWNER, "reason")), ks_xml_attr(destroy, "jid"));
    ks_user_reload(ctx->user);
}

void ks_room_destroy(struct ks_ctx *ctx, struct ks_xml *destroy)
{
    ctx->parcel->user = destroy;
    ks_room_delete(ctx);
    ctx->committed = destroyed;
}

static void on_set(struct ks_ctx *ctx, const struct ks_stanza *iq)
{
    const struct ks_xml *form = ks_xml_child(iq->payload, NS_DATA, "x");
    struct ks_xml *destroy = ks_xml_child(iq->payload, NS_MUC_OWNER, "destroy");
    struct ks_room_config config;

    if (!is_owner(ctx, iq))
        return;
    ks_room_config(ctx->user, &config);
    if (destroy || (config.locked && ks_str_is(ks_xml_attr(form, "type"), "cancel"))) { /* §10.1.3 */
        ks_reply_result(ctx, NULL);
        ks_room_destroy(ctx, destroy);
    } else if (ks_str_is(ks_xml_attr(form, "type"), "cancel")) {
        ks_reply_result(ctx, NULL);
    } else if (ks_str_is(ks_xml_attr(form, "type"), "submit")) {
        submit(ctx, form);
    } else {
        ks_reply_error(ctx, KS_BAD_REQUEST, NULL);
    }
}

const struct ks_feature ks_feature_room_config = {
    .name = "room-config",
    .iq = { { KS_IQ_GET, NS_MUC_OWNER, "query", KS_TO_ROOM, on_get },
        { KS_IQ_SET, NS_MUC_OWNER, "query", KS_TO_ROOM, on_set } },
};
