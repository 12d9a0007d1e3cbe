/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Signed clinical messages (doc/PROTOCOL.md §20): their form, its limits, and every reason for which one is not
 * believed. */
#include "clinical.h"

#include "clinic.h"
#include "failmalloc.h"

/* --- form --- */

static const char begin[] = "konsil/0 clinical\n";

static void test_form(void)
{
    struct ks_clinical order = an_order(), read;
    struct ks_clinical_file file = { .size = 4711, .type = KS_STR_INIT("image/png") };
    struct ks_clinical_ref ref = { .id = KS_STR_INIT("fe") };
    struct ks_str data;

    memset(file.sha256, 0x22, sizeof file.sha256);
    memset(ref.sha256, 0x33, sizeof ref.sha256);
    order.files = &file;
    order.refs = &ref;
    order.file_count = order.ref_count = 1;
    data = written(&order);
    check_str("§20.1: the statement, byte for byte", data,
        KS_STR("konsil/0 "
               "clinical\n{\"type\":\"order\",\"id\":\"0123456789abcdef0123456789abcdef\",\"author\":{\"jid\":\"" ANNA
               "\",\"name\":\"Dr. Jana Brandt\",\"dept\":\"Kardiologie\"},\"to\":[\"" JONAS
               "\"],\"time\":1795312800000,\"case\":\"F-2026-0815\",\"text\":\"Heparin 5000 IE s.c., "
               "\\\"jetzt\\\"\\u000aund dann "
               "3\303\227 "
               "t\303\244glich\",\"files\":[{\"sha256\":\"IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=\",\"size\":4711,"
               "\"type\":\"image/"
               "png\"}],\"refs\":[{\"id\":\"fe\",\"sha256\":\"MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM=\"}],"
               "\"log\":{\"size\":17,\"root\":\"ERERERERERERERERERERERERERERERERERERERERERE=\"}}"));
    must(ks_clinical_read(&arena, data, &read), "reading");
    check_str("what is read, writes the same", written(&read), data);
    check_row(read.time_ms == NOW_MS && read.file_count == 1 && read.files[0].size == 4711 && read.ref_count == 1
            && read.log_size == 17 && read.type == KS_CLINICAL_ORDER,
        "its numbers", "others");
    for (unsigned type = 1; type < KS_CLINICAL_TYPES; type++) {
        order.type = (enum ks_clinical_type)type;
        must(ks_clinical_read(&arena, written(&order), &read), "reading");
        check_row(read.type == type && ks_clinical_type_of(ks_str_z(ks_clinical_word(read.type))) == type,
            ks_clinical_word(read.type), "%u", read.type);
    }
}

/* An order of which one piece is another. */
static struct ks_str with(const char *piece, const char *other)
{
    struct ks_clinical order = an_order();
    struct ks_str data = written(&order), made;
    size_t at = ks_str_find(data, ks_str_z(piece));
    const struct ks_str parts[] = { ks_str_head(data, at), ks_str_z(other), ks_str_from(data, at + strlen(piece)) };

    must(at < data.len ? KS_OK : KS_ENOTFOUND, piece);
    must(ks_arena_join(&arena, parts, 3, &made), "joining");
    return made;
}

static void test_refused(void)
{
    static const struct {
        const char *name, *piece, *other;
        enum ks_err want;
    } rows[] = {
        { "control: written by hand", "\"order\"", "\"handover\"", KS_OK },
        { "attack 56: a room's statement is none", "konsil/0 clinical\n", "konsil/0 room\n", KS_EDENIED },
        { "nor is one without a purpose", "konsil/0 clinical\n", "", KS_EDENIED },
        { "a type of nobody's", "\"order\"", "\"prescription\"", KS_ESYNTAX },
        { "a type that is a number", "\"order\"", "1", KS_ESYNTAX },
        { "a name too many", "{\"type\"", "{\"x\":1,\"type\"", KS_ESYNTAX },
        { "a name twice", "{\"type\"", "{\"case\":\"\",\"type\"", KS_ESYNTAX },
        { "a name too many of its author", "{\"jid\"", "{\"x\":1,\"jid\"", KS_ESYNTAX },
        { "a name twice of its author", "{\"jid\"", "{\"dept\":\"\",\"jid\"", KS_ESYNTAX },
        { "a name missing", ",\"case\":\"F-2026-0815\"", "", KS_ESYNTAX },
        { "an author without a name", "Dr. Jana Brandt", "", KS_ESYNTAX },
        { "an author with a resource", ANNA, ANNA "/x", KS_ESYNTAX },
        { "an author in capitals", "{\"jid\":\"p-", "{\"jid\":\"P-", KS_ESYNTAX },
        { "for nobody", "[\"" JONAS "\"]", "[]", KS_ESYNTAX },
        { "for one person twice", "[\"" JONAS "\"]", "[\"" JONAS "\",\"" JONAS "\"]", KS_ESYNTAX },
        { "control: for two", "[\"" JONAS "\"]", "[\"" JONAS "\",\"" ANNA "\"]", KS_OK },
        { "for a domain", "[\"" JONAS "\"]", "[\"klinik.example\"]", KS_ESYNTAX },
        { "a time with a fraction", "1795312800000", "1795312800000.0", KS_ESYNTAX },
        { "a time before 1970", "1795312800000", "-1", KS_ESYNTAX },
        { "the year 10000", "1795312800000", "253402300800000", KS_ESYNTAX },
        { "control: the end of 9999", "1795312800000", "253402300799999", KS_OK },
        { "text that is none", "Heparin", "\\u0007", KS_ESYNTAX },
        { "text with U+0000", "Heparin", "\\u0000", KS_ESYNTAX },
        { "text with U+009B, which terminals obey", "Heparin", "\302\233", KS_ESYNTAX },
        { "text that is turned around by U+202E", "5000", "\342\200\2565000", KS_ESYNTAX },
        { "or by U+2066", "5000", "\342\201\2465000", KS_ESYNTAX },
        { "control: U+202F, a narrow space", "5000", "5\342\200\257000", KS_OK },
        { "control: a tab", "5000", "\\t", KS_OK },
        { "a case of two lines", "F-2026", "F\\n2026", KS_ESYNTAX },
        { "no log", "\"size\":17", "\"size\":0", KS_ESYNTAX },
        { "a log whose root is short", "ERER", "", KS_ESYNTAX },
        { "a log with a name too many", "{\"size\":17", "{\"t\":1,\"size\":17", KS_ESYNTAX },
        { "a file that is none", "\"files\":[]", "\"files\":[1]", KS_ESYNTAX },
        { "files that are none", "\"files\":[]", "\"files\":{}", KS_ESYNTAX },
        { "a reference without a hash", "\"refs\":[]", "\"refs\":[{\"id\":\"x\"}]", KS_ESYNTAX },
        { "an acknowledgement of nothing", "\"order\"", "\"ack\"", KS_ESYNTAX },
    };
    struct ks_clinical order = an_order(), read;
    struct ks_str data = written(&order), more;
    const struct ks_str blank[] = { data, KS_STR(" ") };

    for (size_t i = 0; i < KS_COUNT(rows); i++)
        check_err(rows[i].name, ks_clinical_read(&arena, with(rows[i].piece, rows[i].other), &read), rows[i].want);
    must(ks_arena_join(&arena, blank, 2, &more), "joining");
    check_err("bytes behind it", ks_clinical_read(&arena, more, &read), KS_ESYNTAX);
    check_err("only its purpose", ks_clinical_read(&arena, ks_str_head(data, sizeof begin - 1), &read), KS_ESYNTAX);
    check_err("nothing", ks_clinical_read(&arena, KS_STR_EMPTY, &read), KS_EDENIED);
    order.text = KS_STR_EMPTY;
    check_err("an order without text is not written", ks_clinical_write(&arena, &order, &more), KS_ESYNTAX);
    order.type = 0;
    check_err("nor is one of no type", ks_clinical_write(&arena, &order, &more), KS_ESYNTAX);
}

static struct ks_str long_text(size_t len)
{
    char *text = ks_arena_alloc(&arena, len);

    must(text ? KS_OK : KS_ENOMEM, "text");
    memset(text, 'x', len);
    return ks_str(text, len);
}

/* Each at its limit, and one more. */
static void test_limits(void)
{
    static struct ks_clinical_file files[KS_CLINICAL_FILES_MAX + 1];
    static struct ks_clinical_ref refs[KS_CLINICAL_REFS_MAX + 1];
    static struct ks_str to[KS_CLINICAL_TO_MAX + 1];
    struct ks_clinical order = an_order(), read;
    struct ks_str data = written(&order), made;
    size_t room =
        KS_CLINICAL_BYTES_MAX - data.len + strlen("Heparin 5000 IE s.c., \\\"jetzt\\\"\\u000aund dann 3xx txxglich");

    for (size_t i = 0; i < KS_COUNT(to); i++) {
        const struct ks_str parts[] = { ks_str("abcdefghijklmnopqrstuvwxyz0123456789" + i, 1),
            KS_STR("@klinik.example") };
        must(ks_arena_join(&arena, parts, 2, &to[i]), "an address");
        refs[i % KS_COUNT(refs)].id = KS_STR("x");
    }
    order.to = to;
    for (order.to_count = KS_CLINICAL_TO_MAX; order.to_count <= KS_CLINICAL_TO_MAX + 1; order.to_count++)
        check_err(order.to_count > KS_CLINICAL_TO_MAX ? "33 people" : "32 people",
            ks_clinical_write(&arena, &order, &made), order.to_count > KS_CLINICAL_TO_MAX ? KS_ESYNTAX : KS_OK);
    order = an_order();
    order.files = files;
    for (order.file_count = KS_CLINICAL_FILES_MAX; order.file_count <= KS_CLINICAL_FILES_MAX + 1; order.file_count++)
        check_err(order.file_count > KS_CLINICAL_FILES_MAX ? "17 files" : "16 files",
            ks_clinical_write(&arena, &order, &made), order.file_count > KS_CLINICAL_FILES_MAX ? KS_ESYNTAX : KS_OK);
    order = an_order();
    order.refs = refs;
    for (order.ref_count = KS_CLINICAL_REFS_MAX; order.ref_count <= KS_CLINICAL_REFS_MAX + 1; order.ref_count++)
        check_err(order.ref_count > KS_CLINICAL_REFS_MAX ? "17 references" : "16 references",
            ks_clinical_write(&arena, &order, &made), order.ref_count > KS_CLINICAL_REFS_MAX ? KS_ESYNTAX : KS_OK);
    order = an_order();
    const struct {
        const char *name;
        struct ks_str *field;
        size_t max;
    } texts[] = {
        { "an id", &order.id, KS_CLINICAL_ID_MAX },
        { "a case", &order.case_id, KS_CLINICAL_CASE_MAX },
        { "a name", &order.name, KS_CERT_TEXT_MAX },
        { "a department", &order.dept, KS_CERT_TEXT_MAX },
        { "a media type", &files[0].type, KS_CLINICAL_MEDIA_MAX },
    };
    for (size_t i = 0; i < KS_COUNT(texts); i++) {
        order.files = files;
        order.file_count = 1;
        *texts[i].field = long_text(texts[i].max);
        check_err(texts[i].name, ks_clinical_write(&arena, &order, &made), KS_OK);
        *texts[i].field = long_text(texts[i].max + 1);
        check_err("one byte more of it", ks_clinical_write(&arena, &order, &made), KS_ESYNTAX);
        order = an_order();
    }
    order.text = long_text(room);
    must(ks_clinical_write(&arena, &order, &data), "a long one");
    check_row(data.len == KS_CLINICAL_BYTES_MAX, "16 KiB in all", "%zu", data.len);
    order.text = long_text(room + 1);
    check_err("and one byte more", ks_clinical_write(&arena, &order, &made), KS_ELIMIT);
    const struct ks_str longer[] = { ks_str_head(data, data.len - 1), KS_STR(" }") };
    must(ks_arena_join(&arena, longer, 2, &made), "joining");
    check_err("nor is it read", ks_clinical_read(&arena, made, &read), KS_ELIMIT);
}

/* --- judging --- */

static struct ks_clinical_report judged(const struct clinic *c, const struct member *m, struct ks_str data,
    const uint8_t signature[KS_P256_SIGNATURE_LEN], const struct ks_clinical_log *log)
{
    struct ks_clinical_report report;

    must(ks_clinical_check(&arena, data, signature, m->chain, 2, c->root, log, &report), "checking");
    return report;
}

static void check_verdict(const char *name, enum ks_clinical_verdict got, enum ks_clinical_verdict want)
{
    check_row(got == want, name, "%s, not %s", ks_clinical_verdict_name(got), ks_clinical_verdict_name(want));
}

static enum ks_clinical_verdict signed_by(const struct clinic *c, const struct member *m,
    const struct ks_clinical *clinical, const struct ks_clinical_log *log)
{
    uint8_t signature[KS_P256_SIGNATURE_LEN];
    struct ks_str data = written(clinical);

    ks_clinical_sign(m->secret, data, signature);
    return judged(c, m, data, signature, log).verdict;
}

static void test_who(const struct clinic *c, const struct member *anna)
{
    struct clinic other = new_clinic("klinik.example"), partner = new_clinic("partner.example");
    struct member jonas = new_member(c, JONAS, "Jonas Weber", "Kardiologie");
    struct member ghost = new_member(&other, ANNA, "Dr. Jana Brandt", "Kardiologie");
    struct member namesake = new_member(c, JONAS, "Dr. Jana Brandt", "Kardiologie"), mixed = *anna;
    struct member foreign = new_member(&partner, ANNA, "Dr. Jana Brandt", "Kardiologie");
    struct ks_clinical order = an_order();
    uint8_t signature[KS_P256_SIGNATURE_LEN];
    struct ks_str data = written(&order);
    unsigned good = 0;

    ks_clinical_sign(anna->secret, data, signature);
    check_verdict("signed by her device", judged(c, anna, data, signature, NULL).verdict, KS_CLINICAL_GOOD);
    for (size_t i = 0; i < data.len; i++)
        good += judged(c, anna, flipped(data, i), signature, NULL).verdict == KS_CLINICAL_GOOD;
    check_row(!good, "attack 55: none of its bytes can be changed", "%u can", good);
    for (size_t i = 0; i < sizeof signature; i++) {
        signature[i] ^= 1;
        good += judged(c, anna, data, signature, NULL).verdict != KS_CLINICAL_SIGNATURE;
        signature[i] ^= 1;
    }
    check_row(!good, "nor can those of the signature", "%u can", good);
    check_verdict("a colleague cannot speak as her", signed_by(c, &jonas, &order, NULL), KS_CLINICAL_AUTHOR);
    check_verdict("not even one of her name", signed_by(c, &namesake, &order, NULL), KS_CLINICAL_AUTHOR);
    memcpy(mixed.secret, jonas.secret, sizeof mixed.secret);
    check_verdict("nor one who shows her certificate", signed_by(c, &mixed, &order, NULL), KS_CLINICAL_SIGNATURE);
    check_verdict("nor a device of another root", signed_by(c, &ghost, &order, NULL), KS_CLINICAL_CERTIFICATE);
    check_verdict("nor one of a partner's", signed_by(&partner, &foreign, &order, NULL), KS_CLINICAL_CERTIFICATE);
    order.dept = KS_STR("Chirurgie");
    check_verdict("a department that she does not have", signed_by(c, anna, &order, NULL), KS_CLINICAL_AUTHOR);
    order = an_order();
    order.name = KS_STR("Prof. Jana Brandt");
    check_verdict("or a title", signed_by(c, anna, &order, NULL), KS_CLINICAL_AUTHOR);
    mixed = *anna;
    mixed.chain[0] = c->issuing;
    order = an_order();
    check_verdict(
        "an authority's certificate is nobody's", signed_by(c, &mixed, &order, NULL), KS_CLINICAL_CERTIFICATE);
    data = with("konsil/0 clinical\n", "konsil/0 room\n");
    ks_clinical_sign(anna->secret, data, signature);
    check_verdict("attack 56: what she signed for something else", judged(c, anna, data, signature, NULL).verdict,
        KS_CLINICAL_PURPOSE);
    data = with("\"order\"", "\"x\"");
    ks_clinical_sign(anna->secret, data, signature);
    check_verdict("or in no form of ours", judged(c, anna, data, signature, NULL).verdict, KS_CLINICAL_MALFORMED);
    clinic_done(&other);
    clinic_done(&partner);
}

static void test_when(const struct clinic *c, const struct member *anna)
{
    const struct {
        const char *name;
        int64_t time_ms;
        enum ks_clinical_verdict want;
    } dates[] = {
        { "when her certificate began", NOW_MS - 3600000, KS_CLINICAL_GOOD },
        { "a second before", NOW_MS - 3601000, KS_CLINICAL_NOT_THEN },
        { "in its last second", (NOW + 180 * DAY) * 1000 + 999, KS_CLINICAL_GOOD },
        { "and after it", (NOW + 180 * DAY + 1) * 1000, KS_CLINICAL_NOT_THEN },
    };
    const int64_t t = NOW_MS;
    struct ks_merkle_hash root = an_order().log_root, changed = root;
    changed.bytes[31] ^= 1;
    const struct {
        const char *name;
        struct ks_clinical_log log;
        enum ks_clinical_verdict want;
        bool later, bounded;
    } logs[] = {
        { "nothing is known of the log", { .listing = KS_CLINICAL_UNASKED }, KS_CLINICAL_GOOD, false, false },
        { "it lists her", { .listing = KS_CLINICAL_LISTED }, KS_CLINICAL_GOOD, false, false },
        { "it does not", { .listing = KS_CLINICAL_UNLISTED }, KS_CLINICAL_NOT_IN_LOG, false, false },
        { "attack 55: revoked before", { KS_CLINICAL_REVOKED_SINCE, t - 1, false, root, 0 }, KS_CLINICAL_REVOKED, false,
            false },
        { "revoked in the same moment", { KS_CLINICAL_REVOKED_SINCE, t, false, root, 0 }, KS_CLINICAL_REVOKED, false,
            false },
        { "revoked a moment later", { KS_CLINICAL_REVOKED_SINCE, t + 1, false, root, 0 }, KS_CLINICAL_GOOD, true,
            false },
        { "with the checkpoint that it names", { KS_CLINICAL_LISTED, 0, true, root, t - 1 }, KS_CLINICAL_GOOD, false,
            true },
        { "which is younger, but not more than clocks differ",
            { KS_CLINICAL_LISTED, 0, true, root, t + KS_CLINICAL_CLOCK_MS }, KS_CLINICAL_GOOD, false, true },
        { "which is younger", { KS_CLINICAL_LISTED, 0, true, root, t + KS_CLINICAL_CLOCK_MS + 1 },
            KS_CLINICAL_BACKDATED, false, false },
        { "which has another root", { KS_CLINICAL_LISTED, 0, true, changed, t - 1 }, KS_CLINICAL_OTHER_LOG, false,
            false },
        { "revoked after her time, but before that checkpoint", { KS_CLINICAL_REVOKED_SINCE, t + 1, true, root, t + 1 },
            KS_CLINICAL_REVOKED, true, true },
        { "revoked after both", { KS_CLINICAL_REVOKED_SINCE, t + 2, true, root, t + 1 }, KS_CLINICAL_GOOD, true, true },
    };
    struct ks_clinical order = an_order();
    uint8_t signature[KS_P256_SIGNATURE_LEN];
    struct ks_str data = written(&order);

    for (size_t i = 0; i < KS_COUNT(dates); i++) {
        order.time_ms = dates[i].time_ms;
        check_verdict(dates[i].name, signed_by(c, anna, &order, NULL), dates[i].want);
    }
    ks_clinical_sign(anna->secret, data, signature);
    for (size_t i = 0; i < KS_COUNT(logs); i++) {
        struct ks_clinical_report report = judged(c, anna, data, signature, &logs[i].log);

        check_verdict(logs[i].name, report.verdict, logs[i].want);
        check_row(report.revoked_later == logs[i].later && report.bounded == logs[i].bounded,
            "and what is said beside it", "later %d, bounded %d", report.revoked_later, report.bounded);
    }
}

/* --- memory --- */

static enum ks_err read_once(struct ks_str data)
{
    struct ks_clinical read;
    struct ks_str again;
    struct ks_arena own;
    enum ks_err err;

    ks_arena_init(&own, KS_CLINICAL_ARENA_MAX);
    if ((err = ks_clinical_read(&own, data, &read)) == KS_OK)
        err = ks_clinical_write(&own, &read, &again);
    ks_arena_done(&own);
    return err;
}

static enum ks_clinical_verdict signed_in(
    size_t bytes_max, const struct clinic *c, const struct member *m, struct ks_str data)
{
    uint8_t signature[KS_P256_SIGNATURE_LEN];
    struct ks_clinical_report report;
    struct ks_arena own;

    ks_arena_init(&own, bytes_max);
    ks_clinical_sign(m->secret, data, signature);
    must(ks_clinical_check(&own, data, signature, m->chain, 2, c->root, NULL, &report), "checking");
    ks_arena_done(&own);
    return report.verdict;
}

static void test_memory(const struct clinic *c, const struct member *anna)
{
    static struct ks_str many[KS_CLINICAL_TO_MAX];
    struct ks_clinical order = an_order();
    struct ks_str data = written(&order);
    int rounds = 0, wrong = 0;

    for (int n = 1; fail_nth(n); n++, rounds++) {
        enum ks_err err = read_once(data);

        wrong += fail_stop() ? err != KS_ENOMEM : err != KS_OK;
    }
    check_row(rounds > 3 && !wrong, "without memory it says so", "%d of %d rounds", wrong, rounds);
    for (size_t i = 0; i < KS_COUNT(many); i++) { /* addresses cost most */
        const struct ks_str parts[] = { ks_str("abcdefghijklmnopqrstuvwxyz0123456789" + i, 1), long_text(400),
            KS_STR("@klinik.example") };
        must(ks_arena_join(&arena, parts, 3, &many[i]), "an address");
    }
    order.to = many;
    order.to_count = KS_COUNT(many);
    data = written(&order);
    check_err("the arena that the header names suffices for the longest", read_once(data), KS_OK);
    check_verdict("as well as for judging it", signed_in(KS_CLINICAL_ARENA_MAX, c, anna, data), KS_CLINICAL_GOOD);
}

int main(void)
{
    uint8_t seed[KS_PRNG_SEED_LEN] = { 7 };
    struct clinic c;
    struct member anna;

    if (ks_crypto_init() != KS_OK)
        return 1;
    ks_arena_init(&arena, 1u << 30);
    ks_prng_init(&chance, seed);
    c = new_clinic("klinik.example");
    anna = new_member(&c, ANNA, "Dr. Jana Brandt", "Kardiologie");
    test_form();
    test_refused();
    test_limits();
    test_who(&c, &anna);
    test_when(&c, &anna);
    test_memory(&c, &anna);
    clinic_done(&c);
    ks_prng_done(&chance);
    ks_arena_done(&arena);
    return check_done();
}
