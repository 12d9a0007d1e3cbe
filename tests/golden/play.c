/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "play.h"

#include <stdio.h>
#include <stdlib.h>

#include "actor.h"
#include "ns.h"
#include "pattern.h"

struct play {
    struct world *world;
    const struct conversation *conversation;
    struct ks_str suffix;
    struct verdict *verdict;
    const struct step *step; /* at hand */
    struct actor *actors;
    struct captures captures;
    struct ks_prng prng;
    struct ks_arena arena;
    uint64_t addresses;
};

__attribute__((format(printf, 2, 3))) static bool fail(struct play *play, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    play->verdict->failed = play->step;
    ks_buf_z(&play->verdict->why, text);
    return false;
}

/* --- accounts and actors --- */

static struct ks_str base_of(struct ks_str actor)
{
    return ks_str_head(actor, ks_str_find_byte(actor, '/'));
}

static bool names_account(const struct step *step)
{
    return step->kind == STEP_ON || step->kind == STEP_EXISTS;
}

static bool is_invited(const struct conversation *conversation, const struct step *account)
{
    for (const struct step *step = conversation->steps; step; step = step->next)
        if (step->kind == STEP_INVITED && ks_str_eq(base_of(step->actor), base_of(account->actor))
            && ks_str_eq(step->text, account->text))
            return true;
    return false;
}

void play_accounts(const struct conversation *conversation,
    void (*visit)(void *user, struct ks_str domain, struct ks_str local), void *user)
{
    for (const struct step *step = conversation->steps; step; step = step->next) {
        const struct step *before = conversation->steps;
        if (!names_account(step) || is_invited(conversation, step))
            continue;
        while (before != step
            && !(names_account(before) && ks_str_eq(base_of(before->actor), base_of(step->actor))
                && ks_str_eq(before->text, step->text)))
            before = before->next;
        if (before == step)
            visit(user, step->text, base_of(step->actor));
    }
}

static struct ks_str join(struct play *play, struct ks_str a, struct ks_str b)
{
    const struct ks_str parts[] = { a, b };
    struct ks_str text;

    if (ks_arena_join(&play->arena, parts, 2, &text) != KS_OK)
        abort();
    return text;
}

static void add_account(void *user, struct ks_str domain, struct ks_str local)
{
    struct play *play = user;

    if (play->world->ops->add_account)
        play->world->ops->add_account(play->world, domain, join(play, local, play->suffix), KS_STR(GOLDEN_PASSWORD));
}

static bool invite(struct play *play, const struct step *step)
{
    struct ks_buf token;

    ks_buf_init(&token, 65536);
    bool invited = play->world->ops->invite(play->world, step->text, step->actor, &token);
    if (invited)
        captures_set(&play->captures, KS_STR("token"), ks_buf_str(&token));
    else
        ks_buf_z(&play->verdict->why, "she cannot be invited");
    ks_buf_done(&token);
    return invited;
}

static struct actor *find_actor(struct play *play, struct ks_str name)
{
    for (struct actor *actor = play->actors; actor; actor = actor->next)
        if (ks_str_eq(actor->name, name))
            return actor;
    return NULL;
}

static struct actor *new_actor(struct play *play, const struct step *step)
{
    struct actor *actor = malloc(sizeof *actor), **end = &play->actors;
    struct ks_str base = base_of(step->actor), resource = ks_str_from(step->actor, base.len + 1);

    if (!actor)
        abort();
    actor_init(actor, play->world, &play->prng);
    actor->name = step->actor;
    actor->local = join(play, base, play->suffix);
    actor->domain = step->text;
    actor->resource = resource.len ? resource : KS_STR("desk");
    actor->password = KS_STR(GOLDEN_PASSWORD);
    actor->address = ++play->addresses;
    while (*end)
        end = &(*end)->next;
    return *end = actor;
}

/* --- text of a step --- */

/* anna@ of the script is anna-blocking-2@ at a server that others use too. */
static struct ks_str with_suffix(struct play *play, struct ks_str text)
{
    struct ks_buf out;
    struct ks_str result;

    if (!play->suffix.len)
        return text;
    ks_buf_init(&out, SIZE_MAX);
    while (text.len) {
        struct ks_str head = ks_str_head(text, ks_str_find_byte(text, '@'));
        const struct step *step = play->conversation->steps;
        ks_buf_add(&out, head);
        for (; step && head.len < text.len; step = step->next) {
            struct ks_str base = base_of(step->actor);
            if (names_account(step) && head.len >= base.len
                && !strncasecmp(head.ptr + head.len - base.len, base.ptr, base.len)
                && (head.len == base.len || strchr("'\">/ ", head.ptr[head.len - base.len - 1]))) {
                ks_buf_add(&out, play->suffix);
                break;
            }
        }
        if (head.len < text.len)
            ks_buf_byte(&out, '@');
        text = ks_str_from(text, head.len + 1);
    }
    if (ks_arena_copy(&play->arena, ks_buf_str(&out), &result) != KS_OK)
        abort();
    ks_buf_done(&out);
    return result;
}

static bool fill(struct play *play, bool sent, struct ks_buf *out)
{
    struct ks_str what;

    ks_buf_init(out, SIZE_MAX);
    if (pattern_fill(&play->captures, with_suffix(play, play->step->text), sent, out, &what))
        return true;
    ks_buf_done(out);
    return fail(play, "nobody knows {%.*s}", KS_STR_FMT(what));
}

/* <stream:stream …>, whose namespaces may be left out. */
static enum ks_err read_header_pattern(struct ks_arena *arena, struct ks_str text, struct ks_xml **ret_xml)
{
    struct ks_str usual = KS_STR("<stream:stream xmlns='" NS_CLIENT "' xmlns:stream='" NS_STREAM "'");
    const struct ks_str parts[] = { usual, ks_str_from(text, sizeof "<stream:stream" - 1) };
    struct ks_xml_header header;
    enum ks_err err = KS_OK;

    if (ks_str_find(text, KS_STR("xmlns")) == text.len)
        err = ks_arena_join(arena, parts, 2, &text);
    if (err == KS_OK)
        err = ks_xml_read_header(arena, text, &header);
    *ret_xml = err == KS_OK ? header.element : NULL;
    return err;
}

/* What is expected, as an element; *ret_xml NULL: the end of the stream. */
static bool read_pattern(struct play *play, struct ks_arena *arena, struct ks_xml **ret_xml)
{
    struct ks_buf text;
    enum ks_err err;

    if (!fill(play, false, &text))
        return false;
    *ret_xml = NULL;
    if (ks_str_is(ks_buf_str(&text), "</stream:stream>")) {
        err = KS_OK;
    } else if (ks_str_starts(ks_buf_str(&text), KS_STR("<stream:stream"))) {
        err = read_header_pattern(arena, ks_buf_str(&text), ret_xml);
    } else {
        err = ks_xml_read(arena, ks_buf_str(&text), KS_STR(NS_CLIENT), KS_STR_EMPTY, ret_xml);
    }
    ks_buf_done(&text);
    return err == KS_OK || fail(play, "what is expected is not XML");
}

/* --- steps --- */

static bool say(struct play *play, struct actor *actor, bool whole)
{
    struct ks_buf text;

    if (!fill(play, true, &text))
        return false;
    actor_send(actor, ks_buf_str(&text));
    if (ks_str_starts(ks_buf_str(&text), KS_STR("<enable xmlns='" NS_SM "'")))
        actor->counts = actor->bound; /* from here on, a ping would disturb the count */
    if (ks_str_starts(ks_buf_str(&text), KS_STR("<stream:stream")) || ks_str_starts(ks_buf_str(&text), KS_STR("<?xml")))
        ks_framer_restart(&actor->framer);
    /* Where others work at the same time, what she said shall have happened before the next step. */
    if (whole && actor->bound && !play->world->ops->wait && !actor->counts)
        (void)actor_sync(actor);
    ks_buf_done(&text);
    return true;
}

/* Counting begins and binding happens by what is said, too, and so does the end. */
static void notice(struct actor *actor, const struct item *item)
{
    const struct ks_xml *bound = ks_xml_child(item->xml, NS_BIND2, "bound");

    if (ks_xml_is(item->xml, NS_SASL2, "success")) {
        actor->bound = bound || ks_xml_child(item->xml, NS_SM, "resumed");
        actor->counts = ks_xml_child(bound, NS_SM, "enabled") || ks_xml_child(item->xml, NS_SM, "resumed");
    }
    if (!item->xml)
        actor->counts = actor->bound = false;
    if (ks_xml_is(item->xml, NS_SM, "enabled") || ks_xml_is(item->xml, NS_SM, "resumed"))
        actor->counts = actor->bound = true;
    if (ks_xml_is(item->xml, NS_CLIENT, "iq") && ks_xml_child(item->xml, NS_BIND, "bind"))
        actor->bound = true;
}

static bool matches(struct play *play, const struct ks_xml *pattern, const struct item *item)
{
    return pattern ? item->xml && pattern_matches(&play->captures, pattern, item->xml) : !item->xml;
}

static struct item *next_item(struct actor *actor, const struct ks_xml *pattern)
{
    struct item *item;

    if (ks_xml_is(pattern, NS_SM, "r"))
        return actor_peek(actor);
    if (!ks_xml_is(pattern, NS_SM, "a"))
        return actor_peek_past_counts(actor);
    while ((item = actor_peek(actor)) && ks_xml_is(item->xml, NS_SM, "r"))
        actor_drop(actor, item);
    return item;
}

static bool came(struct play *play, struct actor *actor)
{
    struct ks_buf *why = &play->verdict->why;
    bool cut = !actor->wire || play->world->ops->is_closed(actor->wire);

    struct ks_str expected = play->step->text.len ? play->step->text : KS_STR("nothing");

    ks_buf_printf(why, "%.*s expected: %.*s\n", KS_STR_FMT(actor->name), KS_STR_FMT(expected));
    if (!actor->items)
        ks_buf_printf(why, "came: nothing%s\n", cut ? ", and the connection is closed" : "");
    for (const struct item *item = actor->items; item; item = item->next)
        ks_buf_printf(why, "came: %.*s\n", (int)(item->bytes.len < 4000 ? item->bytes.len : 4000), item->bytes.ptr);
    play->verdict->failed = play->step;
    return false;
}

static bool hear(struct play *play, struct actor *actor, bool among)
{
    struct ks_arena arena;
    struct ks_xml *pattern;
    struct item *item;
    bool good;

    ks_arena_init(&arena, 8u << 20);
    good = read_pattern(play, &arena, &pattern);
    if (good) {
        actor_look(actor);
        item = next_item(actor, pattern);
        while (among && item && !matches(play, pattern, item))
            item = actor_next(actor, item);
        good = item && (among || matches(play, pattern, item));
        if (good) {
            notice(actor, item);
            actor_drop(actor, item);
        } else {
            came(play, actor);
        }
    }
    ks_arena_done(&arena);
    return good;
}

static bool hears_nothing(struct play *play, struct actor *actor)
{
    if (play->world->ops->wait)
        actor_look(actor);
    else if (actor->bound && !actor_sync(actor))
        return fail(play, "%.*s got no answer to a ping", KS_STR_FMT(actor->name));
    struct item *item = actor->items;
    while (item && item_is_count(item)) {
        actor_drop(actor, item);
        item = actor->items;
    }
    return !item || came(play, actor);
}

/* The last one that she was given. */
static void show_certificate(struct play *play, struct actor *actor)
{
    const struct step *given = NULL;

    for (const struct step *step = play->conversation->steps; step != play->step; step = step->next)
        if (step->kind == STEP_CERTIFICATE && ks_str_eq(step->actor, actor->name))
            given = step;
    if (given)
        play->world->ops->certify(actor->wire, &(struct world_certificate) { given->text, given->ms, given->user });
}

static bool come(struct play *play, const struct step *step)
{
    struct actor *actor = find_actor(play, step->actor);
    struct ks_buf *why = &play->verdict->why;
    bool good;

    if (!actor)
        actor = new_actor(play, step);
    if (!actor_connect(actor))
        return fail(play, "the server refuses the connection");
    show_certificate(play, actor);
    good = step->reach < REACH_SECURED || actor_start_stream(actor, why);
    if (step->reach >= REACH_SECURED && good) {
        actor_send(actor, KS_STR("<starttls xmlns='" NS_TLS "'/>"));
        good = actor_peek(actor) && ks_xml_is(actor->items->xml, NS_TLS, "proceed");
        if (good)
            actor_drop(actor, actor->items);
        good = good && actor_start_tls(actor, why);
    }
    if (step->reach >= REACH_AUTHENTICATED) {
        good = good && actor_start_stream(actor, why)
            && actor_authenticate(
                actor, &(struct actor_login) { KS_STR("SCRAM-SHA-256-PLUS"), actor->local, actor->password, NULL }, why)
            && actor->items && ks_xml_is(actor->items->xml, NS_SASL, "success");
        if (good)
            actor_drop(actor, actor->items);
    }
    if (step->reach >= REACH_BOUND)
        good = good && actor_start_stream(actor, why) && actor_bind(actor, why);
    if (step->reach >= REACH_PRESENT)
        good = good && actor_be_present(actor, why);
    return good || fail(play, "%.*s could not come", KS_STR_FMT(step->actor));
}

static bool log_in(struct play *play, struct actor *actor)
{
    const struct step *step = play->step;
    struct actor_login login = { .mechanism = step->mechanism.len ? step->mechanism : KS_STR("SCRAM-SHA-256-PLUS"),
        .user = step->user.len ? step->user : actor->local };
    struct ks_str asking, unknown;
    struct ks_buf text, secret;
    bool good;

    ks_buf_init(&secret, SIZE_MAX);
    if (!fill(play, true, &text))
        return false;
    good =
        pattern_fill(&play->captures, step->password.len ? step->password : actor->password, true, &secret, &unknown);
    login.password = ks_buf_str(&secret);
    asking = ks_buf_str(&text);
    if (step->sasl2)
        login.asking = &asking;
    good = (good && actor_authenticate(actor, &login, &play->verdict->why)) || fail(play, " (login)");
    ks_buf_done(&text);
    ks_buf_done(&secret);
    return good;
}

static bool log_out(struct play *play, struct actor *actor)
{
    actor_send(actor, KS_STR("</stream:stream>"));
    if (!actor_peek_past_counts(actor) || actor->items->xml)
        return came(play, actor);
    actor_disconnect(actor);
    actor_drop(actor, actor->items);
    return true;
}

static bool is_cut_off(struct play *play, struct actor *actor)
{
    (void)actor_peek_past_counts(actor);
    if (actor->items)
        return came(play, actor);
    if (actor->wire && !play->world->ops->is_closed(actor->wire))
        return fail(play, "%.*s is still connected", KS_STR_FMT(actor->name));
    actor_disconnect(actor);
    return true;
}

/* The server's end is every actor's. */
static void end_server(struct play *play, bool orderly)
{
    play->world->ops->restart(play->world, orderly);
    for (struct actor *actor = play->actors; actor; actor = actor->next)
        if (!orderly)
            actor_disconnect(actor);
        else
            actor_look(actor);
}

static bool of_actor(struct play *play, const struct step *step)
{
    struct actor *actor = find_actor(play, step->actor);

    if (!actor)
        return fail(play, "who is %.*s?", KS_STR_FMT(step->actor));
    switch ((int)step->kind) {
    case STEP_SAY:
    case STEP_SAY_PART:
        return say(play, actor, step->kind == STEP_SAY);
    case STEP_HEAR:
    case STEP_HEAR_AMONG:
        return hear(play, actor, step->kind == STEP_HEAR_AMONG);
    case STEP_NOTHING:
        if (play->world->ops->wait)
            play->world->ops->wait(play->world, step->ms);
        return hears_nothing(play, actor);
    case STEP_FORGET:
        (void)(play->world->ops->wait || !actor->bound || actor_sync(actor));
        actor_look(actor);
        while (actor->items)
            actor_drop(actor, actor->items);
        return true;
    case STEP_LOGIN:
        return log_in(play, actor);
    case STEP_REVOKED:
        play->world->ops->revoke(actor->wire);
        return true;
    case STEP_TLS:
        return actor_start_tls(actor, &play->verdict->why) || fail(play, " (TLS)");
    case STEP_DISCONNECT:
        actor_disconnect(actor);
        return true;
    case STEP_LOGOUT:
        return log_out(play, actor);
    case STEP_CUT_OFF:
        return is_cut_off(play, actor);
    default:
        return fail(play, "a step that nobody knows");
    }
}

static bool give_option(struct play *play, const struct step *step)
{
    return play->world->ops->option(play->world, step->user, step->actor, step->text)
        || fail(play, "there is no such option, or not this value");
}

static bool take_step(struct play *play, const struct step *step)
{
    const struct world_ops *ops = play->world->ops;

    switch ((int)step->kind) {
    case STEP_SIMULATOR:
    case STEP_EXISTS:
    case STEP_CERTIFICATE: /* show_certificate */
        return true;
    case STEP_INVITED:
        return invite(play, step);
    case STEP_OPTION:
        return !play->actors || give_option(play, step); /* the first ones before all others, in begin() */
    case STEP_ON:
        return come(play, step);
    case STEP_TIME:
        ops->wait(play->world, step->ms);
        return true;
    case STEP_RESTART:
    case STEP_DIE:
        end_server(play, step->kind == STEP_RESTART);
        return true;
    case STEP_DISK_SLOW:
        ops->hold_disk(play->world, true);
        return true;
    case STEP_DISK_FULL:
        ops->fill_disk(play->world, true);
        return true;
    case STEP_DISK_WELL:
        ops->fill_disk(play->world, false);
        ops->hold_disk(play->world, false);
        return true;
    default:
        return of_actor(play, step);
    }
}

/* The settings, then the accounts. */
static bool begin(struct play *play)
{
    const struct world_ops *ops = play->world->ops;

    if (ops->begin)
        ops->begin(play->world);
    for (const struct step *step = play->conversation->steps; step && step->kind != STEP_ON; step = step->next) {
        play->step = step;
        if (step->kind == STEP_OPTION && !give_option(play, step))
            return false;
    }
    play_accounts(play->conversation, add_account, play);
    return true;
}

/* When all is said, nobody has got anything that the script does not know. */
static bool end(struct play *play)
{
    for (struct actor *actor = play->actors; actor; actor = actor->next)
        if (actor->wire) {
            if (!hears_nothing(play, actor)) {
                ks_buf_z(&play->verdict->why, "(at the end, where nothing is expected)\n");
                return false;
            }
        } else if (actor_peek_past_counts(actor)) {
            return came(play, actor);
        }
    return true;
}

void play(struct world *world, const struct conversation *conversation, struct ks_str suffix, struct verdict *verdict)
{
    struct play play = { .world = world, .conversation = conversation, .suffix = suffix, .verdict = verdict };
    bool good;

    verdict->failed = NULL;
    ks_buf_init(&verdict->why, SIZE_MAX);
    ks_arena_init(&play.arena, 64u << 20);
    ks_prng_init_number(&play.prng, 3);
    good = begin(&play);
    for (const struct step *step = conversation->steps; step && good; step = step->next) {
        play.step = step;
        good = take_step(&play, step);
    }
    if (good)
        (void)end(&play);
    while (play.actors) {
        struct actor *actor = play.actors;
        play.actors = actor->next;
        actor_done(actor);
        free(actor);
    }
    captures_done(&play.captures);
    ks_prng_done(&play.prng);
    ks_arena_done(&play.arena);
}
