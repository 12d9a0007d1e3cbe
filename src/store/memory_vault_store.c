/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Slots stand in an array in the order of their ids. A transaction works on a copy of it, which takes the place of the
 * other when it is committed. */
#include <limits.h>
#include <stdlib.h>

#include "buf.h"
#include "vault_store.h"

struct slots {
    struct ks_vault_slot *at;
    size_t count, cap;
};

struct memory_vault {
    struct ks_vault_store base;
    struct ks_vault_tombs tombs;
    struct slots kept, next; /* next: of the transaction */
    uint8_t (*buried)[KS_VAULT_ID_LEN];
    size_t buried_count;
    unsigned last; /* writes that will succeed */
    bool open;
};

static struct memory_vault *self(struct ks_vault_store *s)
{
    return KS_CONTAINER(s, struct memory_vault, base);
}

static void slots_done(struct slots *slots)
{
    if (slots->at)
        ks_wipe(slots->at, slots->cap * sizeof *slots->at);
    free(slots->at);
    *slots = (struct slots) { 0 };
}

/* A copy with room for one more. */
static enum ks_err slots_copy(const struct slots *from, struct slots *ret)
{
    size_t cap = from->count + 1;
    struct ks_vault_slot *at = malloc(cap * sizeof *at);

    if (!at)
        return KS_ENOMEM;
    if (from->count)
        memcpy(at, from->at, from->count * sizeof *at);
    *ret = (struct slots) { at, from->count, cap };
    return KS_OK;
}

/* The slots as the caller sees them. */
static struct slots *seen(struct memory_vault *m)
{
    return m->open ? &m->next : &m->kept;
}

static size_t place_of(const struct slots *slots, const uint8_t id[KS_VAULT_ID_LEN], bool *ret_there)
{
    size_t at = 0;

    while (at < slots->count && memcmp(slots->at[at].id, id, KS_VAULT_ID_LEN) < 0)
        at++;
    *ret_there = at < slots->count && memcmp(slots->at[at].id, id, KS_VAULT_ID_LEN) == 0;
    return at;
}

static bool may_write(struct memory_vault *m)
{
    if (m->last == UINT_MAX)
        return true;
    if (!m->last)
        return false;
    m->last--;
    return true;
}

static void vault_free(struct ks_vault_store *s)
{
    struct memory_vault *m = self(s);

    slots_done(&m->kept);
    slots_done(&m->next);
    free(m->buried);
    free(m);
}

static enum ks_err vault_begin(struct ks_vault_store *s)
{
    struct memory_vault *m = self(s);
    enum ks_err err = slots_copy(&m->kept, &m->next);

    assert(!m->open);
    m->open = err == KS_OK;
    return err;
}

static void vault_rollback(struct ks_vault_store *s)
{
    slots_done(&self(s)->next);
    self(s)->open = false;
}

static enum ks_err vault_commit(struct ks_vault_store *s)
{
    struct memory_vault *m = self(s);

    assert(m->open);
    if (!may_write(m))
        return KS_EFULL;
    slots_done(&m->kept);
    m->kept = m->next;
    m->next = (struct slots) { 0 };
    m->open = false;
    return KS_OK;
}

static enum ks_err vault_get(
    struct ks_vault_store *s, const uint8_t id[KS_VAULT_ID_LEN], struct ks_vault_slot *ret_slot)
{
    const struct slots *slots = seen(self(s));
    bool there;
    size_t at = place_of(slots, id, &there);

    if (!there)
        return KS_ENOTFOUND;
    *ret_slot = slots->at[at];
    return KS_OK;
}

static enum ks_err vault_put(struct ks_vault_store *s, const struct ks_vault_slot *slot)
{
    struct memory_vault *m = self(s);
    struct slots *slots = &m->next, grown;
    bool there;
    size_t at = place_of(slots, slot->id, &there);

    assert(m->open);
    if (!there) {
        if (slots->count == slots->cap) {
            if (slots_copy(slots, &grown) != KS_OK)
                return KS_ENOMEM;
            slots_done(slots);
            *slots = grown;
        }
        memmove(slots->at + at + 1, slots->at + at, (slots->count - at) * sizeof *slots->at);
        slots->count++;
    }
    slots->at[at] = *slot;
    return KS_OK;
}

static enum ks_err vault_remove(struct ks_vault_store *s, const uint8_t id[KS_VAULT_ID_LEN])
{
    struct slots *slots = &self(s)->next;
    bool there;
    size_t at = place_of(slots, id, &there);

    assert(self(s)->open);
    if (there) {
        slots->count--;
        memmove(slots->at + at, slots->at + at + 1, (slots->count - at) * sizeof *slots->at);
    }
    return KS_OK;
}

static enum ks_err vault_each(struct ks_vault_store *s, uint64_t account, ks_visit_vault_slot *visit, void *user)
{
    const struct slots *slots = seen(self(s));

    for (size_t i = 0; i < slots->count; i++)
        if ((!account || slots->at[i].account == account) && !visit(user, &slots->at[i]))
            break;
    return KS_OK;
}

/* --- tombstones --- */

static enum ks_err tombs_bury(struct ks_vault_tombs *t, const uint8_t (*ids)[KS_VAULT_ID_LEN], size_t count)
{
    struct memory_vault *m = KS_CONTAINER(t, struct memory_vault, tombs);
    uint8_t(*grown)[KS_VAULT_ID_LEN];

    if (!may_write(m))
        return KS_EFULL;
    grown = realloc(m->buried, (m->buried_count + count + 1) * sizeof *grown);
    if (!grown)
        return KS_ENOMEM;
    m->buried = grown;
    memcpy(grown + m->buried_count, ids, count * sizeof *grown);
    m->buried_count += count;
    return KS_OK;
}

static enum ks_err tombs_each(struct ks_vault_tombs *t, ks_visit_vault_tomb *visit, void *user)
{
    struct memory_vault *m = KS_CONTAINER(t, struct memory_vault, tombs);

    for (size_t i = 0; i < m->buried_count && visit(user, m->buried[i]); i++)
        ;
    return KS_OK;
}

/* --- making --- */

static const struct ks_vault_store_ops ops = {
    .free = vault_free,
    .begin = vault_begin,
    .commit = vault_commit,
    .rollback = vault_rollback,
    .get = vault_get,
    .put = vault_put,
    .remove = vault_remove,
    .each = vault_each,
};

struct ks_vault_store *ks_memory_vault_store_new(void)
{
    struct memory_vault *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    m->base.ops = &ops;
    m->tombs = (struct ks_vault_tombs) { tombs_bury, tombs_each };
    m->last = UINT_MAX;
    return &m->base;
}

struct ks_vault_tombs *ks_memory_vault_tombs(struct ks_vault_store *s)
{
    return &self(s)->tombs;
}

void ks_memory_vault_store_crash(struct ks_vault_store *s)
{
    vault_rollback(s);
    self(s)->last = UINT_MAX;
}

void ks_memory_vault_store_last(struct ks_vault_store *s, unsigned count)
{
    self(s)->last = count;
}

enum ks_err ks_memory_vault_store_copy(struct ks_vault_store *s, struct ks_vault_store *from)
{
    struct slots copy;
    enum ks_err err = slots_copy(&self(from)->kept, &copy);

    if (err != KS_OK)
        return err;
    slots_done(&self(s)->kept);
    self(s)->kept = copy;
    return KS_OK;
}
