/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "erase.h"

#include "engine.h"
#include "history.h"
#include "outbox_record.h"

#define ROW 'x'   /* ids, each a field */
#define SLOTS 'z' /* URLs, likewise; there is none without a row of ids */
#define IDS_MAX 64
#define OUTS_MAX 100000

struct ids {
    struct ks_str at[IDS_MAX];
    size_t count;
};

static void add_id(struct ids *ids, struct ks_str id)
{
    if (id.len == 0 || ids->count == IDS_MAX)
        return;
    for (size_t i = 0; i < ids->count; i++)
        if (ks_str_eq(ids->at[i], id))
            return;
    ids->at[ids->count++] = id;
}

/* --- the outbox --- */

/* True in *ret_is if the envelope or draft behind seq changes the message. */
static enum ks_err is_edit_of(struct konsil *k, uint64_t seq, struct ks_str id, bool *ret_is)
{
    struct ks_content content = { .says = KS_SAYS_TEXT };
    struct ks_str bytes;
    struct ks_sce sce;
    enum ks_err err;

    *ret_is = false;
    if ((err = ks_out_get_row(k, 'e', seq, &bytes)) == KS_OK) {
        if ((err = ks_sce_read(&k->arena, bytes, &sce)) == KS_OK)
            err = ks_content_read(&k->arena, sce.content, &content);
    } else if (err == KS_ENOTFOUND && (err = ks_out_get_row(k, 'd', seq, &bytes)) == KS_OK) {
        err = ks_draft_decode(&k->arena, bytes, &content);
    }
    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    *ret_is = content.says == KS_SAYS_EDIT && ks_str_eq(content.target, id);
    return KS_OK;
}

/* The message, and the edits of it: their seqs, in an array of the arena. */
static enum ks_err find_outs(
    struct konsil *k, struct ks_str conversation, struct ks_str id, struct ks_out **ret_outs, size_t *ret_count)
{
    uint64_t *seqs;
    size_t count;
    enum ks_err err = ks_out_list(k, 'h', OUTS_MAX, &seqs, &count);

    *ret_count = 0;
    if (err != KS_OK)
        return err;
    if (!(*ret_outs = ks_arena_zero(&k->arena, (count + 1) * sizeof(**ret_outs))))
        return KS_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        struct ks_out *out = &(*ret_outs)[*ret_count];
        bool is;

        if ((err = ks_out_load(k, seqs[i], out)) != KS_OK)
            return err == KS_ENOTFOUND ? KS_ESTORE : err;
        is = ks_str_eq(out->id, id);
        if (!ks_str_eq(out->conversation, conversation)
            || (out->says == KS_SAYS_EDIT && (err = is_edit_of(k, seqs[i], id, &is)) != KS_OK))
            is = false;
        if (err != KS_OK)
            return err;
        *ret_count += is;
    }
    return KS_OK;
}

/* What the server may have already keeps its number and, until the server has it, its ciphertext: a number that never
 * came would be a gap. Who asks for it again is told that it is gone. */
static enum ks_err forget_out(struct konsil *k, const struct ks_out *out)
{
    enum ks_err err;

    if (out->number == 0)
        return ks_out_drop(k, out);
    if ((err = ks_out_del_row(k, 'e', out->seq)) != KS_OK)
        return err;
    return ks_out_del_row(k, 'd', out->seq);
}

enum ks_err ks_erase_outbox(struct konsil *k, struct ks_str conversation, struct ks_str id)
{
    struct ks_out *outs;
    size_t count;
    enum ks_err err = find_outs(k, conversation, id, &outs, &count);

    for (size_t i = 0; i < count && err == KS_OK; i++)
        err = forget_out(k, &outs[i]);
    return err;
}

/* --- the server --- */

/* The files that it brought lie on the server, each at an address of its own. */
static enum ks_err want_slots(struct konsil *k, const struct ks_message *target, uint64_t retraction)
{
    struct ks_files files;
    struct ks_buf row;
    enum ks_err err;

    if (!(target->flags & KS_MSG_FILES))
        return KS_OK;
    if ((err = ks_files_decode(&k->arena, target->files, &files)) != KS_OK)
        return err;
    ks_buf_init(&row, KS_FILES_MAX * (KS_FILE_URL_MAX + 8));
    for (size_t i = 0; i < files.count; i++)
        ks_buf_field(&row, files.items[i].url);
    if ((err = ks_buf_err(&row)) == KS_OK)
        err = ks_out_put_row(k, SLOTS, retraction, ks_buf_str(&row));
    ks_buf_done(&row);
    return err;
}

enum ks_err ks_erase_want(struct konsil *k, const struct ks_message *target, uint64_t retraction)
{
    struct ids *ids = ks_arena_zero(&k->arena, sizeof(*ids));
    struct ks_out *outs;
    struct ks_buf row;
    size_t count;
    enum ks_err err;

    if (!ids)
        return KS_ENOMEM;
    add_id(ids, target->id);
    add_id(ids, target->edited_id);
    if ((err = find_outs(k, target->conversation, target->id, &outs, &count)) != KS_OK)
        return err;
    for (size_t i = 0; i < count; i++)
        add_id(ids, outs[i].id);
    ks_buf_init(&row, IDS_MAX * (KS_ID_MAX + 8));
    for (size_t i = 0; i < ids->count; i++)
        ks_buf_field(&row, ids->at[i]);
    if ((err = ks_buf_err(&row)) == KS_OK)
        err = ks_out_put_row(k, ROW, retraction, ks_buf_str(&row));
    ks_buf_done(&row);
    return err == KS_OK ? want_slots(k, target, retraction) : err;
}

/* A server that does not know the request answers so, too: then there is nothing more to be done. */
static enum ks_err on_erased(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    if (!answer || ks_str_is(ks_str_z(ks_iq_condition(answer)), "resource-constraint"))
        return KS_OK; /* the next session asks again */
    enum ks_err err = ks_out_del_row(k, ROW, iq->number);

    return err == KS_OK ? ks_out_del_row(k, SLOTS, iq->number) : err;
}

/* Writes an element for each field of a row, which may be missing. */
static enum ks_err add_items(
    struct konsil *k, struct ks_xml *erase, char kind, uint64_t seq, const char *name, const char *attribute)
{
    struct ks_str row, text;
    struct ks_cursor at;
    enum ks_err err = ks_out_get_row(k, kind, seq, &row);

    if (err != KS_OK)
        return err;
    at = ks_cursor(row);
    while (!ks_cursor_done(&at)) {
        if (ks_cursor_field(&at, &text) != KS_OK)
            return KS_ESTORE;
        if (!ks_xml_set(&k->arena, ks_xml_add(&k->arena, erase, NS_KONSIL_ERASE, name), attribute, text))
            return KS_ENOMEM;
    }
    return KS_OK;
}

enum ks_err ks_erase_on_server(struct konsil *k, const struct ks_out *out)
{
    struct ks_xml *erase = ks_xml_new(&k->arena, NS_KONSIL_ERASE, "erase");
    enum ks_err err;

    if (out->says != KS_SAYS_RETRACT || !ks_online(k))
        return KS_OK;
    ks_xml_set(&k->arena, erase, "with", out->conversation);
    if (!ks_xml_set(&k->arena, erase, "retraction", out->id))
        return KS_ENOMEM;
    if ((err = add_items(k, erase, ROW, out->seq, "item", "id")) != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err; /* it owes nothing */
    if ((err = add_items(k, erase, SLOTS, out->seq, "slot", "url")) != KS_OK && err != KS_ENOTFOUND)
        return err;
    err = ks_iq_send(k, "set", KS_STR_EMPTY, erase, on_erased, KS_STR_EMPTY, out->seq);
    return err == KS_EAGAIN ? KS_OK : err;
}

enum ks_err ks_erase_online(struct konsil *k)
{
    uint64_t *seqs;
    size_t count;
    enum ks_err err = ks_out_list(k, ROW, OUTS_MAX, &seqs, &count);

    for (size_t i = 0; i < count && err == KS_OK; i++) {
        struct ks_out out;

        if ((err = ks_out_load(k, seqs[i], &out)) == KS_OK && (out.state == KS_OUT_SERVER || out.state == KS_OUT_DONE))
            err = ks_erase_on_server(k, &out);
    }
    return err == KS_ENOTFOUND ? KS_ESTORE : err;
}
