/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A PIN's slot, against a server that stands in (vault_stand.h): known answers, what thieves and liars get, and that a
 * change of PIN leaves a way in wherever it ends. */
#include "crypto.h"
#include "failmalloc.h"
#include "vault_known.h"
#include "vault_stand.h"
#include "vault_wrap.h"
#include "wiped.h"

static const struct ks_vault_cost cheap = { 8, 1 }; /* as Argon2id goes; rows of their own have the true floor */
#define PIN KS_STR("839215")

static struct ks_prng prng;
static struct ks_arena arena;
static struct ks_buf body, file;

static struct ks_str hex(const char *text)
{
    struct ks_str bytes;

    if (ks_hex_read(&arena, ks_str_z(text), &bytes) != KS_OK)
        exit(1);
    return bytes;
}

static struct ks_str eval_body(const struct ks_pin_try *t)
{
    ks_buf_reset(&body);
    ks_pin_eval_body(t, &body);
    return ks_buf_str(&body);
}

static struct ks_str confirm_body(const struct ks_pin_try *t)
{
    ks_buf_reset(&body);
    ks_pin_confirm_body(t, &body);
    return ks_buf_str(&body);
}

static struct ks_vault *vault_read(struct ks_str bytes, struct ks_vault_cost floor)
{
    struct ks_vault *v = NULL;

    if (ks_vault_read(bytes, floor, &v) != KS_OK)
        exit(1);
    return v;
}

/* A copy of a vault as it would be read from its file: locked. */
static struct ks_vault *copy(const struct ks_vault *v)
{
    ks_buf_reset(&file);
    ks_vault_write(v, &file);
    return vault_read(ks_buf_str(&file), cheap);
}

/* A try to the end of its evaluation; leaves in *ret_try what is to be confirmed, or NULL. */
static struct ks_pin_said try_pin(
    struct ks_vault *v, struct stand *s, uint32_t number, struct ks_str pin, struct ks_pin_try **ret_try)
{
    KS_AUTO(ks_pin_free) struct ks_pin_try *t = NULL;
    struct ks_pin_said said = { .told = KS_PIN_LATER };

    if (ks_pin_begin(v, &prng, number, pin, &t) != KS_OK
        || ks_pin_evaluated(v, &prng, t, 200, stand_eval(s, eval_body(t)), &said) != KS_OK)
        exit(1);
    if (ret_try && said.told == KS_PIN_YES)
        *ret_try = KS_TAKE(t);
    return said;
}

static bool opens(const struct ks_vault *v, struct stand *s, uint32_t number, struct ks_str pin)
{
    KS_AUTO(ks_vault_free) struct ks_vault *again = copy(v);
    struct ks_pin_said said = try_pin(again, s, number, pin, NULL);

    return said.told == KS_PIN_YES && ks_vault_is_open(again);
}

static bool confirm(struct ks_vault *v, struct stand *s, struct ks_pin_try *t, struct ks_pin_said *ret_said)
{
    bool ok = stand_confirm(s, confirm_body(t));

    return ks_pin_confirmed(v, &prng, t, 200, ks_buf_str(&s->answer), ret_said) == KS_OK && ok;
}

/* A slot made, evaluated and, if it is wanted, confirmed. */
static uint32_t make(struct ks_vault *v, struct stand *s, enum ks_vault_kind kind, struct ks_str pin, bool confirmed)
{
    KS_AUTO(ks_pin_free) struct ks_pin_try *t = NULL;
    struct ks_pin_said said;

    if (ks_pin_make(v, &prng, kind, pin, cheap, &t) != KS_OK)
        exit(1);
    ks_pin_new(t, &s->slot);
    ks_pin_made(t, s->keyid);
    if (ks_pin_evaluated(v, &prng, t, 200, stand_eval(s, eval_body(t)), &said) != KS_OK || said.told != KS_PIN_YES)
        exit(1);
    if (confirmed && !confirm(v, s, t, &said))
        exit(1);
    return ks_pin_number(t);
}

static struct ks_vault *vault_new(void)
{
    struct ks_vault *v = NULL;

    if (ks_vault_new(&prng, cheap, &v) != KS_OK)
        exit(1);
    return v;
}

/* --- known answers --- */

static void known_stand(struct stand *s)
{
    stand_init(s, &prng);
    memcpy(s->key, hex(KNOWN_KEY).ptr, sizeof s->key);
    if (ks_oprf_key_id(s->key, s->keyid) != KS_OK)
        exit(1);
    for (uint8_t i = 0; i < KS_PIN_SLOT_LEN; i++) {
        s->slot.slot[i] = (uint8_t)(0xa0 + i);
        s->nonce[i] = (uint8_t)(0xc0 + i - 1); /* it counts up */
    }
}

static void test_known(void)
{
    KS_AUTO(ks_vault_free) struct ks_vault *v = vault_read(hex(KNOWN_FILE), cheap);
    KS_AUTO(ks_pin_free) struct ks_pin_try *t = NULL;
    uint8_t key[KS_VAULT_KEY_LEN];
    struct ks_pin_said said;
    struct stand s;

    known_stand(&s);
    check_str("§16.1: the name of konsild's key", ks_str(s.keyid, sizeof s.keyid), hex(KNOWN_KEY_ID));
    said = try_pin(v, &s, 1, KNOWN_PIN, &t);
    check_row(said.told == KS_PIN_YES && said.left == 9 && t, "§10.2: the known slot opens", "%d", (int)said.told);
    if (!t || ks_vault_store_key(v, key) != KS_OK)
        exit(1);
    check_str("§10: and gives the known key of the store", ks_str(key, sizeof key), hex(KNOWN_STORE_KEY));
    check_str("§16.4: and the known signature, with the next generation",
        stand_bytes(&s, confirm_body(t), "sig", KS_ED25519_SIGNATURE_LEN), hex(KNOWN_SIGNATURE));
    check_row(ks_str_find(confirm_body(t), KS_STR("\"gen\":5,")) < body.len, "§16.4: which is said", "%.*s",
        KS_STR_FMT(ks_buf_str(&body)));
    stand_done(&s);
}

/* --- use --- */

static void test_use(void)
{
    KS_AUTO(ks_vault_free) struct ks_vault *v = vault_new();
    KS_AUTO(ks_vault_free) struct ks_vault *again = NULL;
    KS_AUTO(ks_vault_free) struct ks_vault *old = NULL;
    KS_AUTO(ks_pin_free) struct ks_pin_try *t = NULL;
    KS_AUTO(ks_pin_free) struct ks_pin_try *t_old = NULL;
    uint8_t key[KS_VAULT_KEY_LEN], same[KS_VAULT_KEY_LEN], slot[KS_PIN_SLOT_LEN];
    struct ks_vault_slot_info slots[KS_VAULT_SLOTS_MAX];
    struct ks_pin_said said;
    uint32_t number, passphrase;
    struct stand s;

    stand_init(&s, &prng);
    number = make(v, &s, KS_SLOT_PIN, PIN, true);
    check_row(ks_vault_slots(v, slots) == 1 && slots[0].kind == KS_SLOT_PIN && s.gen == 1,
        "a slot is made and confirmed", "%u", (unsigned)s.gen);
    if (ks_vault_store_key(v, key) != KS_OK)
        exit(1);
    again = copy(v);
    old = copy(v);
    check_err(
        "without a passphrase's slot there is none to try", ks_vault_unlock(again, PIN, &passphrase), KS_ENOTFOUND);
    said = try_pin(again, &s, number, KS_STR("839216"), NULL);
    check_row(said.told == KS_PIN_WRONG && said.left == 9 && !ks_vault_is_open(again),
        "another PIN is wrong, and it is told how many tries are left", "%d", (int)said.told);
    said = try_pin(again, &s, number, PIN, &t);
    check_row(said.told == KS_PIN_YES && ks_vault_store_key(again, same) == KS_OK && memcmp(key, same, sizeof key) == 0,
        "the PIN opens the same store", "%d", (int)said.told);
    check_row(confirm(again, &s, t, &said) && said.told == KS_PIN_YES && !said.another && said.has_ticket
            && said.ticket[0] == 't' && s.gen == 2,
        "it is confirmed, and gives a ticket", "%u", (unsigned)s.gen);
    ks_vault_lock(again);
    check_row(opens(again, &s, number, PIN), "and the file with the new generation opens", "not");

    /* A copy of the profile, from before: it opens, and the server's number tells. */
    said = try_pin(old, &s, number, PIN, &t_old);
    check_row(said.told == KS_PIN_YES && confirm(old, &s, t_old, &said) && said.another,
        "§16.4: of two copies the second learns that there is another", "%d", (int)said.told);
    check_row(opens(old, &s, number, PIN), "and goes on with the greater generation", "not");
    check_row(s.gen == 3, "(control: which the server gave)", "%u", (unsigned)s.gen);
    ks_pin_free(t_old);
    t_old = NULL;
    said = try_pin(old, &s, number, PIN, &t_old);
    check_row(confirm(old, &s, t_old, &said) && !said.another && s.gen == 4, "so that it is told once", "%u",
        (unsigned)s.gen);

    check_err("a slot's name is there for the server", ks_pin_slot(v, number, slot), KS_OK);
    check_row(memcmp(slot, s.slot.slot, sizeof slot) == 0, "and is that of making", "not");
    ks_buf_reset(&body);
    check_err("a ticket is asked for without a PIN", ks_pin_ticket_body(v, number, &body), KS_OK);
    check_row(memcmp(stand_bytes(&s, ks_buf_str(&body), "slot", sizeof slot).ptr, slot, sizeof slot) == 0
            && stand_bytes(&s, ks_buf_str(&body), "token", KS_PIN_TOKEN_LEN).len == KS_PIN_TOKEN_LEN
            && ks_str_find(ks_buf_str(&body), KS_STR("blinded")) == body.len,
        "§16.5: with slot and token", "%.*s", KS_STR_FMT(ks_buf_str(&body)));
    check_err("none of a slot that is not there", ks_pin_ticket_body(v, number + 1, &body), KS_ENOTFOUND);
    check_err("the last slot that opens stays", ks_vault_remove(v, number), KS_ESTATE);
    stand_done(&s);
}

static void test_service(void)
{
    KS_AUTO(ks_vault_free) struct ks_vault *v = vault_new();
    uint8_t secret[32];
    struct stand s;
    uint32_t number;

    stand_init(&s, &prng);
    ks_prng_bytes(&prng, secret, sizeof secret);
    secret[3] = 0;
    number = make(v, &s, KS_SLOT_SERVICE, ks_str(secret, sizeof secret), true);
    check_row(opens(v, &s, number, ks_str(secret, sizeof secret)),
        "§10.5: a service's 32 bytes open its slot, zeroes and all", "not");
    secret[31] ^= 1;
    check_row(!opens(v, &s, number, ks_str(secret, sizeof secret)), "others do not", "they do");
    stand_done(&s);
}

static void test_limits(void)
{
    KS_AUTO(ks_vault_free) struct ks_vault *v = vault_new();
    KS_AUTO(ks_vault_free) struct ks_vault *usual = NULL;
    KS_AUTO(ks_vault_free) struct ks_vault *read = NULL;
    struct ks_pin_try *t = NULL;
    char longest[KS_PIN_BYTES_MAX + 1];
    struct stand s;
    uint32_t number;

    stand_init(&s, &prng);
    memset(longest, '7', sizeof longest);
    check_err("no PIN is refused", ks_pin_make(v, &prng, KS_SLOT_PIN, KS_STR_EMPTY, cheap, &t), KS_ELIMIT);
    check_err("257 bytes are", ks_pin_make(v, &prng, KS_SLOT_PIN, ks_str(longest, 257), cheap, &t), KS_ELIMIT);
    number = make(v, &s, KS_SLOT_PIN, ks_str(longest, 256), true);
    check_row(opens(v, &s, number, ks_str(longest, 256)), "256 are not", "they are");
    check_err("nor are none tried", ks_pin_begin(v, &prng, number, KS_STR_EMPTY, &t), KS_ELIMIT);
    check_err("a slot that is not there is none", ks_pin_begin(v, &prng, number + 1, PIN, &t), KS_ENOTFOUND);
    check_err("more than 256 MiB are refused",
        ks_pin_make(v, &prng, KS_SLOT_PIN, PIN, (struct ks_vault_cost) { 256 * 1024 + 1, 2 }, &t), KS_ELIMIT);
    for (int i = 1; i < KS_VAULT_SLOTS_MAX; i++)
        make(v, &s, KS_SLOT_PIN, PIN, false);
    check_err("a seventeenth slot is not begun", ks_pin_make(v, &prng, KS_SLOT_PIN, PIN, cheap, &t), KS_ELIMIT);
    read = copy(v);
    check_err("none is begun in a locked vault", ks_pin_make(read, &prng, KS_SLOT_PIN, PIN, cheap, &t), KS_ESTATE);

    if (ks_vault_new(&prng, KS_VAULT_COST_FLOOR, &usual) != KS_OK)
        exit(1);
    check_err("attack 44: less memory than the floor is refused",
        ks_pin_make(usual, &prng, KS_SLOT_PIN, PIN, (struct ks_vault_cost) { 19 * 1024 - 1, 2 }, &t), KS_ELIMIT);
    check_err("fewer passes are",
        ks_pin_make(usual, &prng, KS_SLOT_PIN, PIN, (struct ks_vault_cost) { 19 * 1024, 1 }, &t), KS_ELIMIT);
    check_err("the floor is taken",
        ks_pin_make(usual, &prng, KS_SLOT_PIN, PIN, (struct ks_vault_cost) { 19 * 1024, 2 }, &t), KS_OK);
    ks_pin_free(t);
    t = NULL;
    ks_vault_free(KS_TAKE(read));
    ks_buf_reset(&file);
    ks_vault_write(v, &file);
    read = vault_read(ks_buf_str(&file), KS_VAULT_COST_FLOOR);
    check_err("attack 44: a slot below the floor is not tried", ks_pin_begin(read, &prng, number, PIN, &t), KS_ELIMIT);
    stand_done(&s);
}

/* --- liars --- */

static void test_answers(void)
{
#define Z32 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    static const struct {
        const char *name;
        unsigned status;
        const char *body;
        enum ks_pin_told want;
    } rows[] = {
        { "no answer is later", 0, "", KS_PIN_LATER },
        { "a broken server is later", 502, "<html>", KS_PIN_LATER },
        { "a server that cannot store is later", 503, "{\"error\":\"later\"}", KS_PIN_LATER },
        { "unknown", 404, "{\"error\":\"unknown\"}", KS_PIN_UNKNOWN },
        { "a page that is not there is no answer of a vault", 404, "<html>", KS_PIN_WRONG_ANSWER },
        { "gone", 410, "{\"error\":\"gone\"}", KS_PIN_GONE },
        { "locked", 423, "{\"error\":\"locked\"}", KS_PIN_LOCKED },
        { "wait", 429, "{\"error\":\"wait\",\"seconds\":15}", KS_PIN_WAIT },
        { "an answer's other names are passed over", 410, "{\"error\":\"gone\",\"more\":[1]}", KS_PIN_GONE },
        { "a wait without its seconds is none", 429, "{\"error\":\"wait\"}", KS_PIN_WRONG_ANSWER },
        { "nor with fewer than none", 429, "{\"error\":\"wait\",\"seconds\":-1}", KS_PIN_WRONG_ANSWER },
        { "nor with half ones", 429, "{\"error\":\"wait\",\"seconds\":1.5}", KS_PIN_WRONG_ANSWER },
        { "an error of another status is none", 404, "{\"error\":\"gone\"}", KS_PIN_WRONG_ANSWER },
        { "nor is success", 200, "{\"error\":\"gone\"}", KS_PIN_WRONG_ANSWER },
        { "an order to erase is none (attack 46)", 200, "{\"wipe\":true}", KS_PIN_WRONG_ANSWER },
        { "a window is of tickets", 403, "{\"error\":\"pin\"}", KS_PIN_WRONG_ANSWER },
        { "a redirection is followed by nobody", 302, "", KS_PIN_WRONG_ANSWER },
        { "what we are told to have sent is not so", 400, "{\"error\":\"malformed\"}", KS_PIN_WRONG_ANSWER },
        { "no JSON", 200, "{", KS_PIN_WRONG_ANSWER },
        { "nothing", 200, "", KS_PIN_WRONG_ANSWER },
        { "a list", 200, "[]", KS_PIN_WRONG_ANSWER },
        { "a name twice", 410, "{\"error\":\"gone\",\"error\":\"gone\"}", KS_PIN_WRONG_ANSWER },
        { "a point that is too short", 200,
            "{\"z\":\"AAAA\",\"keyid\":\"AAAAAAAAAAA=\",\"nonce\":\"AAAAAAAAAAAAAAAAAAAAAA==\",\"left\":9}",
            KS_PIN_WRONG_ANSWER },
        { "no tries", 200, "{\"z\":\"" Z32 "\",\"keyid\":\"AAAAAAAAAAA=\",\"nonce\":\"AAAAAAAAAAAAAAAAAAAAAA==\"}",
            KS_PIN_WRONG_ANSWER },
        { "fewer than none", 200,
            "{\"z\":\"" Z32 "\",\"keyid\":\"AAAAAAAAAAA=\",\"nonce\":\"AAAAAAAAAAAAAAAAAAAAAA==\",\"left\":-1}",
            KS_PIN_WRONG_ANSWER },
        { "what is whole", 200,
            "{\"z\":\"" Z32 "\",\"keyid\":\"AAAAAAAAAAA=\",\"nonce\":\"AAAAAAAAAAAAAAAAAAAAAA==\",\"left\":9}",
            KS_PIN_YES },
    };
    static char longest[KS_PIN_ANSWER_MAX + 1];
    struct ks_pin_answer answer;

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        answer.told = KS_PIN_YES;
        if (ks_pin_answer_read(KS_PIN_EVAL, rows[i].status, ks_str_z(rows[i].body), &answer) != KS_OK)
            exit(1);
        check_row(answer.told == rows[i].want, rows[i].name, "%s: got %d, want %d", rows[i].body, (int)answer.told,
            (int)rows[i].want);
    }
    if (ks_pin_answer_read(KS_PIN_EVAL, 429, KS_STR("{\"error\":\"wait\",\"seconds\":9007199254740991}"), &answer)
        != KS_OK)
        exit(1);
    check_row(answer.told == KS_PIN_WAIT && answer.seconds == 86400, "a wait for ever is told as a day", "%u",
        (unsigned)answer.seconds);
    memset(longest, ' ', sizeof longest);
    memcpy(longest, "{\"error\":\"gone\"}", 16);
    check_row(ks_pin_answer_read(KS_PIN_EVAL, 410, ks_str(longest, KS_PIN_ANSWER_MAX), &answer) == KS_OK
            && answer.told == KS_PIN_GONE,
        "4,096 bytes are read", "%d", (int)answer.told);
    check_row(ks_pin_answer_read(KS_PIN_EVAL, 410, ks_str(longest, sizeof longest), &answer) == KS_OK
            && answer.told == KS_PIN_WRONG_ANSWER,
        "4,097 are not", "%d", (int)answer.told);
    check_row(ks_pin_answer_read(KS_PIN_TICKET, 403, KS_STR("{\"error\":\"pin\"}"), &answer) == KS_OK
            && answer.told == KS_PIN_OVER,
        "§16.5: a ticket's window is over", "%d", (int)answer.told);
    check_row(ks_pin_answer_read(KS_PIN_TICKET, 200, KS_STR("{\"ticket\":\"" Z32 "\"}"), &answer) == KS_OK
            && answer.told == KS_PIN_YES && answer.has_ticket,
        "§16.5: a ticket", "%d", (int)answer.told);
    check_row(
        ks_pin_answer_read(KS_PIN_TICKET, 200, KS_STR("{}"), &answer) == KS_OK && answer.told == KS_PIN_WRONG_ANSWER,
        "or none", "%d", (int)answer.told);
    check_row(ks_pin_answer_read(KS_PIN_TICKET, 410, KS_STR("{\"error\":\"gone\"}"), &answer) == KS_OK
            && answer.told == KS_PIN_GONE && !answer.has_ticket,
        "attack 47: none after a wipe", "%d", (int)answer.told);
    check_row(ks_pin_answer_read(KS_PIN_TICKET, 0, KS_STR_EMPTY, &answer) == KS_OK && answer.told == KS_PIN_LATER
            && !answer.has_ticket,
        "attack 47: none without network", "%d", (int)answer.told);
    check_row(ks_pin_answer_read(KS_PIN_CONFIRM, 200, KS_STR("{\"gen\":9007199254740991}"), &answer) == KS_OK
            && answer.told == KS_PIN_YES && !answer.has_ticket,
        "§16.4: a confirmation without a ticket", "%d", (int)answer.told);
    check_row(ks_pin_answer_read(KS_PIN_CONFIRM, 200, KS_STR("{\"gen\":9007199254740992}"), &answer) == KS_OK
            && answer.told == KS_PIN_WRONG_ANSWER,
        "a generation above 2^53 - 1 is none", "%d", (int)answer.told);
}

/* Attack 43. What a lying server brings about is a sentence: the file is as it was, and opens the next time. */
static void test_liars(void)
{
    enum { IDENTITY, NO_POINT, OTHER_KEY, OTHER_NAME, OTHER_POINT };
    static const struct {
        const char *name;
        int lie;
        enum ks_pin_told want;
    } rows[] = {
        { "attack 43: the identity is a wrong answer", IDENTITY, KS_PIN_WRONG_ANSWER },
        { "attack 43: so is what is no point", NO_POINT, KS_PIN_WRONG_ANSWER },
        { "attack 43: and another key, under its name", OTHER_KEY, KS_PIN_WRONG_ANSWER },
        { "attack 43: and the right key under another name", OTHER_NAME, KS_PIN_WRONG_ANSWER },
        { "§16.9: another point under the right name looks like a wrong PIN, and costs a try", OTHER_POINT,
            KS_PIN_WRONG },
    };
    KS_AUTO(ks_vault_free) struct ks_vault *v = vault_new();
    struct stand s, other;
    uint32_t number;

    stand_init(&s, &prng);
    stand_init(&other, &prng);
    number = make(v, &s, KS_SLOT_PIN, PIN, true);
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        KS_AUTO(ks_vault_free) struct ks_vault *again = copy(v);
        KS_AUTO(ks_pin_free) struct ks_pin_try *t = NULL;
        struct ks_pin_said said = { .told = KS_PIN_YES };
        uint8_t z[KS_OPRF_ELEMENT_LEN] = { 0 };
        char answer[KS_PIN_ANSWER_MAX];
        struct ks_str text;
        struct stand *who = rows[i].lie == OTHER_KEY || rows[i].lie == OTHER_POINT ? &other : &s;

        if (ks_pin_begin(again, &prng, number, PIN, &t) != KS_OK)
            exit(1);
        if (rows[i].lie == OTHER_POINT)
            memcpy(other.keyid, s.keyid, sizeof s.keyid);
        if (rows[i].lie == OTHER_NAME)
            s.keyid[0] ^= 1;
        text = stand_eval(who, eval_body(t));
        if (rows[i].lie == OTHER_NAME)
            s.keyid[0] ^= 1;
        memcpy(answer, text.ptr, text.len);
        memset(z, rows[i].lie == NO_POINT ? 0xff : 0, sizeof z);
        if (rows[i].lie == IDENTITY || rows[i].lie == NO_POINT)
            ks_base64_write(ks_str(z, sizeof z), answer + strlen("{\"z\":\""));
        if (ks_pin_evaluated(again, &prng, t, 200, ks_str(answer, text.len), &said) != KS_OK)
            exit(1);
        ks_buf_reset(&body);
        ks_vault_write(again, &body);
        check_row(
            said.told == rows[i].want && !ks_vault_is_open(again) && ks_str_eq(ks_buf_str(&body), ks_buf_str(&file)),
            rows[i].name, "got %d", (int)said.told);
    }
    check_row(opens(v, &s, number, PIN), "(control: and the truth opens)", "not");
    stand_done(&s);
    stand_done(&other);
}

/* --- thieves (all PINs: test_vault_thief.c) --- */

/* Every byte of the slot is authenticated, or refused before. */
static void test_altered(void)
{
    KS_AUTO(ks_vault_free) struct ks_vault *v = vault_new();
    struct stand s;
    uint32_t number = 0, passphrase;
    char bytes[1024];
    size_t len, from, opened = 0, refused = 0, stopped = 0;

    stand_init(&s, &prng);
    if (ks_vault_add(v, &prng, KS_STR("Kastanie"), cheap, &passphrase) != KS_OK)
        exit(1);
    number = make(v, &s, KS_SLOT_PIN, PIN, true);
    ks_buf_reset(&file);
    ks_vault_write(v, &file);
    len = file.len;
    memcpy(bytes, file.ptr, len);
    from = len - (4 + 1 + 4 + 16 + 4 + 72 + 4 + 104); /* where the PIN's slot begins */
    for (size_t at = from; at < len; at++) {
        KS_AUTO(ks_vault_free) struct ks_vault *altered = NULL;
        KS_AUTO(ks_pin_free) struct ks_pin_try *t = NULL;
        struct ks_pin_said said = { .told = KS_PIN_LATER };

        bytes[at] ^= 1;
        if (ks_vault_read(ks_str(bytes, len), cheap, &altered) != KS_OK
            || ks_pin_begin(altered, &prng, number, PIN, &t) != KS_OK)
            refused++;
        else if (ks_pin_evaluated(altered, &prng, t, 200, stand_eval(&s, eval_body(t)), &said) == KS_OK
            && said.told == KS_PIN_YES)
            opened++;
        else
            stopped += !ks_vault_is_open(altered);
        bytes[at] ^= 1;
    }
    check_row(opened == 0 && refused + stopped == len - from && stopped > 150,
        "attack 44: of a slot's bytes none can be altered", "%zu opened, %zu refused, %zu stopped", opened, refused,
        stopped);
    check_row(opens(v, &s, number, PIN), "(control: unaltered it opens)", "not");
    stand_done(&s);
}

/* --- a change of PIN --- */

/* Does the change up to a step, and says whether one of the two opens what is then on the disk. */
static bool change_until(int step)
{
    enum { MADE, EVALUATED, WRITTEN, CONFIRMED, DROPPED, REMOVED };
    KS_AUTO(ks_vault_free) struct ks_vault *v = vault_new();
    KS_AUTO(ks_vault_free) struct ks_vault *disk = NULL;
    KS_AUTO(ks_pin_free) struct ks_pin_try *t = NULL;
    uint32_t first, second = 0;
    struct ks_pin_said said;
    struct stand s, s2;
    bool old_there = true, ok;

    stand_init(&s, &prng);
    stand_init(&s2, &prng);
    first = make(v, &s, KS_SLOT_PIN, PIN, true);
    disk = copy(v);
    if (ks_pin_make(v, &prng, KS_SLOT_PIN, KS_STR("570364"), cheap, &t) != KS_OK)
        exit(1);
    ks_pin_new(t, &s2.slot);
    ks_pin_made(t, s2.keyid);
    if (step >= EVALUATED
        && (ks_pin_evaluated(v, &prng, t, 200, stand_eval(&s2, eval_body(t)), &said) != KS_OK
            || said.told != KS_PIN_YES))
        exit(1);
    if (step >= WRITTEN) {
        ks_vault_free(disk);
        disk = copy(v);
        second = ks_pin_number(t);
    }
    if (step >= CONFIRMED && !confirm(v, &s2, t, &said))
        exit(1);
    if (step >= DROPPED)
        old_there = false;
    if (step >= REMOVED) {
        if (ks_vault_remove(v, first) != KS_OK)
            exit(1);
        ks_vault_free(disk);
        disk = copy(v);
        first = 0;
    }
    ok = (old_there && first && opens(disk, &s, first, PIN)) || (second && opens(disk, &s2, second, KS_STR("570364")));
    stand_done(&s);
    stand_done(&s2);
    return ok;
}

static void test_change(void)
{
    static const char *const rows[] = { "§10.6: a change that ends after making leaves a PIN that opens",
        "§10.6: after the evaluation", "§10.6: after the file", "§10.6: after the confirmation",
        "§10.6: after the old one was dropped", "§10.6: at its end" };

    for (int step = 0; step < (int)KS_COUNT(rows); step++)
        check_row(change_until(step), rows[step], "none does");
}

/* --- locking --- */

static void test_locking(void)
{
    static char pin[] = "83921548"; /* so that no other bytes are like it */
    struct ks_vault *v = vault_new(), *again;
    struct ks_pin_try *t = NULL;
    uint8_t key[KS_VAULT_KEY_LEN], copy_of[KS_VAULT_KEY_LEN];
    struct ks_str object = ks_str(v, sizeof *v);
    struct ks_pin_said said;
    struct stand s;
    uint32_t number;

    stand_init(&s, &prng);
    number = make(v, &s, KS_SLOT_PIN, ks_str_z(pin), true);
    memcpy(key, v->data_key, sizeof key);
    check_row(ks_str_find(object, ks_str(key, sizeof key)) < object.len,
        "(control: an open vault has its key in memory)", "not");
    ks_vault_lock(v);
    check_row(ks_str_find(object, ks_str(key, sizeof key)) == object.len, "a locked one has not", "it has");
    check_err("nor the store's", ks_vault_store_key(v, copy_of), KS_ESTATE);

    wiped_watch(ks_str(key, sizeof key));
    wiped_watch(ks_str_z(pin));
    free(ks_str_dup(ks_str(key, sizeof key)));
    check_row(wiped_found() == 1, "(control: a key that is given back as it is is seen)", "not");
    again = copy(v);
    if (ks_pin_begin(again, &prng, number, ks_str_z(pin), &t) != KS_OK)
        exit(1);
    if (ks_pin_evaluated(again, &prng, t, 200, stand_eval(&s, eval_body(t)), &said) != KS_OK
        || !confirm(again, &s, t, &said))
        exit(1);
    check_row(ks_str_find(ks_str(again, sizeof *again), ks_str(key, sizeof key)) < sizeof *again,
        "(control: it is open again)", "not");
    ks_pin_free(t);
    ks_vault_lock(again);
    ks_vault_free(again);
    check_row(
        wiped_found() == 0, "an unlock and a lock leave neither key nor PIN in memory that was given back", "they do");
    again = copy(v);
    said = try_pin(again, &s, number, ks_str_z(pin), NULL);
    ks_vault_free(again);
    check_row(said.told == KS_PIN_YES && wiped_found() == 0, "nor does a vault that is freed open", "it does");
    again = copy(v);
    said = try_pin(again, &s, number, KS_STR("83921549"), NULL);
    ks_vault_free(again);
    check_row(said.told == KS_PIN_WRONG && wiped_found() == 0, "nor a wrong PIN", "it does");
    wiped_forget();
    ks_vault_free(v);
    stand_done(&s);
}

/* jansson may say that it is no JSON, where its own memory is counted: in WASM. */
static bool told_as_lack(enum ks_err err, const struct ks_pin_said *said)
{
    return err == KS_ENOMEM || (err == KS_OK && said->told == KS_PIN_WRONG_ANSWER);
}

static void test_no_memory(void)
{
    KS_AUTO(ks_vault_free) struct ks_vault *v = vault_new();
    struct ks_vault_slot_info slots[KS_VAULT_SLOTS_MAX];
    struct ks_pin_said said;
    uint32_t number;
    struct stand s;
    bool ok = true;
    int rounds = 0;

    stand_init(&s, &prng);
    number = make(v, &s, KS_SLOT_PIN, PIN, true);
    for (int n = 1; fail_nth(n); n++, rounds++) {
        struct ks_pin_try *t = NULL;
        enum ks_err err = ks_pin_begin(v, &prng, number, PIN, &t);
        bool struck = fail_stop();

        ok = ok && err == (struck ? KS_ENOMEM : KS_OK);
        ks_pin_free(t);
    }
    check_row(ok && rounds > 1, "without memory no try is begun", "after %d", rounds);
    rounds = 0;
    for (int n = 1;; n++, rounds++) {
        struct ks_vault *again = copy(v);
        struct ks_pin_try *t = NULL;
        struct ks_str answer;
        enum ks_err err;
        bool struck;

        if (ks_pin_begin(again, &prng, number, PIN, &t) != KS_OK)
            exit(1);
        answer = stand_eval(&s, eval_body(t));
        if (!fail_nth(n)) {
            ks_pin_free(t);
            ks_vault_free(again);
            break;
        }
        err = ks_pin_evaluated(again, &prng, t, 200, answer, &said);
        struck = fail_stop();
        ok = ok
            && (struck ? told_as_lack(err, &said) && !ks_vault_is_open(again)
                       : err == KS_OK && said.told == KS_PIN_YES);
        ks_pin_free(t);
        ks_vault_free(again);
    }
    check_row(ok && rounds > 1, "without memory it is not said that the PIN is wrong, and nothing is open", "after %d",
        rounds);
    rounds = 0;
    for (int n = 1;; n++, rounds++) {
        struct ks_vault *again = copy(v);
        struct ks_pin_try *t = NULL;
        size_t count;
        struct ks_str answer;
        enum ks_err err;
        bool struck;

        if (try_pin(again, &s, number, PIN, NULL).told != KS_PIN_YES
            || ks_pin_make(again, &prng, KS_SLOT_PIN, KS_STR("570364"), cheap, &t) != KS_OK)
            exit(1);
        ks_pin_made(t, s.keyid);
        answer = stand_eval(&s, eval_body(t));
        if (!fail_nth(n)) {
            ks_pin_free(t);
            ks_vault_free(again);
            break;
        }
        err = ks_pin_evaluated(again, &prng, t, 200, answer, &said);
        struck = fail_stop();
        count = ks_vault_slots(again, slots);
        ok = ok && (struck ? told_as_lack(err, &said) && count == 1 : err == KS_OK && count == 2);
        ks_pin_free(t);
        ks_vault_free(again);
    }
    check_row(ok && rounds > 1, "without memory no slot is added", "after %d", rounds);
    stand_done(&s);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    ks_prng_init_number(&prng, 1);
    ks_arena_init(&arena, 1 << 16);
    ks_buf_init(&body, KS_VAULT_BYTES_MAX);
    ks_buf_init(&file, KS_VAULT_BYTES_MAX);
    test_known();
    test_use();
    test_service();
    test_limits();
    test_answers();
    test_liars();
    test_altered();
    test_change();
    test_locking();
    test_no_memory();
    ks_buf_done(&file);
    ks_buf_done(&body);
    ks_arena_done(&arena);
    return check_done();
}
