/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* push_key.c -- the installation's key for push services (push.h). It is kept with the data and not in a file of its
 * own: browsers subscribe with its public half (RFC 8292 §4), so it has to come back with a backup. */
#include "crypto.h"
#include "push.h"

#define META_KEY KS_STR("push.vapid")

static enum ks_err make(struct ks_server_store *store, struct ks_prng *prng, uint8_t ret_key[KS_PUSH_KEY_LEN])
{
    enum ks_err err = store->ops->begin(store);

    if (err != KS_OK)
        return err;
    ks_p256_generate(prng, ret_key);
    err = store->ops->meta_put(store, META_KEY, ks_str(ret_key, KS_PUSH_KEY_LEN));
    if (err == KS_OK)
        return store->ops->commit(store);
    store->ops->rollback(store);
    return err;
}

enum ks_err ks_push_key_open(struct ks_server_store *store, struct ks_prng *prng, uint8_t ret_key[KS_PUSH_KEY_LEN])
{
    uint8_t public_key[KS_P256_PUBLIC_LEN];
    struct ks_buf value;

    _Static_assert(KS_PUSH_KEY_LEN == KS_P256_PRIVATE_LEN, "a private key of P-256");
    ks_buf_init_secret(&value, 64);
    enum ks_err err = store->ops->meta_get(store, META_KEY, &value);
    if (err == KS_ENOTFOUND)
        err = make(store, prng, ret_key);
    else if (err == KS_OK && value.len != KS_PUSH_KEY_LEN)
        err = KS_ESTORE;
    else if (err == KS_OK)
        memcpy(ret_key, value.ptr, KS_PUSH_KEY_LEN);
    if (err == KS_OK && ks_p256_public(ret_key, public_key) != KS_OK)
        err = KS_ESTORE;
    ks_buf_done(&value);
    return err;
}
