/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "stanza.h"
#include "xml_reader.h"
#include "xml_writer.h"

static struct ks_arena arena;

static struct ks_xml *tree(const char *text)
{
    struct ks_xml *xml = NULL;

    if (ks_xml_read(&arena, ks_str_z(text), KS_STR(NS_CLIENT), KS_STR(""), &xml))
        check_row(false, "An input of this test is well-formed", "%s", text);
    return xml;
}

#define OK KS_COND_COUNT            /* no condition: KS_OK */
#define NO_STANZA KS_COND_COUNT + 1 /* KS_ESTATE */

#define ATTRS_10 " a='' b='' c='' d='' e='' f='' g='' h='' i='' j=''"

static const struct {
    const char *name, *input;
    unsigned want;
    enum ks_stanza_kind kind;
    enum ks_stanza_type type;
} rows[] = {
    { "RFC 6121 §5.2.2: a message without a type is normal", "<message/>", OK, KS_MESSAGE, KS_MSG_NORMAL },
    { "RFC 6121 §5.2.2: so is one of a type nobody knows", "<message type='x'/>", OK, KS_MESSAGE, KS_MSG_NORMAL },
    { "RFC 6121 §5.2.2: and one of another kind's type", "<message type='get'/>", OK, KS_MESSAGE, KS_MSG_NORMAL },
    { "RFC 6121 §5.2.2: chat", "<message type='chat'/>", OK, KS_MESSAGE, KS_MSG_CHAT },
    { "RFC 6121 §5.2.2: error", "<message type='error'/>", OK, KS_MESSAGE, KS_MSG_ERROR },
    { "RFC 6121 §5.2.2: groupchat", "<message type='groupchat'/>", OK, KS_MESSAGE, KS_MSG_GROUPCHAT },
    { "RFC 6121 §5.2.2: headline", "<message type='headline'/>", OK, KS_MESSAGE, KS_MSG_HEADLINE },
    { "RFC 6121 §5.2.2: normal", "<message type='normal'/>", OK, KS_MESSAGE, KS_MSG_NORMAL },
    { "RFC 6121 §4.7.1: a presence without a type", "<presence/>", OK, KS_PRESENCE, KS_TYPE_NONE },
    { "RFC 6121 §4.7.1: error", "<presence type='error'/>", OK, KS_PRESENCE, KS_PRES_ERROR },
    { "RFC 6121 §4.7.1: probe", "<presence type='probe'/>", OK, KS_PRESENCE, KS_PRES_PROBE },
    { "RFC 6121 §4.7.1: subscribe", "<presence type='subscribe'/>", OK, KS_PRESENCE, KS_PRES_SUBSCRIBE },
    { "RFC 6121 §4.7.1: subscribed", "<presence type='subscribed'/>", OK, KS_PRESENCE, KS_PRES_SUBSCRIBED },
    { "RFC 6121 §4.7.1: unavailable", "<presence type='unavailable'/>", OK, KS_PRESENCE, KS_PRES_UNAVAILABLE },
    { "RFC 6121 §4.7.1: unsubscribe", "<presence type='unsubscribe'/>", OK, KS_PRESENCE, KS_PRES_UNSUBSCRIBE },
    { "RFC 6121 §4.7.1: unsubscribed", "<presence type='unsubscribed'/>", OK, KS_PRESENCE, KS_PRES_UNSUBSCRIBED },
    { "RFC 6121 §4.7.1: a presence of a type nobody knows", "<presence type='available'/>", KS_BAD_REQUEST, KS_PRESENCE,
        KS_TYPE_NONE },
    { "RFC 6121 §4.7.1: a presence of an empty type", "<presence type=''/>", KS_BAD_REQUEST, KS_PRESENCE,
        KS_TYPE_NONE },
    { "RFC 6120 §8.2.3: a request", "<iq type='get' id='1'><a xmlns='n'/></iq>", OK, KS_IQ, KS_IQ_GET },
    { "RFC 6120 §8.2.3: white space beside the child", "<iq type='set' id='1'> <a xmlns='n'/>\n</iq>", OK, KS_IQ,
        KS_IQ_SET },
    { "RFC 6120 §8.2.3: a result without a child", "<iq type='result' id='1'/>", OK, KS_IQ, KS_IQ_RESULT },
    { "RFC 6120 §8.2.3: an error", "<iq type='error' id='1'><a/><error/></iq>", OK, KS_IQ, KS_IQ_ERROR },
    { "RFC 6120 §8.2.3: a request without a child", "<iq type='get' id='1'/>", KS_BAD_REQUEST, KS_IQ, KS_IQ_GET },
    { "RFC 6120 §8.2.3: a request with text", "<iq type='get' id='1'>a</iq>", KS_BAD_REQUEST, KS_IQ, KS_IQ_GET },
    { "RFC 6120 §8.2.3: a request with two children", "<iq type='set' id='1'><a/><b/></iq>", KS_BAD_REQUEST, KS_IQ,
        KS_IQ_SET },
    { "RFC 6120 §8.1.3: an iq without an id", "<iq type='get'><a/></iq>", KS_BAD_REQUEST, KS_IQ, KS_IQ_GET },
    { "RFC 6120 §8.1.3: an iq with an empty id", "<iq type='get' id=''><a/></iq>", KS_BAD_REQUEST, KS_IQ, KS_IQ_GET },
    { "RFC 6120 §8.2.3: an iq without a type", "<iq id='1'><a/></iq>", KS_BAD_REQUEST, KS_IQ, KS_TYPE_NONE },
    { "RFC 6120 §8.2.3: an iq of another type", "<iq type='chat' id='1'><a/></iq>", KS_BAD_REQUEST, KS_IQ,
        KS_TYPE_NONE },
    { "RFC 6120 §8.3.3.8: 'to' is malformed", "<message to='a@'/>", KS_JID_MALFORMED, KS_MESSAGE, KS_MSG_NORMAL },
    { "RFC 6120 §8.3.3.8: 'to' is empty", "<message to=''/>", KS_JID_MALFORMED, KS_MESSAGE, KS_MSG_NORMAL },
    { "RFC 6120 §8.3.3.8: 'from' is malformed", "<presence from='@b'/>", KS_JID_MALFORMED, KS_PRESENCE, KS_TYPE_NONE },
    { "RFC 6120 §8.3.3.8: a bad request is said first", "<iq type='get' to='@'/>", KS_BAD_REQUEST, KS_IQ, KS_IQ_GET },
    { "RFC 6120 §4.8.2: a stanza between servers", "<message xmlns='jabber:server'/>", OK, KS_MESSAGE, KS_MSG_NORMAL },
    { "RFC 6120 §8.1: 16 attributes beside 'from' and 'to'",
        "<message from='a@x' to='b@x' type='chat' id='1' xml:lang='de'" ATTRS_10 " k='' l='' m=''/>", OK, KS_MESSAGE,
        KS_MSG_CHAT },
    { "RFC 6120 §8.1: 17 of them", "<message type='chat' id='1' xml:lang='de'" ATTRS_10 " k='' l='' m='' n=''/>",
        KS_BAD_REQUEST, KS_MESSAGE, KS_MSG_CHAT },
    { "RFC 6120 §8.1: 17 of them, the last a 'to' of another namespace",
        "<iq type='result' id='1' xmlns:p='p'" ATTRS_10 " k='' l='' m='' n='' p:to=''/>", KS_BAD_REQUEST, KS_IQ,
        KS_IQ_RESULT },
    { "RFC 6120 §8: another namespace", "<message xmlns='n'/>", NO_STANZA, 0, 0 },
    { "RFC 6120 §8: another element", "<body/>", NO_STANZA, 0, 0 },
};

static void reading(void)
{
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct ks_stanza stanza = { 0 };
        enum ks_cond cond = OK;
        struct ks_xml *xml = tree(rows[i].input);
        enum ks_err err = ks_stanza_read(&arena, xml, &stanza, &cond);
        bool request = rows[i].want == OK && (rows[i].type == KS_IQ_GET || rows[i].type == KS_IQ_SET);

        if (rows[i].want == NO_STANZA)
            check_err(rows[i].name, err, KS_ESTATE);
        else
            check_row(err == (rows[i].want == OK ? KS_OK : KS_ESYNTAX) && (!err || cond == rows[i].want)
                    && stanza.kind == rows[i].kind && stanza.type == rows[i].type && stanza.xml == xml
                    && (stanza.payload != NULL) == request,
                rows[i].name, "%s, condition %d, kind %d, type %d", ks_err_name(err), cond, stanza.kind, stanza.type);
        ks_arena_reset(&arena);
    }
}

static void addresses(void)
{
    struct ks_stanza stanza;
    enum ks_cond cond;

    enum ks_err err = ks_stanza_read(&arena, tree("<message id='7' from='A@X/r' to='X'/>"), &stanza, &cond);
    check_row(!err && stanza.has_from && stanza.has_to && ks_jid_eq(stanza.from, ks_jid_split(KS_STR("a@x/r")))
            && ks_jid_eq(stanza.to, ks_jid_split(KS_STR("x"))) && ks_str_is(stanza.id, "7"),
        "RFC 6120 §8.1: id, from and to, in their normal form", "%s", ks_err_name(err));
    err = ks_stanza_read(&arena, tree("<message/>"), &stanza, &cond);
    check_row(!err && !stanza.has_from && !stanza.has_to && !stanza.id.len, "RFC 6120 §8.1: or without", "?");
    err = ks_stanza_read(&arena, tree("<message id='7' from='a@x' to='@'/>"), &stanza, &cond);
    check_row(err == KS_ESYNTAX && stanza.has_from && !stanza.has_to && ks_str_is(stanza.id, "7"),
        "RFC 6120 §8.3: what is good of a bad stanza is there to answer with", "?");
    err = ks_stanza_read(&arena, tree("<message id='7' from='@' to='a@x'/>"), &stanza, &cond);
    check_row(err == KS_ESYNTAX && !stanza.has_from && stanza.has_to && cond == KS_JID_MALFORMED,
        "RFC 6120 §8.3: whichever address it is", "?");
}

static void check_tree(const char *name, const struct ks_xml *xml, const char *want)
{
    struct ks_buf buf;

    ks_buf_init(&buf, 10000);
    ks_xml_write(&buf, xml, KS_STR(NS_CLIENT));
    check_str(name, ks_buf_str(&buf), ks_str_z(want));
    ks_buf_done(&buf);
}

static struct ks_stanza stanza_of(const char *text)
{
    struct ks_stanza stanza = { 0 };
    enum ks_cond cond;
    enum ks_err err = ks_stanza_read(&arena, tree(text), &stanza, &cond);

    if (err && err != KS_ESYNTAX)
        check_err("An input of this test is a stanza", err, KS_OK);
    return stanza;
}

static void answers(void)
{
    struct ks_stanza iq = stanza_of("<iq type='get' id='1' from='A@x/r' to='x'><a xmlns='n'/></iq>");
    struct ks_stanza presence = stanza_of("<presence to='@'/>"), server = stanza_of("<message xmlns='jabber:server'/>");

    check_tree("RFC 6120 §8.2.3: a result goes back, addresses as they were written", ks_stanza_result(&arena, &iq),
        "<iq type='result' id='1' from='x' to='A@x/r'/>");
    check_tree("RFC 6120 §8.3: an error", ks_stanza_error(&arena, &iq, KS_FORBIDDEN, NULL),
        "<iq type='error' id='1' from='x' to='A@x/r'><error type='auth'><forbidden "
        "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>");
    check_tree("RFC 6120 §8.3: one with a sentence, to a stanza with little in it",
        ks_stanza_error(&arena, &presence, KS_JID_MALFORMED, "This is no address."),
        "<presence type='error' from='@'><error type='modify'><jid-malformed "
        "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' "
        "xml:lang='en'>This is no address.</text></error></presence>");
    check_tree("RFC 6120 §4.8.2: an answer has the namespace of the question",
        ks_stanza_error(&arena, &server, KS_GONE, NULL),
        "<message xmlns='jabber:server' type='error'><error type='cancel'><gone "
        "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>");
    check_tree("A new stanza", ks_stanza_new(&arena, "message", "chat", KS_STR("1"), KS_STR("a@x"), KS_STR("b@x")),
        "<message type='chat' id='1' from='a@x' to='b@x'/>");
    check_tree("One with nothing in it",
        ks_stanza_new(&arena, "presence", NULL, KS_STR_EMPTY, KS_STR_EMPTY, KS_STR_EMPTY), "<presence/>");
}

static void names(void)
{
    bool good = true;
    enum ks_cond found = 0;

    for (enum ks_cond cond = 0; cond < KS_COND_COUNT; cond++)
        good = good && ks_cond_from_name(ks_str_z(ks_cond_name(cond)), &found) && found == cond && *ks_cond_type(cond);
    check_row(good, "RFC 6120 §8.3.3: each condition is found by its name", "%d", found);
    check_row(!ks_cond_from_name(KS_STR("payment-required"), &found) && !ks_cond_from_name(KS_STR(""), &found),
        "RFC 6120 §8.3.3: others are not", "%d", found);
    for (enum ks_stream_cond cond = 1; cond < KS_STREAM_COND_COUNT; cond++)
        good = good && strcmp(ks_stream_cond_name(cond - 1), ks_stream_cond_name(cond)) < 0;
    check_row(good && !strcmp(ks_stream_cond_name(KS_STREAM_BAD_FORMAT), "bad-format"),
        "RFC 6120 §4.9.3: stream conditions in the order of the alphabet, which is the RFC's", "?");
}

static void limits(void)
{
    struct ks_xml *xml = tree("<iq type='get' id='1' from='\u00c4@x/r' to='B@x'><a/></iq>"), *error = NULL;
    enum ks_err err = KS_ELIMIT;
    size_t limit = 0;

    for (; err == KS_ELIMIT || !error; limit += 16) {
        struct ks_arena small;
        struct ks_stanza stanza = { .xml = xml, .kind = KS_IQ };
        enum ks_cond cond;
        ks_arena_init(&small, limit);
        err = ks_stanza_read(&small, xml, &stanza, &cond);
        ks_arena_done(&small);
        ks_arena_init(&small, limit);
        error = ks_stanza_error(&small, &stanza, KS_GONE, "text");
        ks_arena_done(&small);
    }
    check_row(
        err == KS_OK && limit > 100, "Arenas that are too small fail cleanly", "%s at %zu", ks_err_name(err), limit);
}

int main(void)
{
    ks_arena_init(&arena, 1 << 20);
    reading();
    addresses();
    answers();
    names();
    limits();
    ks_arena_done(&arena);
    return check_done();
}
