/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the registrar and konsild say to each other (doc/PROTOCOL.md §22.1), as XML. */
#include "desk.h"

#include "registrar_world.h"

static void put_part(struct ks_buf *xml, const char *name, struct ks_str bytes)
{
    if (!bytes.len)
        return;
    ks_buf_printf(xml, "<%s>", name);
    ks_base64_add(xml, bytes);
    ks_buf_printf(xml, "</%s>", name);
}

static struct ks_str ask_of(const struct ks_enrol_request *request)
{
    struct ks_buf xml;
    struct ks_str text;

    ks_buf_init(&xml, 65536);
    ks_buf_z(&xml, "<ask xmlns='urn:konsil:enrol:0' from='" ANNA "/x' id='c7'><enrol>");
    put_part(&xml, "csr", request->csr);
    put_part(&xml, "pop", request->pop);
    put_part(&xml, "mac", request->mac);
    put_part(&xml, "renewal", request->renewal);
    ks_buf_z(&xml, "</enrol></ask>");
    must(ks_buf_err(&xml), "a request");
    text = bytes_of((const uint8_t *)xml.ptr, xml.len);
    ks_buf_done(&xml);
    return text;
}

static bool has(struct ks_str text, const char *what)
{
    return ks_str_find(text, ks_str_z(what)) < text.len;
}

static void test_asks(void)
{
    struct world w = new_world();
    struct ks_desk desk = { .registrar = w.r, .domain = KS_STR(DOMAIN), .signer = w.setup.signer };
    struct device d = new_device(ANNA, 1);
    uint8_t code[KS_ENROL_CODE_LEN], guess[KS_ENROL_CODE_LEN] = { 1 };
    struct ks_enrol_request request;
    struct ks_enrolled enrolled_;
    struct ks_str answer;
    uint32_t n = 1;

    invite(&w, ANNA, code);
    request = by_code(&d, guess);
    must(ks_desk_ask(&desk, &arena, ask_of(&request), w.now_ms, &answer, &enrolled_), "asking");
    check_row(has(answer, "<refused reason='code'/>") && has(answer, "to='" ANNA "/x'") && has(answer, "id='c7'"),
        "a refusal, to whom it is for", "%.*s", KS_STR_FMT(answer));
    must(ks_desk_ask(&desk, &arena,
             KS_STR("<ask xmlns='urn:konsil:enrol:0' from='a@b' id='1'><enrol><csr>?</csr></enrol></ask>"), w.now_ms,
             &answer, &enrolled_),
        "asking");
    check_row(has(answer, "reason='malformed'"), "what is no base64 is malformed", "%.*s", KS_STR_FMT(answer));
    must(ks_desk_ask(&desk, &arena, KS_STR("<ask xmlns='urn:konsil:enrol:0'/>"), w.now_ms, &answer, &enrolled_),
        "asking");
    check_row(!answer.len, "what asks nothing gets no answer", "%.*s", KS_STR_FMT(answer));
    request = by_code(&d, code);
    do { /* a store that fails, at each of its calls */
        w.store->left = n++;
        w.store->struck = false;
        enum ks_err err = ks_desk_ask(&desk, &arena, ask_of(&request), w.now_ms, &answer, &enrolled_);
        w.store->left = 0;
        if (w.store->struck && (err != KS_EFULL || answer.len))
            check_row(false, "neither enrolled nor refused: no answer", "%s", ks_err_name(err));
    } while (w.store->struck);
    check_row(n > 10 && has(answer, "<enrolled><sealed>"), "and at last it is enrolled", "%.*s", KS_STR_FMT(answer));
    world_done(&w);
}

static void test_no_answer(void)
{
    struct world w;
    struct ks_desk desk;
    struct device d = new_device(ANNA, 1);
    const struct ks_authority_names names = { "Klinikum Beispiel", "Ausstellende", { DOMAIN }, 1 };
    const struct ks_validity validity = { START_S - DAY_S, START_S + DAY_S };
    uint8_t code[KS_ENROL_CODE_LEN];
    struct ks_enrol_request request;
    struct ks_enrolled enrolled_;
    struct ks_str answer;

    world_init(&w);
    must(ks_authority_issuing(&arena, w.setup.root, w.root_key, w.issuing_key, &names, &validity, &w.setup.issuing),
        "an authority");
    world_open(&w);
    desk = (struct ks_desk) { .registrar = w.r, .domain = KS_STR(DOMAIN), .signer = w.setup.signer };
    w.now_ms += 2 * DAY_S * 1000;
    invite(&w, ANNA, code);
    request = by_code(&d, code);
    check_err("an authority whose time is over signs nothing",
        ks_desk_ask(&desk, &arena, ask_of(&request), w.now_ms, &answer, &enrolled_), KS_ESTATE);
    check_row(
        !answer.len, "and the device is told nothing: it is neither enrolled nor refused", "%.*s", KS_STR_FMT(answer));
    world_done(&w);
}

/* --- the log --- */

static struct ks_str next(struct ks_desk *desk, bool *ret_set)
{
    struct ks_str xml;

    must(ks_desk_next(desk, &arena, &xml, ret_set), "what comes next");
    return xml;
}

static void test_log(void)
{
    struct world w = new_world();
    struct ks_desk desk = { .registrar = w.r, .domain = KS_STR(DOMAIN), .signer = w.setup.signer };
    struct ks_str xml;
    size_t count;
    bool set;

    enrolled(&w, ANNA, 27183);
    ks_desk_connected(&desk);
    xml = next(&desk, &set);
    check_row(!set && has(xml, "<log xmlns='urn:konsil:log:0'/>"), "first konsild is asked how much it has", "%.*s",
        KS_STR_FMT(xml));
    check_row(!next(&desk, &set).len, "once", "twice");
    check_err("nothing",
        ks_desk_answer(&desk, &arena, KS_STR_EMPTY, KS_STR("<log xmlns='urn:konsil:log:0' size='0'/>")), KS_OK);
    xml = next(&desk, &set);
    check_row(set && has(xml, "from='0'") && has(xml, "<checkpoint>") && has(xml, "<signer>") && !has(xml, "<out "),
        "it gets the log, and nobody goes", "%.*s", KS_STR_FMT(xml));
    must(ks_desk_answer(&desk, &arena, KS_STR_EMPTY, KS_STR("<log xmlns='urn:konsil:log:0' size='3'/>")), "an answer");
    check_row(!next(&desk, &set).len, "who has all is left in peace", "it is not");
    must(ks_registrar_revoke(w.r, KS_STR(ANNA), 0, 1, 0, w.now_ms, &count), "revoking");
    xml = next(&desk, &set);
    check_row(has(xml, "from='3'") && has(xml, "<out ") && has(xml, "jid='" ANNA "'") && has(xml, "device='27183'"),
        "§22.1: a revoked device is out", "%.*s", KS_STR_FMT(xml));
    check_err("konsild has another log: people have to look",
        ks_desk_answer(&desk, &arena, KS_STR("conflict"), KS_STR_EMPTY), KS_EDENIED);
    ks_desk_connected(&desk);
    (void)next(&desk, &set);
    must(ks_desk_answer(&desk, &arena, KS_STR_EMPTY, KS_STR("<log xmlns='urn:konsil:log:0' size='99'/>")), "an answer");
    check_err("or more of one than there is", ks_desk_next(&desk, &arena, &xml, &set), KS_EDENIED);
    ks_desk_connected(&desk);
    (void)next(&desk, &set);
    check_err("what is no answer is asked again",
        ks_desk_answer(&desk, &arena, KS_STR_EMPTY, KS_STR("<log xmlns='urn:konsil:log:0' size='-1'/>")), KS_EAGAIN);
    check_row(next(&desk, &set).len && !set, "from the beginning", "not so");
    world_done(&w);
}

int main(void)
{
    static const uint8_t seed[KS_PRNG_SEED_LEN] = { 2, 2, 1 };

    if (ks_crypto_init() != KS_OK || sodium_init() < 0)
        return 2;
    ks_arena_init(&arena, 256u << 20);
    ks_prng_init(&chance, seed);
    test_asks();
    test_no_answer();
    test_log();
    ks_prng_done(&chance);
    ks_arena_done(&arena);
    return check_done();
}
