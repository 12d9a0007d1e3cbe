/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What is stored of a room, in all versions that there were: bytes as they were written (src/client/group.c). */
#include "check.h"
#include "engine.h"
#include "group.h"
#include "party.h"

#define ROOM "r-3d3pi2kzxk5eodat4nv5fk2tju@rooms.klinik.example"

/* The parts of a record: each a length and its bytes, or a number. */
#define NEWEST                                                                                                    \
    "\x00\x00\x01`"                                                                                               \
    "konsil/0 "                                                                                                   \
    "room\n{\"room\":\"r-3d3pi2kzxk5eodat4nv5fk2tju@rooms.klinik.example\",\"v\":2,\"prev\":"                     \
    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"members\":[[\"anna@klinik.example\",\"owner\"],[\"jonas@" \
    "klinik.example\",\"member\"],[\"mira@klinik.example\",\"member\"]],\"roster\":false,\"history\":\"join\","   \
    "\"class\":\"90d\",\"look\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"t\":20}"                       \
    "\x00\x00\x00\x06"                                                                                            \
    "newest"                                                                                                      \
    "\x00\x00\x00\x13"                                                                                            \
    "anna@klinik.example"                                                                                         \
    "\x00\x00\x00\x01"
#define BEFORE                                                                                                    \
    "\x00\x00\x01?"                                                                                               \
    "konsil/0 "                                                                                                   \
    "room\n{\"room\":\"r-3d3pi2kzxk5eodat4nv5fk2tju@rooms.klinik.example\",\"v\":1,\"prev\":"                     \
    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"members\":[[\"anna@klinik.example\",\"owner\"],[\"jonas@" \
    "klinik.example\",\"member\"]],\"roster\":false,\"history\":\"join\",\"class\":\"90d\",\"look\":"             \
    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"t\":10}"                                                  \
    "\x00\x00\x00\x06"                                                                                            \
    "before"                                                                                                      \
    "\x00\x00\x00\x13"                                                                                            \
    "anna@klinik.example"                                                                                         \
    "\x00\x00\x00\x02"
#define RIVAL                                                                                                     \
    "\x00\x00\x01?"                                                                                               \
    "konsil/0 "                                                                                                   \
    "room\n{\"room\":\"r-3d3pi2kzxk5eodat4nv5fk2tju@rooms.klinik.example\",\"v\":2,\"prev\":"                     \
    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"members\":[[\"anna@klinik.example\",\"owner\"],[\"jonas@" \
    "klinik.example\",\"member\"]],\"roster\":false,\"history\":\"join\",\"class\":\"90d\",\"look\":"             \
    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"t\":21}"                                                  \
    "\x00\x00\x00\x05"                                                                                            \
    "rival"                                                                                                       \
    "\x00\x00\x00\x13"                                                                                            \
    "anna@klinik.example"                                                                                         \
    "\x00\x00\x00\x03"
#define DOUBT                                                                                                    \
    "\x00\x00\x01>"                                                                                              \
    "konsil/0 "                                                                                                  \
    "room\n{\"room\":\"r-3d3pi2kzxk5eodat4nv5fk2tju@rooms.klinik.example\",\"v\":3,\"prev\":"                    \
    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"members\":[[\"anna@klinik.example\",\"owner\"],[\"mira@" \
    "klinik.example\",\"member\"]],\"roster\":false,\"history\":\"join\",\"class\":\"90d\",\"look\":"            \
    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"t\":30}"                                                 \
    "\x00\x00\x00\x05"                                                                                           \
    "doubt"                                                                                                      \
    "\x00\x00\x00\x13"                                                                                           \
    "anna@klinik.example"                                                                                        \
    "\x00\x00\x00\x04"
#define PENDING                                                                                                   \
    "\x00\x00\x01`"                                                                                               \
    "konsil/0 "                                                                                                   \
    "room\n{\"room\":\"r-3d3pi2kzxk5eodat4nv5fk2tju@rooms.klinik.example\",\"v\":3,\"prev\":"                     \
    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"members\":[[\"anna@klinik.example\",\"owner\"],[\"jonas@" \
    "klinik.example\",\"member\"],[\"mira@klinik.example\",\"member\"]],\"roster\":false,\"history\":\"join\","   \
    "\"class\":\"90d\",\"look\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"t\":31}"                       \
    "\x00\x00\x00\x07"                                                                                            \
    "pending"                                                                                                     \
    "\x00\x00\x00\x13"                                                                                            \
    "anna@klinik.example"                                                                                         \
    "\x00\x00\x00\x05"
#define LOOKS           \
    "\x00\x00\x00\x0d"  \
    "{\"title\":\"a\"}" \
    "\x00\x00\x00\x0d"  \
    "{\"title\":\"b\"}"
#define WELCOME                        \
    "\x00\x00\x00\x14"                 \
    "jonas@klinik.example"             \
    "\x00\x00\x00\x00\x00\x00\x00\x02" \
    "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww"
#define WELCOME_LOOK   \
    "\x00\x00\x00\x0d" \
    "{\"title\":\"c\"}"
#define NAMED                          \
    "\x00\x00\x00\x00\x00\x00\x00\x07" \
    "\x00\x00\x00\x13"                 \
    "mira@klinik.example"              \
    "\x00\x00\x00\x00\x00\x00\x00M"
#define NAMED_HASHES                   \
    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn" \
    "oooooooooooooooooooooooooooooooo"
#define HEADS                          \
    "\x01"                             \
    "\x00\x00\x00\x13"                 \
    "mira@klinik.example"              \
    "\x00\x00\x00\x06"                 \
    "\x00\x00\x00\x00\x00\x00\x00\x05" \
    "\x00\x00\x00\x00\x00\x00\x00\x04" \
    "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh"
#define DOUBTED        \
    "\x00\x00\x00\x03" \
    "\x00\x02\x05"

#define STATEMENTS NEWEST BEFORE RIVAL DOUBT PENDING
#define FLAGS "\x00\x00\x04\x04" /* invited; and "doubt" is the server's */
#define ONE "\x01"
#define RECORD(bytes)              \
    {                              \
        (bytes), sizeof(bytes) - 1 \
    }

#define SAYS_STATEMENTS "newest 2/1 before 1/2 rival 2/3 doubt 3/4 pending 3/5, look a, pending look b, "
#define SAYS_NAMED "named 7 by mira@klinik.example at 77 as nn or oo"

static const struct row {
    const char *name;
    struct ks_str record;
    const char *want;
} rows[] = {
    { "version 1 had one welcome, whose look was the pending one, and nothing that was named",
        RECORD("\x01" FLAGS STATEMENTS LOOKS WELCOME),
        "404: " SAYS_STATEMENTS "welcomed by jonas@klinik.example to 2 ww look - heads 0, named 0 by  at 0 as - or -, "
        "doubted " },
    { "version 2 had several welcomes, and of what was named no hash",
        RECORD("\x02" FLAGS STATEMENTS LOOKS ONE WELCOME WELCOME_LOOK NAMED),
        "604: " SAYS_STATEMENTS
        "welcomed by jonas@klinik.example to 2 ww look c heads 0, named 7 by mira@klinik.example "
        "at 77 as - or -, doubted " },
    { "version 3 had no heads of a welcome",
        RECORD("\x03" FLAGS STATEMENTS LOOKS ONE WELCOME WELCOME_LOOK NAMED NAMED_HASHES),
        "404: " SAYS_STATEMENTS "welcomed by jonas@klinik.example to 2 ww look c heads 0, " SAYS_NAMED ", doubted " },
    { "version 4 had one statement in doubt",
        RECORD("\x04" FLAGS STATEMENTS LOOKS ONE WELCOME WELCOME_LOOK NAMED NAMED_HASHES HEADS),
        "404: " SAYS_STATEMENTS
        "welcomed by jonas@klinik.example to 2 ww look c heads 1 mira@klinik.example/6/5/4 hh, " SAYS_NAMED
        ", doubted " },
    { "version 5", RECORD("\x05" FLAGS STATEMENTS LOOKS ONE WELCOME WELCOME_LOOK NAMED NAMED_HASHES HEADS DOUBTED),
        "404: " SAYS_STATEMENTS
        "welcomed by jonas@klinik.example to 2 ww look c heads 1 mira@klinik.example/6/5/4 hh, " SAYS_NAMED
        ", doubted 025" },
};

/* --- a record, read --- */

static void say_signed(struct ks_buf *text, const char *name, const struct ks_room_signed *one)
{
    ks_buf_printf(text, "%s %llu/%u ", name, (unsigned long long)one->state.v, (unsigned)one->device);
}

/* The title alone: {"title":"a"}. */
static struct ks_str title_of(struct ks_str look)
{
    return look.len > 0 ? ks_str_head(ks_str_from(look, 10), 1) : KS_STR("-");
}

/* All bytes of these hashes are one letter. */
static void say_hash(struct ks_buf *text, const uint8_t hash[KS_ROOM_HASH_LEN])
{
    bool all = hash[0];

    for (size_t i = 1; i < KS_ROOM_HASH_LEN; i++)
        all = all && hash[i] == hash[0];
    ks_buf_add(text, all ? ks_str(hash, 2) : KS_STR("-"));
}

static void say_welcome(struct ks_buf *text, const struct ks_group_welcome *welcome)
{
    struct ks_str title = title_of(welcome->look);

    ks_buf_printf(text, "welcomed by %.*s to %llu ", KS_STR_FMT(welcome->by), (unsigned long long)welcome->v);
    say_hash(text, welcome->hash);
    ks_buf_printf(text, " look %.*s heads %zu", KS_STR_FMT(title), welcome->head_count);
    for (size_t i = 0; i < welcome->head_count; i++) {
        const struct ks_ack_range *head = &welcome->heads[i];

        ks_buf_printf(text, " %.*s/%u/%llu/%llu ", KS_STR_FMT(head->jid), (unsigned)head->device,
            (unsigned long long)head->epoch, (unsigned long long)head->to);
        say_hash(text, head->hash);
    }
    ks_buf_z(text, ", ");
}

static void say_named(struct ks_buf *text, const struct ks_group *group)
{
    ks_buf_printf(text, "named %llu by %.*s at %lld as ", (unsigned long long)group->named_v,
        KS_STR_FMT(group->named_by), (long long)group->named_ms);
    say_hash(text, group->named_hash);
    ks_buf_z(text, " or ");
    say_hash(text, group->named_other);
    ks_buf_z(text, ", doubted ");
    for (size_t i = 0; i < group->doubted.len; i++)
        ks_buf_printf(text, "%d", group->doubted.ptr[i]);
}

static void say(struct ks_buf *text, const struct ks_group *group)
{
    struct ks_str look = title_of(group->look), pending_look = title_of(group->pending_look);

    ks_buf_printf(text, "%x: ", group->flags);
    say_signed(text, "newest", &group->newest);
    say_signed(text, "before", &group->before);
    say_signed(text, "rival", &group->rival);
    say_signed(text, "doubt", &group->doubt);
    say_signed(text, "pending", &group->pending);
    if (text->len > 0)
        text->len--;
    ks_buf_printf(text, ", look %.*s, pending look %.*s, ", KS_STR_FMT(look), KS_STR_FMT(pending_look));
    for (size_t i = 0; i < group->welcome_count; i++)
        say_welcome(text, &group->welcomes[i]);
    say_named(text, group);
}

/* --- in a store --- */

struct
try {
    struct ks_str record; /* is put; and then what is stored */
    bool anew;            /* what was read is written again */
    enum ks_err err;
    struct ks_buf text, stored;
};

static enum ks_err try_step(struct konsil *k, void *arg)
{
    struct ks_str at = KS_STR("r" ROOM);
    struct try *try = arg;
    struct ks_group group;
    enum ks_err err = k->store->ops->put(k->store, KS_T_GROUP, at, try->record);

    if (err != KS_OK || (try->err = ks_group_get(k, KS_STR(ROOM), &group)) != KS_OK)
        return err;
    if (try->anew
        && ((err = ks_group_put(k, &group)) != KS_OK || (err = ks_group_get(k, KS_STR(ROOM), &group)) != KS_OK))
        return err;
    say(&try->text, &group);
    return k->store->ops->get(k->store, KS_T_GROUP, at, &try->stored);
}

static void try_record(struct party *party, struct try *try)
{
    ks_buf_init(&try->text, 8192);
    ks_buf_init(&try->stored, 8192);
    if (!ks_step(party->engine, try_step, try))
        abort();
}

static void try_done(struct try *try)
{
    ks_buf_done(&try->text);
    ks_buf_done(&try->stored);
}

/* No beginning of a record is one. */
static void test_cut(struct party *party, const struct row *row)
{
    size_t taken = 0;

    for (size_t len = 0; len < row->record.len; len++) {
        struct try try = { .record = ks_str_head(row->record, len) };

        try_record(party, &try);
        taken += try.err != KS_ESTORE;
        try_done(&try);
    }
    check_row(taken == 0, "a record that ends before its end is none", "%zu lengths are taken", taken);
}

static void test_refused(struct party *party)
{
    static const struct {
        const char *name;
        struct ks_str record;
        enum ks_err want;
    } refused[] = {
        { "a record of a newer version is refused as such", RECORD("\x06" FLAGS), KS_EVERSION },
        { "there was no version 0", RECORD("\x00" FLAGS), KS_EVERSION },
        { "doubts are of all members, or none",
            RECORD("\x05" FLAGS STATEMENTS LOOKS ONE WELCOME WELCOME_LOOK NAMED NAMED_HASHES HEADS
                   "\x00\x00\x00\x02\x01\x01"),
            KS_ESTORE },
    };

    for (size_t i = 0; i < KS_COUNT(refused); i++) {
        struct try try = { .record = refused[i].record };

        try_record(party, &try);
        check_err(refused[i].name, try.err, refused[i].want);
        try_done(&try);
    }
}

int main(void)
{
    struct party *anna, *jonas;
    struct lab lab;

    lab_two(&lab, 81, &anna, &jonas);
    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        struct try read = { .record = rows[i].record }, again = { .record = rows[i].record, .anew = true };

        try_record(anna, &read);
        check_str(rows[i].name, ks_buf_str(&read.text), ks_str_z(rows[i].want));
        try_record(anna, &again);
        check_str("what is read is written in the newest version, and is the same", ks_buf_str(&again.text),
            ks_str_z(rows[i].want));
        check_row(again.stored.len > 0 && again.stored.ptr[0] == 5, "which is 5", "it is not");
        if (i + 1 == KS_COUNT(rows))
            check_str("its bytes are those that were read", ks_buf_str(&again.stored), rows[i].record);
        try_done(&read);
        try_done(&again);
        test_cut(anna, &rows[i]);
    }
    test_refused(anna);
    lab_end(&lab);
    return check_done();
}
