/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sce.h"

#include "clock.h"
#include "crypto.h"
#include "ns.h"
#include "xml_reader.h"
#include "xml_writer.h"

#define RPAD_OPEN KS_STR("<rpad>")
#define RPAD_CLOSE KS_STR("</rpad></envelope>")

static const size_t sizes[] = { 1024, 2048, 4096, 8192, 16384, KS_SCE_MAX, KS_SCE_RESEND_MAX };

/* XEP-0420 §4: elements that a server must see, or must be able to remove, and that therefore never come from inside.
 * stanza-id alone of XEP-0359: an origin-id is the sender's own. */
static bool is_for_servers(const struct ks_xml *node)
{
    static const char *const namespaces[] = { NS_HINTS, NS_EME, "http://jabber.org/protocol/address" };

    for (size_t i = 0; i < KS_COUNT(namespaces); i++)
        if (ks_str_is(node->ns, namespaces[i]))
            return true;
    return ks_xml_is(node, NS_SID, "stanza-id");
}

/* Counts the elements below parent; false past a limit. */
static bool within_limits(const struct ks_xml *parent, unsigned depth, unsigned *count)
{
    for (const struct ks_xml *at = ks_xml_child(parent, NULL, NULL); at; at = ks_xml_next(at, NULL, NULL))
        if (depth > KS_SCE_DEPTH_MAX || ++*count > KS_SCE_ELEMENTS_MAX || !within_limits(at, depth + 1, count))
            return false;
    return true;
}

struct ks_xml *ks_sce_content(struct ks_arena *arena)
{
    return ks_xml_new(arena, NS_SCE, "content");
}

/* --- writing --- */

static void write_affix(struct ks_buf *buf, const char *name, const char *attr, struct ks_str value)
{
    ks_buf_printf(buf, "<%s %s='", name, attr);
    ks_xml_escape(buf, value);
    ks_buf_z(buf, "'/>");
}

static void write_padding(struct ks_buf *buf, struct ks_prng *prng, size_t len)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    char *room = len ? ks_buf_room(buf, len) : NULL;

    for (size_t i = 0; room && i < len; i++)
        room[i] = letters[ks_prng_below(prng, sizeof letters - 1)];
}

/* What the envelope measures with len bytes before the padding; 0 if nothing is large enough. */
static size_t size_for(size_t len, bool large)
{
    for (size_t i = 0; i < KS_COUNT(sizes); i++)
        if (len + RPAD_OPEN.len + RPAD_CLOSE.len <= sizes[i] && (large || sizes[i] <= KS_SCE_MAX))
            return sizes[i];
    return 0;
}

enum ks_err ks_sce_write(const struct ks_sce *sce, struct ks_prng *prng, struct ks_buf *buf)
{
    char stamp[KS_STAMP_LEN + 1];
    struct ks_buf envelope;
    unsigned count = 0;
    size_t size;
    enum ks_err err;

    assert(ks_xml_is(sce->content, NS_SCE, "content") && sce->has_time && sce->from.len && sce->to.len);
    for (const struct ks_xml *at = ks_xml_child(sce->content, NULL, NULL); at; at = ks_xml_next(at, NULL, NULL))
        assert(!is_for_servers(at));
    if (!within_limits(sce->content, 1, &count))
        return KS_ELIMIT;
    ks_buf_init_secret(&envelope, KS_SCE_RESEND_MAX);
    ks_buf_z(&envelope, "<envelope xmlns='" NS_SCE "'>");
    ks_xml_write(&envelope, sce->content, KS_STR(NS_SCE));
    write_affix(&envelope, "time", "stamp", ks_stamp_write(sce->wall_ms, stamp));
    write_affix(&envelope, "from", "jid", sce->from);
    write_affix(&envelope, "to", "jid", sce->to);
    if ((err = ks_buf_err(&envelope)) == KS_OK) {
        size = size_for(envelope.len, sce->large);
        if (size) {
            ks_buf_add(&envelope, RPAD_OPEN);
            write_padding(&envelope, prng, size - envelope.len - RPAD_CLOSE.len);
            ks_buf_add(&envelope, RPAD_CLOSE);
            err = ks_buf_err(&envelope);
        } else {
            err = KS_ELIMIT;
        }
    }
    if (err == KS_OK) {
        ks_buf_add(buf, ks_buf_str(&envelope));
        err = ks_buf_err(buf);
    }
    ks_buf_done(&envelope);
    return err;
}

/* --- reading --- */

/* The one child {sce}name of envelope; *ret_node NULL if there is none; false if there are two (the schema is xs:all).
 */
static bool only_child(const struct ks_xml *envelope, const char *name, struct ks_xml **ret_node)
{
    *ret_node = ks_xml_child(envelope, NS_SCE, name);
    return !*ret_node || !ks_xml_next(*ret_node, NS_SCE, name);
}

static enum ks_err read_jid(const struct ks_xml *affix, struct ks_str *ret_jid)
{
    if (affix)
        *ret_jid = ks_xml_attr(affix, "jid");
    return affix && !ret_jid->len ? KS_ESYNTAX : KS_OK;
}

static void drop_for_servers(struct ks_xml *content)
{
    struct ks_xml *next;

    for (struct ks_xml *at = ks_xml_child(content, NULL, NULL); at; at = next) {
        next = ks_xml_next(at, NULL, NULL);
        if (is_for_servers(at))
            ks_xml_remove(content, at);
    }
}

enum ks_err ks_sce_read(struct ks_arena *arena, struct ks_str bytes, struct ks_sce *ret_sce)
{
    struct ks_sce sce = { .large = bytes.len > KS_SCE_MAX };
    struct ks_xml *envelope, *time, *from, *to, *rpad;
    unsigned count = 0;
    enum ks_err err;

    if (bytes.len > KS_SCE_RESEND_MAX)
        return KS_ELIMIT;
    if ((err = ks_xml_read(arena, bytes, KS_STR_EMPTY, KS_STR_EMPTY, &envelope)) != KS_OK)
        return err;
    if (!ks_xml_is(envelope, NS_SCE, "envelope") || !only_child(envelope, "content", &sce.content) || !sce.content
        || !only_child(envelope, "time", &time) || !only_child(envelope, "from", &from)
        || !only_child(envelope, "to", &to) || !only_child(envelope, "rpad", &rpad))
        return KS_ESYNTAX;
    if (!within_limits(sce.content, 1, &count))
        return KS_ELIMIT;
    if (time && (err = ks_stamp_read(ks_xml_attr(time, "stamp"), &sce.wall_ms)) != KS_OK)
        return err;
    sce.has_time = time;
    if ((err = read_jid(from, &sce.from)) != KS_OK || (err = read_jid(to, &sce.to)) != KS_OK)
        return err;
    drop_for_servers(sce.content);
    *ret_sce = sce;
    return KS_OK;
}

void ks_sce_hash(struct ks_str bytes, uint8_t ret_hash[KS_SCE_HASH_LEN])
{
    const struct ks_str parts[] = { KS_STR("konsil/0 envelope\n"), bytes };

    ks_hash_parts(KS_SHA256, parts, KS_COUNT(parts), ret_hash);
}
