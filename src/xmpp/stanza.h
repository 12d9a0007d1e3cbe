/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* stanza.h -- what RFC 6120 §8 says about message, presence and iq, over a tree of xml.h. */
#ifndef KS_STANZA_H
#define KS_STANZA_H

#include "jid.h"
#include "ns.h"
#include "xml.h"

/* Attributes that a stanza may have beside 'from' and 'to', which servers add (RFC 6120 §8.1). So what was read once is
 * far within what xml_reader.h reads (KS_XML_NAMES_MAX) wherever it goes. */
#define KS_STANZA_ATTRS_MAX 16

/* Bytes of a stanza as ks_xml_write has it. To write it anew may take many times what it came in: "'" becomes "&apos;",
 * and a namespace with a prefix is repeated wherever it is used. So a server counts what it passes on, and not only
 * what it gets; the rest up to what a client reads is for what it puts around it (addresses, ids, XEP-0280, XEP-0313).
 */
#define KS_STANZA_READ_MAX (2u << 20)                           /* from a server: whatever it writes is within it */
#define KS_STANZA_PASSED_MAX (KS_STANZA_READ_MAX - (64u << 10)) /* of one client for another */
#define KS_STANZA_SENT_MAX (512u << 10)                         /* by a client: each server of ours takes so much */

enum ks_stanza_kind { KS_MESSAGE, KS_PRESENCE, KS_IQ };
#define KS_STANZA_KINDS 3
enum ks_stanza_type {
    KS_TYPE_NONE, /* no 'type': normal message, available presence */
    KS_MSG_CHAT,
    KS_MSG_ERROR,
    KS_MSG_GROUPCHAT,
    KS_MSG_HEADLINE,
    KS_MSG_NORMAL,
    KS_PRES_ERROR,
    KS_PRES_PROBE,
    KS_PRES_SUBSCRIBE,
    KS_PRES_SUBSCRIBED,
    KS_PRES_UNAVAILABLE,
    KS_PRES_UNSUBSCRIBE,
    KS_PRES_UNSUBSCRIBED,
    KS_IQ_GET,
    KS_IQ_SET,
    KS_IQ_RESULT,
    KS_IQ_ERROR,
};

struct ks_stanza {
    enum ks_stanza_kind kind;
    enum ks_stanza_type type; /* a message of unknown or no type is KS_MSG_NORMAL (RFC 6121 §5.2.2) */
    struct ks_str id;         /* may be empty */
    bool has_from, has_to;
    struct ks_jid from, to;
    struct ks_xml *xml;
    struct ks_xml *payload; /* iq: its one child of get or set; NULL otherwise */
};

/* Stanza errors (RFC 6120 §8.3.3) and their usual types. The order is the RFC's. */
enum ks_cond {
    KS_BAD_REQUEST,
    KS_CONFLICT,
    KS_FEATURE_NOT_IMPLEMENTED,
    KS_FORBIDDEN,
    KS_GONE,
    KS_INTERNAL_SERVER_ERROR,
    KS_ITEM_NOT_FOUND,
    KS_JID_MALFORMED,
    KS_NOT_ACCEPTABLE,
    KS_NOT_ALLOWED,
    KS_NOT_AUTHORIZED,
    KS_POLICY_VIOLATION,
    KS_RECIPIENT_UNAVAILABLE,
    KS_REDIRECT,
    KS_REGISTRATION_REQUIRED,
    KS_REMOTE_SERVER_NOT_FOUND,
    KS_REMOTE_SERVER_TIMEOUT,
    KS_RESOURCE_CONSTRAINT,
    KS_SERVICE_UNAVAILABLE,
    KS_SUBSCRIPTION_REQUIRED,
    KS_UNDEFINED_CONDITION,
    KS_UNEXPECTED_REQUEST,
    KS_COND_COUNT
};
const char *ks_cond_name(enum ks_cond cond); /* "bad-request" */
const char *ks_cond_type(enum ks_cond cond); /* "modify" */
/* False if name is none of RFC 6120's. */
bool ks_cond_from_name(struct ks_str name, enum ks_cond *ret_cond);

/* Stream errors (RFC 6120 §4.9.3). */
enum ks_stream_cond {
    KS_STREAM_BAD_FORMAT,
    KS_STREAM_BAD_NAMESPACE_PREFIX,
    KS_STREAM_CONFLICT,
    KS_STREAM_CONNECTION_TIMEOUT,
    KS_STREAM_HOST_GONE,
    KS_STREAM_HOST_UNKNOWN,
    KS_STREAM_IMPROPER_ADDRESSING,
    KS_STREAM_INTERNAL_SERVER_ERROR,
    KS_STREAM_INVALID_FROM,
    KS_STREAM_INVALID_NAMESPACE,
    KS_STREAM_INVALID_XML,
    KS_STREAM_NOT_AUTHORIZED,
    KS_STREAM_NOT_WELL_FORMED,
    KS_STREAM_POLICY_VIOLATION,
    KS_STREAM_REMOTE_CONNECTION_FAILED,
    KS_STREAM_RESET,
    KS_STREAM_RESOURCE_CONSTRAINT,
    KS_STREAM_RESTRICTED_XML,
    KS_STREAM_SEE_OTHER_HOST,
    KS_STREAM_SYSTEM_SHUTDOWN,
    KS_STREAM_UNDEFINED_CONDITION,
    KS_STREAM_UNSUPPORTED_ENCODING,
    KS_STREAM_UNSUPPORTED_FEATURE,
    KS_STREAM_UNSUPPORTED_STANZA_TYPE,
    KS_STREAM_UNSUPPORTED_VERSION,
    KS_STREAM_COND_COUNT
};
const char *ks_stream_cond_name(enum ks_stream_cond cond); /* "bad-format" */

/* What a stanza says, checked: kind, type, addresses (parsed into arena), at most KS_STANZA_ATTRS_MAX attributes, for
 * iq an id and for get and set exactly one child element (RFC 6120 §8.2.3). KS_OK; KS_ESYNTAX with *ret_cond set to
 * what the sender gets (bad-request, jid-malformed), in which case ret_stanza still has kind, type, id and xml, so that
 * an error can be answered; KS_ESTATE if the element is no stanza (wrong name or namespace); KS_ELIMIT; KS_ENOMEM. */
KS_CHECK enum ks_err ks_stanza_read(
    struct ks_arena *arena, struct ks_xml *xml, struct ks_stanza *ret_stanza, enum ks_cond *ret_cond);

/* A sentence inside a stanza, in English or "German / English", which the program of whoever gets it may show. The
 * catalogue has it under this id (lang/catalogue.txt); tools/gen-catalogue sees that it is the same. */
#define KS_WIRE(id, text) text

/* A new stanza; type, id and addresses may be empty (views that live as long as the arena). NULL without memory. */
struct ks_xml *ks_stanza_new(
    struct ks_arena *arena, const char *name, const char *type, struct ks_str id, struct ks_str from, struct ks_str to);
/* <iq type='result'> to the sender of iq, from and to swapped as they were written. NULL without memory. */
struct ks_xml *ks_stanza_result(struct ks_arena *arena, const struct ks_stanza *iq);
/* The same as an error (RFC 6120 §8.3); also for messages and presences. text_z: NULL, or a sentence of ours in
 * English. The <error/> element is the last child, so that a caller can add an application condition. Returns NULL
 * without memory. Never answer an error or a result with this: the caller checks. */
struct ks_xml *ks_stanza_error(
    struct ks_arena *arena, const struct ks_stanza *stanza, enum ks_cond cond, const char *text_z);

#endif
