/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* archive_ring.h: from one version to the next, made by this device or judged. */
#include "archive_ring.h"
#include "archive_ring_form.h"

static bool is_over(const struct ks_archive_period *period, int64_t now_s)
{
    return ks_archive_period_end(period) <= now_s;
}

/* Messages of its week may still come. */
static bool is_running(const struct ks_archive_period *period, int64_t now_s)
{
    return (int64_t)period->start + KS_ARCHIVE_WEEK_S > now_s;
}

/* --- judging --- */

static bool has_cert(const struct ks_ring *ring, const uint8_t cert[32])
{
    for (size_t i = 0; i < ring->slot_count; i++)
        if (ring->slots[i].seat.kind == KS_RING_DEVICE && memcmp(ring->slots[i].seat.cert, cert, 32) == 0)
            return true;
    return false;
}

static bool same_slot(const struct ks_ring_slot *a, const struct ks_ring_slot *b)
{
    return ks_ring_same_seat(&a->seat, &b->seat) && memcmp(a->enc, b->enc, sizeof(a->enc)) == 0
        && memcmp(a->sealed, b->sealed, sizeof(a->sealed)) == 0
        && memcmp(a->signature, b->signature, sizeof(a->signature)) == 0;
}

/* Slots that both have are the same persons' and devices'; in one epoch they are the same bytes, and none goes. */
static bool compare_slots(const struct ks_ring *known, const struct ks_ring *next, struct ks_ring_facts *facts)
{
    size_t both = 0;

    for (size_t i = 0; i < next->slot_count; i++) {
        const struct ks_ring_slot *slot = &next->slots[i], *before = ks_ring_find_slot(known, slot->seat.key);

        if (!ks_ring_officers_signed(next, slot))
            return false;
        if (!before) {
            facts->added[facts->added_count++] = i;
            continue;
        }
        if (!ks_ring_same_seat(&before->seat, &slot->seat) || (!facts->new_epoch && !same_slot(before, slot)))
            return false;
        both++;
    }
    facts->slots_gone = known->slot_count - both;
    return facts->new_epoch || !facts->slots_gone;
}

/* Each key of next opens, and one that both have is the same key. */
static bool compare_key(const struct ks_ring_known *known, const struct ks_ring *next, const uint8_t next_ak[32],
    const struct ks_ring_key *key, bool *ret_both)
{
    const struct ks_ring_key *before = ks_ring_find_key(known->ring, &key->period);
    uint8_t old[32], new[32];
    bool good = ks_ring_unwrap(next, next_ak, &key->period, key->wrap, new) == KS_OK;

    if (good && before)
        good = ks_ring_unwrap(known->ring, known->secret->ak, &before->period, before->wrap, old) == KS_OK
            && ks_crypto_eq(ks_str(old, sizeof(old)), ks_str(new, sizeof(new)));
    ks_wipe(old, sizeof(old));
    ks_wipe(new, sizeof(new));
    *ret_both = before != NULL;
    return good;
}

static bool compare_keys(const struct ks_ring_known *known, const struct ks_ring *next, const uint8_t next_ak[32],
    int64_t now_s, struct ks_ring_facts *facts)
{
    size_t shared = 0;
    bool both;

    for (size_t i = 0; i < next->key_count; i++) {
        if (!compare_key(known, next, next_ak, &next->keys[i], &both))
            return false;
        shared += both;
    }
    facts->keys_gone = known->ring->key_count - shared;
    for (size_t i = 0; facts->keys_gone && i < known->ring->key_count; i++)
        if (!is_over(&known->ring->keys[i].period, now_s) && !ks_ring_find_key(next, &known->ring->keys[i].period))
            facts->keys_gone_early++;
    return facts->new_epoch || !facts->keys_gone;
}

static bool same_32(const uint8_t a[32], const uint8_t b[32])
{
    return ks_crypto_eq(ks_str(a, 32), ks_str(b, 32));
}

/* Where next stands to what is known, if it is not NEXT. */
static enum ks_ring_verdict place(const struct ks_ring *known, const struct ks_ring *next)
{
    if (next->v < known->v)
        return KS_RING_OLD;
    if (next->v == known->v)
        return KS_RING_FORK;
    if (memcmp(next->upon, known->hash, KS_RING_HASH_LEN) != 0)
        return next->v == known->v + 1 ? KS_RING_FORK : KS_RING_AHEAD;
    if (next->v == known->v + 1 && memcmp(next->prev, known->hash, KS_RING_HASH_LEN) != 0)
        return KS_RING_REFUSED;
    return KS_RING_NEXT;
}

enum ks_ring_verdict ks_ring_judge(const struct ks_ring_known *known, const struct ks_ring *next,
    const struct ks_ring_secret *next_secret, const struct ks_ring_signer *signer, int64_t now_s,
    struct ks_ring_facts *ret_facts)
{
    const struct ks_ring_secret *secret = known->secret;
    struct ks_ring_facts facts = { .new_epoch = next->e != known->ring->e };
    enum ks_ring_verdict verdict;

    if (!ks_str_eq(next->account, known->ring->account))
        return KS_RING_REFUSED;
    if (memcmp(next->hash, known->ring->hash, KS_RING_HASH_LEN) == 0)
        return KS_RING_SAME;
    if (!signer->genuine || !ks_ring_proven(next, secret->anchor))
        return KS_RING_REFUSED;
    if ((verdict = place(known->ring, next)) != KS_RING_NEXT)
        return verdict;
    if (ks_ring_check_mac(next, secret->ak) != KS_OK
        || (!has_cert(known->ring, signer->cert) && !has_cert(next, signer->cert))
        || (facts.new_epoch && next->e != known->ring->e + 1) || !compare_slots(known->ring, next, &facts))
        return KS_RING_REFUSED;
    if (facts.new_epoch && !next_secret) {
        *ret_facts = facts;
        return KS_RING_WITHOUT_US;
    }
    if (!facts.new_epoch && memcmp(next->anchor, known->ring->anchor, sizeof(next->anchor)) != 0)
        return KS_RING_REFUSED;
    if (facts.new_epoch) {
        if (same_32(next_secret->ak, secret->ak) || !same_32(next_secret->anchor, secret->anchor))
            return KS_RING_REFUSED;
        secret = next_secret;
    }
    if (!compare_keys(known, next, secret->ak, now_s, &facts))
        return KS_RING_REFUSED;
    *ret_facts = facts;
    return KS_RING_NEXT;
}

bool ks_ring_judge_far(struct ks_str account, uint64_t known_v, const uint8_t anchor[32], const struct ks_ring *next,
    const struct ks_ring_secret *next_secret, const struct ks_ring_signer *signer)
{
    uint8_t key[32];
    bool good = ks_str_eq(next->account, account) && next->v > known_v && signer->genuine
        && ks_ring_proven(next, anchor) && same_32(next_secret->anchor, anchor);

    for (size_t i = 0; good && i < next->slot_count; i++)
        good = ks_ring_officers_signed(next, &next->slots[i]);
    for (size_t i = 0; good && i < next->key_count; i++)
        good = ks_ring_unwrap(next, next_secret->ak, &next->keys[i].period, next->keys[i].wrap, key) == KS_OK;
    ks_wipe(key, sizeof(key));
    return good;
}

/* --- making --- */

static enum ks_err add_slot(const struct ks_ring_seat *seat, struct ks_ring *ring)
{
    if (ring->slot_count == KS_RING_SLOTS_MAX)
        return KS_ELIMIT;
    if (ks_ring_find_slot(ring, seat->key))
        return KS_ESYNTAX;
    ring->slots[ring->slot_count] = (struct ks_ring_slot) { .seat = *seat };
    memset(ring->slots[ring->slot_count].seat.blob + ks_ring_blob_len(seat->kind), 0,
        sizeof(seat->blob) - ks_ring_blob_len(seat->kind));
    ring->slot_count++;
    return KS_OK;
}

/* Room for all that a ring may have. */
static enum ks_err make_room(struct ks_arena *arena, struct ks_ring *ring)
{
    ring->slots = ks_arena_zero(arena, KS_RING_SLOTS_MAX * sizeof(*ring->slots));
    ring->keys = ks_arena_zero(arena, KS_RING_KEYS_MAX * sizeof(*ring->keys));
    return ring->slots && ring->keys ? KS_OK : KS_ENOMEM;
}

/* What was built, into buf; a ring that does not fit the limit is not. */
static enum ks_err write_out(
    const struct ks_ring *ring, const uint8_t upon_ak[32], const uint8_t anchor[32], struct ks_buf *buf)
{
    struct ks_buf data;
    enum ks_err err;

    ks_buf_init(&data, KS_RING_DATA_MAX);
    ks_ring_write(ring, upon_ak, anchor, &data);
    if ((err = ks_buf_err(&data)) == KS_OK)
        ks_buf_add(buf, ks_buf_str(&data));
    ks_buf_done(&data);
    return err;
}

enum ks_err ks_ring_found(struct ks_arena *arena, struct ks_prng *prng, struct ks_str account,
    const struct ks_ring_seat *seats, size_t count, struct ks_ring_secret *ret_secret, struct ks_buf *buf)
{
    struct ks_ring ring = { .account = account, .v = 1, .e = 1 };
    struct ks_ring_secret secret;
    enum ks_err err = make_room(arena, &ring);

    if (err == KS_OK && !count)
        err = KS_ESYNTAX;
    ks_prng_bytes(prng, secret.ak, sizeof(secret.ak));
    ks_prng_bytes(prng, secret.anchor, sizeof(secret.anchor));
    for (size_t i = 0; err == KS_OK && i < count; i++)
        if ((err = add_slot(&seats[i], &ring)) == KS_OK)
            err = ks_ring_seal(prng, &ring, secret.ak, &ring.slots[i]);
    if (err == KS_OK)
        err = ks_ring_wrap(prng, &ring, secret.ak, NULL, secret.anchor, ring.anchor);
    if (err == KS_OK)
        err = write_out(&ring, secret.ak, secret.anchor, buf);
    if (err == KS_OK)
        *ret_secret = secret;
    ks_wipe(&secret, sizeof(secret));
    return err;
}

/* A version in the making. */
struct making {
    struct ks_prng *prng;
    const struct ks_ring_known *known;
    const struct ks_ring_change *change;
    struct ks_ring ring;
    struct ks_ring_secret secret;
    bool fresh;   /* somebody may know AK who must not: running periods get new keys, too */
    bool changed; /* anything at all */
};

static bool is_removed(const struct ks_ring_change *change, const uint8_t key[KS_P256_PUBLIC_LEN])
{
    for (size_t i = 0; i < change->remove_count; i++)
        if (memcmp(change->remove[i], key, KS_P256_PUBLIC_LEN) == 0)
            return true;
    return false;
}

/* Which slots and keys stay, and so whether the epoch does. The keys are not wrapped yet. */
static void carry_over(struct making *m)
{
    const struct ks_ring *known = m->known->ring;
    bool dropped = false;

    m->fresh = m->change->renew;
    for (size_t i = 0; i < known->slot_count; i++)
        if (is_removed(m->change, known->slots[i].seat.key))
            m->fresh = true;
        else
            m->ring.slots[m->ring.slot_count++] = known->slots[i];
    for (size_t i = 0; i < known->key_count; i++)
        if (is_over(&known->keys[i].period, m->change->now_s))
            dropped = true;
        else
            m->ring.keys[m->ring.key_count++] = known->keys[i];
    m->secret = *m->known->secret;
    if (m->fresh || dropped) {
        m->ring.e++;
        ks_prng_bytes(m->prng, m->secret.ak, sizeof(m->secret.ak));
    }
    m->changed = m->fresh || dropped;
}

static bool is_new_epoch(const struct making *m)
{
    return m->ring.e != m->known->ring->e;
}

/* AK to those who stay, and all keys under the new one. */
static enum ks_err renew(struct making *m)
{
    const struct ks_ring_known *known = m->known;
    enum ks_err err = KS_OK;
    uint8_t key[32];

    for (size_t i = 0; err == KS_OK && i < m->ring.slot_count; i++)
        err = ks_ring_seal(m->prng, &m->ring, m->secret.ak, &m->ring.slots[i]);
    for (size_t i = 0; err == KS_OK && i < m->ring.key_count; i++) {
        struct ks_ring_key *at = &m->ring.keys[i];

        if ((err = ks_ring_unwrap(known->ring, known->secret->ak, &at->period, at->wrap, key)) == KS_OK)
            err = ks_ring_wrap(m->prng, &m->ring, m->secret.ak, &at->period, key, at->wrap);
    }
    if (err == KS_OK)
        err = ks_ring_wrap(m->prng, &m->ring, m->secret.ak, NULL, m->secret.anchor, m->ring.anchor);
    ks_wipe(key, sizeof(key));
    return err;
}

static enum ks_err add_slots(struct making *m)
{
    enum ks_err err = KS_OK;

    for (size_t i = 0; err == KS_OK && i < m->change->add_count; i++)
        if ((err = add_slot(&m->change->add[i], &m->ring)) == KS_OK) {
            err = ks_ring_seal(m->prng, &m->ring, m->secret.ak, &m->ring.slots[m->ring.slot_count - 1]);
            m->changed = true;
        }
    return err;
}

/* A new key, in its place. */
static enum ks_err add_key(struct making *m, struct ks_archive_period period)
{
    struct ks_ring_key *keys = m->ring.keys;
    size_t at = m->ring.key_count;
    uint8_t key[32];
    enum ks_err err;

    if (m->ring.key_count == KS_RING_KEYS_MAX)
        return KS_ELIMIT;
    while (at > 0 && ks_ring_period_cmp(&keys[at - 1].period, &period) > 0)
        at--;
    memmove(&keys[at + 1], &keys[at], (m->ring.key_count - at) * sizeof(*keys));
    m->ring.key_count++;
    keys[at].period = period;
    ks_prng_bytes(m->prng, key, sizeof(key));
    err = ks_ring_wrap(m->prng, &m->ring, m->secret.ak, &period, key, keys[at].wrap);
    ks_wipe(key, sizeof(key));
    m->changed = true;
    return err;
}

/* Who was removed has the keys of weeks that are not over; what comes from now on he must not read. */
static enum ks_err add_subs(struct making *m)
{
    const struct ks_ring *known = m->known->ring;
    enum ks_err err = KS_OK;

    for (size_t i = 0; err == KS_OK && i < known->key_count; i++) {
        struct ks_archive_period period = known->keys[i].period;
        bool newest = i + 1 == known->key_count
            || known->keys[i + 1].period.class != period.class || known->keys[i + 1].period.start != period.start;

        if (!newest || !is_running(&period, m->change->now_s))
            continue;
        if (period.sub == UINT16_MAX)
            return KS_ELIMIT;
        period.sub++;
        err = add_key(m, period);
    }
    return err;
}

static enum ks_err begin_periods(struct making *m)
{
    struct ks_archive_period there;
    enum ks_err err = KS_OK;

    for (size_t i = 0; err == KS_OK && i < m->change->begin_count; i++) {
        const struct ks_archive_period *period = &m->change->begin[i];

        assert(period->sub == 0);
        if (!ks_ring_newest(&m->ring, period->class, period->start, &there))
            err = add_key(m, *period);
    }
    return err;
}

static void begin_version(struct making *m)
{
    const struct ks_ring *known = m->known->ring;

    m->ring.account = known->account;
    m->ring.v = (m->change->after_v ? m->change->after_v : known->v) + 1;
    m->ring.e = known->e;
    memcpy(m->ring.prev, m->change->after_v ? m->change->after_hash : known->hash, KS_RING_HASH_LEN);
    memcpy(m->ring.upon, known->hash, KS_RING_HASH_LEN);
    memcpy(m->ring.anchor, known->anchor, sizeof(m->ring.anchor));
}

enum ks_err ks_ring_next(struct ks_arena *arena, struct ks_prng *prng, const struct ks_ring_known *known,
    const struct ks_ring_change *change, struct ks_ring_secret *ret_secret, struct ks_buf *buf)
{
    struct making m = { .prng = prng, .known = known, .change = change };
    enum ks_err err = make_room(arena, &m.ring);

    assert(!change->after_v || change->after_v > known->ring->v);
    if (err != KS_OK)
        return err;
    begin_version(&m);
    carry_over(&m);
    if (is_new_epoch(&m))
        err = renew(&m);
    if (err == KS_OK)
        err = add_slots(&m);
    if (err == KS_OK && m.fresh)
        err = add_subs(&m);
    if (err == KS_OK)
        err = begin_periods(&m);
    if (err == KS_OK && !m.ring.slot_count)
        err = KS_ESYNTAX;
    if (err == KS_OK && !m.changed && !change->after_v)
        err = KS_EEXISTS;
    if (err == KS_OK)
        err = write_out(&m.ring, known->secret->ak, known->secret->anchor, buf);
    if (err == KS_OK)
        *ret_secret = m.secret;
    ks_wipe(&m.secret, sizeof(m.secret));
    return err;
}
