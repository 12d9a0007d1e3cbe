/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* login_guard.h -- wrong passwords cost time: per account, and per address.
 *
 * After the second failure each one doubles the wait before the next try is looked at, from one second to five minutes;
 * a quarter of an hour without tries forgets it. An address from which the account logged in within a week is not
 * delayed by strangers' failures on that account, only by its own. Nor is a device with a token (fast.h), wherever it
 * is: nobody guesses one, so its tries wait for the failures of their address alone, and count there alone. Nothing is
 * ever locked for good, so nobody can lock a doctor out. */
#ifndef KS_LOGIN_GUARD_H
#define KS_LOGIN_GUARD_H

#include "clock.h"

#define KS_GUARD_FREE 2 /* failures without a wait */
#define KS_GUARD_WAIT_MIN_MS 1000
#define KS_GUARD_WAIT_MAX_MS 300000
#define KS_GUARD_FORGET_MS 900000
#define KS_GUARD_KNOWN 4 /* addresses remembered for an account */
#define KS_GUARD_KNOWN_MS (7 * 86400000LL)

/* Failures in a row. */
struct ks_guard_count {
    uint32_t failures;
    int64_t last_ms; /* mono */
};

/* Of one account; zeroes to begin with. */
struct ks_guard {
    struct ks_guard_count strangers;
    struct {
        uint64_t address;
        int64_t login_ms;
    } known[KS_GUARD_KNOWN];
};

/* Of all addresses seen by one reactor: at most 65,536, the oldest is forgotten first. */
struct ks_guard_addresses;
struct ks_guard_addresses *ks_guard_addresses_new(void); /* NULL without memory */
void ks_guard_addresses_free(struct ks_guard_addresses *addresses);

/* When a try by address on account may be looked at: mono_ms, at the earliest now. */
int64_t ks_guard_when(
    struct ks_guard *guard, struct ks_guard_addresses *addresses, uint64_t address, struct ks_now now);
void ks_guard_failed(struct ks_guard *guard, struct ks_guard_addresses *addresses, uint64_t address, struct ks_now now);
void ks_guard_passed(struct ks_guard *guard, struct ks_guard_addresses *addresses, uint64_t address, struct ks_now now);
/* The same for a try with a token. */
int64_t ks_guard_token_when(struct ks_guard_addresses *addresses, uint64_t address, struct ks_now now);
void ks_guard_token_failed(struct ks_guard_addresses *addresses, uint64_t address, struct ks_now now);
/* True while there is something to remember. */
bool ks_guard_active(const struct ks_guard *guard, struct ks_now now);

#endif
