/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "log_follow.h"

#include <stdio.h>

#include "certs.h"
#include "device_cert.h"
#include "enc.h"
#include "engine.h"
#include "enrolment.h"

#define META_VIEW "log view"
#define META_SIGNER "log signer"   /* the certificate of the newest checkpoint's key */
#define SILENCE_MS (2 * 3600000ll) /* konsild pushes each hour */
#define PAGE "1000"
#define LEAVES_BYTES_MAX ((size_t)KS_LOG_LEAVES_MAX * KS_LOG_LEAF_LEN)

void ks_log_follow_init(struct konsil *k)
{
    ks_buf_init(&k->log_follow.leaves, LEAVES_BYTES_MAX);
}

void ks_log_follow_lost(struct konsil *k)
{
    k->log_follow.asking = k->log_follow.again = false;
    ks_buf_reset(&k->log_follow.leaves);
}

void ks_log_follow_done(struct konsil *k)
{
    ks_log_view_free(k->log_follow.view);
    ks_buf_done(&k->log_follow.leaves);
}

enum ks_err ks_log_follow_load(struct konsil *k)
{
    struct ks_log_follow *follow = &k->log_follow;
    uint8_t account[KS_LOG_ACCOUNT_LEN];
    struct ks_str record;
    enum ks_err err;

    if (!ks_enrolled(k) || follow->view)
        return KS_OK;
    if ((err = ks_meta_get(k, META_VIEW, &record)) == KS_OK) {
        err = ks_log_view_read(record, &follow->view);
        return err == KS_ESYNTAX ? KS_ESTORE : err;
    }
    if (err != KS_ENOTFOUND)
        return err;
    ks_log_account(k->enrolment.salt, ks_own(k), account);
    return ks_log_view_new(ks_str_z(k->domain), account, &follow->view);
}

static enum ks_err keep(struct konsil *k)
{
    struct ks_buf record;
    enum ks_err err;

    ks_buf_init(&record, KS_LOG_VIEW_BYTES_MAX);
    ks_log_view_write(k->log_follow.view, &record);
    if ((err = ks_buf_err(&record)) == KS_OK)
        err = ks_meta_put(k, META_VIEW, ks_buf_str(&record));
    ks_buf_done(&record);
    return err;
}

/* --- time --- */

void ks_log_follow_time(struct konsil *k, struct ks_log_time *ret_time)
{
    ks_log_view_time(
        k->log_follow.view, k->now.wall_ms, k->enrolment.not_before_s * 1000, KS_LOG_DAYS_DEFAULT, ret_time);
}

bool ks_log_follow_may_send(struct konsil *k)
{
    struct ks_log_time time;

    if (!k->log_follow.view)
        return true;
    ks_log_follow_time(k, &time);
    return time.may_send;
}

bool ks_log_follow_may_meet(struct konsil *k)
{
    struct ks_log_time time;

    if (!k->log_follow.view)
        return true;
    ks_log_follow_time(k, &time);
    return time.may_meet;
}

int64_t ks_log_follow_now_s(struct konsil *k)
{
    struct ks_log_time time;

    if (!k->log_follow.view)
        return k->now.wall_ms / 1000;
    ks_log_follow_time(k, &time);
    return time.now_ms / 1000;
}

/* --- what the server gives --- */

struct page {
    uint64_t size, from;
    struct ks_str leaves, signer;
    struct ks_signed_checkpoint checkpoint;
};

static enum ks_err child(struct konsil *k, const struct ks_xml *parent, const char *name, struct ks_str *ret_bytes)
{
    return ks_base64_read(&k->arena, ks_xml_text(&k->arena, ks_xml_child(parent, NS_KONSIL_LOG, name)), ret_bytes);
}

static enum ks_err read_page(struct konsil *k, const struct ks_xml *log, struct page *page)
{
    const struct ks_xml *leaves = ks_xml_child(log, NS_KONSIL_LOG, "leaves");
    const struct ks_xml *checkpoint = ks_xml_child(log, NS_KONSIL_LOG, "checkpoint");
    struct ks_str signature;
    enum ks_err err;

    *page = (struct page) { .from = 0 };
    if (!log || !checkpoint || ks_str_u64(ks_xml_attr(log, "size"), KS_MERKLE_SIZE_MAX, &page->size) != KS_OK)
        return KS_ESYNTAX;
    if ((err = child(k, checkpoint, "data", &page->checkpoint.bytes)) != KS_OK
        || (err = child(k, checkpoint, "sig", &signature)) != KS_OK
        || (err = child(k, log, "signer", &page->signer)) != KS_OK)
        return err;
    if (signature.len != KS_P256_SIGNATURE_LEN)
        return KS_ESYNTAX;
    memcpy(page->checkpoint.signature, signature.ptr, signature.len);
    if (!leaves)
        return KS_OK;
    if (ks_str_u64(ks_xml_attr(leaves, "from"), KS_MERKLE_SIZE_MAX, &page->from) != KS_OK)
        return KS_ESYNTAX;
    if ((err = ks_base64_read(&k->arena, ks_xml_text(&k->arena, leaves), &page->leaves)) != KS_OK)
        return err;
    return page->leaves.len % KS_LOG_LEAF_LEN ? KS_ESYNTAX : KS_OK;
}

/* Looked at once for each certificate, and when it ends. */
enum ks_err ks_log_follow_signer(
    struct konsil *k, struct ks_str certificate, uint8_t ret_key[KS_P256_PUBLIC_LEN], bool *ret_good)
{
    struct ks_log_follow *follow = &k->log_follow;
    struct ks_signer signer;
    enum ks_cert_verdict verdict;
    uint8_t hash[32];
    int64_t now_s = ks_log_follow_now_s(k);
    enum ks_err err;

    ks_hash(KS_SHA256, certificate, hash);
    *ret_good = memcmp(hash, follow->signer_hash, sizeof hash) == 0 && now_s <= follow->signer_until_s;
    if (!*ret_good) {
        err = ks_signer_check(
            certificate, ks_enrolment_root(k), ks_str_z(k->domain), KS_SIGNS_STATUS, now_s, &signer, &verdict);
        if (err != KS_OK)
            return err;
        if (verdict != KS_CERT_GOOD) {
            ks_log(k->log, KS_WARNING, "client.log.signer", KS_OURS("verdict", ks_cert_verdict_name(verdict)));
            return KS_OK;
        }
        memcpy(follow->signer_hash, hash, sizeof hash);
        memcpy(follow->signer_key, signer.key, sizeof signer.key);
        follow->signer_until_s = signer.not_after_s;
    }
    memcpy(ret_key, follow->signer_key, sizeof follow->signer_key);
    *ret_good = ks_log_view_revoked(follow->view, hash, 0, NULL) != KS_LOG_REVOKED;
    return KS_OK;
}

/* An entry that says that this account has a device more (§21): its people are told, wherever they are. */
static enum ks_err tell_own(struct konsil *k, uint64_t before)
{
    struct ks_log_leaf leaf;
    uint64_t number;
    enum ks_err err = KS_OK;

    for (size_t i = ks_log_view_own_count(k->log_follow.view); i-- > 0 && err == KS_OK;) {
        struct ks_ev_warning event = { .jid = ks_own(k) };

        ks_log_view_own(k->log_follow.view, i, &number, &leaf);
        if (number < before)
            break;
        event.device = leaf.device;
        if (leaf.type == KS_LOG_ISSUE && leaf.device != ks_omemo_device(k->omemo)
            && leaf.time_ms > k->enrolment.not_before_s * 1000)
            event.code = KS_STR(KS_CODE_DEVICE_ISSUED);
        else if (leaf.type == KS_LOG_REVOKE)
            event.code = leaf.device == ks_omemo_device(k->omemo) ? KS_STR(KS_CODE_REVOKED_SELF)
                                                                  : KS_STR(KS_CODE_DEVICE_REVOKED);
        else
            continue;
        ks_archive_tend(k); /* who has its keys is another question now */
        err = ks_tell(k, KS_EV_WARNING, &event);
    }
    return err;
}

/* Whose certificates are to be looked at again. */
static enum ks_err note_issued(struct konsil *k, struct ks_str leaves)
{
    struct ks_log_leaf leaf;

    for (size_t at = 0; at < leaves.len; at += KS_LOG_LEAF_LEN)
        if (ks_log_leaf_read(ks_str(leaves.ptr + at, KS_LOG_LEAF_LEN), &leaf) == KS_OK && leaf.type == KS_LOG_ISSUE)
            ks_certs_issued(k, leaf.account);
    return KS_OK;
}

/* Says that what is known has become too old; once, until it is newer. */
static enum ks_err tell_age(struct konsil *k)
{
    static const char *const codes[] = {
        [KS_LOG_AGEING] = KS_CODE_LOG_OLD, [KS_LOG_STALE] = KS_CODE_LOG_STALE, [KS_LOG_DEAD] = KS_CODE_LOG_DEAD
    };
    struct ks_log_follow *follow = &k->log_follow;
    enum ks_log_age before = follow->told_age;
    struct ks_log_time time;

    if (ks_log_view_size(follow->view) == 0)
        return KS_OK;
    ks_log_follow_time(k, &time);
    follow->told_age = time.age;
    return time.age > before ? ks_tell_warning(k, codes[time.age], KS_STR_EMPTY) : KS_OK;
}

static enum ks_err taken(struct konsil *k, const struct page *page, uint64_t before)
{
    enum ks_err err;

    k->wait_ms[KS_WAIT_LOG] = k->now.mono_ms + SILENCE_MS;
    if ((err = keep(k)) != KS_OK || (err = ks_meta_put(k, META_SIGNER, page->signer)) != KS_OK
        || (err = tell_age(k)) != KS_OK)
        return err;
    return tell_own(k, before);
}

static bool frozen(const struct konsil *k)
{
    struct ks_signed_checkpoint evidence[2];

    return ks_log_view_fork(k->log_follow.view, evidence);
}

static enum ks_err froze(struct konsil *k)
{
    enum ks_err err = keep(k);

    return err == KS_OK ? ks_tell_warning(k, KS_CODE_LOG_FORKED, KS_STR_EMPTY) : err;
}

static enum ks_err take(struct konsil *k, struct page *page)
{
    struct ks_log_follow *follow = &k->log_follow;
    struct ks_log_update update = { .live = true, .first = follow->first, .leaves = ks_buf_str(&follow->leaves) };
    uint64_t before = ks_log_view_size(follow->view);
    bool was_frozen = frozen(k);
    enum ks_log_answer answer;
    bool good;
    enum ks_err err = ks_log_follow_signer(k, page->signer, page->checkpoint.signer, &good);

    if (err != KS_OK || !good)
        return err;
    update.checkpoint = page->checkpoint;
    err = ks_log_view_take(follow->view, &update, k->now.wall_ms, &answer);
    if (err == KS_OK && answer == KS_LOG_TAKEN)
        err = note_issued(k, update.leaves);
    ks_buf_reset(&follow->leaves);
    if (err != KS_OK)
        return err;
    if (answer == KS_LOG_TAKEN)
        return taken(k, page, before);
    if (answer == KS_LOG_OLD)
        return KS_OK;
    ks_log(k->log, KS_WARNING, "client.log.ignored", KS_OURS("answer", ks_log_answer_name(answer)));
    if (answer == KS_LOG_FORK && !was_frozen)
        return froze(k);
    return answer == KS_LOG_CLOCK ? ks_tell_warning(k, KS_CODE_LOG_CLOCK, KS_STR_EMPTY) : KS_OK;
}

/* --- what others show --- */

enum ks_err ks_log_follow_evidence(struct konsil *k, const struct ks_signed_checkpoint *shown,
    const struct ks_merkle_proof *proof, enum ks_log_answer *ret_answer)
{
    bool was_frozen = frozen(k);

    *ret_answer = ks_log_view_evidence(k->log_follow.view, shown, proof, k->now.wall_ms);
    if (*ret_answer == KS_LOG_FORK)
        return was_frozen ? KS_OK : froze(k);
    if (*ret_answer != KS_LOG_JOINED)
        ks_log(k->log, KS_WARNING, "client.log.ignored", KS_OURS("answer", ks_log_answer_name(*ret_answer)));
    return keep(k);
}

enum ks_err ks_log_follow_show(struct konsil *k, uint64_t size, struct ks_evidence *ret_evidence, bool *ret_have)
{
    const struct ks_log_view *view = k->log_follow.view;
    struct ks_signed_checkpoint newest, same;
    struct ks_checkpoint checkpoint;
    enum ks_err err;

    *ret_have = false;
    if (!ks_log_view_newest(view, &checkpoint, &newest))
        return KS_OK;
    if ((err = ks_meta_get(k, META_SIGNER, &ret_evidence->signer)) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    *ret_have = true;
    /* Another signer's certificate is not here any more. */
    if (ks_log_view_at(view, size, &same) && memcmp(same.signer, newest.signer, sizeof same.signer) == 0)
        newest = same;
    ret_evidence->checkpoint = newest;
    return KS_OK;
}

/* --- asking --- */

static enum ks_err on_page(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_log_follow *follow = &k->log_follow;
    struct page page;
    enum ks_err err;

    (void)iq;
    follow->asking = false;
    if (!follow->view)
        return KS_OK;
    if (!ks_iq_ok(answer)) /* it grows older, and says so in time */
        return ks_gossip_log_told(k);
    err = read_page(k, ks_xml_child(answer->xml, NS_KONSIL_LOG, "log"), &page);
    if (err <= KS_FATAL)
        return err;
    if (err != KS_OK || page.from != follow->first + follow->leaves.len / KS_LOG_LEAF_LEN)
        return KS_OK;
    ks_buf_add(&follow->leaves, page.leaves);
    if (ks_buf_err(&follow->leaves) != KS_OK) {
        err = ks_buf_err(&follow->leaves);
        ks_buf_reset(&follow->leaves);
        return err == KS_ENOMEM ? err : KS_OK;
    }
    if (page.leaves.len > 0 && follow->first + follow->leaves.len / KS_LOG_LEAF_LEN < page.size)
        return ks_log_follow_ask(k);
    if ((err = take(k, &page)) != KS_OK)
        return err;
    if ((err = ks_gossip_log_told(k)) != KS_OK)
        return err;
    if (!follow->again)
        return ks_certs_log_told(k);
    follow->again = false;
    return ks_log_follow_ask(k);
}

enum ks_err ks_log_follow_ask(struct konsil *k)
{
    struct ks_log_follow *follow = &k->log_follow;
    struct ks_xml *log = ks_xml_new(&k->arena, NS_KONSIL_LOG, "log");
    char from[24];
    enum ks_err err;

    if (!follow->view || !ks_online(k))
        return KS_OK;
    if (follow->asking) {
        follow->again = true;
        return KS_OK;
    }
    if (follow->leaves.len == 0)
        follow->first = ks_log_view_size(follow->view);
    snprintf(from, sizeof from, "%llu", (unsigned long long)(follow->first + follow->leaves.len / KS_LOG_LEAF_LEN));
    log = ks_xml_set(&k->arena, log, "from", ks_str_z(from));
    log = ks_xml_set(&k->arena, log, "max", KS_STR(PAGE));
    err = log ? ks_iq_send(k, "get", ks_str_z(k->domain), log, on_page, KS_STR_EMPTY, 0) : KS_ENOMEM;
    follow->asking = err == KS_OK;
    return err == KS_EAGAIN ? KS_OK : err;
}

static enum ks_err look_again(struct konsil *k, void *arg)
{
    enum ks_err err = ks_log_follow_ask(k);

    (void)arg;
    return err == KS_OK ? tell_age(k) : err;
}

void ks_log_follow_due(struct konsil *k)
{
    k->wait_ms[KS_WAIT_LOG] = k->now.mono_ms + SILENCE_MS;
    if (k->log_follow.view)
        (void)ks_step(k, look_again, NULL);
}

static enum ks_err on_followed(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    (void)iq;
    if (answer && !ks_iq_ok(answer))
        ks_log(k->log, KS_WARNING, "client.log.unfollowed", KS_OURS("condition", ks_iq_condition(answer)));
    return KS_OK;
}

enum ks_err ks_log_follow_online(struct konsil *k)
{
    struct ks_xml *follow = ks_xml_new(&k->arena, NS_KONSIL_LOG, "follow");
    enum ks_err err;

    if (!k->log_follow.view)
        return KS_OK;
    if (!follow)
        return KS_ENOMEM;
    k->wait_ms[KS_WAIT_LOG] = k->now.mono_ms + SILENCE_MS;
    err = ks_iq_send(k, "set", ks_str_z(k->domain), follow, on_followed, KS_STR_EMPTY, 0);
    return err == KS_OK || err == KS_EAGAIN ? ks_log_follow_ask(k) : err;
}

enum ks_err ks_log_follow_pushed(struct konsil *k, const struct ks_xml *log)
{
    struct ks_log_follow *follow = &k->log_follow;
    struct page page;
    enum ks_err err;

    if (!follow->view)
        return KS_OK;
    if ((err = read_page(k, log, &page)) != KS_OK)
        return err <= KS_FATAL ? err : KS_OK;
    if (page.size != ks_log_view_size(follow->view) || follow->asking)
        return ks_log_follow_ask(k);
    follow->first = page.size; /* the log is as it was, and somebody looked at it again */
    ks_buf_reset(&follow->leaves);
    return take(k, &page);
}
