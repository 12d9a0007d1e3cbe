/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* feature_list.h -- the descriptors, one for each file in feature/. */
#ifndef KS_FEATURE_LIST_H
#define KS_FEATURE_LIST_H

#include "feature.h"

extern const struct ks_feature ks_feature_adhoc;
extern const struct ks_feature ks_feature_admin;
extern const struct ks_feature ks_feature_invitations;
extern const struct ks_feature ks_feature_archive;
extern const struct ks_feature ks_feature_avatars;
extern const struct ks_feature ks_feature_blocking;
extern const struct ks_feature ks_feature_bookmarks;
extern const struct ks_feature ks_feature_caps;
extern const struct ks_feature ks_feature_carbons;
extern const struct ks_feature ks_feature_contact;
extern const struct ks_feature ks_feature_core;
extern const struct ks_feature ks_feature_csi;
extern const struct ks_feature ks_feature_data_policy;
extern const struct ks_feature ks_feature_directory;
extern const struct ks_feature ks_feature_records;
extern const struct ks_feature ks_feature_disco;
extern const struct ks_feature ks_feature_displayed;
extern const struct ks_feature ks_feature_erase;
extern const struct ks_feature ks_feature_enrol;
extern const struct ks_feature ks_feature_log;
extern const struct ks_feature ks_feature_fast;
extern const struct ks_feature ks_feature_invite;
extern const struct ks_feature ks_feature_limits;
extern const struct ks_feature ks_feature_moderation;
extern const struct ks_feature ks_feature_offline;
extern const struct ks_feature ks_feature_outage;
extern const struct ks_feature ks_feature_pep;
extern const struct ks_feature ks_feature_ping;
extern const struct ks_feature ks_feature_policy;
extern const struct ks_feature ks_feature_presence;
extern const struct ks_feature ks_feature_private;
extern const struct ks_feature ks_feature_push;
extern const struct ks_feature ks_feature_retention;
extern const struct ks_feature ks_feature_retraction;
extern const struct ks_feature ks_feature_room_admin;
extern const struct ks_feature ks_feature_room_state;
extern const struct ks_feature ks_feature_room_avatars;
extern const struct ks_feature ks_feature_room_config;
extern const struct ks_feature ks_feature_room_invite;
extern const struct ks_feature ks_feature_room_register;
extern const struct ks_feature ks_feature_rooms;
extern const struct ks_feature ks_feature_roster;
extern const struct ks_feature ks_feature_services;
extern const struct ks_feature ks_feature_session;
extern const struct ks_feature ks_feature_time;
extern const struct ks_feature ks_feature_upload;
extern const struct ks_feature ks_feature_vault;
extern const struct ks_feature ks_feature_vcard;
extern const struct ks_feature ks_feature_version;
extern const struct ks_feature ks_feature_webpush;

/* konsil_vault.c, and who speaks of it elsewhere */
const char *ks_vault_kind_name(enum ks_vault_kind kind);
const char *ks_vault_state_name(enum ks_vault_state state);
/* A device of ctx->user is put out for good, or the account is disabled (KS_DEVICES_ALL): what its PIN was to open is
 * closed, in ctx's transaction. */
void ks_vault_device_out(struct ks_ctx *ctx, uint64_t account, uint64_t device);

#endif
