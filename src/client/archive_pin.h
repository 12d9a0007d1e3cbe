/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* archive_pin.h -- the PIN by which a new device of the account opens its archive (doc/PROTOCOL.md §16.10, §17.11).
 *
 * A device that has the key ring makes a slot for it: konsild has a key for that slot, the registrar gave each device
 * of the account a share, and the PIN is in nobody's store. A new device asks konsild, which counts, and has what opens
 * the ring. Argon2id is computed in the command, so it takes as long as an unlock. Who waits for it is ring_keeper.h's:
 * one command at a time. */
#ifndef KS_ARCHIVE_PIN_H
#define KS_ARCHIVE_PIN_H

#include "archive_account.h"
#include "oprf.h"

#define KS_ARCHIVE_PIN_BYTES_MAX 256
#define KS_ARCHIVE_PIN_OLD_MAX 4 /* account slots that go with a new one; konsild has two at most */

struct konsil;
struct ks_cmd;

struct ks_archive_pin {
    uint32_t kib, passes; /* what Argon2id costs in a new slot; 0: what is usual */
    struct ks_account_pin head;
    uint8_t input[KS_ACCOUNT_INPUT_LEN], blind[KS_OPRF_SCALAR_LEN], keyid[KS_OPRF_KEY_ID_LEN], nonce[16];
    uint8_t private_key[KS_P256_PRIVATE_LEN]; /* of the new slot */
    uint8_t word[KS_ARCHIVE_PIN_BYTES_MAX];   /* the PIN, until the slot that it opens is known */
    size_t word_len;
    uint32_t left; /* tries */
    uint8_t old[KS_ARCHIVE_PIN_OLD_MAX][KS_ACCOUNT_ID_LEN];
    size_t old_count;
};

/* Whatever was under way is wiped. */
void ks_archive_pin_end(struct konsil *k);

/* --- in a step --- */

/* Commands: makes a PIN, in the place of another one; opens with one (ks_cmd_on_archive_open). */
KS_CHECK enum ks_err ks_cmd_on_archive_pin(struct konsil *k, const struct ks_cmd *cmd);
KS_CHECK enum ks_err ks_archive_pin_open(struct konsil *k, const struct ks_cmd *cmd);

/* The ring's part in it: it has the new slot; here it is, shut; the key that came of the PIN opens it, or does not. */
KS_CHECK enum ks_err ks_archive_pin_added(struct konsil *k);
KS_CHECK enum ks_err ks_archive_pin_look(struct konsil *k, const struct ks_ring *ring);
KS_CHECK enum ks_err ks_archive_pin_right(struct konsil *k, const uint8_t private_key[KS_P256_PRIVATE_LEN]);
KS_CHECK enum ks_err ks_archive_pin_wrong(struct konsil *k);

#endif
