/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "xml_framer.h"

#include "xml_char.h"
#include "xml_scan.h"

enum state {
    TOP,        /* between items; all zeroes is a new framer */
    LT,         /* after '<' */
    DECL_OPEN,  /* inside "<?xml" */
    DECL_BLANK, /* after it */
    DECL,       /* inside the XML declaration */
    PROLOG,     /* between the declaration and the stream header */
    TAG,        /* inside a start tag */
    TAG_EMPTY,  /* after the '/' of an empty-element tag */
    VALUE,      /* inside an attribute value */
    END_OPEN,   /* after "</" */
    END_TAG,    /* inside an end tag */
    TEXT,       /* inside an element, between tags */
    BANG,       /* after "<!" */
    CDATA_OPEN, /* inside "<![CDATA[" */
    CDATA,
    REF,      /* after '&' */
    REF_NAME, /* inside an entity's name */
    REF_HASH, /* after "&#" */
    REF_DEC,
    REF_HEX_OPEN, /* after "&#x" */
    REF_HEX,
    FINISHED,
};

/* A name longer than any of the five; no four bytes of a name make it. */
#define REF_OTHER UINT32_MAX

void ks_framer_init(struct ks_framer *framer, uint32_t bytes_max, uint16_t depth_max)
{
    assert(bytes_max > 0 && depth_max >= 1 && depth_max <= 60000);
    *framer = (struct ks_framer) { .bytes_max = bytes_max, .depth_max = depth_max };
}

void ks_framer_restart(struct ks_framer *framer)
{
    ks_framer_init(framer, framer->bytes_max, framer->depth_max);
}

/* The control characters that XML 1.0 §2.2 leaves out. */
static bool is_control(uint8_t c)
{
    return c < 0x20 && !ks_xml_is_blank(c);
}

/* Near enough to tell a tag from a stray '<'; the reader knows XML's tables. */
static bool is_name_start(uint8_t c)
{
    return ('a' <= (c | 0x20) && (c | 0x20) <= 'z') || c == '_' || c == ':' || c >= 0x80;
}

static bool is_name(uint8_t c)
{
    return is_name_start(c) || ('0' <= c && c <= '9') || c == '-' || c == '.';
}

static enum ks_frame finish(struct ks_framer *framer, enum ks_frame frame)
{
    framer->state = FINISHED;
    return frame;
}

static enum ks_frame item(struct ks_framer *framer, enum ks_frame frame)
{
    framer->state = TOP;
    framer->bytes = 0;
    return frame;
}

static enum ks_frame after_lt(struct ks_framer *framer, uint8_t c)
{
    if (c == '/') {
        if (!framer->in_stream)
            return KS_FRAME_BAD;
        framer->state = END_OPEN;
    } else if (c == '?') {
        if (framer->in_stream || framer->declared)
            return KS_FRAME_RESTRICTED;
        framer->state = DECL_OPEN;
        framer->match = 0;
    } else if (c == '!') {
        framer->state = BANG;
    } else if (is_name_start(c)) {
        if (framer->in_stream && framer->depth == framer->depth_max)
            return KS_FRAME_TOO_BIG;
        framer->state = TAG;
    } else {
        return KS_FRAME_BAD;
    }
    return KS_FRAME_MORE;
}

static enum ks_frame in_tag(struct ks_framer *framer, uint8_t c)
{
    switch (c) {
    case '\'':
    case '"':
        framer->quote = c;
        framer->state = VALUE;
        return KS_FRAME_MORE;
    case '/':
        framer->state = TAG_EMPTY;
        return KS_FRAME_MORE;
    case '>':
        if (!framer->in_stream) {
            framer->in_stream = true;
            return item(framer, KS_FRAME_OPEN);
        }
        framer->depth++;
        framer->state = TEXT;
        return KS_FRAME_MORE;
    default:
        return c == '<' || c == '&' || is_control(c) ? KS_FRAME_BAD : KS_FRAME_MORE;
    }
}

/* A stream header with no stream behind it is of no use to anyone, so "<stream:stream/>" is BAD. */
static enum ks_frame after_empty(struct ks_framer *framer, uint8_t c)
{
    if (c != '>' || !framer->in_stream)
        return KS_FRAME_BAD;
    if (framer->depth == 0)
        return item(framer, KS_FRAME_STANZA);
    framer->state = TEXT;
    return KS_FRAME_MORE;
}

static enum ks_frame in_end_tag(struct ks_framer *framer, uint8_t c)
{
    if (c != '>')
        return c == '<' || c == '/' || c == '&' || c == '\'' || c == '"' || is_control(c) ? KS_FRAME_BAD
                                                                                          : KS_FRAME_MORE;
    if (framer->depth == 0)
        return finish(framer, KS_FRAME_CLOSE);
    if (--framer->depth == 0)
        return item(framer, KS_FRAME_STANZA);
    framer->state = TEXT;
    return KS_FRAME_MORE;
}

/* Steps through a word; anything else is answered with otherwise. */
static enum ks_frame expect(
    struct ks_framer *framer, uint8_t c, const char *word, enum state then, enum ks_frame otherwise)
{
    if (c != (uint8_t)word[framer->match])
        return otherwise;
    if (!word[++framer->match]) {
        framer->state = (uint8_t)then;
        framer->match = 0;
    }
    return KS_FRAME_MORE;
}

static enum ks_frame in_declaration(struct ks_framer *framer, uint8_t c)
{
    if (c == '>' && framer->match) {
        framer->declared = true;
        framer->state = PROLOG;
        return KS_FRAME_MORE;
    }
    framer->match = c == '?';
    return c == '<' || c == '>' || is_control(c) ? KS_FRAME_BAD : KS_FRAME_MORE;
}

static enum ks_frame in_cdata(struct ks_framer *framer, uint8_t c)
{
    if (c == '>' && framer->match == 2)
        framer->state = TEXT;
    else if (c != ']')
        framer->match = 0;
    else if (framer->match < 2)
        framer->match++;
    return is_control(c) ? KS_FRAME_BAD : KS_FRAME_MORE;
}

static void end_reference(struct ks_framer *framer)
{
    framer->state = framer->quote ? VALUE : TEXT;
}

static enum ks_frame in_number(struct ks_framer *framer, uint8_t c)
{
    bool hex = framer->state == REF_HEX || framer->state == REF_HEX_OPEN;
    uint32_t n = framer->reference;

    if (c == ';' && framer->state != REF_HASH && framer->state != REF_HEX_OPEN) {
        end_reference(framer);
        return ks_xml_is_char(n) ? KS_FRAME_MORE : KS_FRAME_BAD;
    }
    if (c == 'x' && framer->state == REF_HASH) {
        framer->state = REF_HEX_OPEN;
        return KS_FRAME_MORE;
    }
    uint32_t digit;
    if ('0' <= c && c <= '9')
        digit = c - (uint32_t)'0';
    else if (hex && 'a' <= (c | 0x20) && (c | 0x20) <= 'f')
        digit = (c | 0x20U) - 'a' + 10;
    else
        return KS_FRAME_BAD;
    framer->state = hex ? REF_HEX : REF_DEC;
    if (n <= 0x10ffff) /* beyond it, it stays beyond it */
        framer->reference = n * (hex ? 16 : 10) + digit;
    return KS_FRAME_MORE;
}

#define NAME2(a, b) ((uint32_t)(a) << 8 | (b))
#define NAME3(a, b, c) (NAME2(a, b) << 8 | (c))
#define NAME4(a, b, c, d) (NAME3(a, b, c) << 8 | (d))

/* RFC 6120 §11.1 forbids "internal or external entity references with the exception of the predefined entities". */
static enum ks_frame in_entity(struct ks_framer *framer, uint8_t c)
{
    uint32_t name = framer->reference;

    if (c == ';') {
        end_reference(framer);
        bool predefined = name == NAME2('l', 't') || name == NAME2('g', 't') || name == NAME3('a', 'm', 'p')
            || name == NAME4('a', 'p', 'o', 's') || name == NAME4('q', 'u', 'o', 't');
        return predefined ? KS_FRAME_MORE : KS_FRAME_RESTRICTED;
    }
    framer->reference = name > 0xffffff || c >= 0x80 ? REF_OTHER : name << 8 | c;
    return is_name(c) ? KS_FRAME_MORE : KS_FRAME_BAD;
}

static enum ks_frame after_ampersand(struct ks_framer *framer, uint8_t c)
{
    framer->reference = 0;
    if (c == '#') {
        framer->state = REF_HASH;
        return KS_FRAME_MORE;
    }
    framer->state = REF_NAME;
    return is_name_start(c) ? in_entity(framer, c) : KS_FRAME_BAD;
}

static enum ks_frame in_value(struct ks_framer *framer, uint8_t c)
{
    if (c == framer->quote) {
        framer->quote = 0;
        framer->state = TAG;
    } else if (c == '&') {
        framer->state = REF;
    }
    return c == '<' || is_control(c) ? KS_FRAME_BAD : KS_FRAME_MORE;
}

static enum ks_frame in_text(struct ks_framer *framer, uint8_t c)
{
    if (c == '<')
        framer->state = LT;
    else if (c == '&')
        framer->state = REF;
    return is_control(c) ? KS_FRAME_BAD : KS_FRAME_MORE;
}

/* A byte in one of the states that are short. */
static enum ks_frame step(struct ks_framer *framer, uint8_t c)
{
    switch ((enum state)framer->state) {
    case TOP:
    case PROLOG:
        framer->state = c == '<' ? LT : framer->state;
        return c == '<' || ks_xml_is_blank(c) ? KS_FRAME_MORE : KS_FRAME_BAD;
    case DECL_OPEN:
        return expect(framer, c, "xml", DECL_BLANK, KS_FRAME_RESTRICTED);
    case DECL_BLANK:
        framer->state = DECL;
        return ks_xml_is_blank(c) ? KS_FRAME_MORE : KS_FRAME_RESTRICTED;
    case DECL:
        return in_declaration(framer, c);
    case TAG_EMPTY:
        return after_empty(framer, c);
    case END_OPEN:
        framer->state = END_TAG;
        return is_name_start(c) ? KS_FRAME_MORE : KS_FRAME_BAD;
    case BANG:
        if (c != '[') /* a comment or a DTD */
            return KS_FRAME_RESTRICTED;
        framer->state = CDATA_OPEN;
        framer->match = 0;
        return framer->depth ? KS_FRAME_MORE : KS_FRAME_BAD;
    case CDATA_OPEN:
        return expect(framer, c, "CDATA[", CDATA, KS_FRAME_BAD);
    case REF:
        return after_ampersand(framer, c);
    case REF_NAME:
        return in_entity(framer, c);
    case REF_HASH:
    case REF_DEC:
    case REF_HEX_OPEN:
    case REF_HEX:
        return in_number(framer, c);
    case LT:
    case TAG:
    case VALUE:
    case END_TAG:
    case TEXT:
    case CDATA:
    case FINISHED:
        break;
    }
    return KS_FRAME_BAD;
}

/* In the states that are long, passes by what changes nothing; then one byte. */
static enum ks_frame scan(struct ks_framer *framer, const uint8_t *start, const uint8_t *end, const uint8_t **ret_at)
{
    enum ks_frame frame = KS_FRAME_MORE;
    const uint8_t *at = start;

    while (at < end && frame == KS_FRAME_MORE) {
        const uint8_t quote = framer->quote;
        switch (framer->state) {
        case TEXT:
            KS_SCAN(at, end, c, (c < 0x20) | (c == '<') | (c == '&'));
            frame = at < end ? in_text(framer, *at++) : frame;
            break;
        case VALUE:
            KS_SCAN(at, end, c, (c < 0x20) | (c == '<') | (c == '&') | (c == quote));
            frame = at < end ? in_value(framer, *at++) : frame;
            break;
        case TAG: /* stops at what is below ')' but the space, at '/', '<' and '>' */
            KS_SCAN(at, end, c, ((c < ')') & (c != ' ')) | (c == '/') | ((c | 2) == '>'));
            frame = at < end ? in_tag(framer, *at++) : frame;
            break;
        case END_TAG:
            KS_SCAN(at, end, c, ((c < ')') & (c != ' ')) | (c == '/') | ((c | 2) == '>'));
            frame = at < end ? in_end_tag(framer, *at++) : frame;
            break;
        case CDATA:
            if (framer->match == 0)
                KS_SCAN(at, end, c, (c < 0x20) | (c == ']'));
            frame = at < end ? in_cdata(framer, *at++) : frame;
            break;
        case LT:
            frame = after_lt(framer, *at++);
            break;
        default:
            frame = step(framer, *at++);
        }
    }
    *ret_at = at;
    return frame;
}

enum ks_frame ks_framer_next(struct ks_framer *framer, struct ks_str bytes, size_t *ret_len)
{
    const uint8_t *start = (const uint8_t *)bytes.ptr, *at = start;
    size_t room = framer->bytes_max - framer->bytes;

    *ret_len = 0;
    if (framer->state == TOP) {
        while (at < start + bytes.len && ks_xml_is_blank(*at))
            at++;
        *ret_len = (size_t)(at - start);
        if (*ret_len)
            return KS_FRAME_BLANK;
    }
    if (!bytes.len)
        return KS_FRAME_MORE;
    enum ks_frame frame = scan(framer, start, start + (bytes.len < room ? bytes.len : room), &at);
    *ret_len = (size_t)(at - start);
    if (frame == KS_FRAME_MORE) {
        framer->bytes += (uint32_t)*ret_len;
        if (framer->bytes == framer->bytes_max)
            frame = KS_FRAME_TOO_BIG;
    }
    return frame == KS_FRAME_BAD || frame == KS_FRAME_RESTRICTED || frame == KS_FRAME_TOO_BIG ? finish(framer, frame)
                                                                                              : frame;
}
