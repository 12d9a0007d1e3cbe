/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* slip39.h -- a secret as words on paper, some of which give it back: SLIP-0039, Shamir's Secret-Sharing for Mnemonic
 * Codes, over GF(256), with a checksum in each share and one over the secret.
 *
 * Reads and puts together what any program wrote by that text; makes shares of one group. No branch and no address
 * hangs on a secret, but where words are looked up in the list and where it is written which. Shares are secret: the
 * caller wipes them. */
#ifndef KS_SLIP39_H
#define KS_SLIP39_H

#include "crypto.h"

#define KS_SLIP39_SECRET_MIN 16 /* bytes; an even number of them */
#define KS_SLIP39_SECRET_MAX 32
#define KS_SLIP39_SHARES_MAX 16
#define KS_SLIP39_WORDS_MAX 33
#define KS_SLIP39_TEXT_MAX (KS_SLIP39_WORDS_MAX * 9)
#define KS_SLIP39_EXPONENT_MAX 8 /* 2.5 million rounds of PBKDF2; the text goes up to 15 */
#define KS_SLIP39_PASSPHRASE_MAX 255

/* Numbers as people count them: members and groups begin with 1. */
struct ks_slip39_share {
    uint16_t id; /* 15 bits, the same in all shares of a secret */
    bool extendable;
    uint8_t exponent;
    uint8_t group, groups_needed, groups;
    uint8_t member, needed; /* in its group */
    uint8_t len;
    uint8_t value[KS_SLIP39_SECRET_MAX];
};

/* Shares a secret out, in one group, without a passphrase. KS_ELIMIT: not 2 <= needed <= count <= KS_SLIP39_SHARES_MAX,
 * or the secret has another length. */
KS_CHECK enum ks_err ks_slip39_split(
    struct ks_prng *prng, struct ks_str secret, unsigned needed, unsigned count, struct ks_slip39_share *ret_shares);

/* The words, with a blank between each two: at most KS_SLIP39_TEXT_MAX bytes. */
void ks_slip39_write(const struct ks_slip39_share *share, struct ks_buf *buf);
/* Words between blanks, in either case. KS_ESYNTAX: not of this form, or *ret_word, counted from 1, is no word of the
 * list (0: all are); KS_ECRYPTO: a word is not the one that was written, by the checksum; KS_ELIMIT: too many words, or
 * an exponent above KS_SLIP39_EXPONENT_MAX. */
KS_CHECK enum ks_err ks_slip39_read(struct ks_str text, struct ks_slip39_share *ret_share, unsigned *ret_word);

/* What the shares were made of, exactly as many as are needed; passphrase: empty but for what others made. KS_EAGAIN:
 * more are needed; KS_EEXISTS: one of them twice; KS_ESYNTAX: they are not of one set, or too many; KS_ECRYPTO: they do
 * not belong together, by the checksum of the secret; KS_ELIMIT: the passphrase is too long. ret_secret has room for
 * KS_SLIP39_SECRET_MAX bytes. Blocks for the rounds of PBKDF2. */
KS_CHECK enum ks_err ks_slip39_combine(
    const struct ks_slip39_share *shares, size_t count, struct ks_str passphrase, uint8_t *ret_secret, size_t *ret_len);

#endif
