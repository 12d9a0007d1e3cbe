/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "client_cert.h"
#include "crypto.h"
#include "failmalloc.h"

#define LONG_LOCAL_BYTES 1024 /* RFC 7622 §3.3.1: at most 1023 */

static struct ks_config *config;
static struct ks_arena arena;

/* Whom a certificate of klinik.example names, each with a blank behind it. */
static const char *names_of(const struct ks_str *addresses, size_t count)
{
    static char text[4096];
    struct ks_tls_certificate facts = { .domain = 0, .end_ms = 1000, .count = count };
    struct ks_client_cert *cert;
    size_t len = 0;

    for (size_t i = 0; i < count && i < KS_TLS_ADDRESSES_MAX; i++)
        facts.addresses[i] = addresses[i];
    if (ks_client_cert_new(config, &facts, &cert) != KS_OK)
        return "(no memory)";
    if (!cert)
        return "(none)";
    text[0] = 0;
    for (size_t i = 0; i < cert->count; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%.*s ", KS_STR_FMT(cert->names[i]));
    ks_client_cert_free(cert);
    return text;
}

static void test_names(void)
{
    static char long_local[LONG_LOCAL_BYTES + sizeof "@klinik.example"];
    memset(long_local, 'a', LONG_LOCAL_BYTES);
    memcpy(long_local + LONG_LOCAL_BYTES, "@klinik.example", sizeof "@klinik.example");
    const struct {
        const char *name;
        struct ks_str addresses[3];
        const char *want;
    } rows[] = {
        { "RFC 6120 §13.7.1.4: an address of the domain is a name", { KS_STR("anna@klinik.example") },
            "anna@klinik.example " },
        { "RFC 7622 §3.3: it is normalised", { KS_STR("\xef\xbc\xa1NNA@KLINIK.example") }, "anna@klinik.example " },
        { "XEP-0178 §2: there may be two", { KS_STR("anna@klinik.example"), KS_STR("dienst@klinik.example") },
            "anna@klinik.example dienst@klinik.example " },
        { "the same twice is one", { KS_STR("anna@klinik.example"), KS_STR("Anna@klinik.example") },
            "anna@klinik.example " },
        { "one of another domain is left out", { KS_STR("anna@offen.example"), KS_STR("anna@klinik.example") },
            "anna@klinik.example " },
        { "one of a domain below ours is another's", { KS_STR("anna@a.klinik.example") }, "" },
        { "a server's names nobody", { KS_STR("klinik.example") }, "" },
        { "one with a resource names nobody", { KS_STR("anna@klinik.example/desk") }, "" },
        { "without any it names nobody", { { 0 } }, "" },
        { "RFC 7622 §3.3: with a NUL in one it is none",
            { KS_STR("anna@klinik.example\0.boese.example"), KS_STR("anna@klinik.example") }, "(none)" },
        { "RFC 7622 §3.3: nor with a NUL in the local part",
            { KS_STR("anna\0jonas@klinik.example"), KS_STR("anna@klinik.example") }, "(none)" },
        { "nor with what is no address beside a good one",
            { KS_STR("anna@klinik.example"), KS_STR("a b@klinik.example") }, "(none)" },
        { "nor with an empty one", { KS_STR("anna@klinik.example"), KS_STR("") }, "(none)" },
        { "nor with what is no UTF-8", { KS_STR("anna@klinik.example"), KS_STR("\xff@klinik.example") }, "(none)" },
        { "RFC 7622 §3.3.1: nor with a local part of 1024 bytes",
            { KS_STR("anna@klinik.example"), ks_str_z(long_local) }, "(none)" },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        size_t count = 0;
        while (count < 3 && rows[i].addresses[count].ptr)
            count++;
        check_str(rows[i].name, ks_str_z(names_of(rows[i].addresses, count)), ks_str_z(rows[i].want));
    }
    struct ks_str many[KS_TLS_ADDRESSES_MAX];
    for (size_t i = 0; i < KS_TLS_ADDRESSES_MAX; i++)
        many[i] = KS_STR("anna@klinik.example");
    check_str("as many addresses as there is room for are read", ks_str_z(names_of(many, KS_TLS_ADDRESSES_MAX)),
        KS_STR("anna@klinik.example "));
    check_str("with more it is none", ks_str_z(names_of(many, KS_TLS_ADDRESSES_MAX + 1)), KS_STR("(none)"));
}

static void test_authorize(void)
{
    static const struct {
        const char *name;
        size_t count; /* of the names anna and dienst */
        const char *authzid, *want;
    } rows[] = {
        { "RFC 6120 §6.3.8: without an identity the one name logs in", 1, "", "anna@klinik.example" },
        { "XEP-0178 §2: of two names none does", 2, "", "" },
        { "of no name none does", 0, "", "" },
        { "the one that is said logs in", 1, "anna@klinik.example", "anna@klinik.example" },
        { "of two, too", 2, "dienst@klinik.example", "dienst@klinik.example" },
        { "RFC 7622: however it is spelled", 2, "DIENST@Klinik.Example", "dienst@klinik.example" },
        { "RFC 6120 §6.5.7: one that is not in it does not", 2, "jonas@klinik.example", "" },
        { "nor the domain", 1, "klinik.example", "" },
        { "nor a name without the domain", 1, "anna", "" },
        { "nor what goes on behind the name", 1, "anna@klinik.example/x", "" },
        { "nor what is no address", 1, "@", "" },
        { "and a certificate that names nobody lets in nobody", 0, "anna@klinik.example", "" },
    };
    struct ks_tls_certificate facts = {
        .domain = 0, .end_ms = 1000, .addresses = { KS_STR("anna@klinik.example"), KS_STR("dienst@klinik.example") }
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_client_cert *cert;
        struct ks_str bare = KS_STR_EMPTY;
        facts.count = rows[i].count;
        if (ks_client_cert_new(config, &facts, &cert) != KS_OK)
            abort();
        enum ks_err err = ks_client_cert_authorize(cert, &arena, ks_str_z(rows[i].authzid), &bare);
        check_row(ks_str_is(bare, rows[i].want) && err == (*rows[i].want ? KS_OK : KS_EDENIED), rows[i].name,
            "%s, %.*s", ks_err_name(err), KS_STR_FMT(bare));
        ks_client_cert_free(cert);
        ks_arena_reset(&arena);
    }
}

static void test_good(void)
{
    struct ks_tls_certificate facts = { .domain = 1, .end_ms = 1000 };
    struct ks_client_cert *cert;

    if (ks_client_cert_new(config, &facts, &cert) != KS_OK)
        abort();
    check_row(ks_client_cert_good(cert, 1, (struct ks_now) { 0, 999 }), "it is good until its time is up", "it is not");
    check_row(!ks_client_cert_good(cert, 1, (struct ks_now) { 0, 1000 }), "and not at that moment", "it is");
    check_row(
        !ks_client_cert_good(cert, 0, (struct ks_now) { 0, 1 }), "at another domain it is good for nothing", "it is");
    check_row(!ks_client_cert_good(NULL, 1, (struct ks_now) { 0, 1 }), "none is not good", "it is");
    ks_client_cert_free(cert);
}

/* Each allocation fails once. */
static void test_memory(void)
{
    struct ks_tls_certificate facts = {
        .domain = 0, .end_ms = 1000, .count = 1, .addresses = { KS_STR("Änna@klinik.example") }
    };
    struct ks_client_cert *cert = NULL;
    bool good = true;
    int n = 1;

    for (; fail_nth(n); n++) {
        enum ks_err err = ks_client_cert_new(config, &facts, &cert);
        bool failed = fail_stop();
        good = good && err == (failed ? KS_ENOMEM : KS_OK);
        if (err == KS_OK)
            ks_client_cert_free(cert);
    }
    check_row(good && n > 2, "without memory it is KS_ENOMEM, and nothing is lost", "%d", n);
}

int main(void)
{
    if (ks_crypto_init() != KS_OK)
        return 1;
    ks_arena_init(&arena, 1 << 20);
    config = ks_config_new();
    if (!config || ks_config_add_domain(config, KS_STR("klinik.example"), true) != KS_OK
        || ks_config_add_domain(config, KS_STR("offen.example"), false) != KS_OK)
        abort();
    test_names();
    test_authorize();
    test_good();
    test_memory();
    ks_config_unref(config);
    ks_arena_done(&arena);
    return check_done();
}
