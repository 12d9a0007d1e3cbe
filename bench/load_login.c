/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "load_login.h"

#include <stdio.h>
#include <stdlib.h>

#define EXPORTER_LEN 32

static struct ks_str content(struct ks_str stanza)
{
    struct ks_str rest = ks_str_from(stanza, ks_str_find_byte(stanza, '>') + 1);

    return ks_str_head(rest, ks_str_find_byte(rest, '<'));
}

static bool has(struct ks_str text, const char *needle)
{
    return ks_str_find(text, ks_str_z(needle)) < text.len;
}

static void queue_resume(struct load_client *client)
{
    ks_buf_printf(
        &client->out, "<resume xmlns='urn:xmpp:sm:3' h='%u' previd='%s'/>", client->handled, client->previous);
}

/* What is asked for with a login (XEP-0386, XEP-0198 §9). Each account has one device. */
static void queue_inline(struct load_client *client)
{
    if (client->previous[0])
        queue_resume(client);
    ks_buf_printf(&client->out,
        "<user-agent id='00000000-0000-4000-8000-0000%08x'/><bind xmlns='urn:xmpp:bind:0'><tag>load</tag>"
        "<enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>",
        client->account);
}

void load_login_token(struct load_client *client)
{
    uint8_t bound[9 + EXPORTER_LEN] = "Initiator", message[32 + KS_HASH_MAX];
    size_t len = (size_t)snprintf((char *)message, 32, "u%u", client->account) + 1;

    if (SSL_export_keying_material(client->ssl, bound + 9, EXPORTER_LEN, "EXPORTER-Channel-Binding", 24, NULL, 0, 0)
        != 1)
        return;
    ks_hmac(KS_SHA256, ks_str_z(client->token), ks_str(bound, sizeof(bound)), message + len);
    ks_buf_z(&client->out,
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-EXPR'><fast xmlns='urn:xmpp:fast:0'/>"
        "<initial-response>");
    ks_base64_add(&client->out, ks_str(message, len + 32));
    ks_buf_z(&client->out, "</initial-response>");
    queue_inline(client);
    ks_buf_z(&client->out, "</authenticate>");
    client->net->logins_token++;
    client->phase = LOAD_TOKEN;
}

/* The text of the first element of this name. */
static struct ks_str text_in(struct ks_str stanza, const char *start)
{
    struct ks_str rest = ks_str_from(stanza, ks_str_find(stanza, ks_str_z(start)) + strlen(start));

    return ks_str_head(rest, ks_str_find_byte(rest, '<'));
}

static enum ks_err start_sasl(struct load_client *client, struct ks_str features)
{
    uint8_t exporter[EXPORTER_LEN];
    bool plus = has(features, ">SCRAM-SHA-256-PLUS<") && has(features, "tls-exporter");
    struct ks_str binding = KS_STR_EMPTY, message, text;
    char username[32];
    enum ks_err err;

    if (!has(features, ">SCRAM-SHA-256<"))
        return KS_ENOTFOUND;
    if (plus) { /* RFC 9266 §2 */
        if (SSL_export_keying_material(
                client->ssl, exporter, sizeof(exporter), "EXPORTER-Channel-Binding", 24, NULL, 0, 0)
            != 1)
            return KS_ECRYPTO;
        if ((err = ks_arena_copy(client->arena, ks_str(exporter, sizeof(exporter)), &binding)) != KS_OK)
            return err;
        client->net->logins_plus++;
    }
    snprintf(username, sizeof(username), "u%u", client->account);
    if ((err = load_scram_first(
             &client->scram, client->arena, ks_str_z(username), binding, &client->net->prng, &message))
            != KS_OK
        || (err = ks_base64(client->arena, message, &text)) != KS_OK)
        return err;
    client->inline_login = client->net->tokens && has(features, "urn:xmpp:sasl:2");
    if (client->inline_login) {
        ks_buf_printf(&client->out,
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256%s'><initial-response>%.*s"
            "</initial-response><request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-EXPR'/>",
            plus ? "-PLUS" : "", KS_STR_FMT(text));
        queue_inline(client);
        ks_buf_z(&client->out, "</authenticate>");
    } else {
        ks_buf_printf(&client->out,
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256%s'>%.*s</auth>",
            plus ? "-PLUS" : "", KS_STR_FMT(text));
    }
    load_client_mark(client);
    return KS_OK;
}

static enum ks_err answer_challenge(struct load_client *client, struct ks_str challenge)
{
    struct ks_str decoded, message, text;
    enum ks_err err;

    if ((err = ks_base64_read(client->arena, content(challenge), &decoded)) != KS_OK
        || (err = load_scram_final(&client->scram, &client->net->keys, decoded, &message)) != KS_OK
        || (err = ks_base64(client->arena, message, &text)) != KS_OK)
        return err;
    ks_buf_printf(&client->out, "<response xmlns='%s'>%.*s</response>",
        client->inline_login ? "urn:xmpp:sasl:2" : "urn:ietf:params:xml:ns:xmpp-sasl", KS_STR_FMT(text));
    load_client_mark(client);
    return KS_OK;
}

static enum ks_err check_success(struct load_client *client, struct ks_str success)
{
    struct ks_str decoded, proof = client->inline_login ? text_in(success, "<additional-data>") : content(success);
    enum ks_err err;

    if ((err = ks_base64_read(client->arena, proof, &decoded)) != KS_OK
        || (err = load_scram_done(&client->scram, decoded)) != KS_OK)
        return err;
    ks_arena_done(client->arena);
    free(client->arena);
    client->arena = NULL;
    return KS_OK;
}

/* XEP-0198 §5: by which name the session can be resumed. */
static void note_session(struct load_client *client, struct ks_str stanza)
{
    struct ks_str enabled = ks_str_from(stanza, ks_str_find(stanza, KS_STR("<enabled")));
    struct ks_str id = load_attr(enabled, "id");

    client->previous[0] = '\0';
    if (id.len < sizeof(client->previous))
        snprintf(client->previous, sizeof(client->previous), "%.*s", KS_STR_FMT(id));
}

/* The session goes on, if stanza says so. */
static bool resumed(struct load_client *client, struct ks_str stanza)
{
    struct ks_str answer = ks_str_from(stanza, ks_str_find(stanza, KS_STR("<resumed")));
    uint64_t h;

    if (!answer.len || ks_str_u64(load_attr(answer, "h"), UINT32_MAX, &h) != KS_OK)
        return false;
    load_client_resumed(client, (uint32_t)h);
    return true;
}

/* <success/> of XEP-0388, with what was asked for inline. */
static const char *welcome(struct load_client *client, struct ks_str success)
{
    if (resumed(client, success))
        return NULL;
    if (!has(success, "<bound "))
        return "no session with the login";
    note_session(client, success);
    client->phase = LOAD_WELCOME;
    return NULL;
}

static void bind(struct load_client *client)
{
    ks_buf_z(&client->out,
        "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>load</resource></bind>"
        "</iq>");
    load_client_mark(client);
    client->phase = LOAD_BINDING;
}

const char *load_login_stanza(struct load_client *client, struct ks_str stanza)
{
    switch (client->phase) {
    case LOAD_FEATURES:
        if (start_sasl(client, stanza) != KS_OK)
            return "the server offers no SCRAM-SHA-256";
        client->phase = LOAD_CHALLENGE;
        return NULL;
    case LOAD_CHALLENGE:
        if (!ks_str_starts(stanza, KS_STR("<challenge")) || answer_challenge(client, stanza) != KS_OK)
            return "no SCRAM challenge";
        client->phase = LOAD_SUCCESS;
        return NULL;
    case LOAD_SUCCESS:
        if (!ks_str_starts(stanza, KS_STR("<success")) || check_success(client, stanza) != KS_OK)
            return "login refused";
        if (client->inline_login) {
            struct ks_str token = ks_str_from(stanza, ks_str_find(stanza, KS_STR(" token='")) + 8);
            snprintf(client->token, sizeof(client->token), "%.*s",
                KS_STR_FMT(ks_str_head(token, ks_str_find_byte(token, '\''))));
            return welcome(client, stanza);
        }
        load_client_open_stream(client, LOAD_BIND_FEATURES);
        return NULL;
    case LOAD_TOKEN:
        if (ks_str_starts(stanza, KS_STR("<stream:features")))
            return NULL;
        if (!ks_str_starts(stanza, KS_STR("<success")))
            return "token refused";
        return welcome(client, stanza);
    case LOAD_WELCOME:
        load_client_begin(client);
        return NULL;
    case LOAD_BIND_FEATURES:
        if (!has(stanza, "urn:xmpp:sm:3"))
            return "the server offers no stream management";
        if (client->previous[0]) {
            queue_resume(client);
            load_client_mark(client);
            client->phase = LOAD_RESUMING;
        } else {
            bind(client);
        }
        return NULL;
    case LOAD_RESUMING:
        if (!resumed(client, stanza))
            bind(client);
        return NULL;
    case LOAD_BINDING:
        if (!ks_str_is(load_attr(stanza, "id"), "bind") || !ks_str_is(load_attr(stanza, "type"), "result"))
            return "resource binding refused";
        ks_buf_z(&client->out, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
        load_client_mark(client);
        client->phase = LOAD_ENABLING;
        return NULL;
    case LOAD_ENABLING:
        if (!ks_str_starts(stanza, KS_STR("<enabled")))
            return "stream management refused";
        note_session(client, stanza);
        load_client_begin(client);
        return NULL;
    case LOAD_IDLE:
    case LOAD_CONNECTING:
    case LOAD_TLS:
    case LOAD_UPGRADING:
    case LOAD_STARTING:
    case LOAD_READY:
    case LOAD_LEAVING:
        break;
    }
    return "a stanza in the wrong phase";
}
