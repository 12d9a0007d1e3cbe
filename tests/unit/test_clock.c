/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "clock.h"
#include "prng.h"

#define FIRST (-62167219200000) /* 0000-01-01T00:00:00Z */
#define LAST 253402300799999    /* 9999-12-31T23:59:59.999Z */

static void writing(void)
{
    static const struct {
        const char *name;
        int64_t wall_ms;
        const char *want;
    } table[] = {
        { "XEP-0082 §3.2: the beginning of 1970", 0, "1970-01-01T00:00:00.000Z" },
        { "XEP-0082 §3.2: the last millisecond before it", -1, "1969-12-31T23:59:59.999Z" },
        { "XEP-0082 §4: the landing on the moon", -14159025000, "1969-07-21T02:56:15.000Z" },
        { "XEP-0082 §3.2: a leap day", 951782400000, "2000-02-29T00:00:00.000Z" },
        { "XEP-0082 §3.2: 1900 had none", -2203891200001, "1900-02-28T23:59:59.999Z" },
        { "XEP-0082 §3.2: the day after it was the first of March", -2203891200000, "1900-03-01T00:00:00.000Z" },
        { "XEP-0082 §3.2: milliseconds have three digits", 1795399813042, "2026-11-23T02:10:13.042Z" },
        { "XEP-0082 §3.2: the last second of 32 bits", 2147483647000, "2038-01-19T03:14:07.000Z" },
        { "clock.h: the first millisecond that has a stamp", FIRST, "0000-01-01T00:00:00.000Z" },
        { "clock.h: one before it is clamped", FIRST - 1, "0000-01-01T00:00:00.000Z" },
        { "clock.h: so is the first that there is", INT64_MIN, "0000-01-01T00:00:00.000Z" },
        { "clock.h: the last millisecond that has a stamp", LAST, "9999-12-31T23:59:59.999Z" },
        { "clock.h: one after it is clamped", LAST + 1, "9999-12-31T23:59:59.999Z" },
        { "clock.h: so is never", KS_NEVER, "9999-12-31T23:59:59.999Z" },
    };

    for (size_t i = 0; i < KS_COUNT(table); i++) {
        char text[KS_STAMP_LEN + 1];
        struct ks_str stamp = ks_stamp_write(table[i].wall_ms, text);
        check_str(table[i].name, stamp, ks_str_z(table[i].want));
        check_row(stamp.ptr == text && strlen(text) == KS_STAMP_LEN, "clock.h: a stamp ends with a zero", "%zu bytes",
            strlen(text));
    }
}

static void reading(void)
{
    static const struct {
        const char *name, *text;
        int64_t want;
    } table[] = {
        { "XEP-0082 §4: UTC", "1969-07-21T02:56:15Z", -14159025000 },
        { "XEP-0082 §4: the same instant with an offset", "1969-07-20T21:56:15-05:00", -14159025000 },
        { "XEP-0082 §3.2: an offset to the east is taken off", "1970-01-01T01:00:00+01:00", 0 },
        { "XEP-0082 §3.2: an offset of half an hour", "1970-01-01T05:30:00+05:30", 0 },
        { "XEP-0082 §3.2: the widest offset", "1970-01-01T23:59:00+23:59", 0 },
        { "XEP-0082 §3.2: offsets of nothing are UTC", "1970-01-01T00:00:00-00:00", 0 },
        { "XEP-0082 §3.2: one decimal is tenths", "1970-01-01T00:00:00.5Z", 500 },
        { "XEP-0082 §3.2: two are hundredths", "1970-01-01T00:00:00.25Z", 250 },
        { "XEP-0082 §3.2: more than three are cut, not rounded", "1970-01-01T00:00:00.9999999999Z", 999 },
        { "XEP-0082 §3.2: decimals before an offset", "1970-01-01T01:00:00.042+01:00", 42 },
        { "XEP-0082 §3.2: decimals before 1970 count forward too", "1969-12-31T23:59:59.250Z", -750 },
        { "XEP-0082 §3.2: a leap day", "2000-02-29T00:00:00Z", 951782400000 },
        { "XEP-0082 §3.2: a leap second is the next minute's first", "2016-12-31T23:59:60Z", 1483228800000 },
        { "clock.h: the first stamp", "0000-01-01T00:00:00Z", FIRST },
        { "clock.h: the last stamp", "9999-12-31T23:59:59.999Z", LAST },
        { "clock.h: an offset may lead out of our years", "9999-12-31T23:59:59.999-23:59", LAST + 86340000 },
    };

    for (size_t i = 0; i < KS_COUNT(table); i++) {
        int64_t wall_ms = -4711;
        enum ks_err err = ks_stamp_read(ks_str_z(table[i].text), &wall_ms);
        check_row(
            err == KS_OK && wall_ms == table[i].want, table[i].name, "%s, %lld", ks_err_name(err), (long long)wall_ms);
    }
}

static void refusing(void)
{
    static const struct {
        const char *name, *text;
    } table[] = {
        { "XEP-0082 §3.2: nothing", "" },
        { "XEP-0082 §3.2: a date alone", "1970-01-01" },
        { "XEP-0082 §3.2: without zone", "1970-01-01T00:00:00" },
        { "XEP-0082 §3.2: a blank for the T", "1970-01-01 00:00:00Z" },
        { "XEP-0082 §3.2: a small z", "1970-01-01T00:00:00z" },
        { "XEP-0082 §3.2: the legacy format", "19700101T00:00:00" },
        { "XEP-0082 §3.2: a year of five digits", "10000-01-01T00:00:00Z" },
        { "XEP-0082 §3.2: a year before year 0", "-0001-01-01T00:00:00Z" },
        { "XEP-0082 §3.2: month 0", "1970-00-01T00:00:00Z" },
        { "XEP-0082 §3.2: month 13", "1970-13-01T00:00:00Z" },
        { "XEP-0082 §3.2: day 0", "1970-01-00T00:00:00Z" },
        { "XEP-0082 §3.2: the 31st of April", "1970-04-31T00:00:00Z" },
        { "XEP-0082 §3.2: a leap day in a year without one", "2001-02-29T00:00:00Z" },
        { "XEP-0082 §3.2: nor had 1900 one", "1900-02-29T00:00:00Z" },
        { "XEP-0082 §3.2: hour 24", "1970-01-01T24:00:00Z" },
        { "XEP-0082 §3.2: minute 60", "1970-01-01T00:60:00Z" },
        { "XEP-0082 §3.2: second 61", "1970-01-01T00:00:61Z" },
        { "XEP-0082 §3.2: a month of one digit", "1970-1-01T00:00:00Z" },
        { "XEP-0082 §3.2: a point without decimals", "1970-01-01T00:00:00.Z" },
        { "XEP-0082 §3.2: a comma", "1970-01-01T00:00:00,5Z" },
        { "XEP-0082 §3.2: an offset without minutes", "1970-01-01T00:00:00+01" },
        { "XEP-0082 §3.2: an offset without colon", "1970-01-01T00:00:00+0100" },
        { "XEP-0082 §3.2: an offset of 24 hours", "1970-01-01T00:00:00+24:00" },
        { "XEP-0082 §3.2: an offset of 60 minutes", "1970-01-01T00:00:00+00:60" },
        { "XEP-0082 §3.2: something behind it", "1970-01-01T00:00:00Z " },
        { "XEP-0082 §3.2: something behind the offset", "1970-01-01T00:00:00+01:00Z" },
        { "XEP-0082 §3.2: a blank before it", " 1970-01-01T00:00:00Z" },
        { "XEP-0082 §3.2: a sign in a number", "1970-01-01T00:+1:00Z" },
        { "XEP-0082 §3.2: a date cut off", "1970-01-0" },
    };

    for (size_t i = 0; i < KS_COUNT(table); i++) {
        int64_t wall_ms = -4711;
        enum ks_err err = ks_stamp_read(ks_str_z(table[i].text), &wall_ms);
        check_row(
            err == KS_ESYNTAX && wall_ms == -4711, table[i].name, "%s, %lld", ks_err_name(err), (long long)wall_ms);
    }
}

/* Days of the calendar counted one by one, against the formula of clock.c: all of two centuries, and of other years the
 * ends and the leap day. */
static void every_day(void)
{
    static const int month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int64_t wall_ms = FIRST, again_ms, days = 0, bad = 0;

    for (int year = 0; year < 10000; year++)
        for (int month = 1; month <= 12; month++) {
            bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            for (int day = 1; day <= month_days[month - 1] + (month == 2 && leap); day++, days++, wall_ms += 86400000) {
                bool edge = (month == 2 && day >= 28) || (month == 3 && day == 1) || (month == 12 && day == 31)
                    || (month == 1 && day == 1);
                if (!edge && (year < 1897 || year > 2104))
                    continue;
                char want[48], text[KS_STAMP_LEN + 1];
                snprintf(want, sizeof want, "%04d-%02d-%02dT00:00:00.000Z", year, month, day);
                ks_stamp_write(wall_ms, text);
                bad +=
                    strcmp(text, want) != 0 || ks_stamp_read(ks_str_z(want), &again_ms) != KS_OK || again_ms != wall_ms;
            }
        }
    check_row(bad == 0 && days == 3652425, "XEP-0082 §3.2: days of 10000 years are written and read", "%lld of %lld",
        (long long)bad, (long long)days);

    struct ks_prng prng;
    ks_prng_init_number(&prng, 42);
    bad = 0;
    for (int i = 0; i < 10000; i++) {
        char text[KS_STAMP_LEN + 1];
        wall_ms = FIRST + (int64_t)ks_prng_below(&prng, (uint64_t)(LAST - FIRST) + 1);
        bad += ks_stamp_read(ks_stamp_write(wall_ms, text), &again_ms) != KS_OK || again_ms != wall_ms;
    }
    check_row(bad == 0, "XEP-0082 §3.2: random milliseconds come back", "%lld do not", (long long)bad);
}

int main(void)
{
    writing();
    reading();
    refusing();
    every_day();
    check_row(ks_sooner(3, KS_NEVER) == 3 && ks_sooner(KS_NEVER, -5) == -5,
        "clock.h: any deadline is sooner than never", "it is not");
    return check_done();
}
