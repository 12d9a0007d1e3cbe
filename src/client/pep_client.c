/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "pep_client.h"

#include "engine.h"
#include "xml_writer.h"

enum ks_err ks_pep_fetch(struct konsil *k, struct ks_str jid, const char *node, struct ks_str item, ks_iq_done_fn *done,
    struct ks_str text, uint64_t number)
{
    struct ks_xml *pubsub = ks_xml_new(&k->arena, NS_PUBSUB, "pubsub");
    struct ks_xml *items = ks_xml_add(&k->arena, pubsub, NS_PUBSUB, "items");

    items = ks_xml_set(&k->arena, items, "node", ks_str_z(node));
    if (item.len > 0)
        items = ks_xml_set(&k->arena, ks_xml_add(&k->arena, items, NS_PUBSUB, "item"), "id", item);
    else
        items = ks_xml_set(&k->arena, items, "max_items", KS_STR("1"));
    return items ? ks_iq_send(k, "get", jid, pubsub, done, text, number) : KS_ENOMEM;
}

enum ks_err ks_pep_fetch_items(
    struct konsil *k, struct ks_str jid, const char *node, ks_iq_done_fn *done, struct ks_str text)
{
    struct ks_xml *pubsub = ks_xml_new(&k->arena, NS_PUBSUB, "pubsub");
    struct ks_xml *items = ks_xml_add(&k->arena, pubsub, NS_PUBSUB, "items");

    if (!ks_xml_set(&k->arena, items, "node", ks_str_z(node)))
        return KS_ENOMEM;
    return ks_iq_send(k, "get", jid, pubsub, done, text, 0);
}

const struct ks_xml *ks_pep_payload(const struct ks_stanza *answer)
{
    const struct ks_xml *items;

    if (!ks_iq_ok(answer))
        return NULL;
    items = ks_xml_child(ks_xml_child(answer->xml, NS_PUBSUB, "pubsub"), NS_PUBSUB, "items");
    return ks_xml_child(ks_xml_child(items, NS_PUBSUB, "item"), NULL, NULL);
}

/* <field var='…'><value>…</value></field> */
static struct ks_xml *add_field(struct konsil *k, struct ks_xml *form, const char *name, const char *value)
{
    struct ks_xml *field = ks_xml_add(&k->arena, form, NS_DATA, "field");

    field = ks_xml_set(&k->arena, field, "var", ks_str_z(name));
    return ks_xml_add_text(&k->arena, field, NS_DATA, "value", ks_str_z(value));
}

static struct ks_xml *add_form(struct konsil *k, struct ks_xml *parent, const char *form_type, bool max)
{
    struct ks_xml *form = ks_xml_add(&k->arena, parent, NS_DATA, "x");

    form = ks_xml_set(&k->arena, form, "type", KS_STR("submit"));
    if (!add_field(k, form, "FORM_TYPE", form_type) || !add_field(k, form, "pubsub#access_model", "open")
        || (max && !add_field(k, form, "pubsub#max_items", "max")))
        return NULL;
    return form;
}

/* What was published stands in iq->text, for the second try: node 0 item 0 bytes of the payload. */
static enum ks_err publish(struct konsil *k, struct ks_str node, struct ks_str item, struct ks_xml *payload, bool max,
    bool options, ks_iq_done_fn *done, struct ks_str text)
{
    struct ks_xml *pubsub = ks_xml_new(&k->arena, NS_PUBSUB, "pubsub");
    struct ks_xml *at = ks_xml_set(&k->arena, ks_xml_add(&k->arena, pubsub, NS_PUBSUB, "publish"), "node", node);

    at = ks_xml_set(&k->arena, ks_xml_add(&k->arena, at, NS_PUBSUB, "item"), "id", item);
    if (!at || !ks_xml_graft(at, payload))
        return KS_ENOMEM;
    if (options && !add_form(k, ks_xml_add(&k->arena, pubsub, NS_PUBSUB, "publish-options"), NS_PUBLISH_OPTIONS, max))
        return KS_ENOMEM;
    return ks_iq_send(k, "set", KS_STR_EMPTY, pubsub, done, text, max);
}

/* The last answer, or none. */
static enum ks_err ended(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer, bool good)
{
    struct ks_ev_warning event = { .code = KS_STR(KS_CODE_KEYS_UNPUBLISHED),
        .detail = ks_str_z(ks_iq_condition(answer)) };
    struct ks_str rest = iq->text, node;
    enum ks_err err = KS_OK;

    if (ks_str_cut(&rest, '\0', &node))
        err = ks_str_is(node, NS_KONSIL_DEVICE_KEY) ? ks_device_key_published(k, good)
            : ks_str_is(node, NS_X509)              ? ks_enrolment_published(k, good)
                                                    : ks_keys_published(k, node, good);
    return err == KS_OK && !good && answer ? ks_tell(k, KS_EV_WARNING, &event) : err;
}

static enum ks_err on_published_again(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    return ended(k, iq, answer, ks_iq_ok(answer));
}

static enum ks_err on_configured(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    struct ks_str bytes = iq->text, node, item;
    struct ks_xml *payload;
    enum ks_err err;

    if (!ks_iq_ok(answer) || !ks_str_cut(&bytes, '\0', &node) || !ks_str_cut(&bytes, '\0', &item))
        return ended(k, iq, answer, false);
    if ((err = ks_xml_read(&k->arena, bytes, KS_STR_EMPTY, KS_STR_EMPTY, &payload)) != KS_OK)
        return err;
    err = publish(k, node, item, payload, iq->number, false, on_published_again, iq->text);
    return err == KS_EAGAIN ? ended(k, iq, NULL, false) : err;
}

/* XEP-0060 §7.1.5: the node exists, and not as we want it. */
static enum ks_err on_published(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    const struct ks_xml *error = answer ? ks_xml_child(answer->xml, NS_CLIENT, "error") : NULL;
    struct ks_xml *pubsub, *configure;
    struct ks_str rest = iq->text, node;
    enum ks_err err;

    if (ks_iq_ok(answer) || !ks_xml_child(error, NS_PUBSUB_ERRORS, "precondition-not-met")
        || !ks_str_cut(&rest, '\0', &node))
        return ended(k, iq, answer, ks_iq_ok(answer));
    pubsub = ks_xml_new(&k->arena, NS_PUBSUB_OWNER, "pubsub");
    configure = ks_xml_set(&k->arena, ks_xml_add(&k->arena, pubsub, NS_PUBSUB_OWNER, "configure"), "node", node);
    if (!add_form(k, configure, NS_NODE_CONFIG, iq->number))
        return KS_ENOMEM;
    err = ks_iq_send(k, "set", KS_STR_EMPTY, pubsub, on_configured, iq->text, iq->number);
    return err == KS_EAGAIN ? ended(k, iq, NULL, false) : err;
}

enum ks_err ks_pep_publish(struct konsil *k, const char *node, struct ks_str item, struct ks_xml *payload, bool max)
{
    struct ks_buf text;
    enum ks_err err;

    ks_buf_init(&text, KS_STANZA_SENT_MAX);
    ks_buf_z(&text, node);
    ks_buf_byte(&text, 0);
    ks_buf_add(&text, item);
    ks_buf_byte(&text, 0);
    ks_xml_write(&text, payload, KS_STR_EMPTY);
    if ((err = ks_buf_err(&text)) == KS_OK)
        err = publish(k, ks_str_z(node), item, payload, max, true, on_published, ks_buf_str(&text));
    ks_buf_done(&text);
    return err;
}

/* XEP-0223 §3: each of these, so that a node that others may read is none to publish to. */
struct option {
    const char *name, *value;
};
static const struct option own_options[] = {
    { "FORM_TYPE", NS_PUBLISH_OPTIONS },
    { "pubsub#persist_items", "true" },
    { "pubsub#max_items", "max" },
    { "pubsub#send_last_published_item", "never" },
    { "pubsub#access_model", "whitelist" },
    { NULL, NULL },
};
static const struct option public_options[] = {
    { "FORM_TYPE", NS_PUBLISH_OPTIONS },
    { "pubsub#access_model", "open" },
    { NULL, NULL },
};

static enum ks_err publish_as(struct konsil *k, const char *node, struct ks_str item, struct ks_xml *payload,
    const struct option *options, ks_iq_done_fn *done, struct ks_str text, uint64_t number)
{
    struct ks_xml *pubsub = ks_xml_new(&k->arena, NS_PUBSUB, "pubsub");
    struct ks_xml *at =
        ks_xml_set(&k->arena, ks_xml_add(&k->arena, pubsub, NS_PUBSUB, "publish"), "node", ks_str_z(node));
    struct ks_xml *form;

    at = ks_xml_set(&k->arena, ks_xml_add(&k->arena, at, NS_PUBSUB, "item"), "id", item);
    if (!at || !ks_xml_graft(at, payload))
        return KS_ENOMEM;
    at = ks_xml_add(&k->arena, pubsub, NS_PUBSUB, "publish-options");
    form = ks_xml_set(&k->arena, ks_xml_add(&k->arena, at, NS_DATA, "x"), "type", KS_STR("submit"));
    for (; options->name; options++)
        if (!add_field(k, form, options->name, options->value))
            return KS_ENOMEM;
    return ks_iq_send(k, "set", KS_STR_EMPTY, pubsub, done, text, number);
}

enum ks_err ks_pep_publish_own(struct konsil *k, const char *node, struct ks_str item, struct ks_xml *payload,
    ks_iq_done_fn *done, struct ks_str text, uint64_t number)
{
    return publish_as(k, node, item, payload, own_options, done, text, number);
}

enum ks_err ks_pep_publish_public(struct konsil *k, const char *node, struct ks_str item, struct ks_xml *payload,
    ks_iq_done_fn *done, struct ks_str text, uint64_t number)
{
    return publish_as(k, node, item, payload, public_options, done, text, number);
}

enum ks_err ks_pep_retract(
    struct konsil *k, const char *node, struct ks_str item, ks_iq_done_fn *done, struct ks_str text)
{
    struct ks_xml *pubsub = ks_xml_new(&k->arena, NS_PUBSUB, "pubsub");
    struct ks_xml *at =
        ks_xml_set(&k->arena, ks_xml_add(&k->arena, pubsub, NS_PUBSUB, "retract"), "node", ks_str_z(node));

    at = ks_xml_set(&k->arena, at, "notify", KS_STR("true"));
    if (!ks_xml_set(&k->arena, ks_xml_add(&k->arena, at, NS_PUBSUB, "item"), "id", item))
        return KS_ENOMEM;
    return ks_iq_send(k, "set", KS_STR_EMPTY, pubsub, done, text, 0);
}

static enum ks_err on_subscribed(struct konsil *k, const struct ks_iq *iq, const struct ks_stanza *answer)
{
    (void)k;
    (void)iq;
    (void)answer; /* where it is not possible, presence and fetching anew at each session must do */
    return KS_OK;
}

enum ks_err ks_pep_subscribe(struct konsil *k, struct ks_str jid, const char *node)
{
    struct ks_xml *pubsub = ks_xml_new(&k->arena, NS_PUBSUB, "pubsub");
    struct ks_xml *subscribe = ks_xml_add(&k->arena, pubsub, NS_PUBSUB, "subscribe");

    subscribe = ks_xml_set(&k->arena, subscribe, "node", ks_str_z(node));
    if (!ks_xml_set(&k->arena, subscribe, "jid", ks_own(k)))
        return KS_ENOMEM;
    return ks_iq_send(k, "set", jid, pubsub, on_subscribed, KS_STR_EMPTY, 0);
}
