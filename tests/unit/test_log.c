/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "log.h"

#define WHEN 1795399813042 /* 2026-11-23T02:10:13.042Z */

static char line[256];

static void keep(void *user, enum ks_level level, const char *event, const struct ks_log_field *fields)
{
    (void)user;
    ks_log_line(line, sizeof line, WHEN, level, event, fields);
}

static const struct ks_log debug_log = { KS_DEBUG, keep, NULL }, info_log = { KS_INFO, keep, NULL };

static void lines(void)
{
    struct ks_str body = KS_STR("a peer's text");

    ks_log(&debug_log, KS_INFO, "c2s.auth.refused", KS_ID("session", 0x69da944200000000), KS_NUM("tries", 3));
    check_str("log.h: an id is 16 hexadecimal digits, a number is decimal", ks_str_z(line),
        KS_STR("2026-11-23T02:10:13.042Z info c2s.auth.refused session=69da944200000000 tries=3"));
    ks_log(&debug_log, KS_ERROR, "store.failed", KS_ERR(KS_EFULL));
    check_str("log.h: an error is its constant's name", ks_str_z(line),
        KS_STR("2026-11-23T02:10:13.042Z error store.failed err=KS_EFULL"));
    ks_log(&debug_log, KS_DEBUG, "stanza", KS_LEN("body_len", body), KS_LIT("kind", "chat"), KS_OURS("state", "bound"));
    check_str("log.h: of a text its length is logged", ks_str_z(line),
        KS_STR("2026-11-23T02:10:13.042Z debug stanza body_len=13 kind=chat state=bound"));
    ks_log(&debug_log, KS_WARNING, "plain");
    check_str("log.h: an event without fields", ks_str_z(line), KS_STR("2026-11-23T02:10:13.042Z warning plain"));
    ks_log(&debug_log, KS_INFO, "ends", KS_NUM("least", INT64_MIN), KS_NUM("most", INT64_MAX), KS_ID("id", -1));
    check_str("log.h: numbers at the ends of their range", ks_str_z(line),
        KS_STR("2026-11-23T02:10:13.042Z info ends least=-9223372036854775808 most=9223372036854775807 "
               "id=ffffffffffffffff"));
}

static int asked;

static struct ks_log_field count_asked(void)
{
    asked++;
    return KS_NUM("n", 1);
}

static void levels(void)
{
    static const enum ks_level all[] = { KS_ERROR, KS_WARNING, KS_INFO, KS_DEBUG };

    for (size_t i = 0; i < KS_COUNT(all); i++) {
        line[0] = 0;
        asked = 0;
        ks_log(&info_log, all[i], "event", count_asked());
        bool want = all[i] <= KS_INFO;
        check_row((line[0] != 0) == want, "log.h: a level is written if it is at least as loud as the log's",
            "%s: \"%s\"", ks_level_name(all[i]), line);
        check_row(asked == want, "log.h: a dropped line is not even built", "%d fields were", asked);
    }
    asked = 0;
    ks_log(NULL, KS_ERROR, "event", count_asked());
    check_row(asked == 0, "log.h: without a log nothing is written", "it is");
}

static void cutting(void)
{
    const struct ks_log_field fields[] = { KS_NUM("tries", 3), KS_LIT("kind", "chat"), { 0 } };
    char whole[100];
    size_t full = ks_log_line(whole, sizeof whole, WHEN, KS_INFO, "event", fields).len;
    bool cut_well = true;

    for (size_t cap = 1; cap <= full + 2; cap++) {
        char small[100];
        memset(small, '#', sizeof small);
        struct ks_str got = ks_log_line(small, cap, WHEN, KS_INFO, "event", fields);
        size_t want = cap - 1 < full ? cap - 1 : full;
        cut_well =
            cut_well && got.len == want && memcmp(small, whole, want) == 0 && small[want] == 0 && small[cap] == '#';
    }
    check_row(cut_well, "log.h: at every capacity a line is cut at cap - 1 bytes and ended by a zero", "one is not");
    check_row(full == strlen("2026-11-23T02:10:13.042Z info event tries=3 kind=chat"),
        "log.h: the whole line (control)", "%zu bytes", full);
}

static void names(void)
{
    static const enum ks_err errors[] = { KS_OK, KS_ESYNTAX, KS_ELIMIT, KS_ECRYPTO, KS_ENOTFOUND, KS_EEXISTS, KS_ESTATE,
        KS_EVERSION, KS_EAGAIN, KS_EDENIED, KS_FATAL, KS_ENOMEM, KS_ESTORE, KS_EFULL, KS_EIO };
    bool all = true;

    for (size_t i = 0; i < KS_COUNT(errors); i++)
        for (size_t j = 0; j < i; j++)
            all = all && strncmp(ks_err_name(errors[i]), "KS_", 3) == 0
                && strcmp(ks_err_name(errors[i]), ks_err_name(errors[j])) != 0;
    check_row(all, "err.h: every error has a name of its own", "two share one");
    check_row(ks_err_name((enum ks_err)4711) != NULL, "err.h: a name is never NULL", "it is");
}

int main(void)
{
    lines();
    levels();
    cutting();
    names();
    return check_done();
}
