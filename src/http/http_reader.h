/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* http_reader.h -- the requests of a connection: the subset of HTTP/1.1 (RFC 9110, RFC 9112) that konsild speaks.
 *
 * A reader keeps a few bytes for each connection and no text. It takes less than others do, because what two programs
 * read differently is what smuggles a request past one of them: a line ends in CRLF, a head has one Host and at most
 * one Content-Length, a body has a Content-Length, and blanks stand where the grammar has them. How the network cuts
 * the bytes never matters (fuzz target http_reader). Nothing here allocates or logs.
 *
 * HTTP/1.0 is read, too: without keep-alive, Expect and Upgrade, and with a Host. */
#ifndef KS_HTTP_READER_H
#define KS_HTTP_READER_H

#include "http_target.h"

#define KS_HTTP_HEAD_MAX 8192 /* RFC 9112 §3 recommends that a request line of 8000 bytes has room */
#define KS_HTTP_FIELDS_MAX 64

enum ks_http_method { KS_HTTP_GET, KS_HTTP_HEAD, KS_HTTP_PUT, KS_HTTP_POST, KS_HTTP_DELETE, KS_HTTP_OPTIONS };

/* Why a request was refused. After it nothing is known of where the next one begins: answer with
 * ks_http_fault_status() and close. */
enum ks_http_fault {
    KS_HTTP_FAULT_NONE,
    KS_HTTP_FAULT_LINE_END,     /* LF without CR, or CR without LF */
    KS_HTTP_FAULT_LONG_LINE,    /* the request line alone fills the head */
    KS_HTTP_FAULT_LONG_HEAD,    /* over KS_HTTP_HEAD_MAX */
    KS_HTTP_FAULT_FIELDS,       /* over KS_HTTP_FIELDS_MAX */
    KS_HTTP_FAULT_REQUEST_LINE, /* not "method target version" */
    KS_HTTP_FAULT_METHOD,       /* not one of enum ks_http_method */
    KS_HTTP_FAULT_VERSION,      /* neither HTTP/1.1 nor HTTP/1.0 */
    KS_HTTP_FAULT_TARGET,       /* ks_http_target_read refused it, or "*" without OPTIONS */
    KS_HTTP_FAULT_FOLD,         /* a line of the fields begins with a blank: obs-fold, or worse */
    KS_HTTP_FAULT_FIELD_NAME,   /* no token before a colon */
    KS_HTTP_FAULT_FIELD_VALUE,  /* a control character: NUL, too */
    KS_HTTP_FAULT_HOST,         /* none, several, or not "host:port" */
    KS_HTTP_FAULT_LENGTH,       /* several Content-Length, or one that is not a number */
    KS_HTTP_FAULT_BOTH,         /* Content-Length and Transfer-Encoding */
    KS_HTTP_FAULT_CHUNKED,      /* a body in chunks, without a length */
    KS_HTTP_FAULT_CODING,       /* another Transfer-Encoding */
    KS_HTTP_FAULT_BODY,         /* a GET or HEAD with a body */
    KS_HTTP_FAULT_EXPECT,       /* expects something else than 100-continue */
    KS_HTTP_FAULTS
};

/* The status to answer with (400, 411, 414, 417, 431, 501, 505), and a word for logs: "field_name". */
unsigned ks_http_fault_status(enum ks_http_fault fault);
const char *ks_http_fault_name(enum ks_http_fault fault);

/* A request's head. All texts are views into the bytes given to ks_http_next, and as good as these. */
struct ks_http_request {
    enum ks_http_method method;
    struct ks_str target;          /* as sent */
    struct ks_str path, query;     /* http_target.h; the path is "*" with OPTIONS alone */
    struct ks_http_authority host; /* RFC 9112 §3.2.2: of an absolute target if there is one, else of the Host field */
    uint64_t body_bytes;           /* that follow; 0 without a Content-Length */
    bool keep_alive;               /* the connection may stay open behind the answer */
    bool expect_continue;          /* RFC 9110 §10.1.1: the client waits for a 100, or for the answer, with its body */
    bool websocket;                /* RFC 9110 §7.8: asks for an upgrade to websocket (ws_handshake.h) */
    uint8_t field_count;
    struct ks_str head; /* the whole of it; where the fields stand is counted from here */
    struct {
        uint16_t name, name_len, value, value_len;
    } fields[KS_HTTP_FIELDS_MAX];
};

/* Values of a field, without the blanks around them, line by line: the next at or behind *at, which begins at 0; false
 * when there are no more. The name's case does not matter. */
bool ks_http_field_next(
    const struct ks_http_request *request, struct ks_str name, unsigned *at, struct ks_str *ret_value);
/* For a field that a request has once at most. KS_OK; KS_ENOTFOUND; KS_EEXISTS if there are several. */
KS_CHECK enum ks_err ks_http_field(const struct ks_http_request *request, struct ks_str name, struct ks_str *ret_value);

/* All zeroes is a new reader; there is nothing to free. */
struct ks_http_reader {
    uint64_t body_left;
    uint16_t looked; /* bytes of the unfinished head that need no second look */
    uint8_t state, fault;
};

enum ks_http_got {
    KS_HTTP_MORE,    /* nothing yet: keep what is left of the bytes, and give it again with more behind it */
    KS_HTTP_REQUEST, /* a head, in *ret_request */
    KS_HTTP_BODY,    /* the first *ret_len bytes are of its body */
    KS_HTTP_END,     /* the request is whole; the next one may stand behind it (RFC 9112 §9.3.2) */
    KS_HTTP_REFUSED, /* and finished: see ks_http_reader_fault */
};

/* What comes next in bytes, which begin where the last call left off: it consumed *ret_len of them. Call again with the
 * rest until it says MORE; no call is needed while an answer is not yet written, which is how a pipeline waits. Each
 * request is one REQUEST, any number of BODY, one END. After an upgrade the bytes are another protocol's: stop.
 * *ret_request is written on REQUEST only. */
enum ks_http_got ks_http_next(
    struct ks_http_reader *reader, struct ks_str bytes, struct ks_http_request *ret_request, size_t *ret_len);

/* True between requests: with no bytes at hand either, the connection is idle and may be closed. */
static inline bool ks_http_reader_idle(const struct ks_http_reader *reader)
{
    return reader->state == 0 && reader->looked == 0;
}

static inline enum ks_http_fault ks_http_reader_fault(const struct ks_http_reader *reader)
{
    return (enum ks_http_fault)reader->fault;
}

#endif
