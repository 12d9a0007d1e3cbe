/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "login_guard.h"

#include <stdlib.h>

#define ADDRESSES 65536 /* a power of two */
#define WAYS 4          /* places an address may have */

struct entry {
    uint64_t address;
    struct ks_guard_count count;
};

struct ks_guard_addresses {
    struct entry entry[ADDRESSES];
};

struct ks_guard_addresses *ks_guard_addresses_new(void)
{
    /* calloc of so much is mapped, not touched: untouched pages cost nothing. */
    return calloc(1, sizeof(struct ks_guard_addresses));
}

void ks_guard_addresses_free(struct ks_guard_addresses *addresses)
{
    free(addresses);
}

static void age(struct ks_guard_count *count, struct ks_now now)
{
    if (count->failures && now.mono_ms - count->last_ms > KS_GUARD_FORGET_MS)
        count->failures = 0;
}

static int64_t when(struct ks_guard_count *count, struct ks_now now)
{
    int64_t wait = KS_GUARD_WAIT_MIN_MS;

    age(count, now);
    if (count->failures < KS_GUARD_FREE)
        return now.mono_ms;
    for (uint32_t i = KS_GUARD_FREE; i < count->failures && wait < KS_GUARD_WAIT_MAX_MS; i++)
        wait *= 2;
    wait = wait < KS_GUARD_WAIT_MAX_MS ? wait : KS_GUARD_WAIT_MAX_MS;
    int64_t at = count->last_ms + wait;
    return at > now.mono_ms ? at : now.mono_ms;
}

static void fail(struct ks_guard_count *count, struct ks_now now)
{
    age(count, now);
    if (count->failures < UINT32_MAX)
        count->failures++;
    count->last_ms = now.mono_ms;
}

/* The address's entry; with make, the least recently failed of its places becomes it. The hash is keyed (server.h), so
 * nobody can choose addresses that share places. */
static struct ks_guard_count *entry(struct ks_guard_addresses *addresses, uint64_t address, bool make)
{
    struct entry *ways = &addresses->entry[(address & (ADDRESSES / WAYS - 1)) * WAYS];
    struct entry *oldest = ways;

    for (size_t i = 0; i < WAYS; i++) {
        if (ways[i].address == address && ways[i].count.failures)
            return &ways[i].count;
        if (!ways[i].count.failures || ways[i].count.last_ms < oldest->count.last_ms)
            oldest = &ways[i];
    }
    if (!make)
        return NULL;
    *oldest = (struct entry) { .address = address };
    return &oldest->count;
}

static bool known(const struct ks_guard *guard, uint64_t address, struct ks_now now)
{
    for (size_t i = 0; i < KS_GUARD_KNOWN; i++)
        if (guard->known[i].address == address && guard->known[i].login_ms
            && now.wall_ms - guard->known[i].login_ms < KS_GUARD_KNOWN_MS)
            return true;
    return false;
}

int64_t ks_guard_token_when(struct ks_guard_addresses *addresses, uint64_t address, struct ks_now now)
{
    struct ks_guard_count *own = entry(addresses, address, false);

    return own ? when(own, now) : now.mono_ms;
}

void ks_guard_token_failed(struct ks_guard_addresses *addresses, uint64_t address, struct ks_now now)
{
    fail(entry(addresses, address, true), now);
}

int64_t ks_guard_when(struct ks_guard *guard, struct ks_guard_addresses *addresses, uint64_t address, struct ks_now now)
{
    int64_t by_address = ks_guard_token_when(addresses, address, now);
    int64_t by_account = known(guard, address, now) ? now.mono_ms : when(&guard->strangers, now);

    return by_address > by_account ? by_address : by_account;
}

void ks_guard_failed(struct ks_guard *guard, struct ks_guard_addresses *addresses, uint64_t address, struct ks_now now)
{
    fail(entry(addresses, address, true), now);
    if (!known(guard, address, now))
        fail(&guard->strangers, now);
}

void ks_guard_passed(struct ks_guard *guard, struct ks_guard_addresses *addresses, uint64_t address, struct ks_now now)
{
    struct ks_guard_count *own = entry(addresses, address, false);
    size_t place = 0;

    if (own)
        own->failures = 0;
    for (size_t i = 0; i < KS_GUARD_KNOWN; i++) {
        if (guard->known[i].address == address) {
            place = i;
            break;
        }
        if (guard->known[i].login_ms < guard->known[place].login_ms)
            place = i;
    }
    guard->known[place].address = address;
    guard->known[place].login_ms = now.wall_ms > 0 ? now.wall_ms : 1;
}

bool ks_guard_active(const struct ks_guard *guard, struct ks_now now)
{
    if (guard->strangers.failures && now.mono_ms - guard->strangers.last_ms <= KS_GUARD_FORGET_MS)
        return true;
    for (size_t i = 0; i < KS_GUARD_KNOWN; i++)
        if (guard->known[i].login_ms && now.wall_ms - guard->known[i].login_ms < KS_GUARD_KNOWN_MS)
            return true;
    return false;
}
