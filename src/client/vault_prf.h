/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* vault_prf.h -- slots that open with 32 bytes of an authenticator (doc/PROTOCOL.md §10.3, §10.4): biometric for the
 * hours after a PIN, and offline for the hours without konsild.
 *
 * The 32 bytes (PRF) come from whoever has an authenticator that gives them for this device alone: WebAuthn's PRF in a
 * browser, a key of the operating system's that is not in the profile (TPM, keyring). With bytes that lie beside the
 * profile a copy of it would open, so nobody may give those. hint: what the authenticator is asked with (credential,
 * salt), kept and authenticated; it is no secret.
 *
 * Biometric: KEK is of PRF and of the ticket that konsild gives out inside its window (§16.5): without network, after
 * the window and after a wipe there is none. Offline: KEK is of PRF and of the PIN; its end is by the device's clock,
 * so it limits honest devices. Both are written anew with each PIN, as the ticket is new and the window begins. */
#ifndef KS_VAULT_PRF_H
#define KS_VAULT_PRF_H

#include "pin_answer.h"
#include "vault.h"

#define KS_PRF_LEN 32
#define KS_PRF_HINT_MAX 512
#define KS_OFFLINE_HOURS_MAX 24

/* In an open vault (KS_ESTATE). pin_number: the PIN slot whose ticket it is (KS_ENOTFOUND). KS_ELIMIT: hint too long,
 * no place; KS_ENOMEM. A biometric slot that is there for the same PIN slot is replaced, and keeps its number. */
KS_CHECK enum ks_err ks_vault_set_biometric(struct ks_vault *v, struct ks_prng *prng, uint32_t pin_number,
    const uint8_t prf[KS_PRF_LEN], const uint8_t ticket[KS_PIN_TICKET_LEN], struct ks_str hint, uint32_t *ret_number);
/* Opens. KS_ENOTFOUND; KS_ECRYPTO: other bytes, an old ticket, or an altered slot; KS_ENOMEM. */
KS_CHECK enum ks_err ks_vault_open_biometric(
    struct ks_vault *v, uint32_t number, const uint8_t prf[KS_PRF_LEN], const uint8_t ticket[KS_PIN_TICKET_LEN]);

/* Likewise, from now on (seconds since 1970) for hours (1 to KS_OFFLINE_HOURS_MAX, else KS_ELIMIT). There is one at
 * most. Blocks for Argon2id's cost (KS_ELIMIT outside the bounds, or PIN empty or too long). */
KS_CHECK enum ks_err ks_vault_set_offline(struct ks_vault *v, struct ks_prng *prng, const uint8_t prf[KS_PRF_LEN],
    struct ks_str pin, struct ks_vault_cost cost, int64_t now_s, unsigned hours, struct ks_str hint,
    uint32_t *ret_number);
/* Opens. KS_EDENIED: it is over, or not begun by this clock: konsild is needed; KS_ELIMIT: cost outside the bounds; the
 * others as above. Blocks likewise. */
KS_CHECK enum ks_err ks_vault_open_offline(
    struct ks_vault *v, uint32_t number, const uint8_t prf[KS_PRF_LEN], struct ks_str pin, int64_t now_s);

/* The hint of a biometric or offline slot, until the vault changes. KS_ENOTFOUND; KS_ECRYPTO: its params are none. */
KS_CHECK enum ks_err ks_vault_hint(const struct ks_vault *v, uint32_t number, struct ks_str *ret_hint);

#endif
