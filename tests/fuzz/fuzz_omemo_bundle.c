/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A bundle that is read makes a session or is refused with a result that the header names; a device list that is read
 * reads the same after writing it. The first byte chooses the version. */
#include "omemo_pair.h"

#define STRANGER KS_STR("stranger@example.org")

static void check_list(struct ks_arena *arena, enum ks_omemo_version version, const struct ks_xml *xml)
{
    struct ks_omemo_device *devices, *again;
    struct ks_xml *written;
    size_t count, count_again;

    if (ks_omemo_devices_read(arena, version, xml, &devices, &count) != KS_OK)
        return;
    assert(count <= KS_OMEMO_DEVICES_MAX);
    pair_must(ks_omemo_devices_write(arena, version, devices, count, &written));
    pair_must(ks_omemo_devices_read(arena, version, written, &again, &count_again));
    assert(count == count_again);
    for (size_t i = 0; i < count; i++)
        assert(devices[i].id == again[i].id && devices[i].id > 0 && devices[i].id <= 0x7fffffff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct omemo_pair *pair = omemo_pair();
    enum ks_omemo_version version;
    struct ks_omemo_bundle bundle;
    struct ks_arena arena;
    struct ks_xml *xml;

    if (len == 0)
        return 0;
    version = data[0] % 2 ? KS_OMEMO_1 : KS_OMEMO_2;
    ks_arena_init(&arena, 4 * 1024 * 1024);
    if (ks_xml_read(&arena, ks_str(data + 1, len - 1), KS_STR_EMPTY, KS_STR_EMPTY, &xml) == KS_OK) {
        check_list(&arena, version, xml);
        if (ks_omemo_bundle_read(&arena, version, xml, &bundle) == KS_OK) {
            enum ks_err err;

            assert(bundle.pre_key_count > 0 && bundle.pre_key_count <= KS_OMEMO_PRE_KEYS_MAX);
            pair_must(pair->store->ops->begin(pair->store));
            err = ks_omemo_session_begin(pair->jonas, version, STRANGER, 7, &bundle);
            assert(err == KS_OK || err == KS_ECRYPTO);
            if (err == KS_OK)
                assert(ks_omemo_session_find(pair->jonas, version, STRANGER, 7) == KS_OK);
            pair->store->ops->rollback(pair->store);
            assert(ks_omemo_session_find(pair->jonas, version, STRANGER, 7) == KS_ENOTFOUND);
        }
    }
    ks_arena_done(&arena);
    return 0;
}
