/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "enc.h"
#include "scram.h"
#include "unicode.h"

static struct ks_arena arena;
static struct ks_prng prng;

#define EXPORTER "thirty-two bytes of tls-exporter"
#define END_POINT "the hash of the server's certificate"
static const struct ks_scram_bindings all_bindings = {
    { [KS_BIND_TLS_EXPORTER] = { EXPORTER, sizeof EXPORTER - 1 },
        [KS_BIND_TLS_SERVER_END_POINT] = { END_POINT, sizeof END_POINT - 1 } },
};
static const struct ks_scram_bindings no_bindings;

static struct ks_str text(const char *format, ...) KS_PRINTF(1, 2);
static struct ks_str text(const char *format, ...)
{
    char *bytes = ks_arena_alloc(&arena, 8192);
    va_list args;

    va_start(args, format);
    int len = vsnprintf(bytes, 8192, format, args);
    va_end(args);
    return ks_str(bytes, (size_t)len);
}

static struct ks_str base64(struct ks_str bytes)
{
    struct ks_str encoded;

    return ks_base64(&arena, bytes, &encoded) == KS_OK ? encoded : KS_STR_EMPTY;
}

/* Keys with any salt and few iterations, as the examples of the RFCs have them. */
static struct ks_scram_keys example_keys(enum ks_hash hash, const char *salt_base64, uint32_t iterations)
{
    struct ks_scram_keys keys = { .hash = hash, .iterations = iterations };
    uint8_t salted[KS_HASH_MAX], client_key[KS_HASH_MAX];
    size_t len = ks_hash_len(hash);
    struct ks_str salt;

    if (ks_base64_read(&arena, ks_str_z(salt_base64), &salt) != KS_OK)
        abort();
    memcpy(keys.salt, salt.ptr, salt.len);
    keys.salt_len = (uint8_t)salt.len;
    ks_pbkdf2(hash, KS_STR("pencil"), salt, iterations, salted);
    ks_hmac(hash, ks_str(salted, len), KS_STR("Client Key"), client_key);
    ks_hash(hash, ks_str(client_key, len), keys.stored_key);
    ks_hmac(hash, ks_str(salted, len), KS_STR("Server Key"), keys.server_key);
    return keys;
}

/* --- the examples that are printed --- */

static void example(const char *section, enum ks_hash hash, const char *client_nonce, const char *server_nonce,
    const char *salt, const char *first, const char *challenge, const char *final, const char *done)
{
    struct ks_scram_keys keys = example_keys(hash, salt, 4096);
    struct ks_scram_server server;
    struct ks_scram_client client;
    struct ks_str message, answer;
    enum ks_err err;

    err = ks_scram_client_first_nonce(
        &client, &arena, hash, KS_BIND_NONE, false, KS_STR("user"), KS_STR("pencil"), ks_str_z(client_nonce), &message);
    check_row(err == KS_OK && ks_str_is(message, first), section, "client-first \"%.*s\"", KS_STR_FMT(message));
    err = ks_scram_server_first(&server, &arena, hash, false, false, KS_STR("example.org"), &no_bindings, message);
    check_row(err == KS_OK && ks_str_is(server.username, "user"), "the server reads the name in it", "%s \"%.*s\"",
        ks_err_name(err), KS_STR_FMT(server.username));
    err = ks_scram_server_challenge_nonce(&server, &keys, ks_str_z(server_nonce), KS_STR_EMPTY, &answer);
    check_row(err == KS_OK && ks_str_is(answer, challenge), section, "server-first \"%.*s\"", KS_STR_FMT(answer));
    err = ks_scram_client_final(&client, &no_bindings, KS_STR_EMPTY, answer, &message);
    check_row(err == KS_OK && ks_str_is(message, final), section, "client-final \"%.*s\"", KS_STR_FMT(message));
    err = ks_scram_server_final(&server, &no_bindings, message, &answer);
    check_row(err == KS_OK && ks_str_is(answer, done), section, "server-final \"%.*s\"", KS_STR_FMT(answer));
    check_err("the client knows the server", ks_scram_client_done(&client, answer), KS_OK);
}

static void examples(void)
{
    example("RFC 5802 §5: the SHA-1 example, byte for byte", KS_SHA1, "fyko+d2lbbFgONRv9qkxdawL", "3rfcNHYJY1ZVvWVs7j",
        "QSXCR+Q6sek8bf92", "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=");
    example("RFC 7677 §3: the SHA-256 example, byte for byte", KS_SHA256, "rOprNGfwEbeRWgbNEkqO",
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "W22ZaJ0SNY7soEsUEjb6gQ==", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

/* XEP-0474 §5.3: -PLUS, attribute h, and an unknown extension x in client-final. */
static void xep_0474(void)
{
    static const struct ks_str mechanisms[] = { { "SCRAM-SHA-1-PLUS", 16 }, { "SCRAM-SHA-1", 11 } };
    static const struct ks_str types[] = { { "tls-server-end-point", 20 }, { "tls-exporter", 12 } };
    const struct ks_scram_bindings fake = { { [KS_BIND_TLS_EXPORTER] = KS_STR("THIS IS FAKE CB DATA") } };
    struct ks_scram_keys keys = example_keys(KS_SHA1, "QSXCR+Q6sek8bf92", 4096);
    struct ks_scram_server server;
    struct ks_scram_client client;
    struct ks_str h, message, answer;
    enum ks_err err;

    check_err("XEP-0474 §5.1: the lists of the example",
        ks_scram_downgrade(&arena, KS_SHA1, mechanisms, 2, types, 2, &h), KS_OK);
    check_str("XEP-0474 §5.3: their hash, sorted", h, KS_STR("G6k/rBLDqgOhRRaCuuatSDFkJ08="));
    err = ks_scram_server_first(&server, &arena, KS_SHA1, true, true, KS_STR("example.org"), &fake,
        KS_STR("p=tls-exporter,,n=user,r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6"));
    check_err("XEP-0474 §5.3: client-first", err, KS_OK);
    err = ks_scram_server_challenge_nonce(&server, &keys, KS_STR("a09117a6-ac50-4f2f-93f1-93799c2bddf6"), h, &answer);
    check_row(err == KS_OK
            && ks_str_is(answer,
                "r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,"
                "s=QSXCR+Q6sek8bf92,i=4096,h=G6k/rBLDqgOhRRaCuuatSDFkJ08="),
        "XEP-0474 §5.3: server-first", "\"%.*s\"", KS_STR_FMT(answer));
    message = KS_STR("c=cD10bHMtZXhwb3J0ZXIsLFRISVMgSVMgRkFLRSBDQiBEQVRB,"
                     "r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,"
                     "x=19C6532F-1CF4-4A27-A18D-DC9CEA41BBB3,p=M/SIDjT+dfcxUh89jZEypRvFxB4=");
    err = ks_scram_server_final(&server, &fake, message, &answer);
    check_row(err == KS_OK && ks_str_is(answer, "v=MQrMPvv7yv4x4Cq4W4Ih25EqS2c="),
        "XEP-0474 §5.3: client-final with an extension nobody knows is accepted", "%s", ks_err_name(err));

    static const struct {
        const char *name, *h;
        bool bindings;
        enum ks_err want;
    } rows[] = {
        { "XEP-0474 §5.2: a hash that fits is accepted", "fits", true, KS_OK },
        { "XEP-0474 §5.2: somebody took a mechanism away: refused", "other", true, KS_ECRYPTO },
        { "XEP-0474 §5.2: no hash, as of servers without the XEP, is accepted", NULL, true, KS_OK },
        { "XEP-0474 §5.1: without XEP-0440 there is no %x1F", "plain", false, KS_OK },
    };
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_str expected, sent;
        uint8_t digest[KS_HASH_MAX];
        if (ks_scram_downgrade(&arena, KS_SHA256, mechanisms, 2, types, rows[i].bindings ? 2 : 0, &expected) != KS_OK
            || ks_scram_downgrade(&arena, KS_SHA256, mechanisms, 1, types, 2, &sent) != KS_OK
            || ks_scram_client_first_nonce(&client, &arena, KS_SHA256, KS_BIND_NONE, false, KS_STR("anna"),
                   KS_STR("pencil"), KS_STR("abc"), &message)
                != KS_OK)
            abort();
        ks_hash(KS_SHA256, KS_STR("SCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS"), digest);
        sent = rows[i].h && ks_str_is(ks_str_z(rows[i].h), "fits") ? expected : sent;
        sent = rows[i].h && ks_str_is(ks_str_z(rows[i].h), "plain") ? base64(ks_str(digest, 32)) : sent;
        answer = rows[i].h ? text("r=abcdef,s=QSXCR+Q6sek8bf92,i=4096,h=%.*s", KS_STR_FMT(sent))
                           : KS_STR("r=abcdef,s=QSXCR+Q6sek8bf92,i=4096");
        check_err(rows[i].name, ks_scram_client_final(&client, &no_bindings, expected, answer, &message), rows[i].want);
    }
    struct ks_str many[KS_SCRAM_OFFERS_MAX + 1];
    for (size_t i = 0; i < KS_COUNT(many); i++)
        many[i] = text("X-%zu", i);
    check_err("64 mechanisms can be hashed",
        ks_scram_downgrade(&arena, KS_SHA1, many, KS_SCRAM_OFFERS_MAX, many, 1, &h), KS_OK);
    check_err(
        "65 are too many", ks_scram_downgrade(&arena, KS_SHA1, many, KS_SCRAM_OFFERS_MAX + 1, many, 1, &h), KS_ELIMIT);
    check_err("65 bindings are too many",
        ks_scram_downgrade(&arena, KS_SHA1, many, 1, many, KS_SCRAM_OFFERS_MAX + 1, &h), KS_ELIMIT);
}

/* --- the first message, as a stranger may write it --- */

enum { PLAIN = 0, PLUS = 1, OFFERED = 2 };
static const struct {
    const char *name, *message;
    int mode;
    enum ks_err want;
    const char *username;
} first_rows[] = {
    { "RFC 5802 §7: a plain first message", "n,,n=anna,r=abc", PLAIN, KS_OK, "anna" },
    { "RFC 5802 §6: the client has no bindings, though we offer some", "n,,n=anna,r=abc", OFFERED, KS_OK, "anna" },
    { "RFC 5802 §6: the client has bindings, and we offered none", "y,,n=anna,r=abc", PLAIN, KS_OK, "anna" },
    { "RFC 5802 §6: flag y though we offered -PLUS is a downgrade", "y,,n=anna,r=abc", OFFERED, KS_ECRYPTO, NULL },
    { "RFC 5802 §6: -PLUS with flag y is refused", "y,,n=anna,r=abc", PLUS | OFFERED, KS_ECRYPTO, NULL },
    { "RFC 5802 §6: -PLUS with flag y is refused, offered or not", "y,,n=anna,r=abc", PLUS, KS_ECRYPTO, NULL },
    { "RFC 5802 §6: -PLUS with flag n is refused", "n,,n=anna,r=abc", PLUS | OFFERED, KS_ECRYPTO, NULL },
    { "RFC 5802 §6: p= without -PLUS is refused", "p=tls-exporter,,n=anna,r=abc", OFFERED, KS_ECRYPTO, NULL },
    { "RFC 9266: tls-exporter", "p=tls-exporter,,n=anna,r=abc", PLUS | OFFERED, KS_OK, "anna" },
    { "RFC 5929 §4: tls-server-end-point", "p=tls-server-end-point,,n=anna,r=abc", PLUS | OFFERED, KS_OK, "anna" },
    { "RFC 5929 §3: tls-unique, which TLS 1.3 has not, is refused", "p=tls-unique,,n=anna,r=abc", PLUS | OFFERED,
        KS_ECRYPTO, NULL },
    { "RFC 5802 §7: a binding's name in capitals is another name", "p=TLS-EXPORTER,,n=anna,r=abc", PLUS | OFFERED,
        KS_ECRYPTO, NULL },
    { "RFC 5802 §7: p= without a name is refused", "p=,,n=anna,r=abc", PLUS | OFFERED, KS_ESYNTAX, NULL },
    { "RFC 5802 §7: another flag is refused", "x,,n=anna,r=abc", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §7: flag N in capitals is refused", "N,,n=anna,r=abc", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §7: no flag is refused", ",,n=anna,r=abc", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §7: a flag with a value is refused", "n=n,,n=anna,r=abc", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §7: without GS2 header", "n=anna,r=abc", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §7: half a GS2 header", "n,n=anna,r=abc", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 6120 §6.3.8: the own bare JID as authzid", "n,a=anna@example.org,n=anna,r=abc", PLAIN, KS_OK, "anna" },
    { "RFC 6120 §6.3.8: the same written differently", "n,a=Anna@EXAMPLE.org,n=ANNA,r=abc", PLAIN, KS_OK, "anna" },
    { "RFC 6120 §6.3.8: somebody else as authzid", "n,a=jonas@example.org,n=anna,r=abc", PLAIN, KS_EDENIED, NULL },
    { "RFC 6120 §6.3.8: the same name elsewhere", "n,a=anna@example.com,n=anna,r=abc", PLAIN, KS_EDENIED, NULL },
    { "RFC 6120 §6.3.8: an authzid with a resource", "n,a=anna@example.org/x,n=anna,r=abc", PLAIN, KS_EDENIED, NULL },
    { "RFC 6120 §6.3.8: a domain alone as authzid", "n,a=example.org,n=anna,r=abc", PLAIN, KS_EDENIED, NULL },
    { "RFC 6120 §6.3.8: a localpart alone is a domain", "n,a=anna,n=anna,r=abc", PLAIN, KS_EDENIED, NULL },
    { "RFC 6120 §6.3.8: an authzid that is no JID", "n,a=@example.org,n=anna,r=abc", PLAIN, KS_EDENIED, NULL },
    { "RFC 5802 §7: an empty authzid is refused", "n,a=,n=anna,r=abc", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §7: an authzid without a= is refused", "n,anna@example.org,n=anna,r=abc", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §7: a bad saslname as authzid is refused", "n,a=a=b@example.org,n=anna,r=abc", PLAIN, KS_ESYNTAX,
        NULL },
    { "RFC 5802 §5.1: extension m is refused", "n,,m=x,n=anna,r=abc", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §5.1: extension m at the end is refused", "n,,n=anna,r=abc,m=x", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §5.1: other extensions are ignored", "n,,n=anna,r=abc,x=1,Y=2=3", PLAIN, KS_OK, "anna" },
    { "RFC 5802 §7: an extension without letter is refused", "n,,n=anna,r=abc,1=x", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §7: an extension without value is refused", "n,,n=anna,r=abc,x=", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §7: a comma at the end is refused", "n,,n=anna,r=abc,", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §7: nonce before name is refused", "n,,r=abc,n=anna", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §7: no nonce is refused", "n,,n=anna", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §7: an empty nonce is refused", "n,,n=anna,r=", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §7: a nonce with a blank is refused", "n,,n=anna,r=a c", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §7: a nonce outside ASCII is refused", "n,,n=anna,r=\xc3\xa4", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §7: an empty name is refused", "n,,n=,r=abc", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §7: the empty message is refused", "", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §7: bytes that are not UTF-8 are refused", "n,,n=ann\xff,r=abc", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §5.1: =2C and =3D are comma and equals sign", "n,,n=a=2Cb=3Dc,r=abc", PLAIN, KS_OK, "a,b=c" },
    { "RFC 5802 §5.1: =3d in small letters is refused", "n,,n=a=3db,r=abc", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §5.1: =2D is refused", "n,,n=a=2Db,r=abc", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §5.1: = at the end is refused", "n,,n=a=,r=abc", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 5802 §5.1: =2 at the end is refused", "n,,n=a=2,r=abc", PLAIN, KS_ESYNTAX, NULL },
    { "RFC 7622 §3.3: a name is normalised", "n,,n=ANNA,r=abc", PLAIN, KS_OK, "anna" },
    { "RFC 7622 §3.3.1: a name no account can have goes on as it is", "n,,n=anna@example.org,r=abc", PLAIN, KS_OK,
        "anna@example.org" },
    { "RFC 7622 §3.3: a name with a blank goes on as it is", "n,,n=Anna Wolf,r=abc", PLAIN, KS_OK, "Anna Wolf" },
};

static void first_messages(void)
{
    for (size_t i = 0; i < KS_COUNT(first_rows); i++) {
        struct ks_scram_server server;
        bool plus = first_rows[i].mode & PLUS;
        enum ks_err err = ks_scram_server_first(&server, &arena, KS_SHA256, plus, first_rows[i].mode & OFFERED,
            KS_STR("example.org"), &all_bindings, ks_str_z(first_rows[i].message));
        check_err(first_rows[i].name, err, first_rows[i].want);
        if (err == KS_OK && first_rows[i].username)
            check_str("and the name is read", server.username, ks_str_z(first_rows[i].username));
    }
    struct ks_scram_server server;
    check_err("RFC 5802 §6: a binding that this connection has not is refused",
        ks_scram_server_first(&server, &arena, KS_SHA256, true, true, KS_STR("example.org"), &no_bindings,
            KS_STR("p=tls-exporter,,n=anna,r=abc")),
        KS_ECRYPTO);
    check_err("a NUL is refused",
        ks_scram_server_first(
            &server, &arena, KS_SHA256, false, false, KS_STR("example.org"), &no_bindings, KS_STR("n,,n=an\0na,r=abc")),
        KS_ESYNTAX);
    struct ks_str long_message = text("n,,n=anna,r=%0*d", KS_SCRAM_MESSAGE_MAX - 12, 0);
    check_err("a message of the greatest length is read",
        ks_scram_server_first(
            &server, &arena, KS_SHA256, false, false, KS_STR("example.org"), &no_bindings, long_message),
        KS_OK);
    long_message = text("n,,n=anna,r=%0*d", KS_SCRAM_MESSAGE_MAX - 11, 0);
    check_err("one byte more is too long",
        ks_scram_server_first(
            &server, &arena, KS_SHA256, false, false, KS_STR("example.org"), &no_bindings, long_message),
        KS_ELIMIT);
    long_message = text("n,,n=%0*d,r=abc", 1100, 0);
    check_err("a name longer than a localpart is read",
        ks_scram_server_first(
            &server, &arena, KS_SHA256, false, false, KS_STR("example.org"), &no_bindings, long_message),
        KS_OK);
    check_row(server.username.len == 1100, "and goes on as it is", "%zu bytes", server.username.len);
}

/* --- whole exchanges --- */

struct exchange {
    enum ks_hash hash;
    enum ks_scram_binding binding;
    bool have_bindings;
    const char *password, *username;
    const struct ks_scram_bindings *at_client, *at_server;
    struct ks_scram_server server;
    struct ks_scram_client client;
    struct ks_str first, challenge, final, done;
};

static struct exchange new_exchange(enum ks_hash hash, enum ks_scram_binding binding)
{
    return (struct exchange) { hash, binding, binding != KS_BIND_NONE, "pencil", "anna", &all_bindings, &all_bindings,
        { 0 }, { 0 }, KS_STR_EMPTY, KS_STR_EMPTY, KS_STR_EMPTY, KS_STR_EMPTY };
}

static struct ks_scram_keys made_keys(enum ks_hash hash)
{
    static const uint8_t salt[KS_SCRAM_SALT_LEN] = "sixteen bytes of";
    struct ks_scram_keys keys;

    ks_scram_keys_make(hash, KS_STR("pencil"), salt, KS_SCRAM_ITERATIONS_MIN, &keys);
    return keys;
}

/* Up to the client's final message. */
static enum ks_err begin(struct exchange *x, const struct ks_scram_keys *keys)
{
    bool plus = x->binding != KS_BIND_NONE;
    enum ks_err err;

    if ((err = ks_scram_client_first(&x->client, &arena, x->hash, x->binding, x->have_bindings, ks_str_z(x->username),
             ks_str_z(x->password), &prng, &x->first))
            != KS_OK
        || (err = ks_scram_server_first(
                &x->server, &arena, x->hash, plus, plus, KS_STR("example.org"), x->at_server, x->first))
            != KS_OK
        || (err = ks_scram_server_challenge(&x->server, keys, &prng, KS_STR_EMPTY, &x->challenge)) != KS_OK)
        return err;
    return ks_scram_client_final(&x->client, x->at_client, KS_STR_EMPTY, x->challenge, &x->final);
}

static enum ks_err finish(struct exchange *x)
{
    return ks_scram_server_final(&x->server, x->at_server, x->final, &x->done);
}

static void exchanges(void)
{
    static const char *const hash_names[] = { "SHA-1", "SHA-256", "SHA-512" };
    static const uint8_t zeroes[KS_HASH_MAX];
    const struct ks_scram_bindings other = {
        { [KS_BIND_TLS_EXPORTER] = KS_STR("of another connection, in the middle"),
            [KS_BIND_TLS_SERVER_END_POINT] = KS_STR("another certificate") },
    };

    for (int hash = KS_SHA1; hash <= KS_SHA512; hash++) {
        struct ks_scram_keys keys = made_keys((enum ks_hash)hash);
        for (int binding = KS_BIND_NONE; binding < KS_BIND_COUNT; binding++) {
            const char *what =
                text("%s %s%c", hash_names[hash], ks_scram_binding_name((enum ks_scram_binding)binding), 0).ptr;
            struct exchange x = new_exchange((enum ks_hash)hash, (enum ks_scram_binding)binding);
            enum ks_err err = begin(&x, &keys);
            check_row(err == KS_OK, "an exchange goes through", "%s: %s", what, ks_err_name(err));
            err = finish(&x);
            check_row(err == KS_OK, "the server accepts the client", "%s: %s", what, ks_err_name(err));
            check_row(memcmp(&x.server.keys.stored_key, zeroes, sizeof zeroes) == 0
                    && memcmp(&x.server.keys.server_key, zeroes, sizeof zeroes) == 0,
                "and its keys are wiped", "%s", what);
            err = ks_scram_client_done(&x.client, x.done);
            check_row(err == KS_OK, "the client accepts the server", "%s: %s", what, ks_err_name(err));
            check_row(memcmp(x.client.server_signature, zeroes, sizeof zeroes) == 0, "and its signature is wiped", "%s",
                what);
            check_err("the same final message a second time is refused", finish(&x), KS_ESTATE);
            check_err("the same end a second time is refused", ks_scram_client_done(&x.client, x.done), KS_ESTATE);

            x = new_exchange((enum ks_hash)hash, (enum ks_scram_binding)binding);
            x.password = "Pencil";
            err = begin(&x, &keys);
            check_row(err == KS_OK && finish(&x) == KS_ECRYPTO, "a wrong password is refused", "%s", what);

            x = new_exchange((enum ks_hash)hash, (enum ks_scram_binding)binding);
            x.at_server = &other;
            err = begin(&x, &keys);
            if (binding != KS_BIND_NONE)
                check_row(
                    err == KS_OK && finish(&x) == KS_ECRYPTO, "RFC 5802 §6: another channel is refused", "%s", what);
        }
    }
    struct ks_scram_keys keys = made_keys(KS_SHA256);
    struct exchange x = new_exchange(KS_SHA256, KS_BIND_NONE);
    x.username = "a,b=c";
    check_row(begin(&x, &keys) == KS_OK && ks_str_is(x.server.username, "a,b=c") && finish(&x) == KS_OK,
        "RFC 5802 §5.1: a name with comma and equals sign goes through", "not");
    struct exchange first = new_exchange(KS_SHA256, KS_BIND_NONE), second = first;
    check_row(begin(&first, &keys) == KS_OK && begin(&second, &keys) == KS_OK
            && !ks_str_eq(first.challenge, second.challenge) && !ks_str_eq(first.first, second.first),
        "RFC 5802 §5.1: both nonces are new each time", "not");
}

/* --- the final message, as a stranger may write it --- */

static struct ks_str without_proof(struct ks_str final)
{
    return ks_str_head(final, ks_str_find(final, KS_STR(",p=")));
}

/* A client that knows the password and lies about what it saw: its proof is right for what it says. */
static struct ks_str signed_final(const struct exchange *x, struct ks_str bare)
{
    static const uint8_t salt[] = "sixteen bytes of";
    uint8_t salted[32], client_key[32], stored_key[32], signature[32];
    struct ks_str auth =
        text("%.*s,%.*s,%.*s", KS_STR_FMT(x->client.first_bare), KS_STR_FMT(x->challenge), KS_STR_FMT(bare));

    ks_pbkdf2(KS_SHA256, ks_str_z(x->password), ks_str(salt, 16), KS_SCRAM_ITERATIONS_MIN, salted);
    ks_hmac(KS_SHA256, ks_str(salted, 32), KS_STR("Client Key"), client_key);
    ks_hash(KS_SHA256, ks_str(client_key, 32), stored_key);
    ks_hmac(KS_SHA256, ks_str(stored_key, 32), auth, signature);
    for (int i = 0; i < 32; i++)
        signature[i] ^= client_key[i];
    return text("%.*s,p=%.*s", KS_STR_FMT(bare), KS_STR_FMT(base64(ks_str(signature, 32))));
}

static struct ks_str claim(const struct exchange *x, const char *gs2, const char *data)
{
    struct ks_str seen = base64(text("%s%s", gs2, data));

    return signed_final(x, text("c=%.*s,r=%.*s", KS_STR_FMT(seen), KS_STR_FMT(x->server.nonce)));
}

static void final_messages(void)
{
    struct ks_scram_keys keys = made_keys(KS_SHA256);
    static const struct {
        const char *name;
        enum ks_scram_binding binding;
        const char *gs2, *data;
        enum ks_err want;
    } claims[] = {
        { "RFC 5802 §6: what it said before, said again, is accepted", KS_BIND_NONE, "n,,", "", KS_OK },
        { "RFC 5802 §6: another flag than before is refused", KS_BIND_NONE, "y,,", "", KS_ECRYPTO },
        { "RFC 5802 §6: p= that it did not say before is refused", KS_BIND_NONE, "p=tls-exporter,,", EXPORTER,
            KS_ECRYPTO },
        { "RFC 5802 §6: an authzid that was not there before is refused", KS_BIND_NONE, "n,a=anna@example.org,", "",
            KS_ECRYPTO },
        { "RFC 5802 §6: data without p= is refused", KS_BIND_NONE, "n,,", EXPORTER, KS_ECRYPTO },
        { "RFC 5802 §6: half a header is refused", KS_BIND_NONE, "n,", "", KS_ECRYPTO },
        { "RFC 9266: header and data as they are", KS_BIND_TLS_EXPORTER, "p=tls-exporter,,", EXPORTER, KS_OK },
        { "RFC 9266: header without data is refused", KS_BIND_TLS_EXPORTER, "p=tls-exporter,,", "", KS_ECRYPTO },
        { "RFC 9266: more data is refused", KS_BIND_TLS_EXPORTER, "p=tls-exporter,,", EXPORTER "x", KS_ECRYPTO },
        { "RFC 9266: data of the other binding is refused", KS_BIND_TLS_EXPORTER, "p=tls-exporter,,", END_POINT,
            KS_ECRYPTO },
        { "RFC 9266: the other binding is refused", KS_BIND_TLS_EXPORTER, "p=tls-server-end-point,,", END_POINT,
            KS_ECRYPTO },
        { "RFC 9266: data without its header is refused", KS_BIND_TLS_EXPORTER, "", EXPORTER, KS_ECRYPTO },
    };
    for (size_t i = 0; i < KS_COUNT(claims); i++) {
        struct exchange x = new_exchange(KS_SHA256, claims[i].binding);
        enum ks_err err = begin(&x, &keys);
        if (err == KS_OK) {
            x.final = claim(&x, claims[i].gs2, claims[i].data);
            err = finish(&x);
        }
        check_err(claims[i].name, err, claims[i].want);
    }

    struct exchange replay = new_exchange(KS_SHA256, KS_BIND_NONE);
    check_err("an exchange begins", begin(&replay, &keys), KS_OK);
    replay.final = signed_final(&replay, KS_STR("c=biws,r=abc"));
    check_err("RFC 5802 §5.1: an old nonce with a proof that is right for it is refused", finish(&replay), KS_ECRYPTO);

    /* NONCE and PROOF stand for what a good client would send. */
    static const struct {
        const char *name, *format;
        enum ks_err want;
    } forms[] = {
        { "a good final message, put together again", "c=biws,r=NONCE,p=PROOF", KS_OK },
        { "RFC 5802 §5.1: an old nonce is refused", "c=biws,r=abc,p=PROOF", KS_ECRYPTO },
        { "RFC 5802 §5.1: more than the nonce is refused", "c=biws,r=NONCEx,p=PROOF", KS_ECRYPTO },
        { "RFC 5802 §5.1: an extension outside the proof is refused", "c=biws,r=NONCE,x=1,p=PROOF", KS_ECRYPTO },
        { "RFC 5802 §5.1: extension m is refused", "c=biws,r=NONCE,m=1,p=PROOF", KS_ESYNTAX },
        { "RFC 5802 §7: something after the proof is refused", "c=biws,r=NONCE,p=PROOF,x=1", KS_ESYNTAX },
        { "RFC 5802 §7: a comma after the proof is refused", "c=biws,r=NONCE,p=PROOF,", KS_ESYNTAX },
        { "RFC 5802 §7: no proof is refused", "c=biws,r=NONCE", KS_ESYNTAX },
        { "RFC 5802 §7: an empty proof is refused", "c=biws,r=NONCE,p=", KS_ESYNTAX },
        { "RFC 5802 §7: no channel is refused", "r=NONCE,p=PROOF", KS_ESYNTAX },
        { "RFC 5802 §7: an empty channel is refused", "c=,r=NONCE,p=PROOF", KS_ESYNTAX },
        { "RFC 5802 §7: nonce before channel is refused", "r=NONCE,c=biws,p=PROOF", KS_ESYNTAX },
        { "RFC 4648 §3.5: a channel whose last bits are not zero is refused", "c=biwt=,r=NONCE,p=PROOF", KS_ESYNTAX },
        { "RFC 4648 §3.3: a blank in base64 is refused", "c=bi ws,r=NONCE,p=PROOF", KS_ESYNTAX },
        { "RFC 4648 §3.2: a proof without padding is refused", "c=biws,r=NONCE,p=AAAA", KS_ESYNTAX },
        { "a proof of another length is refused", "c=biws,r=NONCE,p=PROOFAAAA", KS_ESYNTAX },
        { "a proof of zeroes is refused", "c=biws,r=NONCE,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", KS_ECRYPTO },
        { "the empty message is refused", "", KS_ESYNTAX },
        { "an error of the client's is no proof", "e=other-error", KS_ESYNTAX },
    };
    for (size_t i = 0; i < KS_COUNT(forms); i++) {
        struct exchange x = new_exchange(KS_SHA256, KS_BIND_NONE);
        enum ks_err err = begin(&x, &keys);
        struct ks_str left = ks_str_z(forms[i].format), proof = ks_str_from(x.final, without_proof(x.final).len + 3);
        struct ks_str made = KS_STR_EMPTY;
        while (left.len) {
            struct ks_str word = ks_str_starts(left, KS_STR("NONCE")) ? x.server.nonce
                : ks_str_starts(left, KS_STR("PROOF"))                ? proof
                                                                      : KS_STR_EMPTY;
            made = text("%.*s%.*s", KS_STR_FMT(made), KS_STR_FMT(word.len ? word : ks_str_head(left, 1)));
            left = ks_str_from(left, word.len ? 5 : 1);
        }
        x.final = made;
        if (err == KS_OK)
            err = finish(&x);
        check_err(forms[i].name, err, forms[i].want);
    }

    /* Whatever byte of a good message is changed. */
    struct exchange good = new_exchange(KS_SHA256, KS_BIND_TLS_EXPORTER);
    size_t accepted = 0;
    check_err("a good final message", begin(&good, &keys), KS_OK);
    for (size_t at = 0; at < good.final.len; at++) {
        struct exchange x = good;
        struct ks_str left = ks_str_from(good.final, at + 1);
        x.final = text("%.*s%c%.*s", (int)at, good.final.ptr, good.final.ptr[at] ^ 1, KS_STR_FMT(left));
        accepted += finish(&x) == KS_OK;
    }
    check_row(accepted == 0, "a final message with any byte changed is refused", "%zu accepted", accepted);

    struct ks_scram_server server = { 0 };
    struct ks_str answer;
    check_err("a final message before any other is refused",
        ks_scram_server_final(&server, &all_bindings, KS_STR("c=biws,r=a,p=AAAA"), &answer), KS_ESTATE);
}

/* --- the server's messages, as a stranger may write them --- */

static const struct {
    const char *name, *message;
    enum ks_err want;
} challenge_rows[] = {
    { "RFC 5802 §7: a challenge", "r=abcdef,s=QSXCR+Q6sek8bf92,i=4096", KS_OK },
    { "RFC 5802 §7: a challenge with an extension", "r=abcdef,s=QSXCR+Q6sek8bf92,i=4096,x=1", KS_OK },
    { "RFC 5802 §5.1: a nonce that is not ours is refused", "r=xbcdef,s=QSXCR+Q6sek8bf92,i=4096", KS_ECRYPTO },
    { "RFC 5802 §5.1: a nonce the server added nothing to is refused", "r=abc,s=QSXCR+Q6sek8bf92,i=4096", KS_ECRYPTO },
    { "RFC 5802 §5.1: extension m is refused", "m=x,r=abcdef,s=QSXCR+Q6sek8bf92,i=4096", KS_ESYNTAX },
    { "RFC 5802 §5.1: extension m at the end is refused", "r=abcdef,s=QSXCR+Q6sek8bf92,i=4096,m=x", KS_ESYNTAX },
    { "RFC 7677 §4: fewer than 4096 iterations are refused", "r=abcdef,s=QSXCR+Q6sek8bf92,i=4095", KS_ELIMIT },
    { "more iterations than we want to pay for are refused", "r=abcdef,s=QSXCR+Q6sek8bf92,i=10000001", KS_ELIMIT },
    { "a number beyond all numbers is refused", "r=abcdef,s=QSXCR+Q6sek8bf92,i=99999999999999999999999", KS_ELIMIT },
    { "RFC 5802 §7: a number with a leading zero is refused", "r=abcdef,s=QSXCR+Q6sek8bf92,i=04096", KS_ESYNTAX },
    { "RFC 5802 §7: no number is refused", "r=abcdef,s=QSXCR+Q6sek8bf92,i=many", KS_ESYNTAX },
    { "RFC 5802 §7: a negative number is refused", "r=abcdef,s=QSXCR+Q6sek8bf92,i=-4096", KS_ESYNTAX },
    { "RFC 5802 §7: no iterations are refused", "r=abcdef,s=QSXCR+Q6sek8bf92", KS_ESYNTAX },
    { "RFC 5802 §7: no salt is refused", "r=abcdef,i=4096", KS_ESYNTAX },
    { "RFC 5802 §7: an empty salt is refused", "r=abcdef,s=,i=4096", KS_ESYNTAX },
    { "RFC 4648 §3.3: a salt that is not base64 is refused", "r=abcdef,s=QSXCR_Q6sek8bf92,i=4096", KS_ESYNTAX },
    { "RFC 5802 §7: another order is refused", "s=QSXCR+Q6sek8bf92,r=abcdef,i=4096", KS_ESYNTAX },
    { "RFC 5802 §7: a comma at the end is refused", "r=abcdef,s=QSXCR+Q6sek8bf92,i=4096,", KS_ESYNTAX },
    { "XEP-0474: two hashes are refused", "r=abcdef,s=QSXCR+Q6sek8bf92,i=4096,h=QUJD,h=QUJD", KS_ESYNTAX },
    { "RFC 5802 §7: the empty message is refused", "", KS_ESYNTAX },
    { "RFC 5802 §7: bytes that are not UTF-8 are refused", "r=abcdef\xff,s=QSXCR+Q6sek8bf92,i=4096", KS_ESYNTAX },
};

static void server_messages(void)
{
    struct ks_scram_keys keys = made_keys(KS_SHA256);

    for (size_t i = 0; i < KS_COUNT(challenge_rows); i++) {
        struct ks_scram_client client;
        struct ks_str message;
        enum ks_err err = ks_scram_client_first_nonce(
            &client, &arena, KS_SHA256, KS_BIND_NONE, false, KS_STR("anna"), KS_STR("pencil"), KS_STR("abc"), &message);
        if (err == KS_OK)
            err = ks_scram_client_final(
                &client, &no_bindings, KS_STR_EMPTY, ks_str_z(challenge_rows[i].message), &message);
        check_err(challenge_rows[i].name, err, challenge_rows[i].want);
    }

    static const struct {
        const char *name, *format;
        enum ks_err want;
    } ends[] = {
        { "a good end", "%.*s", KS_OK },
        { "RFC 5802 §7: an end with an extension", "%.*s,x=1", KS_OK },
        { "RFC 5802 §5.1: extension m is refused", "%.*s,m=1", KS_ESYNTAX },
        { "a signature that is not the server's is refused", "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=%.0s%.0d",
            KS_ECRYPTO },
        { "a signature of another length is refused", "v=AAAA%.0s%.0d", KS_ECRYPTO },
        { "a signature that is not base64 is refused", "v=*%.0s%.0d", KS_ESYNTAX },
        { "RFC 5802 §7: a server error is a refusal", "e=invalid-proof%.0s%.0d", KS_ECRYPTO },
        { "RFC 5802 §7: anything else is refused", "x=1%.0s%.0d", KS_ESYNTAX },
        { "RFC 5802 §7: nothing is refused", "%.0s%.0d", KS_ESYNTAX },
    };
    for (size_t i = 0; i < KS_COUNT(ends); i++) {
        struct exchange x = new_exchange(KS_SHA256, KS_BIND_TLS_EXPORTER);
        enum ks_err err = begin(&x, &keys);
        if (err == KS_OK && (err = finish(&x)) == KS_OK) {
            struct ks_str end = KS_STR_EMPTY;
            if (ks_str_starts(ks_str_z(ends[i].format), KS_STR("%.*s")))
                end = text("%.*s%s", KS_STR_FMT(x.done), ends[i].format + 4);
            else
                end = ks_str_head(ks_str_z(ends[i].format), ks_str_find_byte(ks_str_z(ends[i].format), '%'));
            err = ks_scram_client_done(&x.client, end);
        }
        check_err(ends[i].name, err, ends[i].want);
    }
    struct exchange x = new_exchange(KS_SHA256, KS_BIND_NONE);
    if (ks_scram_client_first(
            &x.client, &arena, x.hash, x.binding, false, KS_STR("anna"), KS_STR("pencil"), &prng, &x.first)
        != KS_OK)
        abort();
    check_err("a server that announces success at once is refused",
        ks_scram_client_done(&x.client, KS_STR("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")), KS_ESTATE);
    check_err("and the exchange is over",
        ks_scram_client_final(&x.client, &no_bindings, KS_STR_EMPTY, KS_STR(""), &x.final), KS_ESTATE);
    if (ks_scram_client_first(
            &x.client, &arena, x.hash, x.binding, true, KS_STR("anna"), KS_STR("pencil"), &prng, &x.first)
        != KS_OK)
        abort();
    check_row(ks_str_starts(x.first, KS_STR("y,,")), "RFC 5802 §6: a client with bindings says y to a server without",
        "\"%.*s\"", KS_STR_FMT(x.first));
}

/* --- keys --- */

static void keys_and_records(void)
{
    for (int hash = KS_SHA1; hash <= KS_SHA512; hash++) {
        struct ks_scram_keys keys = made_keys((enum ks_hash)hash), read;
        struct ks_buf buf;
        ks_buf_init(&buf, 1000);
        ks_scram_keys_write(&buf, &keys);
        struct ks_str record = ks_buf_str(&buf);
        enum ks_err err = ks_scram_keys_read(record, &read);
        check_row(err == KS_OK && memcmp(&keys, &read, sizeof keys) == 0, "a record reads as it was written", "%s",
            ks_err_name(err));
        size_t accepted = 0;
        for (size_t len = 0; len < record.len; len++)
            accepted += ks_scram_keys_read(ks_str_head(record, len), &read) != KS_ESYNTAX;
        check_row(accepted == 0, "a record cut anywhere is refused", "%zu accepted", accepted);
        ks_buf_byte(&buf, 0);
        check_err("a record with a byte too many is refused", ks_scram_keys_read(ks_buf_str(&buf), &read), KS_ESYNTAX);
        buf.len--;
        buf.ptr[0]++;
        check_err("a record of a newer version says so", ks_scram_keys_read(ks_buf_str(&buf), &read), KS_EVERSION);
        buf.ptr[0] = 1;
        buf.ptr[1] = 9;
        check_err(
            "a record with a hash nobody knows is refused", ks_scram_keys_read(ks_buf_str(&buf), &read), KS_ESYNTAX);
        ks_buf_done(&buf);
    }
    struct ks_scram_keys keys = made_keys(KS_SHA256), read;
    struct ks_buf buf;
    keys.iterations = KS_SCRAM_ITERATIONS_FOREIGN - 1;
    ks_buf_init(&buf, 1000);
    ks_scram_keys_write(&buf, &keys);
    check_err("a record with too few iterations is refused", ks_scram_keys_read(ks_buf_str(&buf), &read), KS_ESYNTAX);
    ks_buf_done(&buf);

    struct ks_scram_keys a, b, c, d, e;
    ks_scram_fake(KS_SHA256, KS_STR("secret"), KS_STR("nobody"), 10000, &a);
    ks_scram_fake(KS_SHA256, KS_STR("secret"), KS_STR("nobody"), 10000, &b);
    ks_scram_fake(KS_SHA256, KS_STR("secret"), KS_STR("nobodz"), 10000, &c);
    ks_scram_fake(KS_SHA256, KS_STR("secreu"), KS_STR("nobody"), 10000, &d);
    ks_scram_fake(KS_SHA512, KS_STR("secret"), KS_STR("nobody"), 10000, &e);
    check_row(memcmp(&a, &b, sizeof a) == 0, "made-up keys are the same at every try", "not");
    check_row(memcmp(a.salt, c.salt, 16) != 0, "another name has another salt", "not");
    check_row(memcmp(a.salt, d.salt, 16) != 0, "another secret gives another salt", "not");
    check_row(memcmp(a.salt, e.salt, 16) != 0, "another mechanism has another salt", "not");
    struct exchange x = new_exchange(KS_SHA256, KS_BIND_NONE);
    check_row(begin(&x, &a) == KS_OK && finish(&x) == KS_ECRYPTO, "nobody logs in with made-up keys", "not");
    check_row(ks_str_find(x.challenge, KS_STR(",i=10000")) < x.challenge.len,
        "made-up keys have the configured iterations", "\"%.*s\"", KS_STR_FMT(x.challenge));
}

/* An arena too small anywhere on the way: an error, and never an accepted client. */
static void memory(void)
{
    struct ks_scram_keys keys = made_keys(KS_SHA256);
    struct ks_arena small, kept = arena;
    size_t failed = 0, bytes = 0;
    bool done = false;

    for (; !done && bytes < 8192; bytes += 16) {
        struct exchange x = new_exchange(KS_SHA256, KS_BIND_TLS_EXPORTER);
        ks_arena_init(&small, bytes);
        arena = small;
        enum ks_err err = begin(&x, &keys);
        if (err == KS_OK)
            err = finish(&x);
        if (err == KS_OK)
            err = ks_scram_client_done(&x.client, x.done);
        done = err == KS_OK;
        failed += !done && err != KS_ELIMIT;
        ks_arena_done(&arena);
    }
    arena = kept;
    check_row(done && failed == 0, "an arena too small is KS_ELIMIT, wherever it ends", "%zu other, %zu bytes", failed,
        bytes);
}

int main(void)
{
    check_err("the library starts", ks_crypto_init(), KS_OK);
    ks_arena_init(&arena, 64 << 20);
    ks_prng_init_number(&prng, 1);
    examples();
    xep_0474();
    first_messages();
    exchanges();
    final_messages();
    server_messages();
    keys_and_records();
    memory();
    ks_arena_done(&arena);
    return check_done();
}
