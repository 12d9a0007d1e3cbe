/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "pin_rules.h"

#include "vault_pin.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_all_digits(struct ks_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_digit(text.ptr[i]))
            return false;
    return true;
}

/* Two digits at a place. */
static int two(struct ks_str digits, size_t at)
{
    return (digits.ptr[at] - '0') * 10 + digits.ptr[at + 1] - '0';
}

/* Each step is the same: 123456, 777777, 864208, and letters as well. Numbers go round from 9 to 0. */
static bool is_run(struct ks_str text)
{
    int round = is_all_digits(text) ? 10 : 256;

    for (size_t i = 2; i < text.len; i++)
        if ((text.ptr[i] - text.ptr[i - 1] - text.ptr[1] + text.ptr[0] + 2 * round) % round != 0)
            return false;
    return true;
}

/* A piece of at most half of it, again and again: 121212, 123123, 1231231. */
static bool is_repeat(struct ks_str text)
{
    for (size_t period = 1; period <= text.len / 2; period++) {
        size_t i = period;

        while (i < text.len && text.ptr[i] == text.ptr[i - period])
            i++;
        if (i == text.len)
            return true;
    }
    return false;
}

static bool is_mirrored(struct ks_str text)
{
    for (size_t i = 0; i < text.len / 2; i++)
        if (text.ptr[i] != text.ptr[text.len - 1 - i])
            return false;
    return true;
}

/* 112233 */
static bool is_in_pairs(struct ks_str text)
{
    for (size_t i = 0; i + 1 < text.len; i += 2)
        if (text.ptr[i] != text.ptr[i + 1])
            return false;
    return text.len % 2 == 0;
}

/* Of two characters only: 112112, 100001. */
static bool is_of_two(struct ks_str text)
{
    char other = text.ptr[0];

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == text.ptr[0] || text.ptr[i] == other)
            continue;
        if (other != text.ptr[0])
            return false;
        other = text.ptr[i];
    }
    return true;
}

/* 123789 */
static bool is_of_two_runs(struct ks_str text)
{
    size_t half = text.len / 2;

    return text.len % 2 == 0 && is_run(ks_str_head(text, half)) && is_run(ks_str_from(text, half));
}

static bool is_day(int day, int month)
{
    return day >= 1 && day <= 31 && month >= 1 && month <= 12;
}

static bool is_year(int century)
{
    return century == 19 || century == 20;
}

/* A day as people write it, a month and a year, two years. */
static bool is_date(struct ks_str digits)
{
    int a = two(digits, 0), b = two(digits, 2), c = two(digits, 4), d;

    if (digits.len == 6)
        return is_day(a, b) || is_day(b, a) || is_day(c, b) || (is_year(a) && is_day(1, c))
            || (is_day(1, a) && is_year(b));
    if (digits.len != 8)
        return false;
    d = two(digits, 6);
    return (is_year(c) && (is_day(a, b) || is_day(b, a) || is_year(a)))
        || (is_year(a) && (is_day(d, c) || is_day(c, d)));
}

/* Ways over a keypad, numbers everybody knows. */
static bool is_known_number(struct ks_str digits)
{
    static const char *const known[] = { "147258", "258147", "147369", "369147", "147852", "741852", "852741", "963852",
        "789632", "147896", "963214", "159753", "159357", "357159", "753159", "951357", "951753", "258456", "456258",
        "789654", "321456", "147963", "963741", "741963", "102030", "010203", "142536", "415263", "192837", "918273",
        "135790", "246810", "135791", "314159", "271828", "141421", "161803", "123457", "234561", "112358", "123456",
        "1234567", "12345679", "0123456", "1234560", "1357924", "13579246", "24681357", "14725836", "14789632",
        "15935746", "20052006", "11223344", "31415926", "27182818", "12344321", "1123581", "8675309", "5201314" };

    for (size_t i = 0; i < KS_COUNT(known); i++)
        if (ks_str_is(digits, known[i]))
            return true;
    return false;
}

static bool is_common_number(struct ks_str digits)
{
    return is_run(digits) || is_repeat(digits) || is_mirrored(digits) || is_in_pairs(digits) || is_of_two(digits)
        || is_of_two_runs(digits) || is_known_number(digits) || is_date(digits);
}

static bool stands_in(struct ks_str text, struct ks_str whole)
{
    return text.len > 0 && ks_str_find(whole, text) < whole.len;
}

/* A word that stands first in every list, or keys side by side, with whatever digits and marks behind it. */
static bool is_common_word(struct ks_str text)
{
    static const char *const words[] = { "admin", "anna", "arzt", "computer", "daniel", "doktor", "frankfurt",
        "fussball", "geheim", "hallo", "hamburg", "hello", "herbst", "ichliebedich", "klinik", "klinikum", "konsil",
        "krankenhaus", "letmein", "login", "master", "michael", "muenchen", "berlin", "passw0rd", "passwort",
        "password", "pflege", "pin", "praxis", "schalke", "schatz", "schwester", "sommer", "start", "station", "test",
        "thomas", "welcome", "willkommen", "winter", "wochenende" };
    static const char *const rows[] = { "qwertzuiop", "qwertyuiop", "asdfghjkl", "yxcvbnm", "zxcvbnm",
        "abcdefghijklmnopqrstuvwxyz" };

    while (text.len && !(text.ptr[text.len - 1] >= 'a' && text.ptr[text.len - 1] <= 'z')
        && !(text.ptr[text.len - 1] & 0x80))
        text.len--;
    for (size_t i = 0; i < KS_COUNT(words); i++)
        if (ks_str_is(text, words[i]))
            return true;
    for (size_t i = 0; i < KS_COUNT(rows); i++)
        if (stands_in(text, ks_str_z(rows[i])))
            return true;
    return is_run(text) || is_repeat(text);
}

static bool is_common_text(struct ks_str text)
{
    return is_common_word(text) || is_run(text) || is_repeat(text) || is_of_two(text);
}

static size_t count_characters(struct ks_str utf8)
{
    size_t count = 0;

    for (size_t i = 0; i < utf8.len; i++)
        count += ((unsigned char)utf8.ptr[i] & 0xc0) != 0x80;
    return count;
}

/* The name and what is in it: "e12345678@…" has 12345678. */
static bool is_own_name(struct ks_str pin, struct ks_str person)
{
    struct ks_str name = ks_str_head(person, ks_str_find_byte(person, '@'));

    return stands_in(pin, person) || (name.len >= 3 && stands_in(name, pin));
}

static bool has_both(struct ks_str pin)
{
    size_t digits = 0;

    for (size_t i = 0; i < pin.len; i++)
        digits += is_digit(pin.ptr[i]);
    return digits > 0 && digits < pin.len;
}

enum ks_pin_fault ks_pin_check(struct ks_pin_rules rules, struct ks_str pin, struct ks_str person)
{
    unsigned length_min = rules.length_min > KS_PIN_LENGTH_FLOOR ? rules.length_min : KS_PIN_LENGTH_FLOOR;
    char bytes[KS_PIN_BYTES_MAX];
    struct ks_str text = { bytes, pin.len };
    enum ks_pin_fault fault;

    if (count_characters(pin) < length_min)
        return KS_PIN_SHORT;
    if (pin.len > sizeof bytes)
        return KS_PIN_LONG;
    if (rules.letters && !has_both(pin))
        return KS_PIN_NO_LETTER;
    for (size_t i = 0; i < pin.len; i++)
        bytes[i] = lower(pin.ptr[i]);
    if (is_own_name(text, person))
        fault = KS_PIN_OWN_NAME;
    else if (is_all_digits(text) ? is_common_number(text) : is_common_text(text))
        fault = KS_PIN_COMMON;
    else
        fault = KS_PIN_GOOD;
    ks_wipe(bytes, sizeof bytes);
    return fault;
}
