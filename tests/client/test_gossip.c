/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A server that shows one key log to some and another to others is found out by what devices tell each other inside
 * their messages; a bare claim does nothing (doc/PROTOCOL.md §15.7; attack 8). The second log is signed with the
 * hospital's own key: who makes it has taken over more than the server. */
#include "hospital.h"

#include "check.h"
#include "enc.h"

#define ANNA "anna@klinik.example"
#define JONAS "jonas@klinik.example"
#define LEAVES_MAX 64

static struct lab lab;
static struct clinic clinic;

/* The other log: the real one's first entries, and then others. */
static struct fork {
    uint8_t leaves[LEAVES_MAX][KS_LOG_LEAF_LEN];
    size_t count;
} other;

static void says(const char *name, const char *got, const char *want)
{
    check_str(name, ks_str_z(got), ks_str_z(want));
}

static size_t warnings(struct party *party, const char *code)
{
    size_t count = 0;
    json_t *event;

    for (size_t n = 0; (event = party_event(party, "warning", 0, n)); n++)
        count += strcmp(text_of(event, "code"), code) == 0;
    return count;
}

/* Learns the real log from what a party is shown of it. */
static bool learn(struct party *party, struct ks_str *stanza, void *user)
{
    static const char mark[] = "<leaves from='";
    size_t at = ks_str_find(*stanza, ks_str_z(mark));
    struct ks_str rest, number, bytes;
    uint64_t from;

    (void)user;
    if (at == stanza->len)
        return true;
    rest = ks_str_from(*stanza, at + strlen(mark));
    if (!ks_str_cut(&rest, '\'', &number) || ks_str_u64(number, LEAVES_MAX, &from) != KS_OK || rest.ptr[0] != '>')
        return true;
    rest = ks_str_from(rest, 1);
    clinic_must(ks_base64_read(&party->lab->kept, ks_str_head(rest, ks_str_find_byte(rest, '<')), &bytes), "leaves");
    if (from != other.count)
        return true;
    for (size_t i = 0; i < bytes.len / KS_LOG_LEAF_LEN && other.count < LEAVES_MAX; i++)
        memcpy(other.leaves[other.count++], bytes.ptr + i * KS_LOG_LEAF_LEN, KS_LOG_LEAF_LEN);
    return true;
}

/* An entry that the real log does not have. */
static void add_entry(uint8_t mark)
{
    struct ks_log_leaf leaf = { .type = KS_LOG_SIGNER, .time_ms = clinic_now_ms(&clinic) };

    memset(leaf.object, mark, sizeof leaf.object);
    clinic_must(ks_log_leaf_write(&leaf, other.leaves[other.count++]), "an entry");
}

static void add_base64(struct ks_buf *text, const char *tag, const void *bytes, size_t len)
{
    ks_buf_z(text, "<");
    ks_buf_z(text, tag);
    ks_buf_z(text, ">");
    ks_base64_add(text, ks_str(bytes, len));
    ks_buf_z(text, "</");
    ks_buf_z(text, strncmp(tag, "leaves", 6) == 0 ? "leaves" : tag);
    ks_buf_z(text, ">");
}

/* What stands in <log/> for the other log. */
static void write_other(struct ks_buf *text, uint64_t from, bool leaves)
{
    struct ks_merkle_frontier frontier = { .size = 0 };
    struct ks_checkpoint checkpoint = { .t_s = clinic_now_ms(&clinic) / 1000, .crl = 1000 };
    uint8_t signature[KS_P256_SIGNATURE_LEN];
    struct ks_merkle_hash hash;
    struct ks_buf bytes;
    char tag[64];

    for (size_t i = 0; i < other.count; i++) {
        ks_merkle_leaf(ks_str(other.leaves[i], KS_LOG_LEAF_LEN), &hash);
        clinic_must(ks_merkle_append(&frontier, &hash, NULL, NULL), "a leaf");
    }
    checkpoint.size = frontier.size;
    ks_merkle_root(&frontier, &checkpoint.root);
    ks_buf_init(&bytes, KS_CHECKPOINT_BYTES_MAX);
    clinic_must(ks_checkpoint_write(&checkpoint, KS_STR("klinik.example"), &bytes), "a checkpoint");
    ks_checkpoint_sign(clinic.setup.signer_key, ks_buf_str(&bytes), signature);
    snprintf(tag, sizeof tag, "<log xmlns='urn:konsil:log:0' size='%zu'><checkpoint>", other.count);
    ks_buf_z(text, tag);
    add_base64(text, "data", bytes.ptr, bytes.len);
    add_base64(text, "sig", signature, sizeof signature);
    ks_buf_z(text, "</checkpoint>");
    add_base64(text, "signer", clinic.signer.ptr, clinic.signer.len);
    if (leaves && from <= other.count) {
        snprintf(tag, sizeof tag, "leaves from='%llu'", (unsigned long long)from);
        add_base64(text, tag, other.leaves[from], (other.count - from) * KS_LOG_LEAF_LEN);
    }
    ks_buf_z(text, "</log>");
    ks_buf_done(&bytes);
}

/* Shows the other log in place of the real one. */
static bool show_other(struct party *party, struct ks_str *stanza, void *user)
{
    size_t begin = ks_str_find(*stanza, KS_STR("<log xmlns='urn:konsil:log:0'")), at, end;
    struct ks_str rest = ks_str_from(*stanza, begin), number;
    uint64_t from = 0;
    struct ks_buf text;

    (void)user;
    if (begin == stanza->len)
        return true;
    at = ks_str_find(rest, KS_STR("<leaves from='"));
    end = ks_str_find(rest, KS_STR("</log>"));
    if (at < rest.len) {
        struct ks_str numbers = ks_str_from(rest, at + strlen("<leaves from='"));

        if (!ks_str_cut(&numbers, '\'', &number) || ks_str_u64(number, LEAVES_MAX, &from) != KS_OK)
            return true;
    }
    ks_buf_init(&text, 1 << 16);
    ks_buf_add(&text, ks_str_head(*stanza, begin));
    write_other(&text, from, at < rest.len);
    ks_buf_add(&text, ks_str_from(rest, end + strlen("</log>")));
    clinic_must(ks_arena_copy(&party->lab->kept, ks_buf_str(&text), stanza), "memory");
    ks_buf_done(&text);
    return true;
}

static bool without_log(struct party *party, struct ks_str *stanza, void *user)
{
    (void)party, (void)user;
    return ks_str_find(*stanza, KS_STR("urn:konsil:log:0")) == stanza->len;
}

static struct party *device(const char *jid, const char *password)
{
    struct party *party = lab_party(&lab, jid, password);

    party_connect(party);
    clinic_run(&clinic, 2000);
    return party;
}

/* Anna and Jonas are enrolled, and talk; what anna sees of the log is learnt. */
static void begin(uint64_t seed, struct party **anna, struct party **jonas)
{
    other.count = 0;
    lab_begin(&lab, seed);
    lab_account(&lab, "anna", "a-password");
    lab_account(&lab, "jonas", "j-password");
    lab_account(&lab, "kurt", "k-password");
    clinic_begin(&clinic, &lab);
    *anna = device(ANNA, "a-password");
    (*anna)->spy = learn;
    *jonas = device(JONAS, "j-password");
    clinic_enrol(&clinic, *anna, "Dr. Anna Brandt");
    clinic_enrol(&clinic, *jonas, "Jonas Weber");
    party_send(*anna, JONAS, "eins");
    clinic_run(&clinic, 5000);
    (*anna)->spy = NULL;
    says("(they talk)", party_history(*jonas, ANNA), "eins");
    check_row(other.count > 0, "(and the log was learnt)", "nothing");
}

static void end(void)
{
    clinic_end(&clinic);
    lab_end(&lab);
}

/* Makes the real log longer by one. */
static struct party *kurt_enrols(void)
{
    struct party *kurt = device("kurt@klinik.example", "k-password");

    clinic_enrol(&clinic, kurt, "Kurt Klein");
    return kurt;
}

static bool gives_keys(struct party *party, size_t from)
{
    return ks_str_find(ks_str_from(ks_buf_str(&party->sent), from), KS_STR("rid='")) < party->sent.len - from;
}

static size_t encrypted(struct party *party, size_t from)
{
    struct ks_str rest = ks_str_from(ks_buf_str(&party->sent), from);
    size_t count = 0, at;

    for (; (at = ks_str_find(rest, KS_STR("<encrypted "))) < rest.len; count++)
        rest = ks_str_from(rest, at + 1);
    return count;
}

/* From here on jonas is shown another log than the others. */
static void split(struct party *jonas, size_t entries)
{
    for (size_t i = 0; i < entries; i++)
        add_entry((uint8_t)(0xd0 + i));
    jonas->spy = show_other;
}

static void two_logs(void)
{
    struct party *anna, *jonas, *kurt;
    size_t sent;

    begin(1, &anna, &jonas);
    split(jonas, 1);
    (void)kurt_enrols();
    clinic_run(&clinic, 3700000); /* and the hour's checkpoint */
    check_row(warnings(anna, "log.forked") + warnings(jonas, "log.forked") == 0,
        "attack 8: two groups are shown two logs, and each of them is in order", "a warning");
    sent = jonas->sent.len;
    party_send(jonas, ANNA, "zwei");
    clinic_run(&clinic, 1000);
    check_row(encrypted(jonas, sent) > 1, "(who is asked for evidence sends it, and that is seen)", "%zu sent",
        encrypted(jonas, sent));
    clinic_run(&clinic, 9000);
    says("attack 8: one message crosses, and is read", party_history(anna, JONAS), "eins,zwei");
    check_row(warnings(anna, "log.forked") == 1, "attack 8: who gets it freezes, and says so", "%zu times",
        warnings(anna, "log.forked"));
    check_row(warnings(jonas, "log.forked") == 1, "attack 8: and who wrote it does, too", "%zu times",
        warnings(jonas, "log.forked"));
    party_send(anna, JONAS, "drei");
    clinic_run(&clinic, 5000);
    says("attack 8: those who know each other go on", party_history(jonas, ANNA), "eins,zwei,drei");
    sent = anna->sent.len;
    party_send(anna, "kurt@klinik.example", "wer bist du");
    clinic_run(&clinic, 20000);
    check_row(!gives_keys(anna, sent), "attack 8: no new device gets a key", "one did");
    clinic_run(&clinic, 2 * 3600000ll);
    check_row(
        warnings(anna, "log.forked") == 1, "attack 8: it is said once", "%zu times", warnings(anna, "log.forked"));
    party_restart(anna);
    clinic_run(&clinic, 5000);
    kurt = lab.parties + 3;
    sent = anna->sent.len;
    party_send(anna, kurt->jid, "noch einmal");
    clinic_run(&clinic, 20000);
    check_row(!gives_keys(anna, sent), "attack 8: a restart does not end it", "a key was given");
    end();
}

/* The two logs never had one size: each is proof of the other when one of them gets there. */
static void other_sizes(void)
{
    struct party *anna, *jonas;

    begin(2, &anna, &jonas);
    split(jonas, 3);
    (void)kurt_enrols();
    clinic_run(&clinic, 3700000);
    party_send(jonas, ANNA, "zwei");
    clinic_run(&clinic, 10000);
    says("a message from one whose log is longer is read", party_history(anna, JONAS), "eins,zwei");
    check_row(warnings(anna, "log.forked") == 0, "two signatures over two sizes prove nothing yet", "frozen");
    for (int i = 0; i < 3; i++) {
        struct party *more = device("kurt@klinik.example", "k-password");

        clinic_enrol(&clinic, more, "Kurt Klein");
    }
    clinic_run(&clinic, 5000);
    check_row(warnings(anna, "log.forked") == 1, "attack 8: when the own log gets there it freezes", "%zu times",
        warnings(anna, "log.forked"));
    end();
}

/* Nobody joins what was shown to ours: after a day that counts as a log that is three days old. */
static void unjoined(void)
{
    struct party *anna, *jonas;

    begin(3, &anna, &jonas);
    anna->spy = without_log;
    (void)kurt_enrols();
    party_send(jonas, ANNA, "zwei");
    clinic_run(&clinic, 120000);
    says("a message that names a log that nobody shows is read", party_history(anna, JONAS), "eins,zwei");
    check_row(warnings(anna, "log.forked") == 0, "attack 8: and freezes nothing", "frozen");
    clinic_run(&clinic, 23 * 3600000ll);
    check_row(warnings(anna, "log.stale") == 0, "for a day nothing follows", "stale");
    clinic_run(&clinic, 5 * 3600000ll);
    check_row(warnings(anna, "log.stale") == 1, "attack 8: then it counts as three days old", "%zu times",
        warnings(anna, "log.stale"));
    anna->spy = NULL;
    party_cut(anna);
    anna->cut = false;
    clinic_run(&clinic, 300000);
    size_t sent = anna->sent.len;
    party_send(anna, "kurt@klinik.example", "guten Tag");
    clinic_run(&clinic, 20000);
    check_row(gives_keys(anna, sent), "until the server shows that log", "no key");
    end();
}

/* The same, but the server proves how that log goes on from ours. */
static bool without_pages(struct party *party, struct ks_str *stanza, void *user)
{
    (void)party, (void)user;
    return ks_str_find(*stanza, KS_STR("<log xmlns='urn:konsil:log:0'")) == stanza->len;
}

static void joined(void)
{
    struct party *anna, *jonas;

    begin(6, &anna, &jonas);
    anna->spy = without_pages;
    (void)kurt_enrols();
    party_send(jonas, ANNA, "zwei");
    clinic_run(&clinic, 29 * 3600000ll);
    check_row(warnings(anna, "log.old") == 1 && warnings(anna, "log.stale") == 0,
        "a log that the server joins to ours makes ours no older than it is", "%zu, %zu", warnings(anna, "log.old"),
        warnings(anna, "log.stale"));
    end();
}

/* The tree that a server shows for a size, in place of the real one. */
static bool lie_about_tree(struct party *party, struct ks_str *stanza, void *user)
{
    const struct ks_merkle_frontier *frontier = user;
    size_t begin = ks_str_find(*stanza, KS_STR("<growth xmlns='urn:konsil:log:0' from='0'"));
    size_t at = ks_str_find(*stanza, KS_STR("<frontier>")), end = ks_str_find(*stanza, KS_STR("</frontier>"));
    struct ks_buf bytes, text;

    if (begin == stanza->len || at == stanza->len)
        return true;
    ks_buf_init(&bytes, KS_MERKLE_FRONTIER_BYTES_MAX);
    ks_merkle_frontier_write(frontier, &bytes);
    ks_buf_init(&text, 1 << 16);
    ks_buf_add(&text, ks_str_head(*stanza, at));
    add_base64(&text, "frontier", bytes.ptr, bytes.len);
    ks_buf_add(&text, ks_str_from(*stanza, end + strlen("</frontier>")));
    clinic_must(ks_arena_copy(&party->lab->kept, ks_buf_str(&text), stanza), "memory");
    ks_buf_done(&bytes);
    ks_buf_done(&text);
    return true;
}

/* Jonas is shown a log that had another entry at a size that ours went past without a checkpoint. */
static void passed(const char *name, uint64_t seed, bool lie)
{
    struct ks_merkle_frontier frontier = { .size = 0 };
    struct ks_merkle_hash hash;
    struct party *anna, *jonas;
    size_t sent;

    begin(seed, &anna, &jonas);
    anna->cut = true;
    party_cut(anna);
    split(jonas, 1);
    for (size_t i = 0; i < other.count; i++) {
        ks_merkle_leaf(ks_str(other.leaves[i], KS_LOG_LEAF_LEN), &hash);
        clinic_must(ks_merkle_append(&frontier, &hash, NULL, NULL), "a leaf");
    }
    (void)kurt_enrols();
    (void)kurt_enrols();
    clinic_run(&clinic, 3700000);
    anna->cut = false;
    if (lie) {
        anna->spy = lie_about_tree;
        anna->spy_user = &frontier;
    }
    clinic_run(&clinic, 60000);
    sent = anna->sent.len;
    party_send(jonas, ANNA, "zwei");
    clinic_run(&clinic, 1000); /* receipts take two seconds */
    check_row(gives_keys(anna, sent), "attack 8: who does not believe the server asks the author at once", "nobody");
    clinic_run(&clinic, 29 * 3600000ll);
    check_row(warnings(anna, "log.stale") == 1, name, "%zu times", warnings(anna, "log.stale"));
    end();
}

/* Whoever claims something and has no signature to show. */
static void bare_claim(void)
{
    struct party *anna, *jonas;

    begin(4, &anna, &jonas);
    anna->cut = true;
    party_cut(anna);
    split(jonas, 2);
    clinic_run(&clinic, 3700000);
    party_send(jonas, ANNA, "zwei");
    clinic_run(&clinic, 5000);
    jonas->cut = true;
    party_cut(jonas);
    anna->cut = false;
    clinic_run(&clinic, 120000);
    says("a message of somebody who is gone is read", party_history(anna, JONAS), "eins,zwei");
    clinic_run(&clinic, 26 * 3600000ll);
    check_row(warnings(anna, "log.forked") + warnings(anna, "log.stale") == 0,
        "attack 8: without two signatures there is no freeze, nor any other harm", "%zu, %zu",
        warnings(anna, "log.forked"), warnings(anna, "log.stale"));
    end();
}

/* What an honest server's devices say of it is borne out by the server, and nobody is asked. */
static void honest(void)
{
    struct party *anna, *jonas;
    size_t sent, answered, asked;

    begin(5, &anna, &jonas);
    anna->cut = true;
    party_cut(anna);
    (void)kurt_enrols();
    party_send(jonas, ANNA, "zwei");
    clinic_run(&clinic, 2000);
    (void)kurt_enrols();
    sent = anna->sent.len;
    answered = jonas->sent.len;
    anna->cut = false;
    clinic_run(&clinic, 60000);
    says("who was away reads what names a log in between", party_history(anna, JONAS), "eins,zwei");
    asked = ks_str_find(ks_str_from(ks_buf_str(&anna->sent), sent), KS_STR("<growth "));
    check_row(asked < anna->sent.len - sent, "and has its server prove it", "nothing was asked");
    check_row(encrypted(jonas, answered) == 0, "nobody else is asked", "somebody is");
    check_row(warnings(anna, "log.forked") + warnings(anna, "log.stale") == 0, "nor told", "a warning");
    end();
}

int main(void)
{
    two_logs();
    other_sizes();
    unjoined();
    joined();
    passed("attack 8: the server's tree of that size is another one: the log counts as three days old", 7, false);
    passed("attack 8: it shows the tree that was claimed, and cannot prove that ours is built on it", 8, true);
    bare_claim();
    honest();
    return check_done();
}
