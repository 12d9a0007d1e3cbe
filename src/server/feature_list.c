/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* feature_list.c -- all there are. Passes of one stage run in this order. */
#include "feature_list.h"

/* What no feature keeps, but the core. */
const struct ks_feature ks_feature_core = {
    .name = "core",
    .stores = { { "audit", KS_DATA_TRAFFIC, KS_KEEP_DAYS, 0,
                    "Who administered which account, and when, and what was deleted; nobody can change it unnoticed.",
                    KS_READ_AUDITORS, KS_IN_AUDIT, "retention.audit" },
        { "log", KS_DATA_TRAFFIC, KS_KEEP_DAYS, 0,
            "What konsild does, with random numbers in place of names and without content, to find what goes wrong.",
            KS_READ_OPERATORS, KS_IN_LOG, "retention.log" },
        { "name", KS_DATA_CONTACTS, KS_KEEP_ALWAYS, 0,
            "The address of a deleted account, so that it never goes to a second person.", KS_READ_ADMINS,
            KS_IN_ACCOUNTS } },
};

const struct ks_feature *const ks_features[] = {
    &ks_feature_blocking,
    &ks_feature_rooms,     /* takes out what only rooms say */
    &ks_feature_displayed, /* takes out what the policy would refuse */
    &ks_feature_policy,
    &ks_feature_bookmarks,
    &ks_feature_avatars, /* adds what the policy would take out */
    &ks_feature_roster,
    &ks_feature_presence,
    &ks_feature_carbons,
    &ks_feature_offline,
    &ks_feature_archive,
    &ks_feature_erase,
    &ks_feature_retraction,
    &ks_feature_caps,
    &ks_feature_csi,
    &ks_feature_pep,
    &ks_feature_adhoc,
    &ks_feature_admin,
    &ks_feature_invitations,
    &ks_feature_contact,
    &ks_feature_data_policy,
    &ks_feature_directory,
    &ks_feature_disco,
    &ks_feature_fast,
    &ks_feature_invite,
    &ks_feature_limits,
    &ks_feature_moderation,
    &ks_feature_outage,
    &ks_feature_ping,
    &ks_feature_private,
    &ks_feature_push,
    &ks_feature_retention,
    &ks_feature_room_admin,
    &ks_feature_room_state,
    &ks_feature_room_config,
    &ks_feature_room_invite,
    &ks_feature_room_register,
    &ks_feature_room_avatars,
    &ks_feature_services,
    &ks_feature_session,
    &ks_feature_time,
    &ks_feature_upload,
    &ks_feature_vcard,
    &ks_feature_version,
    &ks_feature_webpush,
    &ks_feature_core,
    NULL,
};
