/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Who gets a certificate, and who does not (doc/PROTOCOL.md §21): every refusal, and beside it what is not refused. */
#include <openssl/x509.h>

#include "registrar_state.h"
#include "registrar_world.h"

static bool refused(struct world *w, const struct device *d, const struct ks_enrol_request *request,
    enum ks_refusal want, const char *name)
{
    struct outcome out = enrol(w, d, request);

    return check_row(out.answer.refusal == want && (want || out.open == KS_OK), name, "%s (%s), not %s",
        ks_refusal_name(out.answer.refusal), ks_err_name(out.open), ks_refusal_name(want));
}

static struct ks_enrol_request by_vouch(const struct world *w, const struct device *d, const struct device *by)
{
    return by_vouch_at(d, by, ANNA, now_s(w));
}

/* --- one after the other, as it should be --- */

static void test_first_device(void)
{
    struct world w = new_world();
    struct device d = new_device(ANNA, 27183);
    uint8_t code[KS_ENROL_CODE_LEN], hash[32];
    struct ks_enrol_request request;
    struct outcome out;
    struct ks_log_view *view;
    enum ks_cert_verdict verdict;
    struct ks_device_cert cert;
    struct ks_log_leaf leaf;
    uint64_t number = 0;

    invite(&w, ANNA, code);
    request = by_code(&d, code);
    out = enrol(&w, &d, &request);
    check_row(is_good(&w, &out), "§21.2: a code brings a certificate that leads to the root", "%s",
        ks_refusal_name(out.answer.refusal));
    must(
        ks_device_chain_check(&arena, out.facts.chain, out.facts.chain_count, w.setup.root, now_s(&w), &cert, &verdict),
        "checking");
    check_str("it names the person whom the operator named", cert.name, KS_STR("Dr. Anna Beispiel"));
    check_str("and the account", cert.names.jid, KS_STR(ANNA));
    check_row(memcmp(cert.key, d.key, sizeof d.key) == 0 && cert.claims.device == 27183
            && memcmp(cert.claims.identity, d.claims.identity, 32) == 0
            && memcmp(cert.claims.seal_key, d.claims.seal_key, KS_SEAL_KEY_LEN) == 0,
        "its keys are the request's", "others");
    check_row(cert.not_before_s == now_s(&w) - 3600 && cert.not_after_s == now_s(&w) + 180 * DAY_S,
        "it begins an hour ago, for clocks that are behind, and lasts as long as is set", "%lld to %lld",
        (long long)cert.not_before_s, (long long)cert.not_after_s);
    ks_hash(KS_SHA256, out.facts.root, hash);
    check_str("§21.3: the answer has the root", out.facts.root, w.setup.root);
    view = follow(&w, out.facts.salt, ANNA);
    check_row(view && ks_log_view_size(view) == 3 && out.answer.leaf == 2 && out.facts.leaf == 2,
        "§15: the log has the authority, the signer, and it", "%llu", (unsigned long long)out.answer.leaf);
    check_row(view && ks_log_view_own_count(view) == 1, "which its person's devices see", "they do not");
    if (view && ks_log_view_own_count(view) == 1) {
        ks_log_view_own(view, 0, &number, &leaf);
        check_row(number == out.facts.leaf && leaf.type == KS_LOG_ISSUE && leaf.device == 27183
                && memcmp(leaf.object, cert.hash, 32) == 0 && leaf.time_ms == w.now_ms,
            "as an issue of that certificate", "type %u", leaf.type);
    }
    check_row(out.answer.fresh && out.answer.device == 27183 && ks_str_is(out.answer.jid, ANNA),
        "the caller hears whose it is", "%.*s", KS_STR_FMT(out.answer.jid));
    ks_log_view_free(view);
    world_done(&w);
}

/* The same certificate, but signed by another authority: an intermediate, as a hospital's PKI has it. */
static struct ks_str signed_by(struct ks_str certificate, struct ks_str above, EVP_PKEY *above_key)
{
    const unsigned char *at = (const unsigned char *)certificate.ptr, *above_at = (const unsigned char *)above.ptr;
    X509 *cert = d2i_X509(NULL, &at, (long)certificate.len), *issuer = d2i_X509(NULL, &above_at, (long)above.len);
    unsigned char *bytes = NULL;
    struct ks_str der;
    int len = 0;

    must(X509_set_issuer_name(cert, X509_get_subject_name(issuer)) && X509_sign(cert, above_key, EVP_sha256())
                && (len = i2d_X509(cert, &bytes)) > 0
            ? KS_OK
            : KS_ECRYPTO,
        "an intermediate");
    der = bytes_of(bytes, (size_t)len);
    OPENSSL_free(bytes);
    X509_free(cert);
    X509_free(issuer);
    return der;
}

static void test_authorities_between(void)
{
    const struct ks_authority_names names = { "Klinikum Beispiel", "Zwischen", { DOMAIN }, 1 };
    const struct ks_authority_names issuing = { "Klinikum Beispiel", "Ausstellende", { DOMAIN }, 1 };
    const struct ks_validity validity = { START_S - DAY_S, START_S + 100 * DAY_S };
    const struct ks_validity longer = { START_S - DAY_S, START_S + 1000 * DAY_S };
    struct world w;
    struct device d = new_device(ANNA, 1);
    uint8_t code[KS_ENROL_CODE_LEN];
    struct ks_enrol_request request;
    enum ks_cert_verdict verdict;
    struct ks_device_cert cert;
    struct ks_registrar *none = NULL;
    EVP_PKEY *between = ks_authority_key();
    struct ks_str alone;
    struct outcome out;

    world_init(&w);
    must(between ? ks_authority_root(&arena, between, &names, &validity, &alone) : KS_ENOMEM, "an authority");
    w.setup.above[0] = signed_by(alone, w.setup.root, w.root_key);
    w.setup.above_count = 1;
    must(ks_authority_issuing(&arena, w.setup.above[0], between, w.issuing_key, &issuing, &longer, &w.setup.issuing),
        "an issuing authority");
    world_open(&w);
    invite(&w, ANNA, code);
    request = by_code(&d, code);
    out = enrol(&w, &d, &request);
    check_row(is_good(&w, &out) && out.facts.chain_count == 3,
        "§14.3: an authority below one that the hospital has already", "%s", ks_refusal_name(out.answer.refusal));
    must(
        ks_device_chain_check(&arena, out.facts.chain, out.facts.chain_count, w.setup.root, now_s(&w), &cert, &verdict),
        "checking");
    check_row(cert.not_after_s == validity.until_s, "no certificate outlives an authority of its path", "%lld",
        (long long)cert.not_after_s);
    check_row(out.facts.leaf == 3, "and the log names both authorities", "%llu", (unsigned long long)out.facts.leaf);
    w.setup.above_count = 0;
    check_err("without the one between, it leads nowhere", ks_registrar_open(&w.setup, w.now_ms, &none), KS_ESYNTAX);
    w.now_ms += 101 * DAY_S * 1000;
    struct device late = new_device(JONAS, 2);
    struct ks_enrolled answer;
    invite(&w, JONAS, code);
    request = by_code(&late, code);
    check_err("and when its time is over, nothing is signed",
        ks_registrar_enrol(w.r, &arena, &request, w.now_ms, &answer), KS_ESTATE);
    EVP_PKEY_free(between);
    world_done(&w);
}

/* --- attack 12 --- */

static void test_code_used(void)
{
    struct world w = new_world();
    struct device d = new_device(ANNA, 1), thief = new_device(ANNA, 2), stranger = new_device(JONAS, 3);
    uint8_t code[KS_ENROL_CODE_LEN], other[KS_ENROL_CODE_LEN];
    struct ks_enrol_request request, stolen, wrong;
    struct outcome first, again;

    invite(&w, ANNA, code);
    memcpy(other, code, sizeof other);
    other[15] ^= 1;
    wrong = by_code(&d, other);
    refused(&w, &d, &wrong, KS_REFUSE_CODE, "attack 12: another code");
    wrong = by_code(&stranger, code);
    refused(&w, &stranger, &wrong, KS_REFUSE_CODE, "attack 12: the code with an account that it is not for");
    request = by_code(&d, code);
    first = enrol(&w, &d, &request);
    check_row(is_good(&w, &first), "the person's own request", "%s", ks_refusal_name(first.answer.refusal));
    stolen = by_code(&thief, code);
    refused(&w, &thief, &stolen, KS_REFUSE_USED, "attack 12: another request by the same code");
    again = enrol(&w, &d, &request);
    check_row(is_good(&w, &again) && ks_str_eq(first.facts.chain[0], again.facts.chain[0]) && !again.answer.fresh
            && again.facts.leaf == first.facts.leaf,
        "attack 12: the same request again gets the same certificate, byte for byte", "%s",
        ks_refusal_name(again.answer.refusal));
    check_row(memcmp(first.facts.share, again.facts.share, KS_ENROL_SHARE_LEN) == 0
            && memcmp(first.facts.salt, again.facts.salt, KS_ENROL_SALT_LEN) == 0,
        "with the same share and salt", "others");
    world_reopen(&w);
    again = enrol(&w, &d, &request);
    check_row(is_good(&w, &again) && ks_str_eq(first.facts.chain[0], again.facts.chain[0]), "and after a restart", "%s",
        ks_refusal_name(again.answer.refusal));
    w.now_ms += 72 * HOUR_MS;
    refused(&w, &d, &request, KS_REFUSE_NONE, "and in the last moment of the code");
    w.now_ms++;
    refused(&w, &d, &request, KS_REFUSE_EXPIRED, "attack 12: but not behind it");
    world_done(&w);
}

static void test_code_expired(void)
{
    struct world w = new_world();
    struct device d = new_device(ANNA, 1);
    uint8_t code[KS_ENROL_CODE_LEN], newer[KS_ENROL_CODE_LEN];
    struct ks_enrol_request request, wrong;
    uint8_t guess[KS_ENROL_CODE_LEN] = { 0 };

    invite(&w, ANNA, code);
    w.now_ms += 72 * HOUR_MS + 1;
    wrong = by_code(&d, guess);
    refused(&w, &d, &wrong, KS_REFUSE_CODE, "who does not know the code does not hear that it expired");
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_EXPIRED, "attack 12: expired");
    invite(&w, ANNA, newer);
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_CODE, "a new invitation ends the older one");
    request = by_code(&d, newer);
    refused(&w, &d, &request, KS_REFUSE_NONE, "control: the new one is good");
    must(ks_registrar_uninvite(w.r, KS_STR(ANNA)), "taking it back");
    refused(&w, &d, &request, KS_REFUSE_CODE, "one that was taken back is none");
    check_err("nor can it be taken back twice", ks_registrar_uninvite(w.r, KS_STR(ANNA)), KS_ENOTFOUND);
    world_done(&w);
}

/* A request that is refused for what it asks has used its code up, too: the code binds whoever shows it first. */
static void test_code_binds(void)
{
    struct world w = new_world();
    struct device bad = new_device(ANNA, 1), d = new_device(ANNA, 2);
    uint8_t code[KS_ENROL_CODE_LEN];
    struct ks_enrol_request request;

    invite(&w, ANNA, code);
    bad.pop[0] ^= 1;
    request = by_code(&bad, code);
    refused(&w, &bad, &request, KS_REFUSE_PROOF, "§21.2: the first request is refused for its proof");
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_USED, "§21.2: and has used the code up");
    world_done(&w);
}

/* --- alarms --- */

struct seen {
    size_t count;
    bool waits, used;
    int64_t alarm_ms;
};

static bool see(void *user, const struct ks_open_invite *invite)
{
    struct seen *seen = user;

    seen->count++;
    seen->waits = invite->waits;
    seen->used = invite->used;
    seen->alarm_ms = invite->alarm_ms;
    return true;
}

static struct seen invites(const struct world *w)
{
    struct seen seen = { 0 };

    must(ks_registrar_invites(w->r, see, &seen), "looking at invitations");
    return seen;
}

static void test_alarm(void)
{
    struct world w = new_world();
    struct device d = new_device(ANNA, 1), thief = new_device(ANNA, 2);
    uint8_t code[KS_ENROL_CODE_LEN];
    struct ks_enrol_request request;

    invite(&w, ANNA, code);
    check_row(invites(&w).count == 1 && !invites(&w).used && !invites(&w).alarm_ms, "an invitation is seen", "not so");
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_NONE, "which is used");
    check_row(invites(&w).used && !invites(&w).alarm_ms, "and seen as used", "not so");
    w.now_ms += 1000;
    request = by_code(&thief, code);
    refused(&w, &thief, &request, KS_REFUSE_USED, "attack 12: somebody else read the link");
    check_row(invites(&w).alarm_ms == w.now_ms, "attack 12: and the operators see that", "%lld",
        (long long)invites(&w).alarm_ms);
    world_reopen(&w);
    check_row(invites(&w).alarm_ms == w.now_ms, "also after a restart", "not so");
    world_done(&w);
}

static void test_old_invitations(void)
{
    struct world w = new_world();
    uint8_t code[KS_ENROL_CODE_LEN];
    int64_t next;

    invite(&w, ANNA, code);
    w.now_ms += 72 * HOUR_MS + 30 * DAY_S * 1000;
    must(ks_registrar_due(w.r, w.now_ms, &next), "upkeep");
    check_row(invites(&w).count == 1, "an invitation is kept for thirty days behind its end", "it is not");
    w.now_ms += 3600 * 1000;
    must(ks_registrar_due(w.r, w.now_ms, &next), "upkeep");
    check_row(invites(&w).count == 0, "and then forgotten, with the person's name", "it is not");
    world_done(&w);
}

/* --- attack 13: konsild alters what it carries --- */

static void test_altered(void)
{
    struct world w = new_world();
    struct device d = new_device(ANNA, 1), mallory = new_device(ANNA, 1);
    uint8_t code[KS_ENROL_CODE_LEN];
    struct ks_enrol_request good, request;
    struct ks_enrol_answer_facts facts;
    struct outcome out;
    char *copy;
    uint32_t taken = 0, opened = 0;

    invite(&w, ANNA, code);
    good = by_code(&d, code);
    request = good;
    request.mac = KS_STR_EMPTY;
    refused(&w, &d, &request, KS_REFUSE_MALFORMED, "attack 13: without its mac");
    request = good;
    request.renewal = bytes_of(d.pop, 64);
    refused(&w, &d, &request, KS_REFUSE_MALFORMED, "with two rights at once");
    request = good;
    request.csr = mallory.csr;
    refused(&w, &mallory, &request, KS_REFUSE_CODE, "attack 13: another request under the same mac");
    request = good;
    request.pop = bytes_of(mallory.pop, 64);
    refused(&w, &d, &request, KS_REFUSE_CODE, "attack 13: another proof under the same mac");
    for (size_t i = 0; i < good.csr.len; i += 7) {
        must((copy = ks_arena_alloc(&arena, good.csr.len)) ? KS_OK : KS_ENOMEM, "a copy");
        memcpy(copy, good.csr.ptr, good.csr.len);
        copy[i] ^= 1;
        request = good;
        request.csr = ks_str(copy, good.csr.len);
        out = enrol(&w, &d, &request);
        taken += out.answer.refusal == KS_REFUSE_NONE;
    }
    check_row(taken == 0, "attack 13: a bit changed in the request, and it is refused", "%u are taken", taken);
    out = enrol(&w, &d, &good);
    check_row(is_good(&w, &out), "control: as it was sent, it is taken, so nothing before used the code up", "%s",
        ks_refusal_name(out.answer.refusal));
    for (size_t i = 0; i < out.answer.sealed.len; i += 11) {
        must((copy = ks_arena_alloc(&arena, out.answer.sealed.len)) ? KS_OK : KS_ENOMEM, "a copy");
        memcpy(copy, out.answer.sealed.ptr, out.answer.sealed.len);
        copy[i] ^= 1;
        opened +=
            ks_enrol_answer_open(&arena, ks_str(copy, out.answer.sealed.len), d.csr, d.seal_secret, d.mac_key, &facts)
            == KS_OK;
    }
    check_row(opened == 0, "attack 13: a bit changed in the answer, and it does not open", "%u do", opened);
    out.answer.sealed.len -= KS_ENROL_MAC_LEN;
    check_err("attack 13: nor without the mac",
        ks_enrol_answer_open(&arena, out.answer.sealed, d.csr, d.seal_secret, d.mac_key, &facts), KS_ECRYPTO);
    world_done(&w);
}

/* --- attack 14: keys of others --- */

static void test_keys(void)
{
    struct world w = new_world();
    struct device anna = enrolled(&w, ANNA, 1), d;
    uint8_t code[KS_ENROL_CODE_LEN];
    struct ks_enrol_request request;

    d = new_device(JONAS, 2);
    memcpy(d.claims.identity, anna.claims.identity, 32);
    write_csr(&d);
    invite(&w, JONAS, code);
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_PROOF, "attack 14: somebody's identity key, without a proof of it");

    memcpy(d.identity_secret, anna.identity_secret, 64);
    rekey(&d);
    invite(&w, JONAS, code);
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_KEY, "attack 14: one identity key for two accounts, with its proof");

    d.claims.identity[31] ^= 0x80;
    rekey(&d);
    invite(&w, JONAS, code);
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_KEY, "attack 14: the same one with the other sign");

    d = new_device(JONAS, 2);
    memcpy(d.secret, anna.secret, sizeof d.secret);
    write_csr(&d);
    invite(&w, JONAS, code);
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_KEY, "attack 14: a signing key that is another's");

    d = new_device(JONAS, 2);
    memcpy(d.claims.seal_key, anna.claims.seal_key, KS_SEAL_KEY_LEN);
    write_csr(&d);
    invite(&w, JONAS, code);
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_KEY, "attack 14: a sealing key that is another's");

    d = new_device(JONAS, 2);
    memcpy(d.claims.seal_key, anna.key, KS_SEAL_KEY_LEN);
    write_csr(&d);
    invite(&w, JONAS, code);
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_KEY, "a sealing key that signs for another");

    d = new_device(JONAS, 2);
    memcpy(d.claims.seal_key, d.key, KS_SEAL_KEY_LEN);
    write_csr(&d);
    invite(&w, JONAS, code);
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_KEY, "one key that signs and is sealed to");

    d = new_device(ANNA, 1);
    invite(&w, ANNA, code);
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_KEY, "a second device of one number");

    d = new_device(ANNA, 2);
    memcpy(d.claims.identity, anna.claims.identity, 32);
    memcpy(d.identity_secret, anna.identity_secret, 64);
    rekey(&d);
    invite(&w, ANNA, code);
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_KEY, "one identity key for two devices of one account");

    d = new_device(JONAS, 2);
    invite(&w, JONAS, code);
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_NONE, "control: keys of its own");

    must(ks_registrar_revoke(w.r, KS_STR(JONAS), 2, 1, 0, w.now_ms, &(size_t) { 0 }), "revoking");
    rekey(&d);
    invite(&w, JONAS, code);
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_KEY, "an identity key that was revoked, with new keys beside it");
    world_done(&w);
}

/* What is in the certificates of the past is never another device's; a device that was away too long keeps its own. */
static void test_keys_of_the_past(void)
{
    struct world w = new_world();
    struct device d = enrolled(&w, ANNA, 1), thief;
    uint8_t code[KS_ENROL_CODE_LEN];
    struct ks_enrol_request request;

    w.now_ms += 181 * DAY_S * 1000;
    thief = new_device(JONAS, 5);
    memcpy(thief.claims.identity, d.claims.identity, 32);
    memcpy(thief.identity_secret, d.identity_secret, 64);
    rekey(&thief);
    invite(&w, JONAS, code);
    request = by_code(&thief, code);
    refused(&w, &thief, &request, KS_REFUSE_KEY, "the identity key of a certificate that has ended is still another's");
    rekey(&d);
    invite(&w, ANNA, code);
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_NONE, "but its own device's, which comes back with a code");
    world_done(&w);
}

static void test_curves(void)
{
    struct world w = new_world();
    struct device d = new_device(ANNA, 1);
    uint8_t code[KS_ENROL_CODE_LEN];
    struct ks_enrol_request request;

    d.claims.seal_key[64] ^= 1;
    write_csr(&d);
    invite(&w, ANNA, code);
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_MALFORMED, "a sealing key that is no point");
    d = new_device(ANNA "/x", 1);
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_MALFORMED, "an address that is no account's");
    d = new_device("anna@fremd.example", 1);
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_MALFORMED, "an account of another domain");
    d = new_device(ANNA, 1);
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_NONE, "control: none of them used the code up");
    world_done(&w);
}

/* --- attack 62 --- */

static void test_second_operator(void)
{
    struct world w = new_world();
    struct device first = enrolled(&w, ANNA, 1), d = new_device(ANNA, 2), other = new_device(ANNA, 3);
    struct ks_invited invited = invitation(ANNA, ALICE_OP);
    uint8_t code[KS_ENROL_CODE_LEN];
    struct ks_enrol_request request;
    struct ks_log_view *view;
    struct outcome out;
    bool waits = false;

    must(ks_registrar_invite(w.r, &invited, w.now_ms, code, &waits), "inviting");
    check_row(waits, "attack 62: a second device for an account waits for another operator", "it does not");
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_WAITS, "attack 62: and until then gets nothing");
    check_err("attack 62: whoever invited cannot agree", ks_registrar_approve(w.r, KS_STR(ANNA), ALICE_OP, w.now_ms),
        KS_EDENIED);
    refused(&w, &d, &request, KS_REFUSE_WAITS, "attack 62: so it waits still");
    check_err("nor can nobody", ks_registrar_approve(w.r, KS_STR(ANNA), KS_STR_EMPTY, w.now_ms), KS_EDENIED);
    must(ks_registrar_approve(w.r, KS_STR(ANNA), BOB_OP, w.now_ms), "approving");
    request = by_code(&other, code);
    refused(&w, &other, &request, KS_REFUSE_USED, "the code was bound while it waited");
    request = by_code(&d, code);
    out = enrol(&w, &d, &request);
    check_row(is_good(&w, &out), "attack 62: two operators may", "%s", ks_refusal_name(out.answer.refusal));
    view = follow(&w, out.facts.salt, ANNA);
    check_row(view && ks_log_view_own_count(view) == 2,
        "attack 15: and the person's own devices see it, whoever let it in", "they do not");
    ks_log_view_free(view);
    check_err("nothing waits any more", ks_registrar_approve(w.r, KS_STR(ANNA), BOB_OP, w.now_ms), KS_ENOTFOUND);
    check_err(
        "nor does what was never there", ks_registrar_approve(w.r, KS_STR(JONAS), BOB_OP, w.now_ms), KS_ENOTFOUND);
    must(ks_registrar_invite(w.r, &invited, w.now_ms, code, &waits), "inviting");
    w.now_ms += 72 * HOUR_MS + 1;
    check_err("nor what has expired", ks_registrar_approve(w.r, KS_STR(ANNA), BOB_OP, w.now_ms), KS_ENOTFOUND);
    must(ks_registrar_revoke(w.r, KS_STR(ANNA), 0, 4, w.now_ms, w.now_ms, &(size_t) { 0 }), "revoking");
    must(ks_registrar_invite(w.r, &invited, w.now_ms, code, &waits), "inviting");
    check_row(waits, "attack 62: also when all of its devices are revoked", "it does not wait");
    (void)first;
    world_done(&w);
}

/* --- renewal --- */

static void test_renewal(void)
{
    struct world w = new_world();
    struct device d = enrolled(&w, ANNA, 1), old = d, jonas = enrolled(&w, JONAS, 9);
    struct ks_enrol_request request;
    struct ks_log_view *view;
    struct outcome out, again;
    struct ks_log_leaf leaf;
    uint64_t number;
    uint8_t hash[32];

    w.now_ms += 150 * DAY_S * 1000;
    rekey(&d);
    request = by_renewal(&d, jonas.secret);
    refused(&w, &d, &request, KS_REFUSE_REVOKED, "a renewal that another's key signed");
    request = by_renewal(&d, d.secret);
    refused(&w, &d, &request, KS_REFUSE_REVOKED, "a renewal that its new key signed");
    request = by_renewal(&d, old.secret);
    out = enrol(&w, &d, &request);
    check_row(is_good(&w, &out), "§21.2: the old key renews, and nobody else is asked", "%s",
        ks_refusal_name(out.answer.refusal));
    again = enrol(&w, &d, &request);
    check_row(is_good(&w, &again) && ks_str_eq(again.facts.chain[0], out.facts.chain[0]),
        "the same renewal again gets the same certificate", "%s", ks_refusal_name(again.answer.refusal));
    view = follow(&w, out.facts.salt, ANNA);
    check_row(view && ks_log_view_own_count(view) == 2, "the log has both", "not both");
    if (view && ks_log_view_own_count(view) == 2) {
        ks_log_view_own(view, 1, &number, &leaf);
        cert_hash(&old, hash);
        check_row(memcmp(leaf.aux, hash, 32) == 0, "§15.1: and says which it renews, so that nobody is alarmed",
            "it does not");
        check_row(ks_log_view_revoked(view, hash, number, NULL) == KS_LOG_LISTED,
            "the old one stays good until its end", "it does not");
    }
    ks_log_view_free(view);
    d.certificate = out.facts.chain[0];

    struct device other = d;
    other.claims.device = 2;
    rekey(&other);
    request = by_renewal(&other, d.secret);
    refused(&w, &other, &request, KS_REFUSE_REVOKED, "a renewal for another number");
    other = d;
    ks_prng_bytes(&chance, hash, sizeof hash);
    crypto_sign_seed_keypair(other.claims.identity, other.identity_secret, hash);
    rekey(&other);
    request = by_renewal(&other, d.secret);
    refused(&w, &other, &request, KS_REFUSE_REVOKED, "a renewal with another identity key");
    other = d;
    write_csr(&other);
    other.claims.envelope_min = 1;
    write_csr(&other);
    request = by_renewal(&other, d.secret);
    refused(&w, &other, &request, KS_REFUSE_KEY, "a renewal with the keys that it has already");
    other = d;
    rekey(&other);
    other.pop[3] ^= 1;
    request = by_renewal(&other, d.secret);
    refused(&w, &other, &request, KS_REFUSE_PROOF, "a renewal without a proof of the identity key");
    world_done(&w);
}

static void test_renewal_over(void)
{
    struct world w = new_world();
    struct device d = enrolled(&w, ANNA, 1), old = d, gone = enrolled(&w, JONAS, 2), gone_old = gone;
    struct ks_enrol_request request;
    size_t count = 0;

    rekey(&gone);
    request = by_renewal(&gone, gone_old.secret);
    must(ks_registrar_revoke(w.r, KS_STR(JONAS), 2, 1, w.now_ms, w.now_ms, &count), "revoking");
    refused(&w, &gone, &request, KS_REFUSE_REVOKED, "a renewal of what is revoked");
    w.now_ms += 180 * DAY_S * 1000;
    rekey(&d);
    request = by_renewal(&d, old.secret);
    refused(&w, &d, &request, KS_REFUSE_NONE, "a renewal in the last second");
    w.now_ms += 180 * DAY_S * 1000 + 1000;
    old = d;
    rekey(&d);
    request = by_renewal(&d, old.secret);
    refused(&w, &d, &request, KS_REFUSE_REVOKED, "and not in the next");
    world_done(&w);
}

static void test_renewals_are_few(void)
{
    struct world w = new_world();
    struct device d = enrolled(&w, ANNA, 1), old;
    struct ks_enrol_request request;
    char name[80];

    for (int i = 2; i <= 5; i++) {
        old = d;
        rekey(&d);
        request = by_renewal(&d, old.secret);
        snprintf(name, sizeof name, "certificate number %d of one device at one time", i);
        refused(&w, &d, &request, i <= KS_REGISTRAR_RENEWALS ? KS_REFUSE_NONE : KS_REFUSE_DEVICES, name);
    }
    world_done(&w);
}

/* --- vouching --- */

static void test_vouch(void)
{
    struct world w = new_world();
    struct device phone = enrolled(&w, ANNA, 1), d, jonas = enrolled(&w, JONAS, 2);
    struct ks_enrol_request request, other;
    struct ks_log_view *view;
    struct outcome out;
    struct ks_log_leaf leaf;
    uint64_t number;
    uint8_t hash[32];
    size_t count;

    d = new_device(ANNA, 7);
    request = by_vouch_at(&d, &phone, ANNA, now_s(&w) - 601);
    refused(&w, &d, &request, KS_REFUSE_VOUCH, "§21.4: a word that is older than ten minutes");
    request = by_vouch_at(&d, &phone, ANNA, now_s(&w) + 601);
    refused(&w, &d, &request, KS_REFUSE_VOUCH, "§21.4: or of a clock that is as far ahead");
    request = by_vouch(&w, &d, &jonas);
    refused(&w, &d, &request, KS_REFUSE_VOUCH, "§21.4: of a device of another account");
    request = by_vouch_at(&d, &phone, JONAS, now_s(&w));
    refused(&w, &d, &request, KS_REFUSE_VOUCH, "§21.4: for another account");
    request = by_vouch(&w, &d, &d);
    refused(&w, &d, &request, KS_REFUSE_VOUCH, "§21.4: of itself");
    request = by_vouch(&w, &d, &phone);
    struct device third = new_device(ANNA, 8);
    other = request;
    other.csr = third.csr;
    other.pop = bytes_of(third.pop, 64);
    refused(&w, &third, &other, KS_REFUSE_VOUCH, "§21.4: for another request");
    other = request;
    other.vouch_sig = p256_signature(jonas.secret, request.vouch);
    refused(&w, &d, &other, KS_REFUSE_VOUCH, "§21.4: signed by another key");
    other.vouch_sig = KS_STR_EMPTY;
    refused(&w, &d, &other, KS_REFUSE_VOUCH, "§21.4: not signed");
    other = by_vouch_at(&d, &phone, ANNA, now_s(&w) - 600);
    out = enrol(&w, &d, &other);
    check_row(is_good(&w, &out), "§21.4: a device lets another one of its account in", "%s",
        ks_refusal_name(out.answer.refusal));
    view = follow(&w, out.facts.salt, ANNA);
    if (check_row(view && ks_log_view_own_count(view) == 2, "and the log has it", "not so")) {
        ks_log_view_own(view, 1, &number, &leaf);
        cert_hash(&phone, hash);
        check_row(memcmp(leaf.aux, hash, 32) == 0, "§15.1: with who vouched", "another one");
    }
    ks_log_view_free(view);
    must(ks_registrar_revoke(w.r, KS_STR(ANNA), 1, 1, w.now_ms, w.now_ms, &count), "revoking");
    third = new_device(ANNA, 8);
    request = by_vouch(&w, &third, &phone);
    refused(&w, &third, &request, KS_REFUSE_VOUCH, "§21.4: one that is revoked does not");
    d.certificate = out.facts.chain[0];
    request = by_vouch(&w, &third, &d);
    refused(&w, &third, &request, KS_REFUSE_NONE, "control: the other one does");
    w.now_ms += 181 * DAY_S * 1000;
    third = new_device(ANNA, 9);
    request = by_vouch(&w, &third, &d);
    refused(&w, &third, &request, KS_REFUSE_VOUCH, "§21.4: nor one whose time is over");
    world_done(&w);
}

/* --- limits --- */

static void test_devices(void)
{
    struct world w = new_world();
    struct device d;
    uint8_t code[KS_ENROL_CODE_LEN];
    struct ks_enrol_request request;
    struct device first = enrolled(&w, ANNA, 1), old = first;

    for (uint32_t i = 2; i <= KS_REGISTRAR_DEVICES; i++)
        enrolled(&w, ANNA, i);
    d = new_device(ANNA, 100);
    invite(&w, ANNA, code);
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_DEVICES, "the seventeenth device");
    rekey(&first);
    struct ks_enrol_request renewal = by_renewal(&first, old.secret);
    refused(&w, &first, &renewal, KS_REFUSE_NONE, "control: one of the sixteen renews");
    must(ks_registrar_revoke(w.r, KS_STR(ANNA), 5, 4, w.now_ms, w.now_ms, &(size_t) { 0 }), "revoking");
    refused(&w, &d, &request, KS_REFUSE_NONE, "control: when one goes, the same request is taken");
    must(ks_registrar_revoke(w.r, KS_STR(ANNA), 100, 4, w.now_ms, w.now_ms, &(size_t) { 0 }), "revoking");
    refused(&w, &d, &request, KS_REFUSE_REVOKED, "and when it is revoked, its answer is not given again");
    world_done(&w);
}

static void test_invitations(void)
{
    static char long_text[202];
    static const struct {
        const char *name, *jid;
        struct ks_device_person person;
        uint32_t hours;
        enum ks_err want;
    } rows[] = {
        { "an hour", ANNA, { .name = KS_STR_INIT("Anna") }, 1, KS_OK },
        { "no time", ANNA, { .name = KS_STR_INIT("Anna") }, 0, KS_ELIMIT },
        { "two weeks", ANNA, { .name = KS_STR_INIT("Anna") }, 336, KS_OK },
        { "an hour more", ANNA, { .name = KS_STR_INIT("Anna") }, 337, KS_ELIMIT },
        { "nobody", ANNA, { .name = KS_STR_INIT("") }, 72, KS_ELIMIT },
        { "another domain", "anna@fremd.example", { .name = KS_STR_INIT("Anna") }, 72, KS_EDENIED },
        { "a domain alone", DOMAIN, { .name = KS_STR_INIT("Anna") }, 72, KS_EDENIED },
        { "an address with a resource", ANNA "/x", { .name = KS_STR_INIT("Anna") }, 72, KS_EDENIED },
        { "an address that is not normal: nobody could use the code", "Anna@" DOMAIN, { .name = KS_STR_INIT("Anna") },
            72, KS_EDENIED },
        { "a name that turns the line around", ANNA, { .name = KS_STR_INIT("Anna\xe2\x80\xae") }, 72, KS_ESYNTAX },
        { "a name with a line feed", ANNA, { .name = KS_STR_INIT("Anna\nBeispiel") }, 72, KS_ESYNTAX },
        { "a department that is no UTF-8", ANNA, { .name = KS_STR_INIT("Anna"), .department = KS_STR_INIT("\xff") }, 72,
            KS_ESYNTAX },
    };
    struct world w = new_world();
    uint8_t code[KS_ENROL_CODE_LEN];
    struct ks_invited invited;
    bool waits;

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        invited = invitation(rows[i].jid, ALICE_OP);
        invited.person = rows[i].person;
        invited.hours = rows[i].hours;
        check_err(rows[i].name, ks_registrar_invite(w.r, &invited, w.now_ms, code, &waits), rows[i].want);
    }
    memset(long_text, 'x', sizeof long_text - 1);
    invited = invitation(ANNA, ALICE_OP);
    invited.person.name = ks_str(long_text, 64);
    check_err("a name of 64 characters", ks_registrar_invite(w.r, &invited, w.now_ms, code, &waits), KS_OK);
    struct device d = new_device(ANNA, 1);
    struct ks_enrol_request request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_NONE, "which a certificate can hold");
    invited.person.name = ks_str(long_text, 65);
    check_err("one more (RFC 5280 A.1): said now, and not to the person",
        ks_registrar_invite(w.r, &invited, w.now_ms, code, &waits), KS_ELIMIT);
    invited = invitation(ANNA, ks_str(long_text, 200));
    check_err("an operator of 200 bytes", ks_registrar_invite(w.r, &invited, w.now_ms, code, &waits), KS_OK);
    invited.actor.len = 201;
    check_err("one more", ks_registrar_invite(w.r, &invited, w.now_ms, code, &waits), KS_ELIMIT);
    invited.actor = KS_STR_EMPTY;
    check_err("nobody invites", ks_registrar_invite(w.r, &invited, w.now_ms, code, &waits), KS_ELIMIT);
    world_done(&w);
}

static void test_many_invitations(void)
{
    struct world w = new_world();
    struct ks_invited anna = invitation(ANNA, ALICE_OP), jonas = invitation(JONAS, ALICE_OP);
    uint8_t code[KS_ENROL_CODE_LEN];
    bool waits;

    w.r->invites = KS_REGISTRAR_INVITES - 1; /* as if there were so many */
    check_err(
        "the last invitation that there is room for", ks_registrar_invite(w.r, &anna, w.now_ms, code, &waits), KS_OK);
    check_err("one more", ks_registrar_invite(w.r, &jonas, w.now_ms, code, &waits), KS_ELIMIT);
    check_err("one in the place of its older one", ks_registrar_invite(w.r, &anna, w.now_ms, code, &waits), KS_OK);
    world_reopen(&w);
    check_err("the number outlives a restart", ks_registrar_invite(w.r, &jonas, w.now_ms, code, &waits), KS_ELIMIT);
    must(ks_registrar_uninvite(w.r, KS_STR(ANNA)), "taking one back");
    check_err("when one goes, there is room again", ks_registrar_invite(w.r, &jonas, w.now_ms, code, &waits), KS_OK);
    world_done(&w);
}

/* --- opening --- */

static void test_setups(void)
{
    struct world w = new_world(), other = new_world();
    struct ks_registrar_setup setup = w.setup;
    struct ks_registrar *r = NULL;

    ks_registrar_free(w.r);
    w.r = NULL;
    setup.domain = KS_STR("fremd.example");
    check_err("a domain that the authority does not answer for", ks_registrar_open(&setup, w.now_ms, &r), KS_ESYNTAX);
    setup = w.setup;
    setup.root = other.setup.root;
    check_err("a root that did not sign the authority", ks_registrar_open(&setup, w.now_ms, &r), KS_ESYNTAX);
    setup = w.setup;
    setup.issuing_key = other.issuing_key;
    check_err("a key that is not the authority's", ks_registrar_open(&setup, w.now_ms, &r), KS_ESYNTAX);
    setup = w.setup;
    setup.signer = other.setup.signer;
    check_err("a signer of another root", ks_registrar_open(&setup, w.now_ms, &r), KS_ESYNTAX);
    setup = w.setup;
    memcpy(setup.signer_key, other.setup.signer_key, sizeof setup.signer_key);
    check_err("a key that is not the signer's", ks_registrar_open(&setup, w.now_ms, &r), KS_ESYNTAX);
    setup = other.setup;
    setup.store = w.setup.store;
    check_err("another hospital's store", ks_registrar_open(&setup, w.now_ms, &r), KS_ESTATE);
    check_err(
        "a signer whose time is over", ks_registrar_open(&w.setup, w.now_ms + 1001 * DAY_S * 1000, &r), KS_ESTATE);
    world_open(&w);
    struct ks_log_page page;
    must(ks_registrar_page(w.r, &arena, 0, &page), "a page");
    check_row(page.size == 2, "control: its own opens, and nothing was entered twice", "%llu entries",
        (unsigned long long)page.size);
    ks_registrar_free(w.r);
    w.setup.signer = new_signer(&w, w.setup.signer_key);
    world_open(&w);
    must(ks_registrar_page(w.r, &arena, 0, &page), "a page");
    check_row(page.size == 3, "a new signer is entered in the log", "%llu entries", (unsigned long long)page.size);
    world_done(&w);
    world_done(&other);
}

/* Revoking ends the code, too: who leaves does not come back by a link that is still in a drawer. */
static void test_revocation_ends_codes(void)
{
    struct world w = new_world();
    struct device d = new_device(ANNA, 1);
    uint8_t code[KS_ENROL_CODE_LEN];
    struct ks_enrol_request request;
    size_t count = 7;

    invite(&w, ANNA, code);
    must(ks_registrar_revoke(w.r, KS_STR(ANNA), 0, 4, w.now_ms, w.now_ms, &count), "revoking");
    check_row(count == 0, "revoking an account that has no device yet", "%zu", count);
    request = by_code(&d, code);
    refused(&w, &d, &request, KS_REFUSE_CODE, "ends its open code");
    world_done(&w);
}

int main(void)
{
    static const uint8_t seed[KS_PRNG_SEED_LEN] = { 2, 1, 2, 1 };

    if (ks_crypto_init() != KS_OK || sodium_init() < 0)
        return 2;
    ks_arena_init(&arena, 256u << 20);
    ks_prng_init(&chance, seed);
    test_first_device();
    test_authorities_between();
    test_code_used();
    test_code_expired();
    test_code_binds();
    test_alarm();
    test_old_invitations();
    test_altered();
    test_keys();
    test_keys_of_the_past();
    test_curves();
    test_second_operator();
    test_renewal();
    test_renewal_over();
    test_renewals_are_few();
    test_vouch();
    test_devices();
    test_invitations();
    test_many_invitations();
    test_setups();
    test_revocation_ends_codes();
    ks_prng_done(&chance);
    ks_arena_done(&arena);
    return check_done();
}
