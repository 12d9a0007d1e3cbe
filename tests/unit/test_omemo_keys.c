/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Keys of devices: pre-keys, bundles, lists, identities and trust. */
#include "omemo_devices.h"

/* --- pre-keys and bundles --- */

static size_t pre_keys_of(struct device *d, enum ks_omemo_version v)
{
    return bundle_of(d, d, v).pre_key_count;
}

static bool upkeep(struct device *d, int64_t wall_ms, bool caught_up)
{
    bool changed;

    must(d->store->ops->begin(d->store), "begin");
    must(end(d, ks_omemo_upkeep(d->omemo, wall_ms, caught_up, &changed)), "upkeep");
    return changed;
}

static void test_pre_keys(enum ks_omemo_version v)
{
    struct device jonas, anna, carla;
    struct ks_omemo_bundle old, bundle;
    struct ks_omemo_opened opened;
    struct ks_str late;

    device_init(&jonas, "jonas@example.org", 20);
    device_init(&anna, "anna@example.org", 21);
    device_init(&carla, "carla@example.org", 22);
    check_row(pre_keys_of(&jonas, v) == KS_OMEMO_PRE_KEYS, name_of("a new device has 100 pre-keys"), "%zu",
        pre_keys_of(&jonas, v));
    check_row(!upkeep(&jonas, NOW, true), name_of("upkeep finds nothing to do"), "it did something");

    /* Anna and Carla take the same pre-key of the same bundle. */
    bundle = bundle_of(&jonas, &anna, v);
    bundle.pre_keys[0] = bundle.pre_keys[5];
    bundle.pre_key_count = 1;
    must(begin_with(&anna, &jonas, v, &bundle), "anna");
    must(begin_with(&carla, &jonas, v, &bundle), "carla");
    check_row(reads(&jonas, &anna, sealed(&anna, &jonas, v, "a"), "a"),
        name_of("the first that uses a pre-key is read"), "not");
    check_row(pre_keys_of(&jonas, v) == KS_OMEMO_PRE_KEYS - 1, name_of("it leaves the bundle"), "%zu",
        pre_keys_of(&jonas, v));
    late = sealed(&carla, &jonas, v, "c");
    upkeep(&jonas, NOW, false);
    check_err(name_of("before catch-up is complete a second one is read"), open_only(&jonas, carla.jid, late, &opened),
        KS_OK);
    jonas.store->ops->rollback(jonas.store);
    upkeep(&jonas, NOW, true);
    check_err(name_of("after it the key is gone, and a new session is needed"),
        open_from(&jonas, carla.jid, late, &opened), KS_ESTATE);

    old = bundle_of(&jonas, &carla, v);
    check_row(!upkeep(&jonas, NOW + 7 * DAY - 1, true), name_of("a signed pre-key stays for 7 days"), "it did not");
    check_row(upkeep(&jonas, NOW + 7 * DAY, true), name_of("then there is another"), "there is not");
    bundle = bundle_of(&jonas, &carla, v);
    check_row(bundle.signed_pre_key_id != old.signed_pre_key_id && pre_keys_of(&jonas, v) == KS_OMEMO_PRE_KEYS - 1,
        name_of("which stands in the bundle"), "it does not");
    check_err(name_of("a session from the old bundle"), begin_with(&carla, &jonas, v, &old), KS_OK);
    late = sealed(&carla, &jonas, v, "spät");
    upkeep(&jonas, NOW + 37 * DAY - 1, true);
    check_err(name_of("is read for 30 days more"), open_only(&jonas, carla.jid, late, &opened), KS_OK);
    jonas.store->ops->rollback(jonas.store);
    upkeep(&jonas, NOW + 37 * DAY, true);
    check_err(name_of("and not after them"), open_from(&jonas, carla.jid, late, &opened), KS_ESTATE);

    for (int i = 0; i < 49; i++) {
        struct device guest;

        device_init(&guest, "guest@example.org", 100 + (uint64_t)i);
        session(&guest, &jonas, v);
        must(open_from(&jonas, guest.jid, sealed(&guest, &jonas, v, "x"), &opened), "guest");
        device_done(&guest);
    }
    check_row(upkeep(&jonas, NOW + 37 * DAY, true),
        name_of("when used ones are erased, the bundle is published without them"), "it is not");
    check_row(pre_keys_of(&jonas, v) == 50 && !upkeep(&jonas, NOW + 37 * DAY, true), name_of("50 pre-keys are enough"),
        "%zu", pre_keys_of(&jonas, v));
    session(&carla, &jonas, v);
    must(open_from(&jonas, carla.jid, sealed(&carla, &jonas, v, "x"), &opened), "carla");
    check_row(upkeep(&jonas, NOW + 37 * DAY, true) && pre_keys_of(&jonas, v) == KS_OMEMO_PRE_KEYS,
        name_of("below 50 they are filled up to 100"), "%zu", pre_keys_of(&jonas, v));

    must(jonas.store->ops->begin(jonas.store), "begin");
    must(end(&jonas, ks_omemo_renew(jonas.omemo, NOW + 38 * DAY)), "renew");
    check_err(name_of("renewing drops sessions"), ks_omemo_session_find(jonas.omemo, v, carla.jid, id_of(&carla)),
        KS_ENOTFOUND);
    check_err(name_of("and what was begun before cannot be read"),
        open_from(&jonas, carla.jid, sealed(&carla, &jonas, v, "y"), &opened), KS_ESTATE);
    session(&carla, &jonas, v);
    check_row(talk(&carla, &jonas, v, "neu"), name_of("a session from the new bundle is"), "not");
    device_done(&jonas);
    device_done(&anna);
    device_done(&carla);
}

static void test_bundle_text(enum ks_omemo_version v)
{
    struct device jonas, anna;
    struct ks_xml *xml;
    struct ks_str text;
    struct ks_omemo_bundle bundle;
    const char *spk = v == KS_OMEMO_2 ? "<spk " : "<signedPreKeyPublic ",
               *sig = v == KS_OMEMO_2 ? "<spks>" : "<signedPreKeySignature>",
               *ik = v == KS_OMEMO_2 ? "<ik>" : "<identityKey>", *pk = v == KS_OMEMO_2 ? "<pk " : "<preKeyPublic ",
               *sig_end = v == KS_OMEMO_2 ? "</spks>" : "</signedPreKeySignature>";
    const struct {
        const char *name, *needle, *text;
    } bad[] = {
        { "a bundle without a signed pre-key is malformed", spk, "<x " },
        { "one without a signature is malformed", sig, "<x>" },
        { "one without an identity is malformed", ik, "<x>" },
        { "one without pre-keys is malformed", "<prekeys>", "<x>" },
        { "a key of wrong length is malformed", ik, v == KS_OMEMO_2 ? "<ik>AAAA" : "<identityKey>AAAA" },
        { "a signature of wrong length is malformed", sig,
            v == KS_OMEMO_2 ? "<spks>AAAA" : "<signedPreKeySignature>AAAA" },
        { "an id that is no number is malformed", pk,
            v == KS_OMEMO_2 ? "<pk id='-1' x" : "<preKeyPublic preKeyId='-1' x" },
        { "an id over 32 bits is malformed", pk,
            v == KS_OMEMO_2 ? "<pk id='4294967296' x" : "<preKeyPublic preKeyId='4294967296' x" },
    };

    device_init(&jonas, "jonas@example.org", 30);
    device_init(&anna, "anna@example.org", 31);
    must(ks_omemo_bundle_write(jonas.omemo, &jonas.arena, v, &xml), "bundle");
    text = bytes_of(&jonas.arena, xml);
    for (size_t i = 0; i < KS_COUNT(bad); i++) {
        struct ks_str broken = with(&jonas.arena, text, bad[i].needle, bad[i].text);
        struct ks_str element = bad[i].needle[0] == '<' ? ks_str_z(bad[i].needle + 1) : KS_STR("");

        /* Rename the end tag as well where a start tag was renamed. */
        if (bad[i].text[1] == 'x') {
            char close[40], other[8] = "</x>";
            size_t len = element.len;

            while (len && (element.ptr[len - 1] == ' ' || element.ptr[len - 1] == '>'))
                len--;
            snprintf(close, sizeof close, "</%.*s>", (int)len, element.ptr);
            broken = with(&jonas.arena, broken, close, other);
        } else if (strstr(bad[i].text, " x")) {
            broken = with(&jonas.arena, broken, v == KS_OMEMO_2 ? " xid" : " xpreKeyId", " y");
        }
        check_err(name_of(bad[i].name), ks_omemo_bundle_read(&jonas.arena, v, tree_of(&jonas.arena, broken), &bundle),
            KS_ESYNTAX);
    }
    must(ks_omemo_bundle_read(&anna.arena, v,
             tree_of(&anna.arena,
                 with(&anna.arena,
                     with(&anna.arena, text, sig, v == KS_OMEMO_2 ? "<spks>\n\t " : "<signedPreKeySignature>\n\t "),
                     sig_end, v == KS_OMEMO_2 ? " \n</spks>" : " \n</signedPreKeySignature>")),
             &bundle),
        "blanks");
    check_err(name_of("blanks around base64 are allowed"), begin_with(&anna, &jonas, v, &bundle), KS_OK);
    bundle = bundle_of(&jonas, &anna, v);
    bundle.signature[10] ^= 1;
    check_err(name_of("a wrong signature makes no session"), begin_with(&anna, &jonas, v, &bundle), KS_ECRYPTO);
    bundle = bundle_of(&jonas, &anna, v);
    bundle.signed_pre_key[3] ^= 1;
    check_err(name_of("nor does another signed pre-key"), begin_with(&anna, &jonas, v, &bundle), KS_ECRYPTO);

    for (int i = 0; i < 101; i++)
        must(ks_xml_graft(ks_xml_child(xml, NULL, "prekeys"),
                 ks_xml_copy(&jonas.arena, ks_xml_child(ks_xml_child(xml, NULL, "prekeys"), NULL, NULL)))
                ? KS_OK
                : KS_ENOMEM,
            "graft");
    check_err(
        name_of("more than 200 pre-keys are a limit"), ks_omemo_bundle_read(&jonas.arena, v, xml, &bundle), KS_ELIMIT);
    device_done(&jonas);
    device_done(&anna);
}

static void test_lists(enum ks_omemo_version v)
{
    struct ks_arena arena;
    struct ks_omemo_device *devices, many[KS_OMEMO_DEVICES_MAX + 1] = { 0 };
    struct ks_xml *xml;
    size_t count;
    const char *text = v == KS_OMEMO_2
        ? "<devices xmlns='urn:xmpp:omemo:2'><device id='7' label='Tablet' labelsig='AAAA'/><device id='0'/>"
          "<device id='7'/><device id='2147483648'/><device/><other id='9'/><device id='2147483647'/></devices>"
        : "<list xmlns='eu.siacs.conversations.axolotl'><device id='7'/><device id='0'/><device id='7'/>"
          "<device id='2147483648'/><device/><other id='9'/><device id='2147483647'/></list>";
    const char *want = v == KS_OMEMO_2
        ? "<devices xmlns='urn:xmpp:omemo:2'><device id='7' label='Tablet' labelsig='AAAA'/><device "
          "id='2147483647'/></devices>"
        : "<list xmlns='eu.siacs.conversations.axolotl'><device id='7'/><device id='2147483647'/></list>";

    ks_arena_init(&arena, 1024 * 1024);
    check_err(name_of("a device list is read"),
        ks_omemo_devices_read(&arena, v, tree_of(&arena, ks_str_z(text)), &devices, &count), KS_OK);
    check_row(count == 2 && devices[0].id == 7 && devices[1].id == 2147483647,
        name_of("ids outside of 1 to 2^31 - 1 and repeated ones are skipped"), "%zu", count);
    must(ks_omemo_devices_write(&arena, v, devices, count, &xml), "write");
    check_str(name_of("a list written again keeps its labels"), bytes_of(&arena, xml), ks_str_z(want));
    for (size_t i = 0; i < KS_COUNT(many); i++)
        many[i].id = (uint32_t)(i + 1);
    must(ks_omemo_devices_write(&arena, v, many, KS_OMEMO_DEVICES_MAX, &xml), "write");
    check_err(name_of("64 devices are read"), ks_omemo_devices_read(&arena, v, xml, &devices, &count), KS_OK);
    must(ks_omemo_devices_write(&arena, v, many, KS_OMEMO_DEVICES_MAX + 1, &xml), "write");
    check_err(name_of("65 are a limit"), ks_omemo_devices_read(&arena, v, xml, &devices, &count), KS_ELIMIT);
    must(ks_omemo_devices_write(&arena, v, many, 0, &xml), "write");
    check_err(name_of("a list may be empty"), ks_omemo_devices_read(&arena, v, xml, &devices, &count), KS_OK);
    check_err(name_of("another element is no list"),
        ks_omemo_devices_read(&arena, v == KS_OMEMO_2 ? KS_OMEMO_1 : KS_OMEMO_2, xml, &devices, &count), KS_ESYNTAX);
    ks_arena_done(&arena);
}

/* --- trust --- */

static enum ks_omemo_trust answer; /* of the judge below */
static int asked, asked_changed;

static enum ks_omemo_trust judge(void *user, struct ks_str jid, uint32_t device, const uint8_t *identity,
    enum ks_omemo_version version, bool changed)
{
    (void)user;
    (void)jid;
    (void)device;
    (void)identity;
    (void)version;
    asked++;
    asked_changed += changed;
    return answer;
}

static bool see_peer(void *user, const struct ks_omemo_peer *peer)
{
    struct ks_omemo_peer *all = user;

    while (all->device)
        all++;
    *all = *peer;
    return true;
}

/* A device of the same account with the same id as another, but with a key of its own. */
static void impostor_init(struct device *d, const struct device *victim, uint64_t seed)
{
    struct ks_buf record;

    device_init(d, "anna@example.org", seed);
    ks_omemo_free(d->omemo);
    ks_buf_init(&record, 200);
    must(d->store->ops->get(d->store, KS_T_OMEMO_OWN, KS_STR("i"), &record), "identity");
    for (int i = 0; i < 4; i++)
        record.ptr[1 + i] = (char)(id_of(victim) >> (24 - 8 * i));
    must(d->store->ops->put(d->store, KS_T_OMEMO_OWN, KS_STR("i"), ks_buf_str(&record)), "identity");
    ks_buf_done(&record);
    device_start(d, NULL, NULL);
    must(ks_omemo_load(d->omemo), "load");
}

static enum ks_err set_trust(struct device *d, struct device *of, enum ks_omemo_trust trust)
{
    struct ks_omemo_peer peer = { .device = id_of(of), .trust = trust };

    ks_omemo_identity(of->omemo, peer.identity);
    must(d->store->ops->begin(d->store), "begin");
    return end(d, ks_omemo_peer_set(d->omemo, of->jid, &peer));
}

static void test_trust(enum ks_omemo_version v)
{
    struct device anna, jonas, evil;
    struct ks_omemo_opened opened;
    struct ks_omemo_peer peer, all[4] = { 0 };
    struct ks_omemo_bundle bundle;
    struct ks_str bytes;
    uint8_t identity[KS_IDENTITY_LEN];

    device_init(&anna, "anna@example.org", 40);
    device_init(&jonas, "jonas@example.org", 41);
    impostor_init(&evil, &anna, 42);
    session(&jonas, &anna, v);
    session(&evil, &jonas, v);
    check_err(name_of("first use records the identity"), ks_omemo_peer_get(jonas.omemo, anna.jid, id_of(&anna), &peer),
        KS_OK);
    ks_omemo_identity(anna.omemo, identity);
    check_row(peer.trust == KS_TRUST_FIRST && memcmp(peer.identity, identity, 32) == 0,
        name_of("as it is, trusted at first use"), "trust %d", peer.trust);
    bytes = sealed(&evil, &jonas, v, "ich bin Anna");
    check_err(name_of("a key exchange with another identity is refused"), open_from(&jonas, anna.jid, bytes, &opened),
        KS_EDENIED);
    ks_omemo_identity(evil.omemo, identity);
    check_row(memcmp(opened.identity, identity, 32) == 0, name_of("which is told, to be shown"), "it is not");
    bundle = bundle_of(&evil, &jonas, v);
    check_err(name_of("so is a bundle with another identity"), begin_with(&jonas, &anna, v, &bundle), KS_EDENIED);
    check_row(
        talk(&jonas, &anna, v, "an die echte"), name_of("the session with the recorded one goes on"), "it does not");
    if (!talk(&anna, &jonas, v, "von der echten"))
        printf("# no answer\n");

    check_err(name_of("a person accepts the new identity"), set_trust(&jonas, &evil, KS_TRUST_VERIFIED), KS_OK);
    check_err(name_of("sessions with the old one are gone"),
        ks_omemo_session_find(jonas.omemo, v, anna.jid, id_of(&anna)), KS_ENOTFOUND);
    check_err(name_of("then its messages are read"), open_from(&jonas, anna.jid, bytes, &opened), KS_OK);
    check_row(opened.trust == KS_TRUST_VERIFIED, name_of("as verified"), "trust %d", opened.trust);
    check_err(name_of("and those of the old are not"),
        open_from(&jonas, anna.jid, sealed(&anna, &jonas, v, "alt"), &opened), KS_ECRYPTO);

    check_err(name_of("a person refuses an identity"), set_trust(&jonas, &evil, KS_TRUST_REFUSED), KS_OK);
    bytes = sealed(&evil, &jonas, v, "nochmal");
    check_err(name_of("nothing of it is read"), open_from(&jonas, anna.jid, bytes, &opened), KS_EDENIED);
    check_err(name_of("nothing is sent to it"), seal(&jonas, &evil, v, KS_STR("x"), &bytes), KS_EDENIED);
    check_err(name_of("not even an empty message"), seal(&jonas, &evil, v, KS_STR_EMPTY, &bytes), KS_EDENIED);
    bundle = bundle_of(&evil, &jonas, v);
    check_err(name_of("and no session is begun"), begin_with(&jonas, &anna, v, &bundle), KS_EDENIED);
    check_err(name_of("an undecided identity"), set_trust(&jonas, &evil, KS_TRUST_UNDECIDED), KS_OK);
    check_err(name_of("gets no content"), seal(&jonas, &evil, v, KS_STR("x"), &bytes), KS_EDENIED);
    check_err(name_of("XEP-0384 §8: but key material"), seal(&jonas, &evil, v, KS_STR_EMPTY, &bytes), KS_OK);
    check_err(
        name_of("its messages are read"), open_from(&jonas, anna.jid, sealed(&evil, &jonas, v, "hm"), &opened), KS_OK);
    check_row(opened.trust == KS_TRUST_UNDECIDED, name_of("as undecided"), "trust %d", opened.trust);

    must(set_trust(&jonas, &jonas, KS_TRUST_VERIFIED), "self");
    must(ks_omemo_peers(jonas.omemo, anna.jid, see_peer, all), "peers");
    check_row(all[0].device == id_of(&anna) && all[0].trust == KS_TRUST_UNDECIDED && all[1].device == 0,
        name_of("the devices of an account are listed, and only those"), "%u %u", all[0].device, all[1].device);
    must(jonas.store->ops->begin(jonas.store), "begin");
    must(end(&jonas, ks_omemo_peer_drop(jonas.omemo, anna.jid, id_of(&anna))), "drop");
    check_err(name_of("a dropped device is forgotten"), ks_omemo_peer_get(jonas.omemo, anna.jid, id_of(&anna), &peer),
        KS_ENOTFOUND);
    check_err(
        name_of("with its sessions"), ks_omemo_session_find(jonas.omemo, v, anna.jid, id_of(&anna)), KS_ENOTFOUND);

    /* With a judge of its own, as the hospital's CA will be. */
    ks_omemo_free(jonas.omemo);
    device_start(&jonas, judge, NULL);
    must(ks_omemo_load(jonas.omemo), "load");
    asked = asked_changed = 0;
    answer = KS_TRUST_NONE;
    session(&anna, &jonas, v);
    bytes = sealed(&anna, &jonas, v, "mit Zertifikat");
    check_err(name_of("a key exchange that the judge does not know yet is held back"),
        open_from(&jonas, anna.jid, bytes, &opened), KS_EAGAIN);
    check_row(asked == 1 && pre_keys_of(&jonas, v) >= KS_OMEMO_PRE_KEYS - 1, name_of("and costs no pre-key"), "%d %zu",
        asked, pre_keys_of(&jonas, v));
    answer = KS_TRUST_VERIFIED;
    check_err(name_of("when it knows, the same element opens"), open_from(&jonas, anna.jid, bytes, &opened), KS_OK);
    check_row(opened.trust == KS_TRUST_VERIFIED && asked == 2, name_of("as the judge said"), "%d", asked);
    check_row(talk(&anna, &jonas, v, "weiter") && asked == 2, name_of("a known identity is not asked for again"), "%d",
        asked);
    session(&evil, &jonas, v);
    check_err(name_of("a judge may accept a changed identity"),
        open_from(&jonas, anna.jid, sealed(&evil, &jonas, v, "neu ausgestellt"), &opened), KS_OK);
    check_row(asked_changed == 1, name_of("and is told that it changed"), "%d", asked_changed);
    device_done(&anna);
    device_done(&jonas);
    device_done(&evil);
}

static void test_one_identity(void)
{
    struct device anna, jonas;
    struct ks_omemo_bundle two, one;
    uint8_t identity[KS_IDENTITY_LEN];

    device_init(&anna, "anna@example.org", 50);
    device_init(&jonas, "jonas@example.org", 51);
    two = bundle_of(&jonas, &anna, KS_OMEMO_2);
    one = bundle_of(&jonas, &anna, KS_OMEMO_1);
    ks_omemo_identity(jonas.omemo, identity);
    check_row(memcmp(two.identity, one.identity, 32) == 0 && memcmp(two.identity, identity, 32) == 0,
        "both versions show one identity", "they differ");
    session(&anna, &jonas, KS_OMEMO_2);
    session(&anna, &jonas, KS_OMEMO_1);
    check_row(talk(&anna, &jonas, KS_OMEMO_2, "neu") && talk(&anna, &jonas, KS_OMEMO_1, "alt")
            && talk(&jonas, &anna, KS_OMEMO_1, "alt") && talk(&jonas, &anna, KS_OMEMO_2, "neu"),
        "both versions are spoken with one device at once", "they are not");
    /* e2ee: an identity whose Edwards sign bit was flipped on the way is the same key, and raises no alarm. */
    two.identity_ed[31] ^= 0x80;
    {
        struct ks_arena arena;
        struct ks_xml *xml;
        struct ks_str text, ed;
        struct ks_omemo_bundle again;
        char node[64];

        ks_arena_init(&arena, 1024 * 1024);
        must(ks_omemo_bundle_write(jonas.omemo, &arena, KS_OMEMO_2, &xml), "bundle");
        text = bytes_of(&arena, xml);
        must(ks_base64(&arena, ks_str(two.identity_ed, 32), &ed), "base64");
        snprintf(node, sizeof node, "<ik>%.*s</ik><x>", KS_STR_FMT(ed));
        text = with(&arena, with(&arena, text, "<ik>", node), "</ik><prekeys>", "</x><prekeys>");
        must(ks_omemo_bundle_read(&arena, KS_OMEMO_2, tree_of(&arena, text), &again), "read");
        check_row(memcmp(again.identity, identity, 32) == 0,
            "attack 4: an identity with a flipped Edwards sign bit is the same identity", "it differs");
        check_err("but no signature of it is right", begin_with(&anna, &jonas, KS_OMEMO_2, &again), KS_ECRYPTO);
        ks_arena_done(&arena);
    }
    device_done(&anna);
    device_done(&jonas);
}

static void test_records(void)
{
    struct device anna;

    device_init(&anna, "anna@example.org", 60);
    must(anna.store->ops->begin(anna.store), "begin");
    check_err("a second identity is not made", end(&anna, ks_omemo_create(anna.omemo, NOW)), KS_EEXISTS);
    must(anna.store->ops->put(anna.store, KS_T_OMEMO_OWN, KS_STR("i"), KS_STR("\x02 from the future")), "put");
    check_err("an identity record of a newer version is refused", ks_omemo_load(anna.omemo), KS_EVERSION);
    must(anna.store->ops->put(anna.store, KS_T_OMEMO_OWN, KS_STR("i"), KS_STR("\x01 too short")), "put");
    check_err("a damaged one is a damaged store", ks_omemo_load(anna.omemo), KS_ESTORE);
    must(anna.store->ops->del(anna.store, KS_T_OMEMO_OWN, KS_STR("i")), "del");
    check_err("none is none", ks_omemo_load(anna.omemo), KS_ENOTFOUND);
    device_done(&anna);
}

static void test_others(void)
{
    test_one_identity();
    test_records();
}

int main(void)
{
    static void (*const tests[])(enum ks_omemo_version) = { test_pre_keys, test_bundle_text, test_lists, test_trust };

    return devices_main(tests, KS_COUNT(tests), test_others);
}
