/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a client registers to be woken by: four lines, an endpoint, its two keys, and a list of hosts. An endpoint that
 * is taken is an https URL whose host, written again, is what was listed, and what curl or a browser would ask, too;
 * keys that are taken can be encrypted to. */
#include "webpush.h"
#include "webpush_endpoint.h"

#include "enc.h"

static struct ks_str line(struct ks_str *left)
{
    struct ks_str line = KS_STR_EMPTY;

    return ks_str_cut(left, '\n', &line) ? line : KS_STR_EMPTY;
}

static void check_endpoint(struct ks_str url, struct ks_str list)
{
    struct ks_webpush_endpoint endpoint;
    struct ks_buf origin;

    if (ks_webpush_endpoint_read(url, &endpoint) != KS_OK)
        return;
    assert(ks_str_starts(url, endpoint.origin) && url.ptr[endpoint.origin.len] == '/' && endpoint.port);
    ks_buf_init(&origin, 4096);
    ks_buf_printf(&origin, "https://%.*s", KS_STR_FMT(endpoint.host));
    if (endpoint.port != 443)
        ks_buf_printf(&origin, ":%u", endpoint.port);
    assert(ks_str_eq(ks_buf_str(&origin), endpoint.origin));
    assert(ks_webpush_endpoint_listed(&endpoint, ks_str_from(ks_buf_str(&origin), 8)));
    for (size_t i = 0; i < url.len; i++)
        assert(
            url.ptr[i] > ' ' && url.ptr[i] < 0x7f && !strchr("#\\@\"<>", i < endpoint.origin.len ? url.ptr[i] : '-'));
    if (ks_webpush_endpoint_listed(&endpoint, list))
        assert(list.len);
    ks_buf_done(&origin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t private_key[KS_P256_PRIVATE_LEN] = { 1 }, salt[16];
    struct ks_str left = ks_str(data, len), url = line(&left), p256dh = line(&left), auth = line(&left);
    struct ks_webpush_keys keys;
    struct ks_buf body;

    if (ks_crypto_init() != KS_OK)
        return 0;
    check_endpoint(url, line(&left));
    if (ks_webpush_keys_read(p256dh, auth, &keys) == KS_OK) {
        ks_buf_init(&body, 4096);
        ks_base64url_add(&body, ks_str(keys.p256dh, sizeof keys.p256dh));
        assert(ks_str_eq(ks_buf_str(&body), p256dh));
        ks_buf_reset(&body);
        assert(ks_webpush_encrypt(&body, &keys, private_key, salt, KS_STR("x"), 200) == KS_OK && body.len == 200);
        ks_buf_done(&body);
    }
    return 0;
}
