/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "http_reader.h"

#include "http_text.h"

enum state {
    HEAD, /* all zeroes is a new reader */
    BODY,
    FINISHED,
};

static const struct {
    unsigned status;
    const char *name;
} faults[KS_HTTP_FAULTS] = {
    [KS_HTTP_FAULT_NONE] = { 200, "none" },
    [KS_HTTP_FAULT_LINE_END] = { 400, "line_end" },
    [KS_HTTP_FAULT_LONG_LINE] = { 414, "long_line" },
    [KS_HTTP_FAULT_LONG_HEAD] = { 431, "long_head" },
    [KS_HTTP_FAULT_FIELDS] = { 431, "fields" },
    [KS_HTTP_FAULT_REQUEST_LINE] = { 400, "request_line" },
    [KS_HTTP_FAULT_METHOD] = { 501, "method" },
    [KS_HTTP_FAULT_VERSION] = { 505, "version" },
    [KS_HTTP_FAULT_TARGET] = { 400, "target" },
    [KS_HTTP_FAULT_FOLD] = { 400, "fold" },
    [KS_HTTP_FAULT_FIELD_NAME] = { 400, "field_name" },
    [KS_HTTP_FAULT_FIELD_VALUE] = { 400, "field_value" },
    [KS_HTTP_FAULT_HOST] = { 400, "host" },
    [KS_HTTP_FAULT_LENGTH] = { 400, "length" },
    [KS_HTTP_FAULT_BOTH] = { 400, "both" },
    [KS_HTTP_FAULT_CHUNKED] = { 411, "chunked" },
    [KS_HTTP_FAULT_CODING] = { 501, "coding" },
    [KS_HTTP_FAULT_BODY] = { 400, "body" },
    [KS_HTTP_FAULT_EXPECT] = { 417, "expect" },
};

unsigned ks_http_fault_status(enum ks_http_fault fault)
{
    return faults[fault].status;
}

const char *ks_http_fault_name(enum ks_http_fault fault)
{
    return faults[fault].name;
}

/* A request while its head is read: what its fields said. */
struct head {
    struct ks_http_request *request;
    struct ks_str left; /* the lines to come */
    bool http_1_0;
    bool has_host, has_length, has_coding, is_chunked;
    bool close, upgrade, to_websocket, expect;
};

/* The next line without its CRLF, which is there: find_end() saw to it. */
static struct ks_str cut_line(struct head *head)
{
    size_t len = ks_str_find_byte(head->left, '\n');
    struct ks_str line = ks_str_head(head->left, len - 1);

    head->left = ks_str_from(head->left, len + 1);
    return line;
}

static enum ks_http_fault read_method(struct ks_str text, enum ks_http_method *ret_method)
{
    static const char *const methods[] = { [KS_HTTP_GET] = "GET",
        [KS_HTTP_HEAD] = "HEAD",
        [KS_HTTP_PUT] = "PUT",
        [KS_HTTP_POST] = "POST",
        [KS_HTTP_DELETE] = "DELETE",
        [KS_HTTP_OPTIONS] = "OPTIONS" };

    for (unsigned i = 0; i < KS_COUNT(methods); i++)
        if (ks_str_is(text, methods[i])) {
            *ret_method = (enum ks_http_method)i;
            return KS_HTTP_FAULT_NONE;
        }
    return ks_http_is_token(text) ? KS_HTTP_FAULT_METHOD : KS_HTTP_FAULT_REQUEST_LINE;
}

static bool is_digit(char c)
{
    return '0' <= c && c <= '9';
}

/* RFC 9112 §2.3: HTTP-name "/" DIGIT "." DIGIT. */
static enum ks_http_fault read_version(struct head *head, struct ks_str text)
{
    if (text.len != 8 || !ks_str_starts(text, KS_STR("HTTP/")) || !is_digit(text.ptr[5]) || text.ptr[6] != '.'
        || !is_digit(text.ptr[7]))
        return KS_HTTP_FAULT_REQUEST_LINE;
    head->http_1_0 = text.ptr[7] == '0';
    return text.ptr[5] == '1' && text.ptr[7] <= '1' ? KS_HTTP_FAULT_NONE : KS_HTTP_FAULT_VERSION;
}

/* RFC 9112 §3: method SP request-target SP HTTP-version. §3 lets a recipient put up with other blanks between them, and
 * says what comes of it: "request smuggling". */
static enum ks_http_fault read_request_line(struct head *head, struct ks_str line)
{
    struct ks_http_request *request = head->request;
    struct ks_http_target target;
    struct ks_str method;
    enum ks_http_fault fault;

    if (!ks_str_cut(&line, ' ', &method) || !ks_str_cut(&line, ' ', &request->target) || !request->target.len)
        return KS_HTTP_FAULT_REQUEST_LINE;
    if ((fault = read_version(head, line)) || (fault = read_method(method, &request->method)))
        return fault;
    if (ks_http_target_read(request->target, &target) != KS_OK)
        return KS_HTTP_FAULT_TARGET;
    if (target.path.ptr[0] == '*' && request->method != KS_HTTP_OPTIONS) /* RFC 9112 §3.2.4 */
        return KS_HTTP_FAULT_TARGET;
    request->path = target.path;
    request->query = target.query;
    request->host = target.authority;
    return KS_HTTP_FAULT_NONE;
}

/* RFC 9112 §3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks
 * a Host header field and to any request message that contains more than one Host header field line or a Host header
 * field with an invalid field value." */
static enum ks_http_fault on_host(struct head *head, struct ks_str value)
{
    struct ks_http_authority host;

    if (head->has_host || ks_http_authority_read(value, &host) != KS_OK)
        return KS_HTTP_FAULT_HOST;
    head->has_host = true;
    if (!head->request->host.host.len)
        head->request->host = host;
    return KS_HTTP_FAULT_NONE;
}

/* RFC 9110 §8.6: 1*DIGIT. A list of the same number is one that somebody joined: refused, as §8.6 allows. A length that
 * 63 bits do not hold is no length of anything. */
static enum ks_http_fault on_content_length(struct head *head, struct ks_str value)
{
    if (head->has_length || ks_str_u64(value, INT64_MAX, &head->request->body_bytes) != KS_OK)
        return KS_HTTP_FAULT_LENGTH;
    head->has_length = true;
    return KS_HTTP_FAULT_NONE;
}

static enum ks_http_fault on_transfer_encoding(struct head *head, struct ks_str value)
{
    head->is_chunked = !head->has_coding && ks_http_is(value, KS_STR("chunked"));
    head->has_coding = true;
    return KS_HTTP_FAULT_NONE;
}

/* RFC 9110 §7.6.1. */
static enum ks_http_fault on_connection(struct head *head, struct ks_str value)
{
    for (struct ks_str option; ks_http_list_next(&value, &option);) {
        head->close |= ks_http_is(option, KS_STR("close"));
        head->upgrade |= ks_http_is(option, KS_STR("upgrade"));
    }
    return KS_HTTP_FAULT_NONE;
}

/* RFC 9110 §7.8; RFC 6455 §4.2.1 item 3: in any case. */
static enum ks_http_fault on_upgrade(struct head *head, struct ks_str value)
{
    for (struct ks_str protocol; ks_http_list_next(&value, &protocol);)
        head->to_websocket |= ks_http_is(protocol, KS_STR("websocket"));
    return KS_HTTP_FAULT_NONE;
}

/* RFC 9110 §10.1.1: who gets "a member other than 100-continue MAY respond with a 417". */
static enum ks_http_fault on_expect(struct head *head, struct ks_str value)
{
    for (struct ks_str member; ks_http_list_next(&value, &member);) {
        if (!ks_http_is(member, KS_STR("100-continue")))
            return KS_HTTP_FAULT_EXPECT;
        head->expect = true;
    }
    return KS_HTTP_FAULT_NONE;
}

static const struct known {
    struct ks_str name;
    enum ks_http_fault (*take)(struct head *, struct ks_str value);
} known[] = {
    { { "Host", 4 }, on_host },
    { { "Content-Length", 14 }, on_content_length },
    { { "Transfer-Encoding", 17 }, on_transfer_encoding },
    { { "Connection", 10 }, on_connection },
    { { "Upgrade", 7 }, on_upgrade },
    { { "Expect", 6 }, on_expect },
};

static enum ks_http_fault read_field(struct head *head, struct ks_str line)
{
    struct ks_http_request *request = head->request;
    size_t colon = ks_str_find_byte(line, ':');
    struct ks_str name = ks_str_head(line, colon), value = ks_http_trim(ks_str_from(line, colon + 1));

    /* RFC 9112 §5.2: a server "MUST either reject the message by sending a 400 […] or replace" the fold; §2.2: blanks
     * before the first field are refused, too. */
    if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
        return KS_HTTP_FAULT_FOLD;
    /* RFC 9112 §5.1: "No whitespace is allowed between the field name and colon." */
    if (colon == line.len || !ks_http_is_token(name))
        return KS_HTTP_FAULT_FIELD_NAME;
    if (!ks_http_all(value, KS_HTTP_VALUE))
        return KS_HTTP_FAULT_FIELD_VALUE;
    if (request->field_count == KS_HTTP_FIELDS_MAX)
        return KS_HTTP_FAULT_FIELDS;
    if (!value.len) /* so that it has a place, too */
        value = ks_str(line.ptr + line.len, 0);
    const char *start = request->head.ptr;
    request->fields[request->field_count].name = (uint16_t)(name.ptr - start);
    request->fields[request->field_count].name_len = (uint16_t)name.len;
    request->fields[request->field_count].value = (uint16_t)(value.ptr - start);
    request->fields[request->field_count].value_len = (uint16_t)value.len;
    request->field_count++;
    for (size_t i = 0; i < KS_COUNT(known); i++)
        if (ks_http_is(name, known[i].name))
            return known[i].take(head, value);
    return KS_HTTP_FAULT_NONE;
}

/* RFC 9112 §6.3: how long the body is. Here, and nowhere else, is what a smuggler would have two of. */
static enum ks_http_fault frame_body(struct head *head)
{
    struct ks_http_request *request = head->request;

    if (head->has_coding && head->has_length)
        return KS_HTTP_FAULT_BOTH;
    if (head->has_coding)
        return head->is_chunked ? KS_HTTP_FAULT_CHUNKED : KS_HTTP_FAULT_CODING;
    /* RFC 9110 §9.3.1: content in a GET "has no generally defined semantics […] and might lead some implementations to
     * reject the request and close the connection because of its potential as a request smuggling attack". */
    if (request->body_bytes && (request->method == KS_HTTP_GET || request->method == KS_HTTP_HEAD))
        return KS_HTTP_FAULT_BODY;
    return KS_HTTP_FAULT_NONE;
}

static enum ks_http_fault read_head(struct ks_str bytes, struct ks_http_request *request)
{
    struct head head = { .request = request, .left = bytes };
    struct ks_str line = cut_line(&head);
    enum ks_http_fault fault;

    request->head = bytes;
    request->field_count = 0;
    request->body_bytes = 0;
    if (!line.len) /* RFC 9112 §2.2: one empty line before it is ignored */
        line = cut_line(&head);
    if ((fault = read_request_line(&head, line)))
        return fault;
    while ((line = cut_line(&head)).len)
        if ((fault = read_field(&head, line)))
            return fault;
    if (!head.has_host)
        return KS_HTTP_FAULT_HOST;
    if ((fault = frame_body(&head)))
        return fault;
    request->keep_alive = !head.http_1_0 && !head.close;
    request->expect_continue = !head.http_1_0 && head.expect && request->body_bytes;
    request->websocket = !head.http_1_0 && head.upgrade && head.to_websocket;
    return KS_HTTP_FAULT_NONE;
}

/* Which of the two it is when a head is not whole and has no more room. */
static enum ks_http_fault too_long(struct ks_str head)
{
    struct ks_str first = ks_str_starts(head, KS_STR("\r\n")) ? ks_str_from(head, 2) : head;

    return ks_str_find_byte(first, '\n') == first.len ? KS_HTTP_FAULT_LONG_LINE : KS_HTTP_FAULT_LONG_HEAD;
}

/* Looks for the empty line that ends a head, in what was not yet looked at: *ret_len, or 0 if it is not there. Each CR
 * has its LF, and each LF its CR (RFC 9112 §2.2: "A recipient of such a bare CR MUST consider that element to be
 * invalid"). */
static enum ks_http_fault find_end(struct ks_http_reader *reader, struct ks_str bytes, size_t *ret_len)
{
    struct ks_str head = ks_str_head(bytes, KS_HTTP_HEAD_MAX);

    *ret_len = 0;
    while (reader->looked < head.len) {
        struct ks_str rest = ks_str_from(head, reader->looked);
        size_t cr = ks_str_find_byte(rest, '\r'), at = reader->looked + cr;
        if (ks_str_find_byte(ks_str_head(rest, cr), '\n') != cr)
            return KS_HTTP_FAULT_LINE_END;
        reader->looked = (uint16_t)at;
        if (at + 1 >= head.len)
            break;
        if (head.ptr[at + 1] != '\n')
            return KS_HTTP_FAULT_LINE_END;
        reader->looked = (uint16_t)(at + 2);
        if (at > 0 && head.ptr[at - 1] == '\n') {
            *ret_len = at + 2;
            return KS_HTTP_FAULT_NONE;
        }
    }
    return head.len == KS_HTTP_HEAD_MAX ? too_long(head) : KS_HTTP_FAULT_NONE;
}

static enum ks_http_got refuse(struct ks_http_reader *reader, enum ks_http_fault fault)
{
    reader->state = FINISHED;
    reader->fault = (uint8_t)fault;
    return KS_HTTP_REFUSED;
}

static enum ks_http_got next_head(
    struct ks_http_reader *reader, struct ks_str bytes, struct ks_http_request *ret_request, size_t *ret_len)
{
    size_t len;
    enum ks_http_fault fault = find_end(reader, bytes, &len);

    if (!len && !fault)
        return KS_HTTP_MORE;
    if (fault || (fault = read_head(ks_str_head(bytes, len), ret_request)))
        return refuse(reader, fault);
    *reader = (struct ks_http_reader) { .state = BODY, .body_left = ret_request->body_bytes };
    *ret_len = len;
    return KS_HTTP_REQUEST;
}

enum ks_http_got ks_http_next(
    struct ks_http_reader *reader, struct ks_str bytes, struct ks_http_request *ret_request, size_t *ret_len)
{
    *ret_len = 0;
    switch ((enum state)reader->state) {
    case HEAD:
        return next_head(reader, bytes, ret_request, ret_len);
    case BODY:
        if (!reader->body_left) {
            reader->state = HEAD;
            return KS_HTTP_END;
        }
        if (!bytes.len)
            return KS_HTTP_MORE;
        *ret_len = bytes.len < reader->body_left ? bytes.len : (size_t)reader->body_left;
        reader->body_left -= *ret_len;
        return KS_HTTP_BODY;
    case FINISHED:
        break;
    }
    return KS_HTTP_REFUSED;
}

bool ks_http_field_next(
    const struct ks_http_request *request, struct ks_str name, unsigned *at, struct ks_str *ret_value)
{
    while (*at < request->field_count) {
        unsigned i = (*at)++;
        if (!ks_http_is(ks_str(request->head.ptr + request->fields[i].name, request->fields[i].name_len), name))
            continue;
        *ret_value = ks_str(request->head.ptr + request->fields[i].value, request->fields[i].value_len);
        return true;
    }
    return false;
}

enum ks_err ks_http_field(const struct ks_http_request *request, struct ks_str name, struct ks_str *ret_value)
{
    struct ks_str value, another;
    unsigned at = 0;

    if (!ks_http_field_next(request, name, &at, &value))
        return KS_ENOTFOUND;
    if (ks_http_field_next(request, name, &at, &another))
        return KS_EEXISTS;
    *ret_value = value;
    return KS_OK;
}
