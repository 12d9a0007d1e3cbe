/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* retention.h -- when what is stored is deleted, and how long it may stay.
 *
 * Each descriptor says for what it stores which option has its period (ks_feature_store.period); a domain has its own.
 * Once a day, at retention.start, reactor 0 goes through all domains: it asks the committer for one slice after another
 * (expire.h), with a pause after each. What came too late that day, because konsild was not running, is done soon after
 * the next start. An account may have shorter periods than its domain, never longer ones: rows of KS_STORE_RETENTION,
 * key a store's name ("archive"), value days in decimal. Rooms use that (room_period.c). Files of people go by their
 * own time (file_store.h). */
#ifndef KS_RETENTION_H
#define KS_RETENTION_H

#include "control.h"

#define KS_RETENTION_PAUSE_MS 20 /* after each slice */

/* NULL without memory. */
KS_CHECK struct ks_retention *ks_retention_new(struct ks_reactor *r);
void ks_retention_free(struct ks_retention *retention);

/* How long a domain keeps it; 0: as long as the account. The server's own period for what belongs to no domain. */
int64_t ks_retention_seconds(
    const struct ks_config *config, const struct ks_domain *domain, const struct ks_feature_store *store);
/* Whether its period ends by itself. */
bool ks_retention_has_period(const struct ks_feature_store *store);

/* Begins at once; call is answered at the end with {"rows":[{"domain","category","rows","oldest"}]}. With
 * call->dry_run nothing is deleted, only counted. */
void ks_retention_run(struct ks_control_call *call);
/* {"running","rows","last","next"} */
json_t *ks_retention_state(const struct ks_reactor *r);

#endif
