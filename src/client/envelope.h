/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* envelope.h -- what a message says inside its envelope: the content of sce.h, ours to write and anybody's to read
 * (doc/PROTOCOL.md §4.3, §5, §7, §8.2).
 *
 * Content is standard where a standard exists (body; XEP-0308, 0424, 0444, 0447, 0461, 0184), and ours where none does
 * (k, ref, set, ack, heal). Reading does not fail for what it does not know: that is KS_SAYS_UNKNOWN, kept and shown as
 * from a newer version. Pure functions; views and arrays belong to the arena and the tree. */
#ifndef KS_ENVELOPE_H
#define KS_ENVELOPE_H

#include "evidence.h"
#include "file_record.h"
#include "sce.h"
#include "signed.h"

#define KS_ACK_RANGES_MAX 64
#define KS_ACK_EXCEPT_MAX 64
#define KS_HEAL_ITEMS_MAX 64
#define KS_WANT_MAX 1000 /* numbers in one want */
#define KS_EMOJI_READ_MAX 16
#define KS_REASON_MAX 256 /* bytes */
#define KS_HALF_ROOT_LEN 16

enum ks_urgency { KS_URGENCY_NORMAL, KS_URGENCY_NONE, KS_URGENCY_HIGH };

/* <k/>: who made this envelope, and after which. */
struct ks_k {
    struct ks_str id; /* 32 hexadecimal digits */
    uint32_t device;
    uint64_t epoch, number;        /* number 0: not numbered */
    uint8_t prev[KS_SCE_HASH_LEN]; /* zeroes at number 1 */
    enum ks_urgency urgency;
    uint64_t epoch_before, number_before; /* pep, pn; 0: none */
    bool has_state;                       /* ms, mh: by which statement a room's members were chosen */
    uint64_t state_version;
    uint8_t state_hash[KS_SCE_HASH_LEN];
    uint64_t log_size; /* cp, cr: which key log its author follows; 0: none */
    uint8_t log_root[KS_HALF_ROOT_LEN];
};

/* One <r/> of <ack/>: of this numbering everything between `from` and `to` is here, but for the exceptions. */
struct ks_ack_range {
    struct ks_str jid, conversation; /* empty: by the envelope */
    uint32_t device;
    uint64_t epoch, from, to;
    uint8_t hash[KS_SCE_HASH_LEN]; /* of `to` */
    bool displayed;                /* else stored */
    struct ks_ack_except {
        uint64_t from, to;
    } * except;
    size_t except_count;
};

/* One <want/>, a range of numbers; or one <lost/>, a stanza of which nothing could be read: then id is not empty. */
struct ks_heal_item {
    struct ks_str jid, conversation; /* empty: by the envelope */
    uint32_t device;
    uint64_t epoch, from, to;
    struct ks_str id;
};

enum ks_says {
    KS_SAYS_TEXT,      /* body, files: one of them may be missing */
    KS_SAYS_EDIT,      /* body, target */
    KS_SAYS_REACTIONS, /* emoji, target */
    KS_SAYS_RETRACT,   /* target; with target_author another's, and body may say why */
    KS_SAYS_ACK,       /* ranges */
    KS_SAYS_RECEIVED,  /* target: XEP-0184, of third parties */
    KS_SAYS_HEAL,      /* items */
    KS_SAYS_RESEND,    /* resent: the bytes of another envelope */
    KS_SAYS_GONE,      /* items: will not come */
    KS_SAYS_NOTHING,   /* nothing that a person would miss */
    KS_SAYS_UNKNOWN,
    KS_SAYS_ROOM, /* room …: a room's newest state, a welcome with heads (ranges), or a wish to leave */
    KS_SAYS_EVIDENCE,
    KS_SAYS_HEADS, /* ranges: how far their author numbered, and since when that is not acknowledged */
};

struct ks_content {
    enum ks_says says;
    bool ours;     /* <k/> is there */
    bool rejected; /* <k/> is malformed, or there twice: nothing of it may be shown */
    struct ks_k k;
    bool more;           /* a text, beside which stands something unknown */
    bool receipt_wanted; /* XEP-0184 <request/> */
    bool fallback;       /* the body stands in place of the files, for programs that cannot show them (XEP-0428) */
    struct ks_files files;
    struct ks_signed signed_one; /* beside a text: who signed it */
    struct ks_str body, reply_to, target, resent;
    struct ks_str
        target_author; /* of reply_to; of a target that is another's: KS_SAYS_RETRACT takes it out of a room */
    bool has_ref;      /* ref_hash is of the target, or of reply_to */
    uint8_t ref_hash[KS_SCE_HASH_LEN];
    struct ks_str *emoji;
    size_t emoji_count;
    struct ks_ack_range *ranges;
    size_t range_count;
    struct ks_heal_item *items;
    size_t item_count;
    struct ks_evidence evidence;
    struct ks_str room; /* of which KS_SAYS_ROOM speaks */
    bool room_leave;
    uint64_t room_v;
    uint8_t room_hash[KS_SCE_HASH_LEN];
    struct ks_str room_look;       /* JSON of group_look.h, or empty */
    struct ks_xml *room_statement; /* room_state.h; NULL: not enclosed. Written once */
};

/* <content/> with what it says. Limits above are asserted; NULL without memory. */
KS_CHECK struct ks_xml *ks_content_write(struct ks_arena *arena, const struct ks_content *content);
/* Reads what a peer wrote. KS_OK; KS_ENOMEM; KS_ELIMIT (the arena's). */
KS_CHECK enum ks_err ks_content_read(
    struct ks_arena *arena, const struct ks_xml *content, struct ks_content *ret_content);

/* "normal" and so on, as <k/> has it. A literal. */
const char *ks_urgency_name(enum ks_urgency urgency);

/* True for what a person would miss: it gets a number (doc/PROTOCOL.md §5). */
bool ks_says_numbered(enum ks_says says);

#endif
