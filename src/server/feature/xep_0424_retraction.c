/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0424_retraction.c -- XEP-0424 Message Retraction, version 0.4.3: what its author takes back is taken out of the
 * archive, and the retraction stays in it.
 *
 * It is looked for before the retraction is stored, in the archive of those who wrote to each other (message.c) or of
 * the room (room_message.c), so that both are one transaction. In a protected domain a retraction is inside its
 * envelope, and konsil_erase.c asks in its place. */
#include "feature_list.h"

const struct ks_feature ks_feature_retraction = {
    .name = "retraction",
    .disco = (const char *const[]) { NS_RETRACT, NS_RETRACT "#tombstone", NULL },
    .disco_account = (const char *const[]) { NS_RETRACT, NS_RETRACT "#tombstone", NULL },
};
