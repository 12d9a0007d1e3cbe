/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The link, and what device and registrar say to each other (doc/PROTOCOL.md §21.1 to §21.3): both sides, and every
 * byte of them altered. */
#include "enrol.h"

#include "check.h"
#include "enc.h"
#include "failmalloc.h"
#include "hpke.h"

#define JID "anna@klinik.example"

static struct ks_arena arena;
static struct ks_prng chance;

static void must(enum ks_err err, const char *what)
{
    if (err == KS_OK)
        return;
    printf("Bail out! %s: %s\n", what, ks_err_name(err));
    exit(1);
}

static struct ks_str copy_of(struct ks_str text)
{
    struct ks_str copy;

    must(ks_arena_copy(&arena, text, &copy), "a copy");
    return copy;
}

/* --- the link --- */

static struct ks_enrol_link a_link(void)
{
    struct ks_enrol_link link = { .host = KS_STR("klinik.example"), .expires_s = 1795312800, .jid = KS_STR(JID) };

    memset(link.pin, 0x11, sizeof link.pin);
    memset(link.code, 0x22, sizeof link.code);
    return link;
}

static struct ks_str written(const struct ks_enrol_link *link)
{
    struct ks_str text;

    must(ks_enrol_link_write(&arena, link, &text), "a link");
    return text;
}

/* A link with this body. */
static struct ks_str link_of(const char *begin, struct ks_str body)
{
    struct ks_buf text;
    struct ks_str all;

    ks_buf_init(&text, 16384);
    ks_buf_z(&text, begin);
    ks_base64url_add(&text, body);
    must(ks_buf_err(&text), "a link");
    all = copy_of(ks_buf_str(&text));
    ks_buf_done(&text);
    return all;
}

/* The bytes of §21.1, by hand. */
struct body {
    uint8_t version, flags;
    const char *jid;
    size_t jid_len, token_len; /* as they are said */
    const char *token, *behind;
};

static struct ks_str body_of(const struct body *body)
{
    struct ks_buf bytes;
    struct ks_str all;

    ks_buf_init(&bytes, 16384);
    ks_buf_byte(&bytes, body->version);
    ks_buf_byte(&bytes, body->flags);
    ks_buf_u32(&bytes, 1795312800);
    for (int i = 0; i < 32; i++)
        ks_buf_byte(&bytes, 0x11);
    for (int i = 0; i < 16; i++)
        ks_buf_byte(&bytes, 0x22);
    ks_buf_u16(&bytes, (uint16_t)body->jid_len);
    ks_buf_z(&bytes, body->jid);
    if (body->token) {
        ks_buf_u16(&bytes, (uint16_t)body->token_len);
        ks_buf_z(&bytes, body->token);
    }
    ks_buf_z(&bytes, body->behind);
    must(ks_buf_err(&bytes), "a body");
    all = copy_of(ks_buf_str(&bytes));
    ks_buf_done(&bytes);
    return all;
}

static void test_link(void)
{
    struct ks_enrol_link link = a_link(), read;
    struct ks_str text;

    text = written(&link);
    check_str("§21.1: the bytes of a link", text,
        link_of("https://klinik.example/e#", body_of(&(struct body) { 1, 0, JID, sizeof JID - 1, 0, NULL, "" })));
    check_err("which are read", ks_enrol_link_read(&arena, text, &read), KS_OK);
    check_row(ks_str_eq(read.host, link.host) && read.expires_s == link.expires_s && ks_str_eq(read.jid, link.jid)
            && memcmp(read.pin, link.pin, sizeof link.pin) == 0 && memcmp(read.code, link.code, sizeof link.code) == 0
            && !read.token.len,
        "as they were written", "otherwise");
    link.host = KS_STR("klinik.example:8443");
    link.token = KS_STR("geheim");
    link.expires_s = UINT32_MAX;
    text = written(&link);
    must(ks_enrol_link_read(&arena, text, &read), "a link");
    check_row(ks_str_eq(read.host, link.host) && ks_str_eq(read.token, link.token) && read.expires_s == UINT32_MAX,
        "with a port, and a token that creates the account", "otherwise");
}

static void test_link_forms(void)
{
    static const struct {
        const char *name;
        struct body body;
        enum ks_err want;
    } rows[] = {
        { "control: without a token", { 1, 0, JID, sizeof JID - 1, 0, NULL, "" }, KS_OK },
        { "control: with one", { 1, 1, JID, sizeof JID - 1, 2, "ab", "" }, KS_OK },
        { "version 0", { 0, 0, JID, sizeof JID - 1, 0, NULL, "" }, KS_ESYNTAX },
        { "a newer program's", { 2, 0, JID, sizeof JID - 1, 0, NULL, "" }, KS_EVERSION },
        { "a flag that is none yet", { 1, 2, JID, sizeof JID - 1, 0, NULL, "" }, KS_ESYNTAX },
        { "a token without its flag", { 1, 0, JID, sizeof JID - 1, 2, "ab", "" }, KS_ESYNTAX },
        { "the flag without a token", { 1, 1, JID, sizeof JID - 1, 0, NULL, "" }, KS_ESYNTAX },
        { "an empty token", { 1, 1, JID, sizeof JID - 1, 0, "", "" }, KS_ESYNTAX },
        { "a token that ends early", { 1, 1, JID, sizeof JID - 1, 3, "ab", "" }, KS_ESYNTAX },
        { "bytes behind it", { 1, 1, JID, sizeof JID - 1, 2, "ab", "x" }, KS_ESYNTAX },
        { "no address", { 1, 0, "", 0, 0, NULL, "" }, KS_ESYNTAX },
        { "an address that ends early", { 1, 0, JID, sizeof JID, 0, NULL, "" }, KS_ESYNTAX },
        { "an address that is not in its normal form", { 1, 0, "Anna@klinik.example", 19, 0, NULL, "" }, KS_ESYNTAX },
        { "an address with a resource", { 1, 0, JID "/x", sizeof JID + 1, 0, NULL, "" }, KS_ESYNTAX },
        { "a domain alone", { 1, 0, "klinik.example", 14, 0, NULL, "" }, KS_ESYNTAX },
    };
    static const struct {
        const char *name, *begin;
        enum ks_err want;
    } begins[] = {
        { "control: a host", "https://klinik.example/e#", KS_OK },
        { "without TLS", "http://klinik.example/e#", KS_ESYNTAX },
        { "no host", "https:///e#", KS_ESYNTAX },
        { "another path", "https://klinik.example/f#", KS_ESYNTAX },
        { "a longer path", "https://klinik.example/x/e#", KS_ESYNTAX },
        { "a name and password in front", "https://klinik.example@boese.example/e#", KS_ESYNTAX },
        { "a query", "https://klinik.example?/e#", KS_ESYNTAX },
        { "a blank in it", "https://klinik example/e#", KS_ESYNTAX },
        { "letters that are not ASCII", "https://klin\xc3\xadk.example/e#", KS_ESYNTAX },
        { "no fragment", "https://klinik.example/e", KS_ESYNTAX },
    };
    struct ks_enrol_link link = a_link(), read;
    struct ks_str text = written(&link);
    uint32_t wrong = 0;

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        check_err(rows[i].name,
            ks_enrol_link_read(&arena, link_of("https://klinik.example/e#", body_of(&rows[i].body)), &read),
            rows[i].want);
    for (size_t i = 0; i < KS_COUNT(begins); i++)
        check_err(begins[i].name, ks_enrol_link_read(&arena, link_of(begins[i].begin, body_of(&rows[0].body)), &read),
            begins[i].want);
    for (size_t len = 0; len < text.len; len++)
        wrong += ks_enrol_link_read(&arena, ks_str_head(text, len), &read) == KS_OK;
    check_row(wrong == 0, "no beginning of a link is one", "%u are", wrong);
    must(ks_arena_join(&arena, (struct ks_str[]) { KS_STR(" "), text, KS_STR("\n") }, 3, &text), "blanks");
    check_err(
        "blanks around it, as a message has them, are none of it", ks_enrol_link_read(&arena, text, &read), KS_OK);
}

static void test_link_limits(void)
{
    static char token[4096];
    struct ks_enrol_link link = a_link(), read;
    struct ks_str text;
    size_t len = 0;

    memset(token, 't', sizeof token);
    /* Three bytes are four characters. */
    for (len = 1; len < sizeof token; len++) {
        link.token = ks_str(token, len);
        if (ks_enrol_link_write(&arena, &link, &text) != KS_OK)
            break;
    }
    link.token.len = len - 1;
    must(ks_enrol_link_write(&arena, &link, &text), "the longest");
    check_row(text.len > KS_ENROL_LINK_MAX - 3 && text.len <= KS_ENROL_LINK_MAX, "the longest link has 4 KiB", "%zu",
        text.len);
    check_err("and is read", ks_enrol_link_read(&arena, text, &read), KS_OK);
    link.token.len = len;
    check_err("one more byte is not written", ks_enrol_link_write(&arena, &link, &text), KS_ELIMIT);
    token[len] = 0; /* somebody else writes it */
    text = link_of("https://klinik.example/e#", body_of(&(struct body) { 1, 1, JID, sizeof JID - 1, len, token, "" }));
    check_row(text.len > KS_ENROL_LINK_MAX, "which would be longer", "%zu", text.len);
    check_err("nor read", ks_enrol_link_read(&arena, text, &read), KS_ESYNTAX);
}

/* --- what is signed --- */

static void test_words(void)
{
    static const uint8_t code[KS_ENROL_CODE_LEN] = { 1, 2, 3 };
    uint8_t key[KS_ENROL_MAC_LEN], mac[KS_ENROL_MAC_LEN], want[32], hashes[64];
    struct ks_str csr = KS_STR("a request"), pop = KS_STR("a proof"), bytes, all;

    ks_enrol_mac_key(code, key);
    ks_hkdf(KS_SHA256, ks_str(code, sizeof code), KS_STR_EMPTY, KS_STR("konsil/0 invite mac"), want, sizeof want);
    check_row(memcmp(key, want, 32) == 0, "§21.1: the key of a code", "another");
    ks_hash(KS_SHA256, csr, hashes);
    ks_hash(KS_SHA256, pop, hashes + 32);
    must(ks_arena_join(&arena, (struct ks_str[]) { KS_STR("konsil/0 enrol\n"), ks_str(hashes, 64) }, 2, &all), "bytes");
    ks_hmac(KS_SHA256, ks_str(key, sizeof key), all, want);
    ks_enrol_mac(key, csr, pop, mac);
    check_row(memcmp(mac, want, 32) == 0, "§21.2: mac", "another");
    must(ks_enrol_pop_bytes(&arena, csr, &bytes), "bytes");
    must(
        ks_arena_join(&arena, (struct ks_str[]) { KS_STR("konsil/0 pop-ik\n"), ks_str(hashes, 32) }, 2, &all), "bytes");
    check_str("§21.2: what the identity key signs", bytes, all);
    must(ks_enrol_renew_bytes(&arena, csr, &bytes), "bytes");
    must(ks_arena_join(&arena, (struct ks_str[]) { KS_STR("konsil/0 renew\n"), ks_str(hashes, 32) }, 2, &all), "bytes");
    check_str("§21.2: what the old key signs", bytes, all);
}

/* --- the answer --- */

static uint8_t secret[KS_P256_PRIVATE_LEN], recipient[KS_P256_PUBLIC_LEN];
static const uint8_t mac_key[KS_ENROL_MAC_LEN] = { 7 };
#define CSR KS_STR("a request")

static struct ks_enrol_answer_facts some_facts(void)
{
    struct ks_enrol_answer_facts facts = { .root = KS_STR("root"),
        .chain = { KS_STR("device"), KS_STR("issuing") },
        .chain_count = 2,
        .leaf = 184233,
        .t_s = 1795312800 };

    memset(facts.salt, 0x33, sizeof facts.salt);
    memset(facts.share, 0x44, sizeof facts.share);
    return facts;
}

static void test_answer(void)
{
    struct ks_enrol_answer_facts facts = some_facts(), read = { .leaf = 0 };
    uint8_t other[KS_P256_PRIVATE_LEN], other_mac[KS_ENROL_MAC_LEN] = { 8 };
    struct ks_str sealed, bare;
    uint32_t wrong = 0;

    must(ks_enrol_answer_seal(&arena, &chance, &facts, CSR, recipient, mac_key, &sealed), "sealing");
    check_err("§21.3: an answer", ks_enrol_answer_open(&arena, sealed, CSR, secret, mac_key, &read), KS_OK);
    check_row(ks_str_eq(read.root, facts.root) && read.chain_count == 2 && ks_str_eq(read.chain[0], facts.chain[0])
            && ks_str_eq(read.chain[1], facts.chain[1]) && read.leaf == facts.leaf && read.t_s == facts.t_s
            && memcmp(read.salt, facts.salt, sizeof facts.salt) == 0
            && memcmp(read.share, facts.share, sizeof facts.share) == 0,
        "says what was said", "otherwise");
    ks_p256_generate(&chance, other);
    check_err("not to another key", ks_enrol_answer_open(&arena, sealed, CSR, other, mac_key, &read), KS_ECRYPTO);
    check_err("not for another request", ks_enrol_answer_open(&arena, sealed, KS_STR("b"), secret, mac_key, &read),
        KS_ECRYPTO);
    check_err(
        "not by who has another code", ks_enrol_answer_open(&arena, sealed, CSR, secret, other_mac, &read), KS_ECRYPTO);
    for (size_t i = 0; i < sealed.len; i += 5) {
        struct ks_str copy = copy_of(sealed);
        ((char *)(uintptr_t)copy.ptr)[i] ^= 1;
        wrong += ks_enrol_answer_open(&arena, copy, CSR, secret, mac_key, &read) == KS_OK;
    }
    check_row(wrong == 0, "attack 13: nor with a bit changed", "%u open", wrong);
    for (size_t len = 0; len < sealed.len; len += 5)
        wrong += ks_enrol_answer_open(&arena, ks_str_head(sealed, len), CSR, secret, mac_key, &read) == KS_OK;
    check_row(wrong == 0, "nor its beginning", "%u open", wrong);
    must(ks_enrol_answer_seal(&arena, &chance, &facts, CSR, recipient, NULL, &bare), "sealing");
    check_err("attack 13: without a mac, who waits for one takes none",
        ks_enrol_answer_open(&arena, bare, CSR, secret, mac_key, &read), KS_ECRYPTO);
    check_err("control: who does not, does", ks_enrol_answer_open(&arena, bare, CSR, secret, NULL, &read), KS_OK);
    recipient[64] ^= 1;
    check_err("a recipient that is no key", ks_enrol_answer_seal(&arena, &chance, &facts, CSR, recipient, NULL, &bare),
        KS_ECRYPTO);
    recipient[64] ^= 1;
}

/* What is inside, sealed by somebody who writes something else. */
static enum ks_err open_json(const char *json)
{
    struct ks_enrol_answer_facts read;
    struct ks_str text = ks_str_z(json), info;
    uint8_t hash[32], sealed[16384];

    ks_hash(KS_SHA256, CSR, hash);
    must(
        ks_arena_join(&arena, (struct ks_str[]) { KS_STR("konsil/0 enrolled\n"), ks_str(hash, 32) }, 2, &info), "info");
    must(ks_hpke_seal(&chance, recipient, info, KS_STR_EMPTY, text, sealed, sealed + KS_HPKE_ENC_LEN), "sealing");
    return ks_enrol_answer_open(
        &arena, ks_str(sealed, KS_HPKE_ENC_LEN + text.len + KS_HPKE_TAG_LEN), CSR, secret, NULL, &read);
}

#define HEAD "konsil/0 enrolled\n"
#define B32 "\"MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM=\""
#define REST "\"salt\":" B32 ",\"share\":" B32

static void test_answer_forms(void)
{
    static const struct {
        const char *name, *json;
        enum ks_err want;
    } rows[] = {
        { "control: the form", HEAD "{\"root\":\"YQ==\",\"chain\":[\"YQ==\"],\"leaf\":0," REST ",\"t\":1}", KS_OK },
        { "four certificates",
            HEAD "{\"root\":\"YQ==\",\"chain\":[\"YQ==\",\"YQ==\",\"YQ==\",\"YQ==\"],\"leaf\":0," REST ",\"t\":1}",
            KS_OK },
        { "five",
            HEAD "{\"root\":\"YQ==\",\"chain\":[\"YQ==\",\"YQ==\",\"YQ==\",\"YQ==\",\"YQ==\"],\"leaf\":0," REST
                 ",\"t\":1}",
            KS_ESYNTAX },
        { "none", HEAD "{\"root\":\"YQ==\",\"chain\":[],\"leaf\":0," REST ",\"t\":1}", KS_ESYNTAX },
        { "one that is empty", HEAD "{\"root\":\"YQ==\",\"chain\":[\"\"],\"leaf\":0," REST ",\"t\":1}", KS_ESYNTAX },
        { "no array", HEAD "{\"root\":\"YQ==\",\"chain\":\"YQ==\",\"leaf\":0," REST ",\"t\":1}", KS_ESYNTAX },
        { "another purpose", "konsil/0 enrol\n{\"root\":\"YQ==\",\"chain\":[\"YQ==\"],\"leaf\":0," REST ",\"t\":1}",
            KS_ESYNTAX },
        { "a root that is empty", HEAD "{\"root\":\"\",\"chain\":[\"YQ==\"],\"leaf\":0," REST ",\"t\":1}", KS_ESYNTAX },
        { "no root", HEAD "{\"chain\":[\"YQ==\"],\"leaf\":0," REST ",\"t\":1}", KS_ESYNTAX },
        { "a name too many", HEAD "{\"root\":\"YQ==\",\"chain\":[\"YQ==\"],\"leaf\":0,\"x\":1," REST ",\"t\":1}",
            KS_ESYNTAX },
        { "a short salt",
            HEAD "{\"root\":\"YQ==\",\"chain\":[\"YQ==\"],\"leaf\":0,\"salt\":\"MzM=\",\"share\":" B32 ",\"t\":1}",
            KS_ESYNTAX },
        { "a time behind the year 9999",
            HEAD "{\"root\":\"YQ==\",\"chain\":[\"YQ==\"],\"leaf\":0," REST ",\"t\":253402300800}", KS_ESYNTAX },
        { "control: its last second",
            HEAD "{\"root\":\"YQ==\",\"chain\":[\"YQ==\"],\"leaf\":0," REST ",\"t\":253402300799}", KS_OK },
        { "bytes behind", HEAD "{\"root\":\"YQ==\",\"chain\":[\"YQ==\"],\"leaf\":0," REST ",\"t\":1}x", KS_ESYNTAX },
        { "nothing", "", KS_ESYNTAX },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        check_err(rows[i].name, open_json(rows[i].json), rows[i].want);
}

static void test_answer_limits(void)
{
    static char big[KS_ENROL_ANSWER_MAX + 1];
    static char cert[4097];
    struct ks_enrol_answer_facts facts = some_facts(), read;
    struct ks_str sealed;

    memset(cert, 'c', sizeof cert);
    facts.root = facts.chain[0] = facts.chain[1] = facts.chain[2] = facts.chain[3] = ks_str(cert, 4096);
    facts.chain_count = KS_ENROL_CHAIN_MAX;
    must(ks_enrol_answer_seal(&arena, &chance, &facts, CSR, recipient, mac_key, &sealed), "sealing");
    check_err("five certificates of 4 KiB", ks_enrol_answer_open(&arena, sealed, CSR, secret, mac_key, &read), KS_OK);
    facts.chain[3] = ks_str(cert, 4097);
    must(ks_enrol_answer_seal(&arena, &chance, &facts, CSR, recipient, mac_key, &sealed), "sealing");
    check_row(
        ks_enrol_answer_open(&arena, sealed, CSR, secret, mac_key, &read) != KS_OK, "one byte more", "it is taken");
    check_err("an answer over its limit is not looked at",
        ks_enrol_answer_open(&arena, ks_str(big, sizeof big), CSR, secret, mac_key, &read), KS_ELIMIT);
    check_err("one at the limit is",
        ks_enrol_answer_open(&arena, ks_str(big, sizeof big - 1), CSR, secret, mac_key, &read), KS_ECRYPTO);
}

static void test_memory(void)
{
    struct ks_enrol_answer_facts facts = some_facts(), read;
    struct ks_enrol_link link = a_link(), read_link;
    struct ks_str sealed, text;
    uint32_t rounds = 0, wrong = 0;
    struct ks_arena own;
    enum ks_err err;

    must(ks_enrol_answer_seal(&arena, &chance, &facts, CSR, recipient, mac_key, &sealed), "sealing");
    text = written(&link);
    for (int n = 1; fail_nth(n); n++, rounds++) {
        ks_arena_init(&own, 1u << 20);
        err = ks_enrol_answer_open(&own, sealed, CSR, secret, mac_key, &read);
        if (err == KS_OK)
            err = ks_enrol_link_read(&own, text, &read_link);
        wrong += fail_stop() && err != KS_ENOMEM && err != KS_OK;
        ks_arena_done(&own);
    }
    check_row(rounds >= 2 && wrong == 0, "without memory at any place", "%u of %u", wrong, rounds);
}

int main(void)
{
    static const uint8_t seed[KS_PRNG_SEED_LEN] = { 2, 1, 3 };

    if (ks_crypto_init() != KS_OK)
        return 2;
    ks_arena_init(&arena, 256u << 20);
    ks_prng_init(&chance, seed);
    ks_p256_generate(&chance, secret);
    must(ks_p256_public(secret, recipient), "a key");
    test_link();
    test_link_forms();
    test_link_limits();
    test_words();
    test_answer();
    test_answer_forms();
    test_answer_limits();
    test_memory();
    ks_prng_done(&chance);
    ks_arena_done(&arena);
    return check_done();
}
