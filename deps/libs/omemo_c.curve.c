/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* omemo_c.curve.c -- two things that libomemo-c does slowly, within the library (omemo_c.sh). */
#include <stdint.h>
#include <string.h>

#include "fe.h"

/* RFC 7748 §5, by libsodium: 64 bit numbers where there are, and all zeroes (a point of small order) is an error, as
 * §6.1 allows. */
int crypto_scalarmult_curve25519(unsigned char *q, const unsigned char *n, const unsigned char *p);
int curve25519_donna(uint8_t *public_key, const uint8_t *secret, const uint8_t *point);

int curve25519_donna(uint8_t *public_key, const uint8_t *secret, const uint8_t *point)
{
    return crypto_scalarmult_curve25519(public_key, secret, point);
}

/* Each session that is read names two identity keys in Edwards form, its own and the other's, and a division turns
 * them: that was a third of the time of a message to 600 devices. Public keys only, so what is here tells nothing. */
#define KEPT 2048

void fe_edy_to_montx(fe u, const fe y);
void fe_edy_to_montx_anew(fe u, const fe y);

void fe_edy_to_montx(fe u, const fe y)
{
    static _Thread_local struct {
        fe y, u;
        char known;
    } kept[KEPT];
    uint32_t at = (uint32_t)y[0] * 2654435761U;

    for (int i = 1; i < 4; i++)
        at = (at ^ (uint32_t)y[i]) * 2654435761U;
    at = (at >> 16) % KEPT;
    if (!kept[at].known || memcmp(kept[at].y, y, sizeof(fe)) != 0) {
        fe_edy_to_montx_anew(kept[at].u, y);
        memcpy(kept[at].y, y, sizeof(fe));
        kept[at].known = 1;
    }
    memcpy(u, kept[at].u, sizeof(fe));
}
