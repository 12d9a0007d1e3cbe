/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "vcard.h"

#include "command.h"
#include "engine.h"
#include "utf8.h"

#define TEXT_BYTES_MAX 256
#define WANTED_BYTES_MAX 8192

/* XEP-0054 §4: <outer>text</outer>, or <outer><inner>text</inner></outer>. */
static const struct {
    const char *outer, *inner;
    size_t asked, told; /* where it stands in vcard_set, and in the event */
} fields[] = {
#define FIELD(outer, inner, member)                                                                   \
    {                                                                                                 \
        outer, inner, offsetof(struct ks_cmd_vcard_set, member), offsetof(struct ks_ev_vcard, member) \
    }
    FIELD("FN", NULL, name),
    FIELD("NICKNAME", NULL, nick),
    FIELD("ORG", "ORGNAME", organisation),
    FIELD("ORG", "ORGUNIT", unit),
    FIELD("TITLE", NULL, title),
    FIELD("TEL", "NUMBER", phone),
    FIELD("EMAIL", "USERID", email),
#undef FIELD
};

enum ks_err ks_vcard_fetch(struct konsil *k, struct ks_str jid, ks_iq_done_fn *done, struct ks_str text)
{
    return ks_iq_send(k, "get", jid, ks_xml_new(&k->arena, NS_VCARD, "vCard"), done, text, 0);
}

static const struct ks_xml *vcard_of(const struct ks_stanza *answer)
{
    return ks_iq_ok(answer) ? ks_xml_child(answer->xml, NS_VCARD, "vCard") : NULL;
}

struct ks_str ks_vcard_photo(struct konsil *k, const struct ks_stanza *answer)
{
    const struct ks_xml *photo = ks_xml_child(vcard_of(answer), NS_VCARD, "PHOTO");

    return ks_xml_text(&k->arena, ks_xml_child(photo, NS_VCARD, "BINVAL"));
}

/* --- asked for --- */

static const struct ks_xml *named(const struct ks_xml *vcard, size_t field)
{
    const struct ks_xml *at = ks_xml_child(vcard, NS_VCARD, fields[field].outer);

    return at && fields[field].inner ? ks_xml_child(at, NS_VCARD, fields[field].inner) : at;
}

static enum ks_err on_vcard(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_ev_vcard event = { .re = ks_cmd_text_id(iq->text), .jid = iq->to.len > 0 ? iq->to : ks_own(k) };

    if (!answer)
        return ks_cmd_answered_text(k, iq->text, NULL);
    for (size_t i = 0; i < KS_COUNT(fields); i++) {
        struct ks_str text = ks_str_trim(ks_xml_text(&k->arena, named(vcard_of(answer), i)));

        *(struct ks_str *)(void *)((char *)&event + fields[i].told) = ks_utf8_head(text, TEXT_BYTES_MAX);
    }
    return ks_tell(k, KS_EV_VCARD, &event);
}

enum ks_err ks_vcard_ask(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_str jid = ks_str_eq(cmd->vcard.jid, ks_own(k)) ? KS_STR_EMPTY : cmd->vcard.jid, text;
    enum ks_err err = ks_cmd_text(k, cmd, &text);

    return err == KS_OK ? ks_cmd_sent(k, cmd, ks_vcard_fetch(k, jid, on_vcard, text)) : err;
}

/* --- written --- */

static void remove_inner(struct ks_xml *vcard, struct ks_xml *outer, const char *inner)
{
    struct ks_xml *old = ks_xml_child(outer, NS_VCARD, inner);

    if (old)
        ks_xml_remove(outer, old);
    for (const struct ks_xml *rest = ks_xml_child(outer, NS_VCARD, NULL); rest;
         rest = ks_xml_next(rest, NS_VCARD, NULL))
        if (rest->child)
            return;
    ks_xml_remove(vcard, outer); /* what is left says only of what kind it was: <WORK/> */
}

/* Without memory the arena says so. */
static void put(struct konsil *k, struct ks_xml *vcard, size_t field, struct ks_str text)
{
    const char *inner = fields[field].inner;
    struct ks_xml *outer = ks_xml_child(vcard, NS_VCARD, fields[field].outer), *old;

    if (text.len == 0) {
        if (outer && inner)
            remove_inner(vcard, outer, inner);
        else if (outer)
            ks_xml_remove(vcard, outer);
        return;
    }
    if (!inner) {
        if (outer)
            ks_xml_remove(vcard, outer);
        ks_xml_add_text(&k->arena, vcard, NS_VCARD, fields[field].outer, text);
        return;
    }
    if (!outer)
        outer = ks_xml_add(&k->arena, vcard, NS_VCARD, fields[field].outer);
    else if ((old = ks_xml_child(outer, NS_VCARD, inner)))
        ks_xml_remove(outer, old);
    ks_xml_add_text(&k->arena, outer, NS_VCARD, inner, text);
}

/* What is wanted goes with the question for what is there: of each field whether it is given, and its text; then the
 * command's text. */
static enum ks_err write_wanted(
    struct konsil *k, const struct ks_cmd_vcard_set *set, struct ks_str text, struct ks_str *ret_wanted)
{
    struct ks_buf wanted;
    enum ks_err err;

    ks_buf_init(&wanted, WANTED_BYTES_MAX);
    for (size_t i = 0; i < KS_COUNT(fields); i++) {
        const struct ks_str *value = (const struct ks_str *)(const void *)((const char *)set + fields[i].asked);

        ks_buf_byte(&wanted, value->ptr != NULL);
        ks_buf_field(&wanted, *value);
    }
    ks_buf_add(&wanted, text);
    if ((err = ks_buf_err(&wanted)) == KS_OK)
        err = ks_arena_copy(&k->arena, ks_buf_str(&wanted), ret_wanted);
    ks_buf_done(&wanted);
    return err;
}

/* XEP-0054 §3.1: "If no vCard exists", item-not-found, or an empty one. */
static enum ks_err on_own(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *there = vcard_of(answer);
    struct ks_cursor at = ks_cursor(iq->text);
    struct ks_xml *vcard;
    struct ks_str value;
    uint8_t given;
    enum ks_err err;

    vcard = there ? ks_xml_copy(&k->arena, there) : ks_xml_new(&k->arena, NS_VCARD, "vCard");
    if (!vcard)
        return KS_ENOMEM;
    for (size_t i = 0; i < KS_COUNT(fields); i++) {
        if ((err = ks_cursor_u8(&at, &given)) != KS_OK || (err = ks_cursor_field(&at, &value)) != KS_OK)
            return err;
        if (given)
            put(k, vcard, i, value);
    }
    if (!there && !ks_str_is(ks_str_z(ks_iq_condition(answer)), "item-not-found"))
        return ks_cmd_answered_text(k, at.left, answer);
    err = k->arena.failed ? KS_ENOMEM : ks_iq_send(k, "set", KS_STR_EMPTY, vcard, ks_cmd_answered, at.left, 0);
    return err == KS_EAGAIN ? ks_cmd_answered_text(k, at.left, NULL) : err;
}

enum ks_err ks_vcard_set(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_str text, wanted;
    enum ks_err err;

    if ((err = ks_cmd_text(k, cmd, &text)) != KS_OK || (err = write_wanted(k, &cmd->vcard_set, text, &wanted)) != KS_OK)
        return err;
    return ks_cmd_sent(k, cmd, ks_vcard_fetch(k, KS_STR_EMPTY, on_own, wanted));
}
