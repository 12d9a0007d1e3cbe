/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsil_pin.h"

#include <jansson.h>
#include <stdlib.h>

#include "enc.h"
#include "pin_rules.h"
#include "vault_link.h"
#include "vault_pin.h"

#define PIN_CAP (KS_PIN_BYTES_MAX + 2)
#define SESSION_MS 60000 /* for a login, and for each answer */
#define GOODBYE_MS 1000

/* --- what the server says --- */

static void fail_with(const struct program *program, const char *id, const char *name, uint32_t number)
{
    struct ks_filling fillings[] = { { name, KS_STR_EMPTY }, { NULL, KS_STR_EMPTY } };
    struct ks_buf text, todo;
    char digits[16];

    snprintf(digits, sizeof digits, "%u", (unsigned)number);
    fillings[0].text = ks_str_z(digits);
    ks_buf_init(&text, 4096);
    ks_buf_init(&todo, 4096);
    ks_sentence_write(&text, program->language, id, fillings);
    ks_sentence_write_do(&todo, program->language, id, fillings);
    fprintf(stderr, "konsil: %.*s\n", KS_STR_FMT(ks_buf_str(&text)));
    if (todo.len)
        fprintf(stderr, "        %.*s\n", KS_STR_FMT(ks_buf_str(&todo)));
    ks_buf_done(&todo);
    ks_buf_done(&text);
}

static enum pin_end tell(const struct program *program, const struct ks_pin_said *said)
{
    static const char *const sentences[] = {
        [KS_PIN_WRONG] = SAY("konsil.pin-wrong"),
        [KS_PIN_WAIT] = SAY("konsil.pin-wait"),
        [KS_PIN_LOCKED] = SAY("konsil.pin-locked"),
        [KS_PIN_GONE] = SAY("konsil.pin-gone"),
        [KS_PIN_UNKNOWN] = SAY("konsil.pin-unknown"),
        [KS_PIN_LATER] = SAY("konsil.pin-later"),
        [KS_PIN_WRONG_ANSWER] = SAY("konsil.pin-lies"),
    };
    bool last = said->told == KS_PIN_WRONG && said->left == 0;
    const char *id = sentences[last ? KS_PIN_LOCKED : said->told];

    fail_with(program, id, said->told == KS_PIN_WAIT ? "seconds" : "left",
        said->told == KS_PIN_WAIT ? said->seconds : said->left);
    return said->told == KS_PIN_WRONG && !last ? PIN_AGAIN : PIN_SHUT;
}

static enum pin_end tell_error(const struct program *program, enum ks_err err)
{
    (void)program_fail(program,
        err == KS_EFULL           ? SAY("store.full")
            : err == KS_EIO       ? SAY("konsil.store-unwritable")
            : err == KS_ENOMEM    ? SAY("konsil.memory")
            : err == KS_ENOTFOUND ? SAY("konsil.pin-later")
                                  : SAY("konsil.store-damaged"));
    return PIN_SHUT;
}

static enum ks_err link_vault(struct program *program)
{
    const struct ks_vault_link_setup setup = { program->ca_file, strchr(program->jid, '@') + 1,
        program->websocket ? program->socket_url : NULL, program->host, program->websocket ? program->port : 0 };

    return program->vault ? KS_OK : ks_vault_link_new(&setup, &program->vault);
}

/* One question; its answer is in *answer, which the caller has, until the next. */
static unsigned ask(
    struct program *program, enum ks_pin_request request, const struct ks_pin_try *t, struct ks_buf *answer)
{
    struct ks_buf body;
    unsigned status = 0;

    ks_buf_init_secret(&body, KS_PIN_BODY_MAX);
    if (request == KS_PIN_EVAL)
        ks_pin_eval_body(t, &body);
    else
        ks_pin_confirm_body(t, &body);
    if (ks_buf_err(&body) == KS_OK)
        status = ks_vault_link_ask(program->vault, ks_pin_path(request), ks_buf_str(&body), answer);
    ks_buf_done(&body);
    return status;
}

/* Evaluates; what the vault then is, is on the disk before it is confirmed. */
static enum ks_err evaluate(
    struct program *program, struct ks_pin_try *t, struct ks_buf *answer, struct ks_pin_said *ret_said)
{
    struct ks_vault *vault = ks_profile_vault(program->profile);
    unsigned status = ask(program, KS_PIN_EVAL, t, answer);
    enum ks_err err = ks_pin_evaluated(vault, program->prng, t, status, ks_buf_str(answer), ret_said);

    return err == KS_OK && ret_said->told == KS_PIN_YES ? ks_profile_save(program->profile) : err;
}

static enum ks_err confirm(
    struct program *program, struct ks_pin_try *t, struct ks_buf *answer, struct ks_pin_said *ret_said)
{
    struct ks_vault *vault = ks_profile_vault(program->profile);
    unsigned status = ask(program, KS_PIN_CONFIRM, t, answer);
    enum ks_err err = ks_pin_confirmed(vault, program->prng, t, status, ks_buf_str(answer), ret_said);

    if (err == KS_OK && ret_said->told == KS_PIN_YES && ret_said->another) {
        (void)program_fail(program, SAY("konsil.pin-copy"));
        err = ks_profile_save(program->profile);
    }
    ks_wipe(ret_said->ticket, sizeof ret_said->ticket); /* there is no biometric slot in a terminal */
    return err;
}

/* --- unlocking --- */

bool pin_is_there(struct program *program)
{
    struct ks_vault *vault = ks_profile_vault(program->profile);
    struct ks_vault_slot_info slots[KS_VAULT_SLOTS_MAX];
    size_t count = vault ? ks_vault_slots(vault, slots) : 0;

    for (size_t i = 0; i < count; i++)
        if (slots[i].kind == KS_SLOT_PIN)
            return true;
    return false;
}

static enum ks_err try_slot(struct program *program, uint32_t number, struct ks_str pin, struct ks_pin_said *ret_said)
{
    KS_AUTO(ks_pin_free) struct ks_pin_try *t = NULL;
    struct ks_pin_said confirmed;
    struct ks_buf answer;
    enum ks_err err;

    if ((err = ks_pin_begin(ks_profile_vault(program->profile), program->prng, number, pin, &t)) != KS_OK)
        return err;
    ks_buf_init_secret(&answer, 2 * KS_PIN_ANSWER_MAX);
    if ((err = evaluate(program, t, &answer, ret_said)) == KS_OK && ret_said->told == KS_PIN_YES)
        err = confirm(program, t, &answer, &confirmed); /* open also when that does not come through */
    ks_buf_done(&answer);
    return err;
}

/* Of two answers that opened nothing: the one that says more. A slot that is gone beside one with a wrong PIN was left
 * by a change. */
static int weight(enum ks_pin_told told)
{
    return told == KS_PIN_WRONG ? 3 : told == KS_PIN_GONE || told == KS_PIN_UNKNOWN ? 1 : 2;
}

static enum ks_err try_slots(struct program *program, struct ks_str pin, struct ks_pin_said *ret_said)
{
    struct ks_vault *vault = ks_profile_vault(program->profile);
    struct ks_vault_slot_info slots[KS_VAULT_SLOTS_MAX];
    struct ks_pin_said said;
    bool any = false;
    enum ks_err err;

    for (size_t i = ks_vault_slots(vault, slots); i-- > 0;) {
        if (slots[i].kind != KS_SLOT_PIN)
            continue;
        if ((err = try_slot(program, slots[i].number, pin, &said)) != KS_OK)
            return err;
        if (!any || said.told == KS_PIN_YES || weight(said.told) > weight(ret_said->told))
            *ret_said = said;
        any = true;
        if (said.told == KS_PIN_YES)
            break;
    }
    return any ? KS_OK : KS_ECRYPTO;
}

/* As the vault takes it; the bytes are wiped with the arena's room, which is the caller's. */
static enum ks_err normal_pin(struct ks_arena *arena, const char *typed, struct ks_str *ret_pin)
{
    enum ks_err err = ks_profile_secret(arena, ks_str_z(typed), ret_pin);

    return err == KS_OK && ret_pin->len > KS_PIN_BYTES_MAX ? KS_ELIMIT : err;
}

enum pin_end pin_unlock(struct program *program, const char *typed)
{
    struct ks_pin_said said = { .told = KS_PIN_LATER };
    struct ks_arena arena;
    struct ks_str pin = KS_STR_EMPTY;
    enum ks_err err;

    ks_arena_init(&arena, 16 * PIN_CAP);
    if ((err = normal_pin(&arena, typed, &pin)) == KS_OK && (err = link_vault(program)) == KS_OK)
        err = try_slots(program, pin, &said);
    if (pin.len)
        ks_wipe((char *)(uintptr_t)pin.ptr, pin.len);
    ks_arena_done(&arena);
    if (err == KS_ELIMIT) { /* nothing that was ever a PIN: no try */
        (void)program_fail(program, SAY("konsil.pin-unfit"));
        return PIN_AGAIN;
    }
    if (err != KS_OK)
        return tell_error(program, err);
    return said.told == KS_PIN_YES ? PIN_OPEN : tell(program, &said);
}

/* --- a session, for what goes over it --- */

static void give(struct program *program, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);

    if (text)
        konsil_command(program->engine, text, strlen(text), program_now());
    free(text);
    json_decref(object);
}

static bool is(const json_t *event, const char *member, const char *want)
{
    const char *value = json_string_value(json_object_get(event, member));

    return value && strcmp(value, want) == 0;
}

/* The reason why nothing more will come, or NULL. */
static const char *end_of(const json_t *event, const char *re)
{
    if (is(event, "event", "error") && is(event, "re", re))
        return json_string_value(json_object_get(event, "code"));
    if (is(event, "event", "connection") && !json_object_get(event, "retry_ms"))
        return json_string_value(json_object_get(event, "reason"));
    return NULL;
}

/* Runs the engine until the event of that name comes, which answers re where it answers something. NULL: it will not,
 * and why was said. */
static json_t *await(struct program *program, const char *name, const char *re)
{
    int64_t until_ms = program_now().mono_ms + SESSION_MS;
    short revents = 0, input;
    const char *json;
    size_t len;

    do {
        program_run(program, revents);
        while (konsil_next_event(program->engine, &json, &len)) {
            json_t *event = json_loadb(json, len, 0, NULL);
            const char *wrong = end_of(event, re);

            if (is(event, "event", name) && (is(event, "re", re) || !json_object_get(event, "re")))
                return event;
            if (wrong)
                (void)program_fail(program, wrong);
            json_decref(event);
            if (wrong)
                return NULL;
        }
    } while (!konsil_failed(program->engine) && program_now().mono_ms < until_ms
        && program_wait(program, -1, until_ms, &revents, &input));
    (void)program_fail(program, SAY("konsil.pin-later"));
    return NULL;
}

static bool done(json_t *event)
{
    json_decref(event);
    return event != NULL;
}

static bool log_in(struct program *program)
{
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:b}", "cmd", "connect", "id", "connect", "jid", program->jid, "remember", 1);

    if (program->host)
        json_object_set_new(object, "host", json_string(program->host));
    if (program->port)
        json_object_set_new(object, "port", json_integer(program->port));
    if (program->direct_tls)
        json_object_set_new(object, "tls", json_string("direct"));
    give(program, object);
    return done(await(program, "ready", "connect"));
}

static void log_out(struct program *program)
{
    int64_t until_ms = program_now().mono_ms + GOODBYE_MS;
    short revents = 0, input;

    give(program, json_pack("{s:s}", "cmd", "disconnect"));
    do {
        program_run(program, revents);
    } while (!ks_client_link_idle(program->link, program->engine) && program_now().mono_ms < until_ms
        && program_wait(program, -1, until_ms, &revents, &input));
}

static json_t *base64(const uint8_t *bytes, size_t len)
{
    char text[KS_BASE64_LEN(64)];

    ks_base64_write(ks_str(bytes, len), text);
    return json_stringn(text, KS_BASE64_LEN(len));
}

/* --- setting --- */

/* NULL, or what is wrong with it. */
static const char *unfit(const struct program *program, const char *typed)
{
    enum ks_pin_fault fault = KS_PIN_SHORT;
    struct ks_arena arena;
    struct ks_str pin;

    ks_arena_init(&arena, 16 * PIN_CAP);
    if (normal_pin(&arena, typed, &pin) == KS_OK) {
        fault = ks_pin_check(KS_PIN_RULES_USUAL, pin, ks_str_z(program->jid));
        ks_wipe((char *)(uintptr_t)pin.ptr, pin.len);
    }
    ks_arena_done(&arena);
    return fault == KS_PIN_GOOD    ? NULL
        : fault == KS_PIN_COMMON   ? SAY("konsil.pin-common")
        : fault == KS_PIN_OWN_NAME ? SAY("konsil.pin-name")
                                   : SAY("konsil.pin-unfit");
}

/* Asks until it is a good one, and then once more. NULL, or what is wrong. */
static const char *ask_new(const struct program *program, char *text, size_t cap)
{
    char again[PIN_CAP];
    const char *wrong;
    bool same;

    do {
        if (!program_ask(program, SAY("konsil.pin-new"), text, cap))
            return SAY("konsil.pin-missing");
        if ((wrong = unfit(program, text)))
            (void)program_fail(program, wrong);
    } while (wrong);
    same = program_ask(program, SAY("konsil.passphrase-again"), again, sizeof again) && strcmp(text, again) == 0;
    ks_wipe(again, sizeof again);
    return same ? NULL : SAY("konsil.pin-differs");
}

static const char *get_new(const struct program *program, const char *file, char *text, size_t cap)
{
    const char *wrong;

    if (!file)
        return ask_new(program, text, cap);
    wrong = program_read_passphrase(file, text, cap);
    return wrong ? wrong : unfit(program, text);
}

/* The slot at the server. False: why not was said. */
static bool make_there(struct program *program, struct ks_pin_try *t)
{
    json_t *object = json_pack("{s:s, s:s, s:s}", "cmd", "vault_make", "id", "make", "kind", "pin"), *event;
    struct ks_pin_new made;
    struct ks_arena arena;
    struct ks_str keyid = KS_STR_EMPTY;
    bool ok;

    ks_pin_new(t, &made);
    json_object_set_new(object, "slot", base64(made.slot, sizeof made.slot));
    json_object_set_new(object, "token", base64(made.token_hash, sizeof made.token_hash));
    json_object_set_new(object, "confirm", base64(made.confirm, sizeof made.confirm));
    give(program, object);
    if (!(event = await(program, "vault_made", "make")))
        return false;
    ks_arena_init(&arena, 4096);
    ok = ks_base64_read(&arena, ks_str_z(json_string_value(json_object_get(event, "keyid"))), &keyid) == KS_OK
        && keyid.len == KS_OPRF_KEY_ID_LEN;
    if (ok)
        ks_pin_made(t, (const uint8_t *)keyid.ptr);
    else
        (void)program_fail(program, SAY("konsil.pin-lies"));
    ks_arena_done(&arena);
    json_decref(event);
    return ok;
}

static bool drop_there(struct program *program, json_t *slot)
{
    give(program, json_pack("{s:s, s:s, s:o}", "cmd", "vault_drop", "id", "drop", "slot", slot));
    return done(await(program, "result", "drop"));
}

/* What opened before and is not to open any more: first at the server, then here. */
static bool drop_others(struct program *program, uint32_t number)
{
    struct ks_vault *vault = ks_profile_vault(program->profile);
    struct ks_vault_slot_info slots[KS_VAULT_SLOTS_MAX];
    size_t count = ks_vault_slots(vault, slots);
    uint8_t slot[KS_PIN_SLOT_LEN];
    bool ok = true;

    for (size_t i = 0; i < count && ok; i++) {
        if (slots[i].number == number || (slots[i].kind != KS_SLOT_PIN && slots[i].kind != KS_SLOT_PASSPHRASE))
            continue;
        if (slots[i].kind == KS_SLOT_PIN)
            ok = ks_pin_slot(vault, slots[i].number, slot) == KS_OK && drop_there(program, base64(slot, sizeof slot));
        ok = ok && ks_vault_remove(vault, slots[i].number) == KS_OK && ks_profile_save(program->profile) == KS_OK;
    }
    return ok;
}

/* Slots of this device that its vault does not have: a change that ended before its file. */
static bool drop_strays(struct program *program)
{
    struct ks_vault *vault = ks_profile_vault(program->profile);
    struct ks_vault_slot_info slots[KS_VAULT_SLOTS_MAX];
    size_t count = ks_vault_slots(vault, slots), at;
    json_t *event, *one;
    bool ok = true;

    give(program, json_pack("{s:s, s:s}", "cmd", "vault_slots", "id", "slots"));
    if (!(event = await(program, "vault_slots", "slots")))
        return false;
    json_array_foreach(json_object_get(event, "slots"), at, one)
    {
        bool known = !json_is_true(json_object_get(one, "own")) || !is(one, "kind", "pin") || is(one, "state", "gone");

        for (size_t i = 0; i < count && !known; i++) {
            uint8_t slot[KS_PIN_SLOT_LEN];
            json_t *name = ks_pin_slot(vault, slots[i].number, slot) == KS_OK ? base64(slot, sizeof slot) : NULL;

            known = name && is(one, "slot", json_string_value(name));
            json_decref(name);
        }
        ok = ok && (known || drop_there(program, json_incref(json_object_get(one, "slot"))));
    }
    json_decref(event);
    return ok;
}

static int set(struct program *program, struct ks_pin_try *t)
{
    struct ks_pin_said said = { .told = KS_PIN_LATER };
    struct ks_buf answer;
    enum ks_err err;

    if (!log_in(program) || !make_there(program, t))
        return EXIT_FAILURE;
    ks_buf_init_secret(&answer, 2 * KS_PIN_ANSWER_MAX);
    if ((err = evaluate(program, t, &answer, &said)) == KS_OK && said.told == KS_PIN_YES)
        err = confirm(program, t, &answer, &said);
    ks_buf_done(&answer);
    if (err != KS_OK)
        return tell_error(program, err), EXIT_FAILURE;
    if (said.told != KS_PIN_YES)
        return tell(program, &said), EXIT_FAILURE;
    if (!drop_others(program, ks_pin_number(t)) || !drop_strays(program))
        return program_fail(program, SAY("konsil.pin-old"));
    printf("%.*s\n", KS_STR_FMT(ks_say(program->language, SAY("konsil.pin-set"))));
    return EXIT_SUCCESS;
}

int konsil_pin_set(struct program *program, const char *pin_file)
{
    KS_AUTO(ks_pin_free) struct ks_pin_try *t = NULL;
    char text[PIN_CAP] = "";
    const char *wrong = get_new(program, pin_file, text, sizeof text);
    struct ks_arena arena;
    struct ks_str pin = KS_STR_EMPTY;
    enum ks_err err = KS_OK;
    int status;

    ks_arena_init(&arena, 16 * PIN_CAP);
    if (!wrong && (err = link_vault(program)) == KS_OK && (err = normal_pin(&arena, text, &pin)) == KS_OK)
        err = ks_pin_make(ks_profile_vault(program->profile), program->prng, KS_SLOT_PIN, pin, KS_VAULT_COST_USUAL, &t);
    if (pin.len)
        ks_wipe((char *)(uintptr_t)pin.ptr, pin.len);
    ks_arena_done(&arena);
    ks_wipe(text, sizeof text);
    if (wrong)
        return program_fail(program, wrong);
    if (err != KS_OK)
        return tell_error(program, err), EXIT_FAILURE;
    status = set(program, t);
    log_out(program);
    return status;
}
