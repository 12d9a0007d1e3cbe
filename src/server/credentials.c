/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "credentials.h"

#include "reactor.h"
#include "user.h"

struct ks_str ks_credentials_key(enum ks_hash hash)
{
    return hash == KS_SHA1 ? KS_STR("scram-sha-1") : KS_STR("scram-sha-256");
}

void ks_credentials_get(const struct ks_user *user, enum ks_hash hash, struct ks_scram_keys *ret_keys)
{
    const struct ks_reactor *r = user->reactor;
    struct ks_str record = ks_kv_get(user, KS_STORE_CREDENTIALS, ks_credentials_key(hash));
    struct ks_scram_keys fake;

    /* Made in any case, so that the time does not tell. */
    ks_scram_fake(hash, ks_str(r->server->secret, sizeof r->server->secret), user->bare,
        (uint32_t)ks_config_number(r->config, "login.iterations"), &fake);
    if (!ks_user_exists(user) || ks_scram_keys_read(record, ret_keys) != KS_OK || ret_keys->hash != hash)
        *ret_keys = fake;
    ks_wipe(&fake, sizeof fake);
}
