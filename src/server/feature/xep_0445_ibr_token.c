/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0445_ibr_token.c -- XEP-0445 Pre-Authenticated In-Band Registration, version 0.2.0: what is kept of an
 * invitation, and for how long. It is used up before the login (c2s_register.c) and made by administrators
 * (control_invites.c). */
#include "feature_list.h"
#include "invite.h"

static int64_t stamp_ms(struct ks_str key, struct ks_str value)
{
    (void)key;
    return ks_invite_record_ms(value);
}

const struct ks_feature ks_feature_invite = {
    .name = "invite",
    .stores = { { KS_STORE_INVITE, KS_DATA_CREDENTIALS, KS_KEEP_DAYS, 1,
        "A hash of the invitation that a person has not used yet, and when it ends; deleted when it is used, and a day "
        "after its time.",
        KS_READ_NOBODY, .stamp_ms = stamp_ms } },
    .options = { { "invite.lifetime", KS_OPT_DURATION, .init = 3 * 86400, .min = 60, .max = 30 * 86400,
        .doc = "How long a person may take to accept an invitation; then another one has to be made." } },
};
