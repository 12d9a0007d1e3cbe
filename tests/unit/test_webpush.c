/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "enc.h"
#include "failmalloc.h"
#include "webpush.h"
#include "webpush_endpoint.h"

static struct ks_arena arena;

static const uint8_t *bytes_of(const char *base64url)
{
    struct ks_str bytes;

    if (ks_base64url_read(&arena, ks_str_z(base64url), &bytes) != KS_OK)
        abort();
    return (const uint8_t *)bytes.ptr;
}

static void check_body(const char *name, const struct ks_buf *body, const char *want)
{
    struct ks_buf text;

    ks_buf_init(&text, 1 << 14);
    ks_base64url_add(&text, ks_buf_str(body));
    check_str(name, ks_buf_str(&text), ks_str_z(want));
    ks_buf_done(&text);
}

/* --- messages --- */

#define UA_PUBLIC "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
#define UA_PRIVATE "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
#define AS_PRIVATE "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
#define AUTH "BTBZMqHH6r4Tts7J_aSIgg"
#define SALT "DGv6ra1nlYgDCS1FRnbzlw"
#define MELON "When I grow up, I want to be a watermelon"

static void known_answers(void)
{
    struct ks_webpush_record record = { .secret = ks_str(bytes_of("yqdlZ-tYemfogSmv7Ws5PQ"), 16), .size = 4096 };
    struct ks_webpush_keys keys;
    struct ks_buf body;

    ks_buf_init(&body, 1 << 14);
    memcpy(record.salt, bytes_of("I1BsxtFttlv3u_Oo94xnmw"), 16);
    ks_webpush_record_add(&body, &record, KS_STR("I am the walrus"));
    check_body("RFC 8188 §3.1: the example of one record", &body,
        "I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg");
    ks_buf_reset(&body);
    check_err("RFC 8291 §5: the keys are read", ks_webpush_keys_read(KS_STR(UA_PUBLIC), KS_STR(AUTH), &keys), KS_OK);
    check_err("RFC 8291 §5: a text is encrypted",
        ks_webpush_encrypt(
            &body, &keys, bytes_of(AS_PRIVATE), bytes_of(SALT), KS_STR(MELON), sizeof MELON - 1 + KS_WEBPUSH_OVERHEAD),
        KS_OK);
    check_body("RFC 8291 §5: to the example's body", &body,
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBr"
        "u3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN");
    ks_buf_done(&body);
}

/* The browser's side of RFC 8291, from its sections and not from webpush.c; false: it does not open. */
static bool open_body(struct ks_str body, char *room, struct ks_str *ret_text)
{
    uint8_t shared[32], secret[32], key[16], nonce[12];
    struct ks_str salt = ks_str_head(body, 16), theirs = ks_str_head(ks_str_from(body, 21), 65);
    struct ks_str sealed = ks_str_from(body, 86);
    char info[14 + 65 + 65] = "WebPush: info";

    if (body.len < 86 + 17 || body.ptr[20] != 65
        || ks_p256_ecdh(bytes_of(UA_PRIVATE), (const uint8_t *)theirs.ptr, shared) != KS_OK)
        return false;
    memcpy(info + 14, bytes_of(UA_PUBLIC), 65);
    memcpy(info + 14 + 65, theirs.ptr, 65);
    ks_hkdf(KS_SHA256, ks_str(shared, 32), ks_str(bytes_of(AUTH), 16), ks_str(info, sizeof info), secret, 32);
    ks_hkdf(KS_SHA256, ks_str(secret, 32), salt, ks_str("Content-Encoding: aes128gcm", 28), key, 16);
    ks_hkdf(KS_SHA256, ks_str(secret, 32), salt, ks_str("Content-Encoding: nonce", 24), nonce, 12);
    size_t len = sealed.len - 16;
    if (ks_aes_gcm_open(ks_str(key, 16), ks_str(nonce, 12), KS_STR_EMPTY, ks_str_head(sealed, len),
            (const uint8_t *)sealed.ptr + len, (uint8_t *)room)
        != KS_OK)
        return false;
    while (len && room[len - 1] == 0)
        len--;
    if (!len || room[len - 1] != 2)
        return false;
    *ret_text = ks_str(room, len - 1);
    return true;
}

static void constant_length(void)
{
    static const char *const texts[] = { "", "wake", "a longer one, and still the same" };
    static char room[KS_WEBPUSH_BODY_MAX];
    const size_t lens[] = { 300, KS_WEBPUSH_BODY_MAX };
    struct ks_webpush_keys keys;
    struct ks_str text;
    struct ks_buf body;

    ks_buf_init(&body, 1 << 14);
    check_err("the keys are read", ks_webpush_keys_read(KS_STR(UA_PUBLIC), KS_STR(AUTH), &keys), KS_OK);
    for (size_t i = 0; i < KS_COUNT(texts); i++)
        for (size_t j = 0; j < KS_COUNT(lens); j++) {
            ks_buf_reset(&body);
            enum ks_err err =
                ks_webpush_encrypt(&body, &keys, bytes_of(AS_PRIVATE), bytes_of(SALT), ks_str_z(texts[i]), lens[j]);
            check_row(err == KS_OK && body.len == lens[j],
                "DSK II.3-d: a body has the length that was asked for, whatever is in it", "%zu", body.len);
            check_row(open_body(ks_buf_str(&body), room, &text) && ks_str_eq(text, ks_str_z(texts[i])),
                "RFC 8291 §3.4: the owner of the keys reads what was written", "%s", texts[i]);
            body.ptr[body.len - 1] ^= 1;
            check_row(!open_body(ks_buf_str(&body), room, &text), "a changed body does not open", "it does");
        }
    ks_buf_done(&body);
    bool first = fail_nth(1);
    enum ks_err err = ks_webpush_encrypt(&body, &keys, bytes_of(AS_PRIVATE), bytes_of(SALT), KS_STR("wake"), 300);
    check_row(first && fail_stop() && err == KS_OK && body.err == KS_ENOMEM, "without memory the buffer says so",
        "%s, %s", ks_err_name(err), ks_err_name(body.err));
    ks_buf_done(&body);
}

static void keys(void)
{
    static const struct {
        const char *name, *p256dh, *auth;
        enum ks_err want;
    } rows[] = {
        { "RFC 8291 §2: as a browser writes them", UA_PUBLIC, AUTH, KS_OK },
        { "RFC 8291 §3.2: a secret of 15 bytes", UA_PUBLIC, "BTBZMqHH6r4Tts7J_aSI", KS_ESYNTAX },
        { "RFC 8291 §3.2: a secret of 17 bytes", UA_PUBLIC, "BTBZMqHH6r4Tts7J_aSIggA", KS_ESYNTAX },
        { "RFC 8291 §3.2: no secret", UA_PUBLIC, "", KS_ESYNTAX },
        { "RFC 8291 §2.1: no key", "", AUTH, KS_ESYNTAX },
        { "RFC 8291 §2.1: half a key", "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcx", AUTH, KS_ESYNTAX },
        { "RFC 8291 §2.1: a key with padding", UA_PUBLIC "=", AUTH, KS_ESYNTAX },
        { "RFC 8291 §7: a point beside the curve",
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw8", AUTH,
            KS_ECRYPTO },
    };
    struct ks_webpush_keys read;

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        check_err(
            rows[i].name, ks_webpush_keys_read(ks_str_z(rows[i].p256dh), ks_str_z(rows[i].auth), &read), rows[i].want);
}

/* --- who it is --- */

static void vapid(void)
{
    const struct ks_webpush_claim claim = { KS_STR("https://push.example.net"), KS_STR("mailto:push@example.com"),
        1453523768 };
    struct ks_str token, key, part[3], header, claims, signature;
    uint8_t digest[32];
    struct ks_buf value;

    ks_buf_init(&value, 2048);
    ks_webpush_vapid_add(&value, bytes_of(AS_PRIVATE), &claim);
    token = ks_str_from(ks_buf_str(&value), 8);
    key = ks_str_from(token, ks_str_find(token, KS_STR(", k=")) + 4);
    token = ks_str_head(token, ks_str_find(token, KS_STR(", k=")));
    check_str("RFC 8292 §3: the scheme, then the token", ks_str_head(ks_buf_str(&value), 8), KS_STR("vapid t="));
    check_str("RFC 8292 §3.2: then the public key", key,
        KS_STR("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"));
    struct ks_str rest = token;
    for (size_t i = 0; i < 3; i++)
        if (!ks_str_cut(&rest, '.', &part[i]))
            part[i] = KS_STR_EMPTY;
    check_row(!rest.len && ks_base64url_read(&arena, part[0], &header) == KS_OK
            && ks_base64url_read(&arena, part[1], &claims) == KS_OK
            && ks_base64url_read(&arena, part[2], &signature) == KS_OK && signature.len == 64,
        "RFC 7515 §3.1: a token has three parts", "%.*s", KS_STR_FMT(token));
    check_str("RFC 8292 §2: signed by ES256", header, KS_STR("{\"typ\":\"JWT\",\"alg\":\"ES256\"}"));
    check_str("RFC 8292 §2, §2.1: for whom, until when, from whom", claims,
        KS_STR("{\"aud\":\"https://push.example.net\",\"exp\":1453523768,\"sub\":\"mailto:push@example.com\"}"));
    ks_hash(KS_SHA256, ks_str_head(token, part[0].len + 1 + part[1].len), digest);
    check_err("RFC 7515 §5.2: its signature verifies",
        ks_p256_verify(
            bytes_of("BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"), digest,
            (const uint8_t *)signature.ptr),
        KS_OK);
    ks_buf_reset(&value);
    ks_webpush_vapid_add(
        &value, bytes_of(AS_PRIVATE), &(struct ks_webpush_claim) { claim.origin, KS_STR_EMPTY, claim.expires });
    token = ks_str_from(ks_buf_str(&value), ks_str_find_byte(ks_buf_str(&value), '.') + 1);
    check_row(ks_base64url_read(&arena, ks_str_head(token, ks_str_find_byte(token, '.')), &claims) == KS_OK
            && ks_str_eq(claims, KS_STR("{\"aud\":\"https://push.example.net\",\"exp\":1453523768}")),
        "RFC 8292 §2.1: a subject is optional", "%.*s", KS_STR_FMT(claims));
    ks_buf_done(&value);
}

/* --- where to --- */

#define LONG_PATH \
    "/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"

static const struct {
    const char *name, *url, *origin; /* NULL: refused */
} url_rows[] = {
    { "RFC 8030 §3: as Mozilla's is", "https://updates.push.services.mozilla.com/wpush/v2/gAAAA_-",
        "https://updates.push.services.mozilla.com" },
    { "RFC 8030 §3: as Google's is", "https://fcm.googleapis.com/fcm/send/dpH5lCsTSSM:APA91bHqjZ",
        "https://fcm.googleapis.com" },
    { "RFC 8030 §3: as Microsoft's is", "https://wns2-par02p.notify.windows.com/w/?token=BQYAAAD%2b",
        "https://wns2-par02p.notify.windows.com" },
    { "RFC 3986 §3.2.3: with a port", "https://localhost:8090/push/1", "https://localhost:8090" },
    { "RFC 6454 §6.2: the scheme's own port is not named", "https://push.example:443/1", NULL },
    { "RFC 8030 §8: not in clear", "http://push.example/1", NULL },
    { "another scheme", "file:///etc/passwd", NULL },
    { "a scheme in capitals", "HTTPS://push.example/1", NULL },
    { "no scheme", "push.example/1", NULL },
    { "nothing", "", NULL },
    { "no path", "https://push.example", NULL },
    { "no host", "https:///1", NULL },
    { "RFC 9110 §4.2.4: userinfo", "https://push.example@127.0.0.1/1", NULL },
    { "RFC 9110 §4.2.4: userinfo that looks like a port", "https://push.example:80@localhost/1", NULL },
    { "RFC 3986 §3.5: a fragment", "https://push.example/1#2", NULL },
    { "an address", "https://127.0.0.1/1", NULL },
    { "an address of one number", "https://2130706433/1", NULL },
    { "an address in hexadecimal", "https://0x7f.1/1", NULL },
    { "an address of IPv6", "https://[::1]/1", NULL },
    { "RFC 1035 §2.3.1: a host in capitals", "https://Push.example/1", NULL },
    { "RFC 1034 §3.1: a host with a dot at its end", "https://push.example./1", NULL },
    { "an empty label", "https://push..example/1", NULL },
    { "a label with a hyphen in front", "https://-push.example/1", NULL },
    { "a host that is written otherwise than it is", "https://push%2eexample/1", NULL },
    { "a port that is none", "https://push.example:0/1", NULL },
    { "a port with a zero in front", "https://push.example:08090/1", NULL },
    { "a port that is too large", "https://push.example:65536/1", NULL },
    { "a port without digits", "https://push.example:/1", NULL },
    { "a blank", "https://push.example/1 2", NULL },
    { "RFC 9112 §11.1: a line end", "https://push.example/1\r\nX: y", NULL },
    { "a character above ASCII", "https://push.example/\xc3\xa4", NULL },
    { "a backslash, which browsers take for a slash", "https://push.example\\@x/1", NULL },
};

static const struct {
    const char *name, *url, *list;
    bool want;
} list_rows[] = {
    { "a host that is on the list", "https://a.example/1", "b.example a.example", true },
    { "one that is not", "https://c.example/1", "b.example a.example", false },
    { "nothing is on an empty list", "https://a.example/1", "", false },
    { "one below a listed one is another", "https://x.a.example/1", "a.example", false },
    { "one below a star", "https://x.a.example/1", "*.a.example", true },
    { "two below a star", "https://y.x.a.example/1", "*.a.example", true },
    { "what the star stands under is not below it", "https://a.example/1", "*.a.example", false },
    { "a name that ends alike is not below it", "https://xa.example/1", "*.a.example", false },
    { "another port is another", "https://a.example:8443/1", "a.example", false },
    { "unless it is listed", "https://a.example:8443/1", "a.example:8443", true },
    { "and then 443 is not", "https://a.example/1", "a.example:8443", false },
    { "blanks around entries do not matter", "https://a.example/1", "  b.example   a.example ", true },
};

static void endpoints(void)
{
    static char url[KS_WEBPUSH_URL_MAX + 2];
    struct ks_webpush_endpoint endpoint;

    for (size_t i = 0; i < KS_COUNT(url_rows); i++) {
        enum ks_err err = ks_webpush_endpoint_read(ks_str_z(url_rows[i].url), &endpoint);
        if (url_rows[i].origin)
            check_row(err == KS_OK && ks_str_is(endpoint.origin, url_rows[i].origin), url_rows[i].name, "%s",
                ks_err_name(err));
        else
            check_err(url_rows[i].name, err, KS_ESYNTAX);
    }
    memset(url, 'a', sizeof url);
    memcpy(url, "https://push.example/", 21);
    check_err("1024 bytes are read", ks_webpush_endpoint_read(ks_str(url, KS_WEBPUSH_URL_MAX), &endpoint), KS_OK);
    check_err("1025 are not", ks_webpush_endpoint_read(ks_str(url, KS_WEBPUSH_URL_MAX + 1), &endpoint), KS_ELIMIT);
    for (size_t i = 0; i < KS_COUNT(list_rows); i++) {
        bool got = ks_webpush_endpoint_read(ks_str_z(list_rows[i].url), &endpoint) == KS_OK
            && ks_webpush_endpoint_listed(&endpoint, ks_str_z(list_rows[i].list));
        check_row(got == list_rows[i].want, list_rows[i].name, "%d", got);
    }
    check_row(
        ks_webpush_list_good(KS_STR("a.example *.b.example c:8090")), "names, stars and ports make a list", "not");
    check_row(ks_webpush_list_good(KS_STR_EMPTY), "an empty list is one", "not");
    check_row(!ks_webpush_list_good(KS_STR("a.example 10.0.0.1")), "an address makes none", "it does");
    check_row(!ks_webpush_list_good(KS_STR("https://a.example")), "nor does a URL", "it does");
    check_row(!ks_webpush_list_good(KS_STR("a.*.example")), "nor a star inside", "it does");
}

int main(void)
{
    check_err("the library starts", ks_crypto_init(), KS_OK);
    ks_arena_init(&arena, 1 << 20);
    known_answers();
    constant_length();
    keys();
    vapid();
    endpoints();
    ks_arena_done(&arena);
    return check_done();
}
