/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The log's file on virtual time: debugging ends by itself. */
#include "check.h"
#include "log_file.h"
#include "scratch.h"
#include "system.h"

static struct ks_now virtual_now = { 5000, 1795312800000 };

struct ks_now __wrap_ks_system_now(void); /* by --wrap, in place of ks_system_now */

struct ks_now __wrap_ks_system_now(void)
{
    return virtual_now;
}

static void wait_ms(int64_t ms)
{
    virtual_now.mono_ms += ms;
    virtual_now.wall_ms += ms;
}

static char path[100], moved[100];
static struct ks_log_file *file;

/* Says one line of each kind; which of the two are new in the file, as text. */
static struct ks_str said(void)
{
    static char seen[20];
    long before = scratch_bytes(path);
    char *text;

    ks_log(ks_log_file_log(file), KS_DEBUG, "test.detail");
    ks_log(ks_log_file_log(file), KS_INFO, "test.normal");
    text = scratch_read(path);
    snprintf(seen, sizeof seen, "%s%s", strstr(text + before, "debug test.detail\n") ? "detail " : "",
        strstr(text + before, "info test.normal\n") ? "normal" : "");
    free(text);
    return ks_str_z(seen);
}

/* The file of a day behind the start's. */
static const char *of_day(int day)
{
    static char text[120];
    char stamp[KS_STAMP_LEN + 1];

    ks_stamp_write(1795312800000 + day * INT64_C(86400000), stamp);
    snprintf(text, sizeof text, "%s.%.10s", path, stamp);
    return text;
}

static bool is_there(const char *name)
{
    return access(name, F_OK) == 0;
}

static unsigned removed; /* by the last turn */

static void turn(void)
{
    scratch_must(ks_log_file_turn(file, 7 * 86400, virtual_now, &removed) == KS_OK, "a turn");
}

/* A file for each day, and none for longer than its period. */
static void days(void)
{
    char other[120];

    ks_log_file_close(file);
    unlink(path);
    virtual_now.wall_ms = 1795312800000;
    file = ks_log_file_open(path, KS_INFO);
    scratch_must(file != NULL, path);
    ks_log(ks_log_file_log(file), KS_INFO, "test.first");
    turn();
    check_row(!is_there(of_day(0)), "on the same day there is one file", "there are two");
    wait_ms(86400000);
    turn();
    check_row(
        is_there(of_day(0)) && scratch_bytes(path) == 0, "on the next day the day before has a file of its own", "no");
    ks_log(ks_log_file_log(file), KS_INFO, "test.second");
    check_row(scratch_bytes(path) > 0, "lines go into the new one", "they do not");
    snprintf(other, sizeof other, "%s.keep", path);
    scratch_write(other, "x", 1);
    wait_ms(INT64_C(6) * 86400000);
    turn();
    check_row(is_there(of_day(0)), "within its period it stays", "it is gone");
    wait_ms(86400000);
    turn();
    check_row(!is_there(of_day(0)), "DSK I.8-e, DSK II.3-b: a day's log goes when its period is over", "it is there");
    check_row(removed == 1, "DSK I.7-f: and is counted, for the log of deletions", "%u", removed);
    check_row(is_there(of_day(1)), "control: the next one's is not over", "it is gone");
    wait_ms(INT64_C(30) * 86400000);
    turn();
    check_row(!is_there(of_day(1)) && is_there(other) && is_there(path), "files of another name stay", "no");
}

#define BOTH KS_STR("detail normal")
#define NORMAL KS_STR("normal")

int main(void)
{
    scratch_path(path, sizeof path, "log");
    scratch_path(moved, sizeof moved, "log.1");
    file = ks_log_file_open(path, KS_INFO);
    scratch_must(file != NULL, path);
    check_str("nobody debugs: no details", said(), NORMAL);

    ks_log_file_debug(file, true, virtual_now);
    check_str("DSK I.8-e: when somebody debugs there are details", said(), BOTH);
    wait_ms(KS_LOG_DEBUG_MS - 1);
    check_str("a millisecond before an hour is over, still", said(), BOTH);
    wait_ms(1);
    check_str("DSK I.8-e: debugging ends by itself after an hour", said(), NORMAL);
    wait_ms(KS_LOG_DEBUG_MS);
    check_str("and does not come again", said(), NORMAL);
    check_row(ks_log_file_debug_over(file, virtual_now) && !ks_log_file_debug_over(file, virtual_now),
        "DSK I.8-e: that it ended by itself is told once, for the audit log", "it is not");
    ks_log_file_debug(file, true, virtual_now);
    check_row(ks_log_file_debug_end_ms(file) == virtual_now.mono_ms + KS_LOG_DEBUG_MS
            && !ks_log_file_debug_over(file, virtual_now),
        "and not before it did", "%lld", (long long)ks_log_file_debug_end_ms(file));
    wait_ms(KS_LOG_DEBUG_MS);
    check_row(ks_log_file_debug_over(file, virtual_now) && !ks_log_file_debug_end_ms(file),
        "also when nothing was written meanwhile", "it is not");

    ks_log_file_debug(file, true, virtual_now);
    wait_ms(KS_LOG_DEBUG_MS - 1);
    ks_log_file_debug(file, true, virtual_now);
    wait_ms(KS_LOG_DEBUG_MS - 1);
    check_str("asked for again, the hour begins anew", said(), BOTH);
    ks_log_file_debug(file, false, virtual_now);
    check_str("and it ends when somebody says so", said(), NORMAL);
    check_row(!ks_log_file_debug_over(file, virtual_now), "which is no end by itself", "it is told");

    ks_log_file_debug(file, true, virtual_now);
    wait_ms(KS_LOG_DEBUG_MS / 2);
    scratch_must(rename(path, moved) == 0 && ks_log_file_reopen(file, path, KS_INFO) == KS_OK, path);
    check_str("settings that are read again do not end it", said(), BOTH);
    wait_ms(KS_LOG_DEBUG_MS / 2);
    check_str("nor do they make it longer", said(), NORMAL);

    ks_log_file_debug(file, true, virtual_now);
    scratch_must(ks_log_file_reopen(file, path, KS_ERROR) == KS_OK, path);
    check_str("a quieter level in them waits for the end", said(), BOTH);
    wait_ms(KS_LOG_DEBUG_MS);
    check_str("and is in force then", said(), KS_STR_EMPTY);

    days();
    ks_log_file_close(file);
    scratch_done();
    return check_done();
}
