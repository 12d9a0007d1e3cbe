/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Nothing opens but what Anna sealed (the seeds are hers: the same chance makes the same keys), each result is one that
 * the header names, and after the rollback the genuine message still opens.
 *
 * The first byte chooses: 0 and 1, the rest is an element as XML; 2 to 5 (version, key exchange), the rest is the
 * message in a key element, in an <encrypted/> from the device that has a session. */
#include "enc.h"
#include "ns.h"
#include "omemo_pair.h"

static struct ks_xml *element_of(
    struct omemo_pair *pair, struct ks_arena *arena, bool old, bool kex, struct ks_str message)
{
    const char *ns = old ? NS_AXOLOTL : NS_OMEMO;
    struct ks_xml *encrypted = ks_xml_new(arena, ns, "encrypted"), *header = ks_xml_add(arena, encrypted, ns, "header"),
                  *keys = header, *key;
    struct ks_str text;

    pair_must(ks_base64(arena, message, &text));
    ks_xml_set_u64(arena, header, "sid", ks_omemo_device(pair->anna));
    if (!old)
        keys = ks_xml_set(arena, ks_xml_add(arena, header, ns, "keys"), "jid", JONAS);
    key = ks_xml_add_text(arena, keys, ns, "key", text);
    ks_xml_set_u64(arena, key, "rid", ks_omemo_device(pair->jonas));
    if (kex)
        ks_xml_set(arena, key, old ? "prekey" : "kex", KS_STR("true"));
    return encrypted;
}

/* From Anna's identity, and untouched; the device id outside is the server's to change. */
static bool is_annas(const struct omemo_pair *pair, const struct ks_omemo_opened *opened)
{
    uint8_t identity[KS_IDENTITY_LEN];

    ks_omemo_identity(pair->anna, identity);
    return memcmp(opened->identity, identity, sizeof identity) == 0
        && (!opened->plaintext.ptr || ks_str_is(opened->plaintext, "hallo"));
}

static bool is_named(enum ks_err err)
{
    return err == KS_ENOTFOUND || err == KS_EEXISTS || err == KS_ESTATE || err == KS_ELIMIT || err == KS_ECRYPTO
        || err == KS_EDENIED || err == KS_ESYNTAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct omemo_pair *pair = omemo_pair();
    struct ks_omemo_opened opened;
    struct ks_arena arena;
    struct ks_xml *xml = NULL;
    struct ks_str rest = ks_str(data + 1, len - 1);

    if (len == 0 || len > 64 * 1024)
        return 0;
    ks_arena_init(&arena, 4 * 1024 * 1024);
    if (data[0] % 6 >= 2)
        xml = element_of(pair, &arena, data[0] % 2, data[0] % 6 >= 4, rest);
    else if (ks_xml_read(&arena, rest, KS_STR_EMPTY, KS_STR_EMPTY, &xml) != KS_OK)
        xml = NULL;
    if (xml) {
        enum ks_omemo_version version = ks_xml_is(xml, NS_AXOLOTL, "encrypted") ? KS_OMEMO_1 : KS_OMEMO_2;
        enum ks_err err;

        pair_must(pair->store->ops->begin(pair->store));
        err = ks_omemo_open(pair->jonas, &arena, xml, ANNA, &opened);
        assert(err == KS_OK ? is_annas(pair, &opened) : is_named(err));
        pair->store->ops->rollback(pair->store);

        pair_must(pair->store->ops->begin(pair->store));
        assert(ks_omemo_open(pair->jonas, &arena, pair->genuine[version], ANNA, &opened) == KS_OK);
        assert(ks_str_is(opened.plaintext, "genuine"));
        pair->store->ops->rollback(pair->store);
    }
    ks_arena_done(&arena);
    return 0;
}
