/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* answers.c -- what others may ask this client: what it can do, and whether it is there. */
#include "crypto.h"
#include "enc.h"
#include "engine.h"

#define NODE "https://konsil.invalid/" /* XEP-0115 §4 wants a URI; ours names no host */
#define IDENTITY "client/pc//konsil<"

/* Sorted, as XEP-0115 §5.1 hashes them. "+notify" asks the server for changes of those nodes (XEP-0163 §4.3). */
static const char *const features[] = {
    NS_AXOLOTL_DEVICES "+notify",
    NS_CAPS,
    NS_DISCO_INFO,
    NS_CONFERENCE, /* XEP-0249 §4 */
    NS_AVATAR_METADATA "+notify",
    NS_BOOKMARKS "+notify",
    NS_MDS "+notify",
    NS_OMEMO_DEVICES "+notify",
    NS_PING,
};

static enum ks_err version_hash(struct konsil *k, struct ks_str *ret_text)
{
    uint8_t digest[KS_HASH_MAX];
    struct ks_buf text;
    enum ks_err err;

    ks_buf_init(&text, 1024);
    ks_buf_z(&text, IDENTITY);
    for (size_t i = 0; i < KS_COUNT(features); i++) {
        ks_buf_z(&text, features[i]);
        ks_buf_byte(&text, '<');
    }
    if ((err = ks_buf_err(&text)) == KS_OK) {
        ks_hash(KS_SHA1, ks_buf_str(&text), digest);
        err = ks_base64(&k->arena, ks_str(digest, ks_hash_len(KS_SHA1)), ret_text);
    }
    ks_buf_done(&text);
    return err;
}

struct ks_xml *ks_disco_caps(struct konsil *k, struct ks_xml *presence)
{
    struct ks_xml *caps = ks_xml_add(&k->arena, presence, NS_CAPS, "c");
    struct ks_str hash;

    if (version_hash(k, &hash) != KS_OK)
        return NULL;
    caps = ks_xml_set(&k->arena, caps, "hash", KS_STR("sha-1"));
    caps = ks_xml_set(&k->arena, caps, "node", KS_STR(NODE));
    return ks_xml_set(&k->arena, caps, "ver", hash);
}

static bool is_own_node(struct konsil *k, struct ks_str node)
{
    struct ks_str hash;

    return node.len == 0
        || (ks_str_starts(node, KS_STR(NODE "#")) && version_hash(k, &hash) == KS_OK
            && ks_str_eq(ks_str_from(node, sizeof(NODE)), hash));
}

enum ks_err ks_disco_answer(struct konsil *k, const struct ks_stanza *iq)
{
    struct ks_str node = ks_xml_attr(iq->payload, "node");
    struct ks_xml *result, *query, *identity;

    if (!is_own_node(k, node))
        return ks_send_stanza(k, ks_stanza_error(&k->arena, iq, KS_ITEM_NOT_FOUND, NULL), 0);
    result = ks_stanza_result(&k->arena, iq);
    query = ks_xml_add(&k->arena, result, NS_DISCO_INFO, "query");
    if (node.len > 0)
        query = ks_xml_set(&k->arena, query, "node", node);
    identity = ks_xml_add(&k->arena, query, NS_DISCO_INFO, "identity");
    identity = ks_xml_set(&k->arena, identity, "category", KS_STR("client"));
    identity = ks_xml_set(&k->arena, identity, "type", KS_STR("pc"));
    if (!ks_xml_set(&k->arena, identity, "name", KS_STR("konsil")))
        return KS_ENOMEM;
    for (size_t i = 0; i < KS_COUNT(features); i++) {
        struct ks_xml *feature = ks_xml_add(&k->arena, query, NS_DISCO_INFO, "feature");

        if (!ks_xml_set(&k->arena, feature, "var", ks_str_z(features[i])))
            return KS_ENOMEM;
    }
    return ks_send_stanza(k, result, 0);
}

static enum ks_err on_ping(struct konsil *k, const struct ks_stanza *iq)
{
    return ks_send_stanza(k, ks_stanza_result(&k->arena, iq), 0);
}

static const struct {
    enum ks_stanza_type type;
    const char *ns, *name;
    enum ks_err (*answer)(struct konsil *k, const struct ks_stanza *iq);
} requests[] = {
    { KS_IQ_SET, NS_ROSTER, "query", ks_roster_push },        /* RFC 6121 §2.1.6 */
    { KS_IQ_SET, NS_BLOCKING, "block", ks_block_push },       /* XEP-0191 §3.3 */
    { KS_IQ_SET, NS_BLOCKING, "unblock", ks_block_push },     /* XEP-0191 §3.4 */
    { KS_IQ_GET, NS_DISCO_INFO, "query", ks_disco_answer },   /* XEP-0030 §3 */
    { KS_IQ_GET, NS_PING, "ping", on_ping },                  /* XEP-0199 §4.2 */
    { KS_IQ_SET, NS_EXTDISCO, "services", ks_services_push }, /* XEP-0215 §3.2 */
};

enum ks_err ks_people_request(struct konsil *k, const struct ks_stanza *iq)
{
    for (size_t i = 0; i < KS_COUNT(requests); i++)
        if (requests[i].type == iq->type && ks_xml_is(iq->payload, requests[i].ns, requests[i].name))
            return requests[i].answer(k, iq);
    /* RFC 6120 §8.4 */
    return ks_send_stanza(k, ks_stanza_error(&k->arena, iq, KS_SERVICE_UNAVAILABLE, NULL), 0);
}
