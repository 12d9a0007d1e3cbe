/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "picture.h"

#include "command.h"
#include "crypto.h"
#include "enc.h"
#include "engine.h"
#include "pep_client.h"
#include "vcard.h"

const char *ks_picture_type(struct ks_str bytes)
{
    if (ks_str_starts(bytes, KS_STR("\x89PNG\r\n\x1a\n")))
        return "image/png";
    if (ks_str_starts(bytes, KS_STR("\xff\xd8\xff")))
        return "image/jpeg";
    if (ks_str_starts(bytes, KS_STR("RIFF"))
        && ks_str_starts(ks_str_from(bytes, bytes.len < 8 ? bytes.len : 8), KS_STR("WEBP")))
        return "image/webp";
    return NULL;
}

enum ks_err ks_picture_id(struct konsil *k, struct ks_str bytes, struct ks_str *ret_id)
{
    uint8_t digest[KS_HASH_MAX];
    struct ks_buf hex;
    enum ks_err err;

    ks_hash(KS_SHA1, bytes, digest);
    ks_buf_init(&hex, KS_PICTURE_ID_LEN);
    ks_hex_add(&hex, ks_str(digest, ks_hash_len(KS_SHA1)));
    if ((err = ks_buf_err(&hex)) == KS_OK)
        err = ks_arena_copy(&k->arena, ks_buf_str(&hex), ret_id);
    ks_buf_done(&hex);
    return err;
}

bool ks_picture_is_id(struct ks_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!((text.ptr[i] >= '0' && text.ptr[i] <= '9') || (text.ptr[i] >= 'a' && text.ptr[i] <= 'f')))
            return false;
    return text.len == KS_PICTURE_ID_LEN;
}

enum ks_err ks_picture_read(struct konsil *k, struct ks_str text, size_t len_max, struct ks_str *ret_bytes)
{
    char *plain = ks_arena_alloc(&k->arena, text.len + 1);
    size_t len = 0;
    enum ks_err err;

    if (!plain)
        return KS_ENOMEM;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != ' ' && text.ptr[i] != '\n' && text.ptr[i] != '\r' && text.ptr[i] != '\t')
            plain[len++] = text.ptr[i];
    if ((err = ks_base64_read(&k->arena, ks_str(plain, len), ret_bytes)) != KS_OK)
        return err == KS_ENOMEM ? err : KS_ESYNTAX;
    return ret_bytes->len <= len_max && ks_picture_type(*ret_bytes) ? KS_OK : KS_ESYNTAX;
}

/* The id of the picture that is with the server; empty: there is none. */
static struct ks_str announced(const struct ks_xml *metadata)
{
    const struct ks_xml *info = ks_xml_child(metadata, NS_AVATAR_METADATA, "info");

    while (info && ks_xml_attr(info, "url").ptr)
        info = ks_xml_next(info, NS_AVATAR_METADATA, "info");
    return ks_picture_is_id(ks_xml_attr(info, "id")) ? ks_xml_attr(info, "id") : KS_STR_EMPTY;
}

/* --- others' --- */

enum ks_err ks_picture_event(struct konsil *k, struct ks_str jid, const struct ks_xml *items)
{
    const struct ks_xml *item = ks_xml_child(items, NS_PUBSUB_EVENT, "item");
    struct ks_ev_avatar_changed event = { .jid = jid,
        .avatar = announced(ks_xml_child(item, NS_AVATAR_METADATA, "metadata")) };

    return item ? ks_tell(k, KS_EV_AVATAR_CHANGED, &event) : KS_OK;
}

/* iq->text: the id of the command; iq->to: whose. */
static enum ks_err tell(
    struct konsil *k, const struct ks_iq *iq, struct ks_str text, struct ks_str id, struct ks_str bytes)
{
    struct ks_ev_avatar event = { .re = ks_cmd_text_id(text), .jid = iq->to.len > 0 ? iq->to : ks_own(k) };
    enum ks_err err = KS_OK;

    if (bytes.len > 0) {
        event.avatar = id;
        event.type = ks_str_z(ks_picture_type(bytes));
        err = ks_base64(&k->arena, bytes, &event.image);
    }
    return err == KS_OK ? ks_tell(k, KS_EV_AVATAR, &event) : err;
}

/* iq->text: 40 characters of id, then the command's. */
static enum ks_err on_data(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_str id = ks_str_head(iq->text, KS_PICTURE_ID_LEN), text = ks_str_from(iq->text, KS_PICTURE_ID_LEN),
                  bytes = KS_STR_EMPTY, hash;
    const struct ks_xml *data = ks_pep_payload(answer);
    enum ks_err err;

    if (!answer)
        return ks_cmd_answered_text(k, text, NULL);
    if (ks_xml_is(data, NS_AVATAR_DATA, "data")
        && (err = ks_picture_read(k, ks_xml_text(&k->arena, data), KS_PICTURE_MAX, &bytes)) != KS_OK) {
        if (err != KS_ESYNTAX)
            return err;
        bytes = KS_STR_EMPTY;
    }
    if (bytes.len > 0) {
        if ((err = ks_picture_id(k, bytes, &hash)) != KS_OK)
            return err;
        if (!ks_str_eq(hash, id))
            bytes = KS_STR_EMPTY; /* another one than was announced */
    }
    return tell(k, iq, text, id, bytes);
}

/* XEP-0153 §3.3: who shows none in the newer way may have one in his vCard. Its id is what its bytes have. */
static enum ks_err on_vcard(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_str bytes = KS_STR_EMPTY, id = KS_STR_EMPTY;
    enum ks_err err;

    if (!answer)
        return ks_cmd_answered_text(k, iq->text, NULL);
    err = ks_picture_read(k, ks_vcard_photo(k, answer), KS_PICTURE_MAX, &bytes);
    if (err == KS_ESYNTAX)
        bytes = KS_STR_EMPTY;
    else if (err != KS_OK || (err = ks_picture_id(k, bytes, &id)) != KS_OK)
        return err;
    return tell(k, iq, iq->text, id, bytes);
}

static enum ks_err on_metadata(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_str id = announced(ks_pep_payload(answer)), text;
    enum ks_err err;

    if (!answer)
        return ks_cmd_answered_text(k, iq->text, NULL);
    if (id.len == 0) { /* none, or not for us */
        err = ks_vcard_fetch(k, iq->to, on_vcard, iq->text);
        return err == KS_EAGAIN ? ks_cmd_answered_text(k, iq->text, NULL) : err;
    }
    if ((err = ks_arena_join(&k->arena, (struct ks_str[]) { id, iq->text }, 2, &text)) != KS_OK)
        return err;
    err = ks_pep_fetch(k, iq->to, NS_AVATAR_DATA, id, on_data, text, 0);
    return err == KS_EAGAIN ? ks_cmd_answered_text(k, iq->text, NULL) : err;
}

enum ks_err ks_picture_ask(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_str jid = ks_str_eq(cmd->avatar.jid, ks_own(k)) ? KS_STR_EMPTY : cmd->avatar.jid, text;
    enum ks_err err = ks_cmd_text(k, cmd, &text);

    if (err == KS_OK)
        err = ks_pep_fetch(k, jid, NS_AVATAR_METADATA, KS_STR_EMPTY, on_metadata, text, 0);
    return ks_cmd_sent(k, cmd, err);
}

/* --- our own --- */

static enum ks_err publish_metadata(
    struct konsil *k, struct ks_str id, const char *type, uint64_t bytes, struct ks_str text)
{
    struct ks_xml *metadata = ks_xml_new(&k->arena, NS_AVATAR_METADATA, "metadata"), *info;

    if (!metadata)
        return KS_ENOMEM;
    if (type) {
        info = ks_xml_add(&k->arena, metadata, NS_AVATAR_METADATA, "info");
        ks_xml_set_u64(&k->arena, info, "bytes", bytes);
        ks_xml_set(&k->arena, info, "id", id);
        if (!ks_xml_set(&k->arena, info, "type", ks_str_z(type)))
            return KS_ENOMEM;
    }
    return ks_pep_publish_public(k, NS_AVATAR_METADATA, type ? id : KS_STR("none"), metadata, ks_cmd_answered, text, 0);
}

/* XEP-0084 §3.1: the picture first. iq->text: its id, a digit for its type, then the command's text; iq->number: its
 * length. */
static const char *const types[] = { "image/png", "image/jpeg", "image/webp" };

static enum ks_err on_data_published(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_str text = ks_str_from(iq->text, KS_PICTURE_ID_LEN + 1);
    enum ks_err err;

    if (!ks_iq_ok(answer))
        return ks_cmd_answered_text(k, text, answer);
    err = publish_metadata(k, ks_str_head(iq->text, KS_PICTURE_ID_LEN),
        types[(iq->text.ptr[KS_PICTURE_ID_LEN] - '0') % (int)KS_COUNT(types)], iq->number, text);
    return err == KS_EAGAIN ? ks_cmd_answered_text(k, text, NULL) : err;
}

enum ks_err ks_picture_set(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_xml *data = ks_xml_new(&k->arena, NS_AVATAR_DATA, "data");
    struct ks_str bytes, id, text;
    char type = '0';
    enum ks_err err = ks_picture_read(k, cmd->avatar_set.image, KS_PICTURE_MAX, &bytes);

    if (err == KS_ESYNTAX)
        return ks_cmd_refuse(k, cmd, KS_CODE_NO_PICTURE, KS_STR_EMPTY);
    if (err != KS_OK || (err = ks_picture_id(k, bytes, &id)) != KS_OK || (err = ks_cmd_text(k, cmd, &text)) != KS_OK)
        return err;
    while (!ks_str_is(ks_str_z(types[type - '0']), ks_picture_type(bytes)))
        type++;
    if ((err = ks_arena_join(&k->arena, (struct ks_str[]) { id, { &type, 1 }, text }, 3, &text)) != KS_OK)
        return err;
    if (!ks_xml_put_text(&k->arena, data, cmd->avatar_set.image))
        return KS_ENOMEM;
    return ks_cmd_sent(k, cmd, ks_pep_publish_public(k, NS_AVATAR_DATA, id, data, on_data_published, text, bytes.len));
}

enum ks_err ks_picture_remove(struct konsil *k, const struct ks_cmd *cmd)
{
    struct ks_str text;
    enum ks_err err = ks_cmd_text(k, cmd, &text);

    return err == KS_OK ? ks_cmd_sent(k, cmd, publish_metadata(k, KS_STR_EMPTY, NULL, 0, text)) : err;
}
