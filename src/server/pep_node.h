/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* pep_node.h -- nodes of a personal eventing service as they are stored: configuration, items, subscribers (XEP-0060).
 *
 * Three stores of the account: "pep-node" by node name; "pep-item" by node and a number that rises with each
 * publication; "pep-subscriber" by node and JID. */
#ifndef KS_PEP_NODE_H
#define KS_PEP_NODE_H

#include "feature.h"

#define KS_STORE_PEP_NODE "pep-node"
#define KS_STORE_PEP_ITEM "pep-item"
#define KS_STORE_PEP_SUBSCRIBER "pep-subscriber"
#define KS_PEP_NAME_MAX 1023
#define KS_PEP_ITEMS_ALL UINT32_MAX /* items_max: "max", whatever pep.items_max is */

enum ks_pep_access { KS_PEP_OPEN, KS_PEP_PRESENCE, KS_PEP_ROSTER, KS_PEP_WHITELIST, KS_PEP_ACCESS_COUNT };
enum ks_pep_last { KS_PEP_LAST_NEVER, KS_PEP_LAST_ON_SUB, KS_PEP_LAST_ON_SUB_AND_PRESENCE, KS_PEP_LAST_COUNT };

struct ks_pep_config {
    enum ks_pep_access access;
    enum ks_pep_last last;
    uint32_t items_max; /* at least 1; above pep.items_max that counts */
    bool persist;       /* XEP-0060: without it only the last item is kept, for those who come later */
    bool notify_retract, notify_delete;
    struct ks_str groups; /* of the access model roster: allowed groups, each with a zero byte behind it */
};
extern const char *const ks_pep_access_names[KS_PEP_ACCESS_COUNT];
extern const char *const ks_pep_last_names[KS_PEP_LAST_COUNT];

/* XEP-0163 §4.3 and §5: what a node is when its publisher says nothing; of ks_feature.own_nodes what they have to be.
 */
void ks_pep_config_init(struct ks_str node, struct ks_pep_config *config);
/* Whether the node may be configured so: one of own_nodes for nobody else. */
bool ks_pep_config_suits(struct ks_str node, const struct ks_pep_config *config);
/* The fields of a form (node_config or publish-options) into config. KS_OK; KS_ESYNTAX: a value or field that we do not
 * know. items_cap: the most that is allowed beside "max". */
KS_CHECK enum ks_err ks_pep_config_read(
    struct ks_arena *arena, const struct ks_xml *form, uint32_t items_cap, struct ks_pep_config *config);
/* Whether every field of a publish-options form is as config has it (XEP-0060 §7.1.5). */
bool ks_pep_config_fits(
    struct ks_arena *arena, const struct ks_xml *form, uint32_t items_cap, const struct ks_pep_config *config);
/* Adds its fields to a form. */
void ks_pep_config_form(struct ks_arena *arena, struct ks_xml *form, const struct ks_pep_config *config);

/* False: there is no such node. */
bool ks_pep_node_get(const struct ks_user *user, struct ks_str node, struct ks_pep_config *ret_config);
void ks_pep_node_put(struct ks_ctx *ctx, struct ks_str node, const struct ks_pep_config *config);
/* With its items and subscribers. */
void ks_pep_node_delete(struct ks_ctx *ctx, struct ks_str node);
size_t ks_pep_node_count(const struct ks_user *user);

struct ks_pep_item {
    struct ks_str id;
    struct ks_str payload;   /* XML with its namespace declared; may be empty */
    const struct ks_kv *row; /* to go on from */
};
/* Items of a node, oldest first: struct ks_pep_item item = { 0 }; while (ks_pep_item_next(user, node, &item)) */
bool ks_pep_item_next(const struct ks_user *user, struct ks_str node, struct ks_pep_item *item);
bool ks_pep_item_find(const struct ks_user *user, struct ks_str node, struct ks_str id, struct ks_pep_item *ret_item);
bool ks_pep_item_last(const struct ks_user *user, struct ks_str node, struct ks_pep_item *ret_item);
/* Replaces one with the same id, becomes the newest, and pushes out the oldest above items_max. */
void ks_pep_item_put(struct ks_ctx *ctx, struct ks_str node, const struct ks_pep_config *config, struct ks_str id,
    struct ks_str payload);
/* False: not there. */
bool ks_pep_item_delete(struct ks_ctx *ctx, struct ks_str node, struct ks_str id);
void ks_pep_items_purge(struct ks_ctx *ctx, struct ks_str node);

/* Subscribers of a node: const struct ks_kv *row = NULL; struct ks_str jid; while ((row = …(user, node, row, &jid))) */
const struct ks_kv *ks_pep_subscriber_next(
    const struct ks_user *user, struct ks_str node, const struct ks_kv *after, struct ks_str *ret_jid);
bool ks_pep_subscriber_has(const struct ks_user *user, struct ks_str node, struct ks_str jid);
void ks_pep_subscriber_set(struct ks_ctx *ctx, struct ks_str node, struct ks_str jid, bool subscribed);

#endif
