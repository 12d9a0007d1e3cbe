/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0445_ibr_token.c -- XEP-0445 Pre-Authenticated In-Band Registration, version 0.2.0: what is kept of an
 * invitation, and for how long. It is used up before the login (c2s_register.c) and made by administrators
 * (control_invites.c). */
#include "feature_list.h"
#include "invite.h"

const struct ks_feature ks_feature_invite = {
    .name = "invite",
    .stores = { { KS_STORE_INVITE, KS_DATA_CREDENTIALS, KS_KEEP_WITH_ACCOUNT, 0,
        "A hash of the invitation that a person has not used yet, and when it ends; deleted when it is used." } },
    .options = { { "invite.lifetime", KS_OPT_DURATION, .init = 3 * 86400, .min = 60, .max = 30 * 86400,
        .doc = "How long a person may take to accept an invitation; then another one has to be made." } },
};
