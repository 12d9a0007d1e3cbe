/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "envelope.h"
#include "xml_reader.h"
#include "xml_writer.h"

#define K "<k xmlns='urn:konsil:msg:0' id='0123456789abcdef0123456789abcdef' dev='27183' ep='89abcdef01234567' "
#define HASH "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define HALF "AAAAAAAAAAAAAAAAAAAAAA=="
#define SIGNATURE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
#define EVIDENCE(signature)                                                                   \
    "<evidence xmlns='urn:konsil:log:0' ask='9'><checkpoint><data>eA==</data><sig>" signature \
    "</sig></checkpoint><signer>eA==</signer></evidence>"
#define HEAD(more) "<head dev='5' ep='89abcdef01234567' n='17' " more " h='" HASH "'/>"
#define NUMBERED K "n='17' prev='" HASH "'/>"
#define BODY "<body xmlns='jabber:client'>x</body>"

static struct ks_arena arena;

static struct ks_content read_content(const char *inner)
{
    struct ks_content content = { .says = KS_SAYS_NOTHING };
    char text[65536];
    struct ks_xml *xml;

    snprintf(text, sizeof(text), "<content xmlns='urn:xmpp:sce:1'>%s</content>", inner);
    if (ks_xml_read(&arena, ks_str_z(text), KS_STR_EMPTY, KS_STR_EMPTY, &xml) != KS_OK
        || ks_content_read(&arena, xml, &content) != KS_OK) {
        printf("Bail out! cannot read %s\n", inner);
        exit(1);
    }
    return content;
}

static const struct {
    const char *name, *inner;
    enum ks_says says;
    bool rejected, more;
    uint64_t number;
} rows[] = {
    { "PROTOCOL §5: a text", BODY NUMBERED, KS_SAYS_TEXT, false, false, 17 },
    { "PROTOCOL §5.6: a text of another program has no k", BODY, KS_SAYS_TEXT, false, false, 0 },
    { "PROTOCOL §5.3: an edit", BODY "<replace xmlns='urn:xmpp:message-correct:0' id='a'/>" NUMBERED, KS_SAYS_EDIT,
        false, false, 17 },
    { "PROTOCOL §5.3: the order of elements does not matter",
        NUMBERED "<replace xmlns='urn:xmpp:message-correct:0' id='a'/>" BODY, KS_SAYS_EDIT, false, false, 17 },
    { "XEP-0308: an edit without a text is unknown", "<replace xmlns='urn:xmpp:message-correct:0' id='a'/>" NUMBERED,
        KS_SAYS_UNKNOWN, false, false, 17 },
    { "PROTOCOL §5.4: reactions",
        "<reactions xmlns='urn:xmpp:reactions:0' id='a'><reaction>+</reaction></reactions>" NUMBERED, KS_SAYS_REACTIONS,
        false, false, 17 },
    { "PROTOCOL §5.5: a retraction, whose fallback text is not a message",
        BODY "<retract xmlns='urn:xmpp:message-retract:1' id='a'/>" NUMBERED, KS_SAYS_RETRACT, false, false, 17 },
    { "PROTOCOL §5.5: a retraction names its target", "<retract xmlns='urn:xmpp:message-retract:1'/>" NUMBERED,
        KS_SAYS_UNKNOWN, false, false, 17 },
    { "PROTOCOL §4.6: nothing known beside k, numbered: a newer version's", "<dance xmlns='urn:x'/>" NUMBERED,
        KS_SAYS_UNKNOWN, false, false, 17 },
    { "PROTOCOL §4.6: a number without anything is one too", NUMBERED, KS_SAYS_UNKNOWN, false, false, 17 },
    { "PROTOCOL §4.6: something known and something new", BODY "<dance xmlns='urn:x'/>" NUMBERED, KS_SAYS_TEXT, false,
        true, 17 },
    { "PROTOCOL §4.6: new parts of ours in an envelope without number are passed over",
        "<dance xmlns='urn:konsil:msg:0'/>" K "/>", KS_SAYS_NOTHING, false, false, 0 },
    { "PROTOCOL §6.5: heads", "<heads xmlns='urn:konsil:msg:0'>" HEAD("from='3'") "</heads>" K "/>", KS_SAYS_HEADS,
        false, false, 0 },
    { "PROTOCOL §6.5: from the last one on", "<heads xmlns='urn:konsil:msg:0'>" HEAD("") "</heads>" K "/>",
        KS_SAYS_HEADS, false, false, 0 },
    { "PROTOCOL §6.5: from one beyond the last", "<heads xmlns='urn:konsil:msg:0'>" HEAD("from='18'") "</heads>" K "/>",
        KS_SAYS_NOTHING, false, false, 0 },
    { "PROTOCOL §6.5: from none", "<heads xmlns='urn:konsil:msg:0'>" HEAD("from='0'") "</heads>" K "/>",
        KS_SAYS_NOTHING, false, false, 0 },
    { "PROTOCOL §9.2: in a welcome each names its author",
        "<room xmlns='urn:konsil:room:0' jid='r@x' v='1' h='" HASH
        "'><heads xmlns='urn:konsil:msg:0'>" HEAD("") "</heads></room>" NUMBERED,
        KS_SAYS_UNKNOWN, false, false, 17 },
    { "PROTOCOL §4.6: others' are not", "<dance xmlns='urn:x'/>" K "/>", KS_SAYS_UNKNOWN, false, false, 0 },
    { "PROTOCOL §4.6: chat states and hints are nothing", "<active xmlns='http://jabber.org/protocol/chatstates'/>",
        KS_SAYS_NOTHING, false, false, 0 },
    { "PROTOCOL §7.2: a receipt of another program", "<received xmlns='urn:xmpp:receipts' id='a'/>", KS_SAYS_RECEIVED,
        false, false, 0 },
    { "PROTOCOL §4.2: k twice is rejected", BODY NUMBERED NUMBERED, KS_SAYS_TEXT, true, false, 17 },
    { "PROTOCOL §4.3: an id of another length is rejected",
        BODY "<k xmlns='urn:konsil:msg:0' id='01' dev='1' ep='89abcdef01234567'/>", KS_SAYS_TEXT, true, false, 0 },
    { "PROTOCOL §4.3: a number needs prev", BODY K "n='17'/>", KS_SAYS_TEXT, true, false, 17 },
    { "PROTOCOL §4.3: prev needs a number", BODY K "prev='" HASH "'/>", KS_SAYS_TEXT, true, false, 0 },
    { "PROTOCOL §1.1: a number has no leading zero", BODY K "n='017' prev='" HASH "'/>", KS_SAYS_TEXT, true, false, 0 },
    { "PROTOCOL §4.3: numbers begin at 1", BODY K "n='0' prev='" HASH "'/>", KS_SAYS_TEXT, true, false, 0 },
    { "PROTOCOL §1.1: a hash has 32 bytes", BODY K "n='1' prev='AAAA'/>", KS_SAYS_TEXT, true, false, 1 },
    { "PROTOCOL §9.2: a room's state", "<room xmlns='urn:konsil:room:0' jid='r@x' v='1' h='" HASH "'/>" NUMBERED,
        KS_SAYS_ROOM, false, false, 17 },
    { "PROTOCOL §9.2: without its hash it is none", "<room xmlns='urn:konsil:room:0' jid='r@x' v='1'/>" NUMBERED,
        KS_SAYS_UNKNOWN, false, false, 17 },
    { "PROTOCOL §9.3: the wish to leave", "<leave xmlns='urn:konsil:room:0' jid='r@x'/>" NUMBERED, KS_SAYS_ROOM, false,
        false, 17 },
    { "PROTOCOL §4.3: ms needs mh", BODY K "ms='1'/>", KS_SAYS_TEXT, true, false, 0 },
    { "PROTOCOL §4.3: mh needs ms", BODY K "mh='" HASH "'/>", KS_SAYS_TEXT, true, false, 0 },
    { "PROTOCOL §4.3: attributes that are not known are ignored", BODY K "n='17' prev='" HASH "' new='9'/>",
        KS_SAYS_TEXT, false, false, 17 },
    { "PROTOCOL §4.3: cp and cr", BODY K "cp='9' cr='" HALF "'/>", KS_SAYS_TEXT, false, false, 0 },
    { "PROTOCOL §4.3: cp needs cr", BODY K "cp='9'/>", KS_SAYS_TEXT, true, false, 0 },
    { "PROTOCOL §4.3: cr needs cp", BODY K "cr='" HALF "'/>", KS_SAYS_TEXT, true, false, 0 },
    { "PROTOCOL §4.3: cr has 16 bytes", BODY K "cp='9' cr='" HASH "'/>", KS_SAYS_TEXT, true, false, 0 },
    { "PROTOCOL §4.3: nobody follows a log of nothing", BODY K "cp='0' cr='" HALF "'/>", KS_SAYS_TEXT, true, false, 0 },
    { "PROTOCOL §15.7: evidence", EVIDENCE(SIGNATURE) K "/>", KS_SAYS_EVIDENCE, false, false, 0 },
    { "PROTOCOL §15.7: without a whole signature it is none", EVIDENCE(HASH) K "/>", KS_SAYS_NOTHING, false, false, 0 },
};

static void test_rows(void)
{
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_content content = read_content(rows[i].inner);

        check_row(content.says == rows[i].says && content.rejected == rows[i].rejected && content.more == rows[i].more
                && content.k.number == rows[i].number,
            rows[i].name, "says %d, rejected %d, more %d, number %llu", content.says, content.rejected, content.more,
            (unsigned long long)content.k.number);
    }
}

/* Writes, reads again, and gives what was read. */
static struct ks_content round_trip(const struct ks_content *content)
{
    struct ks_content again = { .says = KS_SAYS_NOTHING };
    struct ks_xml *xml = ks_content_write(&arena, content), *read;
    struct ks_buf bytes;

    ks_buf_init(&bytes, 1 << 20);
    ks_xml_write(&bytes, xml, KS_STR_EMPTY);
    if (ks_xml_read(&arena, ks_buf_str(&bytes), KS_STR_EMPTY, KS_STR_EMPTY, &read) != KS_OK
        || ks_content_read(&arena, read, &again) != KS_OK)
        exit(1);
    ks_buf_done(&bytes);
    return again;
}

static void test_round_trips(void)
{
    struct ks_str emoji[] = { KS_STR("+1"), KS_STR("\xe2\x9d\xa4") };
    struct ks_ack_except except[] = { { 3, 3 }, { 8, 9 } };
    struct ks_ack_range range = { .device = 5,
        .epoch = 7,
        .from = 2,
        .to = 17,
        .hash = { 9 },
        .displayed = true,
        .except = except,
        .except_count = 2 };
    struct ks_heal_item items[] = { { .device = 5, .epoch = 7, .from = 12, .to = 14, .conversation = KS_STR("a@b") },
        { .device = 6, .id = KS_STR("abc") } };
    struct ks_k k = { .id = KS_STR("0123456789abcdef0123456789abcdef"),
        .device = 27183,
        .epoch = UINT64_C(0x89abcdef01234567),
        .number = 17,
        .prev = { 1, 2 },
        .urgency = KS_URGENCY_HIGH,
        .epoch_before = 1,
        .number_before = 4,
        .log_size = 184233,
        .log_root = { 6, 7 } };
    struct ks_content text = { .says = KS_SAYS_TEXT,
        .ours = true,
        .k = k,
        .body = KS_STR("a\r\n<b>&"),
        .reply_to = KS_STR("t"),
        .target_author = KS_STR("a@b"),
        .has_ref = true,
        .ref_hash = { 5 },
        .receipt_wanted = true };
    struct ks_content reactions = {
        .says = KS_SAYS_REACTIONS, .ours = true, .k = k, .target = KS_STR("t"), .emoji = emoji, .emoji_count = 2
    };
    struct ks_content ack = { .says = KS_SAYS_ACK, .ranges = &range, .range_count = 1 };
    struct ks_content heal = { .says = KS_SAYS_HEAL, .items = items, .item_count = 2 };
    struct ks_content evidence = { .says = KS_SAYS_EVIDENCE,
        .evidence = { .asks = 9,
            .checkpoint = { .bytes = KS_STR("konsil/0 checkpoint\n"), .signature = { 3 } },
            .signer = KS_STR("certificate") } };
    struct ks_content heads = { .says = KS_SAYS_HEADS,
        .ranges =
            &(struct ks_ack_range) { .device = 5, .epoch = 7, .from = 2, .to = 17, .conversation = KS_STR("r@x") },
        .range_count = 1 };
    struct ks_content resend = { .says = KS_SAYS_RESEND, .resent = KS_STR("<envelope/>\n") };
    struct ks_content got = round_trip(&text);

    check_row(got.says == KS_SAYS_TEXT && got.ours && !got.rejected && got.k.device == k.device
            && got.k.epoch == k.epoch && got.k.number == 17 && got.k.urgency == KS_URGENCY_HIGH
            && got.k.epoch_before == 1 && got.k.number_before == 4 && memcmp(got.k.prev, k.prev, sizeof(k.prev)) == 0
            && ks_str_eq(got.k.id, k.id),
        "PROTOCOL §4.3: k is read as it was written", "says %d, number %llu", got.says,
        (unsigned long long)got.k.number);
    check_row(got.k.log_size == 184233 && memcmp(got.k.log_root, k.log_root, sizeof k.log_root) == 0,
        "PROTOCOL §4.3: so is which key log its author follows", "%llu", (unsigned long long)got.k.log_size);
    check_str("a text keeps its carriage return", got.body, text.body);
    check_row(ks_str_is(got.reply_to, "t") && ks_str_is(got.target_author, "a@b") && got.has_ref && got.ref_hash[0] == 5
            && got.receipt_wanted,
        "PROTOCOL §5.1: an answer, its reference and hash", "%.*s %d", KS_STR_FMT(got.reply_to), got.has_ref);
    got = round_trip(&reactions);
    check_row(got.says == KS_SAYS_REACTIONS && got.emoji_count == 2 && ks_str_eq(got.emoji[1], emoji[1]),
        "PROTOCOL §5.4: reactions are read as they were written", "%zu", got.emoji_count);
    got = round_trip(&ack);
    check_row(got.says == KS_SAYS_ACK && got.range_count == 1 && got.ranges[0].displayed && got.ranges[0].from == 2
            && got.ranges[0].to == 17 && got.ranges[0].except_count == 2 && got.ranges[0].except[1].from == 8
            && got.ranges[0].except[1].to == 9 && !got.ranges[0].jid.ptr,
        "PROTOCOL §7.1: a receipt with exceptions is read as it was written", "%zu ranges", got.range_count);
    got = round_trip(&heal);
    check_row(got.says == KS_SAYS_HEAL && got.item_count == 2 && got.items[0].to == 14
            && ks_str_is(got.items[0].conversation, "a@b") && ks_str_is(got.items[1].id, "abc")
            && got.items[1].device == 6,
        "PROTOCOL §8.2: a request for repair is read as it was written", "%zu items", got.item_count);
    got = round_trip(&evidence);
    check_row(got.says == KS_SAYS_EVIDENCE && got.evidence.asks == 9 && got.evidence.checkpoint.signature[0] == 3
            && ks_str_eq(got.evidence.checkpoint.bytes, evidence.evidence.checkpoint.bytes)
            && ks_str_eq(got.evidence.signer, evidence.evidence.signer),
        "PROTOCOL §15.7: evidence is read as it was written", "says %d", got.says);
    got = round_trip(&heads);
    check_row(got.says == KS_SAYS_HEADS && got.range_count == 1 && got.ranges[0].from == 2 && got.ranges[0].to == 17
            && ks_str_is(got.ranges[0].conversation, "r@x") && got.ranges[0].device == 5,
        "PROTOCOL §6.5: heads are read as they were written", "says %d", got.says);
    got = round_trip(&resend);
    check_str("PROTOCOL §8.2: an envelope handed in again keeps its bytes", got.resent, resend.resent);
}

static const struct {
    const char *name, *text;
    enum ks_says says;
} moderations[] = {
    { "PROTOCOL §5.5: an owner's word names the author",
        "<retract xmlns='urn:xmpp:message-retract:1' id='t'><reason>r</reason><moderated xmlns='urn:konsil:room:0' "
        "author='a@b'/></retract>",
        KS_SAYS_RETRACT },
    { "PROTOCOL §5.5: one that names nobody is none",
        "<retract xmlns='urn:xmpp:message-retract:1' id='t'><moderated xmlns='urn:konsil:room:0'/></retract>",
        KS_SAYS_UNKNOWN },
    { "PROTOCOL §5.5: one without a target is none",
        "<retract xmlns='urn:xmpp:message-retract:1'><moderated xmlns='urn:konsil:room:0' author='a@b'/></retract>",
        KS_SAYS_UNKNOWN },
};

static void test_moderations(void)
{
    struct ks_content word = {
        .says = KS_SAYS_RETRACT, .target = KS_STR("t"), .target_author = KS_STR("a@b"), .body = KS_STR("<why>")
    };
    struct ks_content own = { .says = KS_SAYS_RETRACT, .target = KS_STR("t") }, got = round_trip(&word);
    char text[1024], reason[KS_REASON_MAX + 2];

    check_row(got.says == KS_SAYS_RETRACT && ks_str_is(got.target, "t") && ks_str_is(got.target_author, "a@b")
            && ks_str_is(got.body, "<why>"),
        "PROTOCOL §5.5: it is read as it was written", "says %d", got.says);
    got = round_trip(&own);
    check_row(got.says == KS_SAYS_RETRACT && got.target_author.len == 0,
        "PROTOCOL §5.5: and what an author takes back himself is not it", "says %d", got.says);
    for (size_t i = 0; i < KS_COUNT(moderations); i++) {
        snprintf(text, sizeof(text), "%s" NUMBERED, moderations[i].text);
        got = read_content(text);
        check_row(got.says == moderations[i].says, moderations[i].name, "says %d", got.says);
    }
    memset(reason, 'x', sizeof(reason) - 1);
    reason[sizeof(reason) - 1] = 0;
    snprintf(text, sizeof(text),
        "<retract xmlns='urn:xmpp:message-retract:1' id='t'><reason>%s</reason><moderated xmlns='urn:konsil:room:0' "
        "author='a@b'/></retract>" NUMBERED,
        reason);
    check_row(read_content(text).says == KS_SAYS_UNKNOWN, "PROTOCOL §12: a reason has at most 256 bytes", "taken");
}

static const struct {
    const char *name, *inner;
    bool good;
} acks[] = {
    { "PROTOCOL §7.1: numbers and ranges", "from='1' not='3 8-9'", true },
    { "PROTOCOL §7.1: exceptions rise", "from='1' not='8-9 3'", false },
    { "PROTOCOL §7.1: a range that goes back", "from='1' not='9-8'", false },
    { "PROTOCOL §7.1: exceptions are below to", "from='1' not='17'", false },
    { "PROTOCOL §7.1: two blanks", "from='1' not='3  8'", false },
    { "PROTOCOL §7.1: no exceptions", "from='1'", true },
    { "PROTOCOL §7.1: one number", "from='17'", true },
    { "PROTOCOL §7.1: from is not above to", "from='18'", false },
    { "PROTOCOL §7.1: numbers begin with 1", "from='0'", false },
    { "PROTOCOL §7.1: a receipt says from where on it speaks", "", false },
};

static void test_acks(void)
{
    for (size_t i = 0; i < KS_COUNT(acks); i++) {
        char text[512];
        struct ks_content content;

        snprintf(text, sizeof(text),
            "<ack xmlns='urn:konsil:ack:0'><r dev='1' ep='0000000000000001' to='17' h='" HASH "' s='stored' %s/></ack>",
            acks[i].inner);
        content = read_content(text);
        check_row((content.says == KS_SAYS_ACK) == acks[i].good, acks[i].name, "says %d", content.says);
    }
}

int main(void)
{
    ks_arena_init(&arena, 16 << 20);
    test_rows();
    test_round_trips();
    test_moderations();
    test_acks();
    ks_arena_done(&arena);
    return check_done();
}
