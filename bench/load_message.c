/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "load_message.h"

#include <stdio.h>
#include <stdlib.h>

#include "enc.h"

/* tag.ssss.nnnnnnnn.dddddddddddddddd */
#define ID_LEN (LOAD_TAG_LEN + 1 + 4 + 1 + 8 + 1 + 16)
#define KEY_BYTES 84 /* an OMEMOAuthenticatedMessage with a 48-byte ciphertext and its header */
#define STANZA_BYTES_MAX 262144

void load_tag_make(struct ks_prng *prng, char ret_tag[LOAD_TAG_LEN + 1])
{
    snprintf(ret_tag, LOAD_TAG_LEN + 1, "kb%08x", (unsigned)(uint32_t)ks_prng_u64(prng));
}

static void add_random(struct ks_buf *buf, struct ks_prng *prng, size_t len)
{
    uint8_t bytes[3 * 1024];

    while (len > 0) {
        size_t step = len < sizeof(bytes) ? len : sizeof(bytes);

        ks_prng_bytes(prng, bytes, step);
        ks_base64_add(buf, ks_str(bytes, step));
        len -= step;
    }
}

static void add_keys(struct ks_buf *buf, struct ks_prng *prng, const char *domain, unsigned account, unsigned devices)
{
    ks_buf_printf(buf, "<keys jid='u%u@%s'>", account, domain);
    for (unsigned i = 0; i < devices; i++) {
        ks_buf_printf(buf, "<key rid='%u'>", (unsigned)(1000000000u + 10 * account + i));
        add_random(buf, prng, KEY_BYTES);
        ks_buf_z(buf, "</key>");
    }
    ks_buf_z(buf, "</keys>");
}

enum ks_err load_template_init(struct load_template *template, const char *tag, const char *domain, unsigned sender,
    unsigned recipient, size_t stanza_bytes, struct ks_prng *prng)
{
    static const char tail[] = "</payload></encrypted>"
                               "<encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:omemo:2' name='OMEMO'/>"
                               "<body>This message is encrypted.</body><store xmlns='urn:xmpp:hints'/></message>";
    char zero_id[ID_LEN + 1];
    struct ks_buf buf;

    *template = (struct load_template) { 0 };
    snprintf(zero_id, sizeof(zero_id), "%s.%04x.%08x.%016x", tag, 0, 0, 0);
    ks_buf_init(&buf, STANZA_BYTES_MAX);
    ks_buf_printf(&buf, "<message type='chat' to='u%u@%s' id='", recipient, domain);
    template->id_at = buf.len;
    ks_buf_printf(&buf, "%s'><origin-id xmlns='urn:xmpp:sid:0' id='", zero_id);
    template->origin_at = buf.len;
    ks_buf_printf(&buf, "%s'/><encrypted xmlns='urn:xmpp:omemo:2'><header sid='%u'>", zero_id,
        (unsigned)(1000000000u + 10 * sender));
    add_keys(&buf, prng, domain, recipient, 2);
    add_keys(&buf, prng, domain, sender, 2);
    ks_buf_z(&buf, "</header><payload>");
    if (buf.len + sizeof(tail) - 1 < stanza_bytes) {
        size_t room = stanza_bytes - buf.len - (sizeof(tail) - 1);

        add_random(&buf, prng, room / 4 * 3);
    }
    ks_buf_z(&buf, tail);
    if (ks_buf_err(&buf) != KS_OK) {
        ks_buf_done(&buf);
        return KS_ENOMEM;
    }
    template->text = ks_str_dup(ks_buf_str(&buf));
    template->len = buf.len;
    ks_buf_done(&buf);
    return template->text ? KS_OK : KS_ENOMEM;
}

void load_template_done(struct load_template *template)
{
    free(template->text);
}

static void put_hex(char *text, uint64_t value, size_t digits)
{
    for (size_t i = digits; i > 0; i--, value >>= 4)
        text[i - 1] = "0123456789abcdef"[value & 15];
}

struct ks_str load_template_fill(struct load_template *template, const struct load_message_id *id)
{
    char *at = template->text + template->id_at + LOAD_TAG_LEN + 1;

    put_hex(at, id->sender, 4);
    put_hex(at + 5, id->number, 8);
    put_hex(at + 14, (uint64_t)id->due_ns, 16);
    memcpy(template->text + template->origin_at, template->text + template->id_at, ID_LEN);
    return ks_str(template->text, template->len);
}

static bool get_hex(const char *text, size_t digits, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (size_t i = 0; i < digits; i++) {
        char c = text[i];

        if (c >= '0' && c <= '9')
            value = value << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *ret_value = value;
    return true;
}

bool load_message_id_read(struct ks_str text, struct ks_str tag, struct load_message_id *ret_id)
{
    uint64_t sender, number, due;
    const char *at = text.ptr + LOAD_TAG_LEN + 1;

    if (text.len < ID_LEN || !ks_str_starts(text, tag) || !get_hex(at, 4, &sender) || !get_hex(at + 5, 8, &number)
        || !get_hex(at + 14, 16, &due))
        return false;
    *ret_id =
        (struct load_message_id) { .sender = (unsigned)sender, .number = (uint32_t)number, .due_ns = (int64_t)due };
    return true;
}

bool load_message_id_find(struct ks_str stanza, struct ks_str tag, struct load_message_id *ret_id)
{
    size_t at = ks_str_find(stanza, tag);

    return at < stanza.len && load_message_id_read(ks_str_from(stanza, at), tag, ret_id);
}
