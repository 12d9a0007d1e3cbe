/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Whatever a host-meta file says, an address that comes out of it is TLS, at the domain, and has nothing in it that
 * could end a line of a request (XEP-0156 §4.3). */
#include <assert.h>
#include <ctype.h>

#include "alt_connection.h"
#include "konsil/konsil.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char url[KONSIL_URL_MAX];
    struct ks_str rest;

    if (!konsil_host_meta((const char *)data, len, "k.example", url, sizeof url))
        return 0;
    rest = ks_str_z(url);
    assert(ks_alt_is_socket(rest, KS_STR("k.example")));
    assert(ks_str_starts(rest, KS_STR("wss://")));
    for (size_t i = 0; i < rest.len; i++)
        assert(isgraph((unsigned char)url[i]) && url[i] != '#');
    rest = ks_str_from(rest, strlen("wss://"));
    assert(rest.len >= strlen("k.example"));
    rest = ks_str_from(rest, strlen("k.example"));
    assert(!rest.len || rest.ptr[0] == ':' || rest.ptr[0] == '/');
    return 0;
}
