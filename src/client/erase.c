/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "erase.h"

#include "engine.h"
#include "history.h"
#include "outbox_record.h"

/* The debts of a retraction, each a row that goes with the answer to it. */
#define ROW 'x'   /* ids of messages, each a field: of whoever keeps the conversation's archive */
#define SLOTS 'z' /* URLs of files, likewise: of the own server */
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

/* What cannot be done now is asked for again by the next session (RFC 6120 §8.3.2); any other answer is the end of it:
 * who does not know the request, or is no more, deletes nothing at a later time either. */
static bool is_later(const struct ks_stanza *answer)
{
    return !answer
        || (!ks_iq_ok(answer) && ks_str_is(ks_xml_attr(ks_xml_child(answer->xml, NS_CLIENT, "error"), "type"), "wait"));
}

static enum ks_err on_erased(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer, char debt)
{
    return is_later(answer) ? KS_OK : ks_out_del_row(k, debt, iq->number);
}

static enum ks_err on_row(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    return on_erased(k, iq, answer, ROW);
}

static enum ks_err on_slots(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    return on_erased(k, iq, answer, SLOTS);
}

/* Writes an element for each field of a row. */
static enum ks_err add_items(
    struct konsil *k, struct ks_xml *erase, struct ks_str row, const char *name, const char *attribute)
{
    struct ks_cursor at = ks_cursor(row);
    struct ks_str text;

    while (!ks_cursor_done(&at)) {
        if (ks_cursor_field(&at, &text) != KS_OK)
            return KS_ESTORE;
        if (!ks_xml_set(&k->arena, ks_xml_add(&k->arena, erase, NS_KONSIL_ERASE, name), attribute, text))
            return KS_ENOMEM;
    }
    return KS_OK;
}

/* Asks for one of the debts of a retraction, if it has that. */
static enum ks_err ask(struct konsil *k, const struct ks_out *out, char debt)
{
    struct ks_xml *erase = ks_xml_new(&k->arena, NS_KONSIL_ERASE, "erase");
    bool slots = debt == SLOTS;
    struct ks_str row;
    enum ks_err err = ks_out_get_row(k, debt, out->seq, &row);

    if (err != KS_OK)
        return err == KS_ENOTFOUND ? KS_OK : err;
    ks_xml_set(&k->arena, erase, "with", out->conversation);
    if (!ks_xml_set(&k->arena, erase, "retraction", out->id))
        return KS_ENOMEM;
    if ((err = add_items(k, erase, row, slots ? "slot" : "item", slots ? "url" : "id")) != KS_OK)
        return err;
    err = ks_iq_send(k, "set", out->in_room && !slots ? out->conversation : KS_STR_EMPTY, erase,
        slots ? on_slots : on_row, KS_STR_EMPTY, out->seq);
    return err == KS_EAGAIN ? KS_OK : err;
}

enum ks_err ks_erase_on_server(struct konsil *k, const struct ks_out *out)
{
    enum ks_err err;

    if (out->says != KS_SAYS_RETRACT || !ks_online(k))
        return KS_OK;
    err = ask(k, out, ROW);
    return err == KS_OK ? ask(k, out, SLOTS) : err;
}

static enum ks_err ask_all(struct konsil *k, char debt)
{
    uint64_t *seqs;
    size_t count;
    enum ks_err err = ks_out_list(k, debt, OUTS_MAX, &seqs, &count);

    for (size_t i = 0; i < count && err == KS_OK; i++) {
        struct ks_out out;

        if ((err = ks_out_load(k, seqs[i], &out)) == KS_OK && (out.state == KS_OUT_SERVER || out.state == KS_OUT_DONE))
            err = ask(k, &out, debt);
    }
    return err == KS_ENOTFOUND ? KS_ESTORE : err;
}

enum ks_err ks_erase_online(struct konsil *k)
{
    enum ks_err err = ask_all(k, ROW);

    return err == KS_OK ? ask_all(k, SLOTS) : err;
}

enum ks_err ks_erase_owes(struct konsil *k, uint64_t seq, bool *ret_owes)
{
    struct ks_str row;
    enum ks_err err = ks_out_get_row(k, ROW, seq, &row);

    if (err == KS_ENOTFOUND)
        err = ks_out_get_row(k, SLOTS, seq, &row);
    *ret_owes = err == KS_OK;
    return err == KS_ENOTFOUND ? KS_OK : err;
}
