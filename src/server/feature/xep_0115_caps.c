/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* xep_0115_caps.c -- XEP-0115 Entity Capabilities, version 1.6.0: ours in the stream features, and what clients can do.
 *
 * A client names its features by a hash in its presence. The first time a reactor sees a hash it asks the client
 * (disco#info), checks the hash (§5.4), and remembers what of it the server cares for: the nodes it wants to be
 * notified of (XEP-0163 §4.3.2). Other sessions with the same hash cost nothing. */
#include <stdlib.h>

#include "crypto.h"
#include "dataform.h"
#include "disco.h"
#include "enc.h"
#include "feature_list.h"
#include "pep.h"
#include "session.h"
#include "user.h"

#define NODE "https://konsil.example/caps" /* XEP-0115 §4: a URI that names the software; nobody fetches it */
#define VER_MAX 64
#define FEATURES_MAX 512
#define WANTED_MAX 32

/* What one hash means. Kept per session as a list of wanted nodes: short, and few clients differ. */
struct slot {
    char *wanted; /* each node with a zero behind it; NULL: none, or not known */
    size_t wanted_len;
    char ver[VER_MAX]; /* of the last presence */
    uint8_t ver_len;
    uint8_t query; /* counts questions, so that an old answer is not taken for a new one */
};

static struct slot *slot(struct ks_session *s)
{
    return ks_session_slot(s, &ks_feature_caps);
}

static void slot_done(void *memory)
{
    free(((struct slot *)memory)->wanted);
}

bool ks_caps_next_wanted(struct ks_session *session, size_t *at, struct ks_str *ret_node)
{
    struct ks_str left = ks_str_from(ks_str(slot(session)->wanted, slot(session)->wanted_len), *at);

    if (!left.len || !ks_str_cut(&left, 0, ret_node))
        return false;
    *at += ret_node->len + 1;
    return true;
}

bool ks_caps_wants(struct ks_session *session, struct ks_str node)
{
    struct ks_str name;
    size_t at = 0;

    while (ks_caps_next_wanted(session, &at, &name))
        if (ks_str_eq(name, node))
            return true;
    return false;
}

/* --- the hash (§5.1) --- */

static int by_octets(const void *a, const void *b)
{
    return ks_str_cmp(*(const struct ks_str *)a, *(const struct ks_str *)b);
}

/* S of §5.1 without forms; false when the answer has more than we look at, or is ill-formed (§5.4: the same feature
 * twice). */
static bool verification_string(struct ks_arena *arena, const struct ks_xml *query, struct ks_buf *s)
{
    struct ks_str *texts = ks_arena_alloc(arena, FEATURES_MAX * sizeof *texts);
    size_t count = 0;

    if (!texts)
        return false;
    for (const struct ks_xml *at = ks_xml_child(query, NS_DISCO_INFO, "identity"); at;
         at = ks_xml_next(at, NS_DISCO_INFO, "identity")) {
        const struct ks_str parts[] = { ks_xml_attr(at, "category"), KS_STR("/"), ks_xml_attr(at, "type"), KS_STR("/"),
            ks_xml_attr_ns(at, KS_NS_XML, "lang"), KS_STR("/"), ks_xml_attr(at, "name") };
        if (count == FEATURES_MAX || ks_arena_join(arena, parts, KS_COUNT(parts), &texts[count++]) != KS_OK)
            return false;
    }
    for (int round = 0; round < 2; round++) {
        if (round == 1) {
            count = 0;
            for (const struct ks_xml *at = ks_xml_child(query, NS_DISCO_INFO, "feature"); at;
                 at = ks_xml_next(at, NS_DISCO_INFO, "feature")) {
                if (count == FEATURES_MAX)
                    return false;
                texts[count++] = ks_xml_attr(at, "var");
            }
        }
        qsort(texts, count, sizeof *texts, by_octets);
        for (size_t i = 0; i < count; i++) {
            if (i && ks_str_eq(texts[i], texts[i - 1]))
                return false;
            ks_buf_add(s, texts[i]);
            ks_buf_byte(s, '<');
        }
    }
    return true;
}

/* One form field after the other, as §5.1 steps 7 and 8 say; forms sorted by FORM_TYPE. */
static bool add_forms(struct ks_arena *arena, const struct ks_xml *query, struct ks_buf *s);

static bool hash_is(struct ks_arena *arena, const struct ks_xml *query, struct ks_str ver)
{
    uint8_t digest[KS_HASH_MAX];
    struct ks_str text;
    struct ks_buf s;
    bool same;

    ks_buf_init(&s, 65536);
    same = verification_string(arena, query, &s) && add_forms(arena, query, &s) && ks_buf_err(&s) == KS_OK;
    if (same) {
        ks_hash(KS_SHA1, ks_buf_str(&s), digest);
        same = ks_base64(arena, ks_str(digest, ks_hash_len(KS_SHA1)), &text) == KS_OK && ks_str_eq(text, ver);
    }
    ks_buf_done(&s);
    return same;
}

static bool add_forms(struct ks_arena *arena, const struct ks_xml *query, struct ks_buf *s)
{
    enum { FORMS_MAX = 8, FIELDS_MAX = 64, VALUES_MAX = 64 };
    const struct ks_xml *forms[FORMS_MAX];
    struct ks_str types[FORMS_MAX], sorted[FORMS_MAX];
    size_t count = 0;

    for (const struct ks_xml *x = ks_xml_child(query, NS_DATA, "x"); x; x = ks_xml_next(x, NS_DATA, "x")) {
        struct ks_str type = ks_form_value(arena, x, "FORM_TYPE");
        if (!type.len)
            continue; /* §5.4 step 3.6: ignored */
        if (count == FORMS_MAX)
            return false;
        forms[count] = x;
        types[count] = sorted[count] = type;
        count++;
    }
    qsort(sorted, count, sizeof *sorted, by_octets);
    for (size_t form = 0; form < count; form++) {
        const struct ks_xml *x = NULL;
        struct ks_str vars[FIELDS_MAX];
        size_t fields = 0;
        if (form && ks_str_eq(sorted[form], sorted[form - 1]))
            return false; /* §5.4 step 3.5 */
        for (size_t i = 0; i < count; i++)
            if (ks_str_eq(types[i], sorted[form]))
                x = forms[i];
        ks_buf_add(s, sorted[form]);
        ks_buf_byte(s, '<');
        for (const struct ks_xml *at = ks_xml_child(x, NS_DATA, "field"); at; at = ks_xml_next(at, NS_DATA, "field")) {
            if (ks_str_is(ks_xml_attr(at, "var"), "FORM_TYPE"))
                continue;
            if (fields == FIELDS_MAX)
                return false;
            vars[fields++] = ks_xml_attr(at, "var");
        }
        qsort(vars, fields, sizeof *vars, by_octets);
        for (size_t field = 0; field < fields; field++) {
            struct ks_str values[VALUES_MAX];
            size_t value_count = 0;
            const struct ks_xml *at = ks_xml_child(x, NS_DATA, "field");
            while (!ks_str_eq(ks_xml_attr(at, "var"), vars[field]))
                at = ks_xml_next(at, NS_DATA, "field");
            ks_buf_add(s, vars[field]);
            ks_buf_byte(s, '<');
            for (const struct ks_xml *v = ks_xml_child(at, NS_DATA, "value"); v; v = ks_xml_next(v, NS_DATA, "value")) {
                if (value_count == VALUES_MAX)
                    return false;
                values[value_count++] = ks_xml_text(arena, v);
            }
            qsort(values, value_count, sizeof *values, by_octets);
            for (size_t i = 0; i < value_count; i++) {
                ks_buf_add(s, values[i]);
                ks_buf_byte(s, '<');
            }
        }
    }
    return true;
}

/* --- clients --- */

/* The answer to our question comes as an iq from the session to its own account. */
static void learn(struct ks_ctx *ctx, struct ks_session *s, const struct ks_xml *query)
{
    struct slot *own = slot(s);
    struct ks_buf wanted;
    size_t count = 0;

    ks_buf_init(&wanted, 8192);
    for (const struct ks_xml *at = ks_xml_child(query, NS_DISCO_INFO, "feature"); at;
         at = ks_xml_next(at, NS_DISCO_INFO, "feature")) {
        struct ks_str var = ks_xml_attr(at, "var");
        if (!ks_str_ends(var, KS_STR("+notify")) || ks_str_find_byte(var, 0) < var.len || count++ == WANTED_MAX)
            continue;
        ks_buf_add(&wanted, ks_str_head(var, var.len - 7));
        ks_buf_byte(&wanted, 0);
    }
    if (ks_buf_err(&wanted) == KS_OK) {
        free(own->wanted);
        own->wanted_len = wanted.len;
        own->wanted = wanted.len ? malloc(wanted.len) : NULL;
        if (own->wanted)
            memcpy(own->wanted, wanted.ptr, wanted.len);
        else
            own->wanted_len = 0;
        ks_pep_interested(ctx, s);
    }
    ks_buf_done(&wanted);
}

#define QUERY_PREFIX "konsil-caps-"

static enum ks_pass on_answer(struct ks_ctx *ctx, struct ks_stanza *iq)
{
    struct ks_session *s = ctx->session;
    const struct ks_xml *query = ks_xml_child(iq->xml, NS_DISCO_INFO, "query");
    uint64_t number;

    if (!ks_str_starts(iq->id, KS_STR(QUERY_PREFIX)) || (iq->type != KS_IQ_RESULT && iq->type != KS_IQ_ERROR)
        || (iq->has_to && iq->to.local.len && !ks_jid_eq(iq->to, ks_user_jid(ctx->user))))
        return KS_PASS_ON;
    if (iq->type == KS_IQ_RESULT && query
        && ks_str_u64(ks_str_from(iq->id, sizeof QUERY_PREFIX - 1), 255, &number) == KS_OK && number == slot(s)->query
        && hash_is(ctx->arena, query, ks_str(slot(s)->ver, slot(s)->ver_len)))
        learn(ctx, s, query);
    return KS_PASS_STOP;
}

static void on_available(struct ks_ctx *ctx, struct ks_session *s, bool first)
{
    const struct ks_xml *c = ks_xml_child(ctx->parcel->stanza.xml, NS_CAPS, "c");
    struct slot *own = slot(s);
    struct ks_str ver = ks_xml_attr(c, "ver"), node = ks_xml_attr(c, "node");
    struct ks_session *other = NULL;

    (void)first;
    if (!ks_str_is(ks_xml_attr(c, "hash"), "sha-1") || !ver.len || ver.len > VER_MAX
        || ks_str_eq(ver, ks_str(own->ver, own->ver_len)))
        return;
    memcpy(own->ver, ver.ptr, ver.len);
    own->ver_len = (uint8_t)ver.len;
    /* Another session of the account with the same client has answered already. */
    while ((other = ks_user_session(ctx->user, other)))
        if (other != s && slot(other)->wanted && ks_str_eq(ver, ks_str(slot(other)->ver, slot(other)->ver_len))) {
            free(own->wanted);
            own->wanted = malloc(slot(other)->wanted_len);
            own->wanted_len = own->wanted ? slot(other)->wanted_len : 0;
            if (own->wanted)
                memcpy(own->wanted, slot(other)->wanted, own->wanted_len);
            ks_pep_interested(ctx, s);
            return;
        }
    struct ks_buf id;
    struct ks_str id_text, parts[] = { node, KS_STR("#"), ver }, asked_node;
    ks_buf_init(&id, 64);
    ks_buf_z(&id, QUERY_PREFIX);
    ks_buf_u64_dec(&id, ++own->query);
    if (ks_arena_copy(ctx->arena, ks_buf_str(&id), &id_text) == KS_OK
        && ks_arena_join(ctx->arena, parts, KS_COUNT(parts), &asked_node) == KS_OK) {
        struct ks_xml *iq = ks_stanza_new(ctx->arena, "iq", "get", id_text, ks_user_bare(ctx->user), ks_session_jid(s));
        ks_xml_set(ctx->arena, ks_xml_add(ctx->arena, iq, NS_DISCO_INFO, "query"), "node", asked_node);
        ks_send_session(ctx, s, iq);
    }
    ks_buf_done(&id);
}

/* --- ours --- */

enum ks_err ks_caps_own_ver(const struct ks_domain *domain, char ret_ver[KS_CAPS_VER_LEN])
{
    uint8_t digest[KS_HASH_MAX];
    struct ks_arena arena;
    struct ks_str text;
    struct ks_buf s;
    enum ks_err err = KS_ENOMEM;

    ks_arena_init(&arena, 65536);
    ks_buf_init(&s, 65536);
    struct ks_xml *query = ks_xml_new(&arena, NS_DISCO_INFO, "query");
    ks_disco_domain(&arena, domain, query);
    if (!verification_string(&arena, query, &s) || !add_forms(&arena, query, &s) || ks_buf_err(&s) != KS_OK
        || arena.failed)
        goto out;
    ks_hash(KS_SHA1, ks_buf_str(&s), digest);
    err = ks_base64(&arena, ks_str(digest, ks_hash_len(KS_SHA1)), &text);
    if (err == KS_OK)
        memcpy(ret_ver, text.ptr, KS_CAPS_VER_LEN);
out:
    ks_buf_done(&s);
    ks_arena_done(&arena);
    return err;
}

bool ks_caps_is_ours(const struct ks_reactor *r, const struct ks_domain *domain, struct ks_str node)
{
    return ks_str_starts(node, KS_STR(NODE "#"))
        && ks_str_eq(ks_str_from(node, sizeof NODE), ks_str(r->caps_vers[domain->index], KS_CAPS_VER_LEN));
}

/* §6.3 */
static void stream_features(
    struct ks_arena *arena, const struct ks_reactor *r, const struct ks_domain *domain, struct ks_xml *features)
{
    const char *ver = r->caps_vers[domain->index];
    struct ks_xml *c;

    if (!*ver)
        return;
    c = ks_xml_add(arena, features, NS_CAPS, "c");
    ks_xml_set(arena, c, "hash", KS_STR("sha-1"));
    ks_xml_set(arena, c, "node", KS_STR(NODE));
    ks_xml_set(arena, c, "ver", ks_str(ver, KS_CAPS_VER_LEN));
}

const struct ks_feature ks_feature_caps = {
    .name = "caps",
    .disco = (const char *const[]) { NS_CAPS, NULL },
    .pass = { { KS_STAGE_SEND, 1U << KS_IQ, on_answer } },
    .clear = (const struct ks_feature_clear[]) { { KS_CLEAR_PRESENCE, NS_CAPS, "c" }, { 0 } },
    .stream_features = stream_features,
    .available = on_available,
    .slot_done = slot_done,
    .session_size = sizeof(struct slot),
};
