/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "clock.h"

#define DAY_MS 86400000

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible
 * low-level date algorithms"): years begin in March, so that the leap day is the last. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static void date_from_days(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;

    *day = day_of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted + (shifted < 10 ? 3 : -9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

/* The last digits of a number, and one byte more. */
static char *put(char *at, unsigned number, int len, char then)
{
    at[len] = then;
    for (int i = len - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
    return at + len + 1;
}

/* A stamp stands in each row of an archive's page: snprintf took longer than all else that is written around one. */
struct ks_str ks_stamp_write(int64_t wall_ms, char text[KS_STAMP_LEN + 1])
{
    const int64_t first = days_from_date(0, 1, 1) * DAY_MS;
    const int64_t last = days_from_date(10000, 1, 1) * DAY_MS - 1;
    int64_t year, month, day;

    wall_ms = wall_ms < first ? first : wall_ms > last ? last : wall_ms;
    int64_t days = (wall_ms - (wall_ms < 0 ? DAY_MS - 1 : 0)) / DAY_MS;
    unsigned ms = (unsigned)(wall_ms - days * DAY_MS);
    date_from_days(days, &year, &month, &day);
    char *at = put(text, (unsigned)year, 4, '-');
    at = put(at, (unsigned)month, 2, '-');
    at = put(at, (unsigned)day, 2, 'T');
    at = put(at, ms / 3600000, 2, ':');
    at = put(at, ms / 60000 % 60, 2, ':');
    at = put(at, ms / 1000 % 60, 2, '.');
    at = put(at, ms % 1000, 3, 'Z');
    *at = '\0';
    return ks_str(text, KS_STAMP_LEN);
}

/* Reads len digits and the byte after them; 0 as byte means that nothing is expected there. */
static bool digits(struct ks_str *text, size_t len, char then, int64_t max, int64_t *ret_value)
{
    uint64_t value;

    if (ks_str_u64(ks_str_head(*text, len), (uint64_t)max, &value) != KS_OK || text->len < len)
        return false;
    *text = ks_str_from(*text, len);
    *ret_value = (int64_t)value;
    if (!then)
        return true;
    if (!text->len || text->ptr[0] != then)
        return false;
    *text = ks_str_from(*text, 1);
    return true;
}

enum ks_err ks_stamp_read(struct ks_str text, int64_t *ret_wall_ms)
{
    static const int month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int64_t year, month, day, hour, minute, second, zone_hour, zone_minute, ms = 0;

    if (!digits(&text, 4, '-', 9999, &year) || !digits(&text, 2, '-', 12, &month) || !digits(&text, 2, 'T', 31, &day)
        || !digits(&text, 2, ':', 23, &hour) || !digits(&text, 2, ':', 59, &minute)
        || !digits(&text, 2, 0, 60, &second))
        return KS_ESYNTAX;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month < 1 || day < 1 || day > month_days[month - 1] + (month == 2 && leap))
        return KS_ESYNTAX;
    if (text.len && text.ptr[0] == '.') {
        int64_t unit = 100;
        size_t count = 0;
        for (text = ks_str_from(text, 1); text.len && text.ptr[0] >= '0' && text.ptr[0] <= '9'; count++) {
            ms += unit * (text.ptr[0] - '0');
            unit /= 10;
            text = ks_str_from(text, 1);
        }
        if (!count)
            return KS_ESYNTAX;
    }
    int64_t wall_ms = days_from_date(year, month, day) * DAY_MS + hour * 3600000 + minute * 60000 + second * 1000 + ms;
    if (ks_str_is(text, "Z")) {
        *ret_wall_ms = wall_ms;
        return KS_OK;
    }
    if (!text.len || (text.ptr[0] != '+' && text.ptr[0] != '-'))
        return KS_ESYNTAX;
    int sign = text.ptr[0] == '+' ? -1 : 1;
    text = ks_str_from(text, 1);
    if (!digits(&text, 2, ':', 23, &zone_hour) || !digits(&text, 2, 0, 59, &zone_minute) || text.len)
        return KS_ESYNTAX;
    *ret_wall_ms = wall_ms + sign * (zone_hour * 3600000 + zone_minute * 60000);
    return KS_OK;
}
