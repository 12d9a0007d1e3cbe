/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Messages between devices: lost, repeated, out of order, altered, and after a crash. */
#include "omemo_devices.h"

/* --- conversations --- */

static void test_talk(enum ks_omemo_version v)
{
    struct device anna, jonas;
    struct ks_omemo_opened opened;
    struct ks_str bytes, second, third;
    uint8_t identity[KS_IDENTITY_LEN];

    device_init(&anna, "anna@example.org", 1);
    device_init(&jonas, "jonas@example.org", 2);
    check_err(name_of("no session is found before one is begun"),
        ks_omemo_session_find(anna.omemo, v, jonas.jid, id_of(&jonas)), KS_ENOTFOUND);
    check_err(
        name_of("without a session nothing is sealed"), seal(&anna, &jonas, v, KS_STR("x"), &bytes), KS_ENOTFOUND);
    session(&anna, &jonas, v);
    check_err(
        name_of("a session is found after it"), ks_omemo_session_find(anna.omemo, v, jonas.jid, id_of(&jonas)), KS_OK);
    check_err(name_of("the other version's table does not have it"),
        ks_omemo_session_find(anna.omemo, v == KS_OMEMO_2 ? KS_OMEMO_1 : KS_OMEMO_2, jonas.jid, id_of(&jonas)),
        KS_ENOTFOUND);

    bytes = sealed(&anna, &jonas, v, "Grüß Gott");
    second = sealed(&anna, &jonas, v, "zweite");
    third = sealed(&anna, &jonas, v, "dritte");
    check_row(ks_str_find(bytes, KS_STR("Gott")) == bytes.len, name_of("the element holds no plaintext"), "it does");
    check_err(name_of("the first message opens"), open_from(&jonas, anna.jid, bytes, &opened), KS_OK);
    check_str(name_of("with its text"), opened.plaintext, KS_STR("Grüß Gott"));
    ks_omemo_identity(anna.omemo, identity);
    check_row(opened.kex && opened.session_new && opened.version == v && opened.device == id_of(&anna)
            && opened.trust == KS_TRUST_FIRST && memcmp(opened.identity, identity, sizeof identity) == 0,
        name_of("it tells its version, device, identity, and that it made a session"), "kex %d new %d trust %d",
        opened.kex, opened.session_new, opened.trust);
    check_err(name_of("opened again it is a duplicate"), open_from(&jonas, anna.jid, bytes, &opened), KS_EEXISTS);
    check_err(name_of("the third before the second opens"), open_from(&jonas, anna.jid, third, &opened), KS_OK);
    check_row(opened.kex && !opened.session_new,
        name_of("XEP-0384 §3.2: until an answer comes each message repeats the "
                "key exchange, which makes no second session"),
        "kex %d new %d", opened.kex, opened.session_new);
    check_row(reads(&jonas, &anna, second, "zweite"), name_of("and the second after it"), "not opened");
    check_err(name_of("once"), open_from(&jonas, anna.jid, second, &opened), KS_EEXISTS);

    check_row(talk(&jonas, &anna, v, "Antwort"), name_of("the answer opens"), "not opened");
    bytes = sealed(&anna, &jonas, v, "danach");
    check_err(name_of("after an answer"), open_from(&jonas, anna.jid, bytes, &opened), KS_OK);
    check_row(!opened.kex && opened.counter == 0, name_of("messages carry no key exchange, and the ratchet has turned"),
        "kex %d counter %u", opened.kex, opened.counter);
    for (int i = 0; i < 20; i++)
        if (!talk(&anna, &jonas, v, "hin") || !talk(&jonas, &anna, v, "her"))
            check_row(false, name_of("twenty exchanges"), "failed at %d", i);
    check_row(true, name_of("twenty exchanges"), " ");
    device_done(&anna);
    device_done(&jonas);
}

static void test_loss(enum ks_omemo_version v)
{
    struct device anna, jonas;
    struct ks_omemo_opened opened;
    struct ks_str bytes = { 0 }, at_2000 = { 0 }, early = { 0 };

    device_init(&anna, "anna@example.org", 3);
    device_init(&jonas, "jonas@example.org", 4);
    session(&anna, &jonas, v);
    if (!talk(&anna, &jonas, v, "a") || !talk(&jonas, &anna, v, "b") || !talk(&anna, &jonas, v, "c"))
        printf("# no session\n");
    /* Anna's chain: counter 0 was "c"; 1 to 2002 follow. */
    for (int i = 1; i <= 2002; i++) {
        bytes = sealed(&anna, &jonas, v, "verloren");
        if (i == 7)
            early = bytes;
        if (i == 2001)
            at_2000 = bytes;
        ks_arena_reset(&jonas.arena);
    }
    check_err(name_of("a message 2,001 ahead of its chain is refused as that"),
        open_from(&jonas, anna.jid, bytes, &opened), KS_ELIMIT);
    check_row(
        opened.counter == 2002 && opened.device == id_of(&anna), name_of("and says how far"), "%u", opened.counter);
    check_row(reads(&jonas, &anna, at_2000, "verloren"), name_of("2,000 ahead is opened"), "not opened");
    check_row(reads(&jonas, &anna, early, "verloren"), name_of("the skipped ones open afterwards"), "not opened");
    check_row(
        reads(&jonas, &anna, bytes, "verloren"), name_of("and the one that was too far is near now"), "not opened");

    device_done(&anna);
    device_done(&jonas);
}

static void test_heartbeat(enum ks_omemo_version v)
{
    struct device anna, jonas;
    struct ks_omemo_opened opened;
    struct ks_str empty;
    bool due[120];

    device_init(&anna, "anna@example.org", 16);
    device_init(&jonas, "jonas@example.org", 17);
    session(&jonas, &anna, v);
    if (!talk(&jonas, &anna, v, "d"))
        printf("# no answer\n");
    for (int i = 0; i < 120; i++) {
        due[i] = open_from(&jonas, anna.jid, sealed(&anna, &jonas, v, "e"), &opened) == KS_OK && opened.heartbeat_due;
        if (opened.counter != (uint32_t)i)
            printf("# counter %u, want %d\n", opened.counter, i);
    }
    check_row(!memchr(due, true, 53) && due[53],
        name_of("XEP-0384 §6: counter 53 of a chain asks for a heartbeat, 52 does not"), "wrong");
    check_row(!memchr(due + 54, true, 52) && due[106], name_of("and 106 again, not each message between"), "wrong");
    must(seal(&jonas, &anna, v, KS_STR_EMPTY, &empty), "heartbeat");
    check_err(name_of("an empty message opens"), open_from(&anna, jonas.jid, empty, &opened), KS_OK);
    check_row(!opened.plaintext.ptr, name_of("without a text"), "it has one");
    check_row(
        ks_str_find(empty, KS_STR("payload")) == empty.len, name_of("XEP-0384 §5.5: and without a payload"), "it has");
    must(open_from(&jonas, anna.jid, sealed(&anna, &jonas, v, "f"), &opened), "after the heartbeat");
    check_row(opened.counter == 0, name_of("a heartbeat turns the ratchet"), "counter %u", opened.counter);
    device_done(&anna);
    device_done(&jonas);
}

/* Both begin at once, before either has heard of the other. */
static void test_both_begin(enum ks_omemo_version v)
{
    struct device anna, jonas;
    struct ks_str a1, a2, j1;
    bool ok = true;

    device_init(&anna, "anna@example.org", 5);
    device_init(&jonas, "jonas@example.org", 6);
    session(&anna, &jonas, v);
    session(&jonas, &anna, v);
    a1 = sealed(&anna, &jonas, v, "a1");
    j1 = sealed(&jonas, &anna, v, "j1");
    a2 = sealed(&anna, &jonas, v, "a2");
    check_row(reads(&jonas, &anna, a1, "a1") && reads(&anna, &jonas, j1, "j1"),
        name_of("both of two sessions begun at once are read"), "not");
    check_row(reads(&jonas, &anna, a2, "a2"), name_of("what was on its way in the older one too"), "not");
    for (int i = 0; i < 10; i++)
        ok = ok && talk(&anna, &jonas, v, "x") && talk(&jonas, &anna, v, "y");
    check_row(ok, name_of("and they go on in one of them"), "they do not");
    for (int i = 0; i < 5; i++) { /* crossing each time */
        a1 = sealed(&anna, &jonas, v, "a");
        j1 = sealed(&jonas, &anna, v, "j");
        ok = ok && reads(&jonas, &anna, a1, "a") && reads(&anna, &jonas, j1, "j");
    }
    check_row(ok, name_of("also when all messages cross"), "they do not");
    device_done(&anna);
    device_done(&jonas);
}

static void test_crash(enum ks_omemo_version v)
{
    struct device anna, jonas;
    struct ks_omemo_opened opened;
    struct ks_str first, second, resent;

    device_init(&anna, "anna@example.org", 7);
    device_init(&jonas, "jonas@example.org", 8);
    session(&anna, &jonas, v);
    first = sealed(&anna, &jonas, v, "eins");
    check_err(name_of("a key exchange is opened"), open_only(&jonas, anna.jid, first, &opened), KS_OK);
    ks_memory_engine_store_crash(jonas.store);
    ks_omemo_free(jonas.omemo);
    device_start(&jonas, NULL, NULL);
    check_err(name_of("after a crash before the commit the identity is there"), ks_omemo_load(jonas.omemo), KS_OK);
    check_row(
        reads(&jonas, &anna, first, "eins"), name_of("and the message opens again when it is delivered again"), "not");

    second = sealed(&anna, &jonas, v, "zwei");
    check_err(name_of("the same for a later one"), open_only(&jonas, anna.jid, second, &opened), KS_OK);
    ks_memory_engine_store_crash(jonas.store);
    check_row(reads(&jonas, &anna, second, "zwei"), name_of("which opens again, too"), "not");
    check_err(name_of("after the commit it is a duplicate"), open_from(&jonas, anna.jid, second, &opened), KS_EEXISTS);

    {
        struct ks_omemo_recipient to = { .jid = anna.jid, .device = id_of(&anna) };
        struct ks_xml *xml;

        must(jonas.store->ops->begin(jonas.store), "begin");
        must(ks_omemo_seal(jonas.omemo, &jonas.arena, v, KS_STR("nie gesendet"), &to, 1, &xml), "seal");
        ks_memory_engine_store_crash(jonas.store);
    }
    resent = sealed(&jonas, &anna, v, "gesendet");
    check_row(reads(&anna, &jonas, resent, "gesendet"), name_of("a crash while sealing breaks no session"), "it does");
    device_done(&anna);
    device_done(&jonas);
}

static void test_altered(enum ks_omemo_version v)
{
    struct device anna, jonas, carla;
    struct ks_omemo_opened opened;
    struct ks_str kex, later;
    char own[32], other[32];

    device_init(&anna, "anna@example.org", 9);
    device_init(&jonas, "jonas@example.org", 10);
    device_init(&carla, "carla@example.org", 11);
    session(&anna, &jonas, v);
    kex = sealed(&anna, &jonas, v, "wichtig");
    check_err(name_of("a payload with a changed bit is refused"),
        open_from(&jonas, anna.jid, flipped(&jonas.arena, kex, "</payload>", 8), &opened), KS_ECRYPTO);
    check_err(name_of("a key exchange with a changed bit is refused"),
        open_from(&jonas, anna.jid, flipped(&jonas.arena, kex, "</key>", 24), &opened), KS_ECRYPTO);
    check_row(reads(&jonas, &anna, kex, "wichtig"), name_of("neither hinders the true one"), "it is not opened");
    if (!talk(&jonas, &anna, v, "ja"))
        printf("# no answer\n");
    later = sealed(&anna, &jonas, v, "später");
    check_err(name_of("a later message with a changed bit is refused"),
        open_from(&jonas, anna.jid, flipped(&jonas.arena, later, "</key>", 24), &opened), KS_ECRYPTO);
    check_err(name_of("from somebody without a session there is nothing to open it with"),
        open_from(&jonas, carla.jid, later, &opened), KS_ESTATE);
    check_row(
        opened.device == id_of(&anna), name_of("the sender's device id is told for the repair"), "%u", opened.device);
    check_err(
        name_of("a device that is not named has no key"), open_from(&carla, anna.jid, later, &opened), KS_ENOTFOUND);
    snprintf(own, sizeof own, "sid='%u'", id_of(&anna));
    check_err(name_of("a sender without a device id is malformed"),
        open_from(&jonas, anna.jid, with(&jonas.arena, later, own, "sid='0'"), &opened), KS_ESYNTAX);
    snprintf(own, sizeof own, "rid='%u'", id_of(&jonas));
    snprintf(other, sizeof other, "rid='%u'", id_of(&jonas) ^ 1);
    check_err(name_of("a key for another device id is not ours"),
        open_from(&jonas, anna.jid, with(&jonas.arena, later, own, other), &opened), KS_ENOTFOUND);
    check_err(name_of("signs that are not base64 are malformed"),
        open_from(&jonas, anna.jid, with(&jonas.arena, later, "<payload>", "<payload>*"), &opened), KS_ESYNTAX);
    check_err(name_of("a payload that is no payload is refused"),
        open_from(&jonas, anna.jid, with(&jonas.arena, later, "<payload>", "<payload>AAAA"), &opened), KS_ECRYPTO);
    check_err(name_of("another element is malformed"), open_from(&jonas, anna.jid, KS_STR("<x xmlns='y'/>"), &opened),
        KS_ESYNTAX);
    check_row(reads(&jonas, &anna, later, "später"), name_of("after all that the true one still opens"), "not");
    device_done(&anna);
    device_done(&jonas);
    device_done(&carla);
}

static void test_many(enum ks_omemo_version v)
{
    struct device anna, tablet, jonas, phone;
    struct ks_omemo_recipient to[4];
    struct ks_omemo_opened opened;
    struct ks_omemo_bundle own_bundle;
    struct ks_xml *xml;
    struct ks_str bytes;

    device_init(&anna, "anna@example.org", 12);
    device_init(&tablet, "anna@example.org", 13);
    device_init(&jonas, "jonas@example.org", 14);
    device_init(&phone, "jonas@example.org", 15);
    session(&anna, &jonas, v);
    session(&anna, &tablet, v);
    to[0] = (struct ks_omemo_recipient) { .jid = jonas.jid, .device = id_of(&jonas) };
    to[1] = (struct ks_omemo_recipient) { .jid = tablet.jid, .device = id_of(&tablet) };
    to[2] = (struct ks_omemo_recipient) { .jid = jonas.jid, .device = id_of(&phone) };
    to[3] = (struct ks_omemo_recipient) { .jid = KS_STR("nobody@example.org"), .device = 7 };
    must(anna.store->ops->begin(anna.store), "begin");
    check_err(name_of("one message for several devices, of which two have no session"),
        end(&anna, ks_omemo_seal(anna.omemo, &anna.arena, v, KS_STR("alle"), to, 4, &xml)), KS_OK);
    check_row(to[0].err == KS_OK && to[1].err == KS_OK && to[2].err == KS_ENOTFOUND && to[3].err == KS_ENOTFOUND,
        name_of("each recipient says how it went"), "%d %d %d %d", to[0].err, to[1].err, to[2].err, to[3].err);
    bytes = bytes_of(&anna.arena, xml);
    check_row(reads(&jonas, &anna, bytes, "alle") && reads(&tablet, &anna, bytes, "alle"),
        name_of("those with a session read it"), "not");
    check_err(name_of("the others find no key"), open_from(&phone, anna.jid, bytes, &opened), KS_ENOTFOUND);
    session(&anna, &phone, v);
    must(anna.store->ops->begin(anna.store), "begin");
    check_err(name_of("with one more session"),
        end(&anna, ks_omemo_seal(anna.omemo, &anna.arena, v, KS_STR("mehr"), to, 4, &xml)), KS_OK);
    bytes = bytes_of(&anna.arena, xml);
    check_row(reads(&phone, &anna, bytes, "mehr"), name_of("it reads, too"), "not");
    if (v == KS_OMEMO_2) {
        const struct ks_xml *header = ks_xml_child(xml, NS_OMEMO, "header"),
                            *keys = ks_xml_child(header, NS_OMEMO, "keys");
        size_t groups = 0, keys_of_jonas = 0;

        for (; keys; keys = ks_xml_next(keys, NS_OMEMO, "keys"), groups++)
            if (ks_str_eq(ks_xml_attr(keys, "jid"), jonas.jid))
                for (const struct ks_xml *k = ks_xml_child(keys, NS_OMEMO, "key"); k;
                     k = ks_xml_next(k, NS_OMEMO, "key"))
                    keys_of_jonas++;
        check_row(groups == 2 && keys_of_jonas == 2, name_of("XEP-0384 §5.5: keys are grouped by account"), "%zu %zu",
            groups, keys_of_jonas);
        bytes = with(&jonas.arena, bytes, "jid='jonas@example.org'", "jid='Jonas@EXAMPLE.org'");
        check_row(reads(&jonas, &anna, bytes, "mehr"), name_of("a JID in another spelling is ours"), "not");
    } else {
        /* Somebody else's device with our number, listed first. */
        char own[40], twice[80];
        struct ks_str doubled;

        snprintf(own, sizeof own, "rid='%u'>", id_of(&phone));
        (void)own;
        snprintf(twice, sizeof twice, "<header sid='%u'><key rid='%u'>MwgA</key>", id_of(&anna), id_of(&jonas));
        snprintf(own, sizeof own, "<header sid='%u'>", id_of(&anna));
        doubled = with(&jonas.arena, bytes, own, twice);
        check_row(reads(&jonas, &anna, doubled, "mehr"),
            name_of("0.3 §4.7: of two keys for one device id the one that opens counts"), "not");
    }
    own_bundle = bundle_of(&anna, &anna, v);
    check_err(
        name_of("a device does not begin a session with itself"), begin_with(&anna, &anna, v, &own_bundle), KS_ESTATE);
    device_done(&anna);
    device_done(&tablet);
    device_done(&jonas);
    device_done(&phone);
}

/* Sessions that a peer makes large: each new one with 2,000 skipped messages. */
static void test_growth(void)
{
    struct device anna, jonas;
    struct ks_omemo_opened opened;
    struct ks_buf record;
    char key[64] = "anna@example.org";
    size_t key_len = strlen(key) + 1, most = 0;
    bool ok = true;

    device_init(&anna, "anna@example.org", 70);
    device_init(&jonas, "jonas@example.org", 71);
    for (int i = 0; i < 4; i++)
        key[key_len++] = (char)(id_of(&anna) >> (24 - 8 * i));
    for (int round = 0; round < 3; round++) {
        struct ks_str last = { 0 };

        session(&anna, &jonas, KS_OMEMO_2);
        for (int i = 0; i <= 1990; i++) {
            ks_arena_reset(&anna.arena);
            last = sealed(&anna, &jonas, KS_OMEMO_2, "x");
        }
        ok = ok && open_from(&jonas, anna.jid, last, &opened) == KS_OK;
        ks_arena_reset(&jonas.arena);
        ks_buf_init(&record, 16 * 1024 * 1024);
        must(jonas.store->ops->get(jonas.store, KS_T_SESSION2, ks_str(key, key_len), &record), "record");
        most = record.len > most ? record.len : most;
        ks_buf_done(&record);
    }
    check_row(ok, "sessions with many skipped messages go on being read", "not");
    check_row(most > KS_OMEMO_SESSION_MAX / 2 && most <= KS_OMEMO_SESSION_MAX + 1, "their record keeps its limit",
        "%zu bytes", most);
    device_done(&anna);
    device_done(&jonas);
}

int main(void)
{
    static void (*const tests[])(enum ks_omemo_version) = { test_talk, test_loss, test_heartbeat, test_both_begin,
        test_crash, test_altered, test_many };

    return devices_main(tests, KS_COUNT(tests), test_growth);
}
