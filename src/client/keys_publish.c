/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "keys_publish.h"

#include <stdio.h>

#include "engine.h"
#include "pep_client.h"

#define PUBLISH_KEY "publish" /* which bundles the server does not have as they are */

enum ks_err ks_keys_publish(struct konsil *k, enum ks_omemo_version version)
{
    uint32_t device = ks_omemo_device(k->omemo);
    char item[16], node[64];
    struct ks_xml *bundle;
    enum ks_err err = ks_omemo_bundle_write(k->omemo, &k->arena, version, &bundle);

    if (err != KS_OK)
        return err;
    snprintf(item, sizeof(item), "%u", device);
    snprintf(node, sizeof(node), NS_AXOLOTL_BUNDLES "%u", device);
    err = version == KS_OMEMO_2 ? ks_pep_publish(k, NS_OMEMO_BUNDLES, ks_str_z(item), bundle, true)
                                : ks_pep_publish(k, node, KS_STR("current"), bundle, false);
    k->keys.publishing[version] += err == KS_OK;
    return err;
}

/* Publishes what the server lacks. That it does is forgotten when it says that it has it: it may be cut off before. */
static enum ks_err publish_bundles(struct konsil *k, unsigned lacking)
{
    enum ks_err err;

    for (int version = KS_OMEMO_2; version <= KS_OMEMO_1; version++)
        if (lacking & 1U << version && (err = ks_keys_publish(k, (enum ks_omemo_version)version)) != KS_OK)
            return err == KS_EAGAIN ? KS_OK : err;
    return KS_OK;
}

enum ks_err ks_keys_published(struct konsil *k, struct ks_str node, bool good)
{
    bool second = ks_str_is(node, NS_OMEMO_BUNDLES);
    enum ks_omemo_version version = second ? KS_OMEMO_2 : KS_OMEMO_1;
    uint64_t lacking;
    enum ks_err err;

    if (!second && !ks_str_starts(node, KS_STR(NS_AXOLOTL_BUNDLES)))
        return KS_OK;
    if (k->keys.publishing[version] > 0)
        k->keys.publishing[version]--;
    if (k->keys.publishing[version] > 0 || !good)
        return KS_OK; /* a newer one is under way, or it is tried again */
    if ((err = ks_meta_get_u64(k, PUBLISH_KEY, &lacking)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    lacking &= ~(1ULL << version);
    return lacking ? ks_meta_put_u64(k, PUBLISH_KEY, lacking) : ks_meta_del(k, PUBLISH_KEY);
}

enum ks_err ks_keys_upkeep(struct konsil *k, bool caught_up)
{
    uint64_t lacking = 0;
    bool changed;
    enum ks_err err = ks_omemo_upkeep(k->omemo, k->now.wall_ms, caught_up, &changed);

    if (err != KS_OK)
        return err;
    if ((err = ks_meta_get_u64(k, PUBLISH_KEY, &lacking)) != KS_OK && err != KS_ENOTFOUND)
        return err;
    if (changed) {
        lacking = 1U << KS_OMEMO_2 | 1U << KS_OMEMO_1;
        if ((err = ks_meta_put_u64(k, PUBLISH_KEY, lacking)) != KS_OK)
            return err;
    }
    for (int version = KS_OMEMO_2; !changed && version <= KS_OMEMO_1; version++)
        if (k->keys.publishing[version] > 0)
            lacking &= ~(1ULL << version);
    return lacking && ks_online(k) ? publish_bundles(k, (unsigned)lacking) : KS_OK;
}
