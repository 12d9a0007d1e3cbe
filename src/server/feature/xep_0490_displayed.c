/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0490_displayed.c -- XEP-0490 Message Displayed Synchronization, version 1.0.1: how far a person has read, for her
 * own devices.
 *
 * The node is one of personal eventing (xep_0163_pep.c), and hers alone: whoever publishes to it without saying so
 * makes one that nobody else reads, and nobody can open it. It holds the archive's ids and no words, so it is for
 * protected domains too. A message that tells its author that it was read may take the item along (server assist). */
#include "feature_list.h"
#include "pep.h"

static bool is_no_mark(const struct ks_xml *child)
{
    return !ks_xml_is(child, NS_MDS, "displayed");
}

/* §4.4.3: "The server MUST strip the <displayed/> element from the message and continue to process it normally. The
 * server MUST publish a PEP item … where the item id is taken from the 'to' attribute". Before the policy looks at the
 * message, and before it is in the archive (§5.2). */
static enum ks_pass assist(struct ks_ctx *ctx, struct ks_stanza *message)
{
    struct ks_xml *mark = ks_xml_child(message->xml, NS_MDS, "displayed");

    if (!mark)
        return KS_PASS_ON;
    ks_xml_filter(message->xml, is_no_mark);
    if (message->has_to && message->type != KS_MSG_ERROR)
        ks_pep_publish_for(ctx, KS_STR(NS_MDS), ks_xml_attr(message->xml, "to"), mark);
    return KS_PASS_ON;
}

const struct ks_feature ks_feature_displayed = {
    .name = "displayed",
    .disco_account = (const char *const[]) { NS_MDS_ASSIST, NULL },
    .pass = { { KS_STAGE_SEND, 1U << KS_MESSAGE, assist } },
    .clear = (const struct ks_feature_clear[]) { { KS_CLEAR_NODE, NS_MDS, "displayed", NS_MDS }, { 0 } },
    .own_nodes = (const char *const[]) { NS_MDS, NULL },
};
