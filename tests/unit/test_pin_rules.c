/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Which PINs a device takes. */
#include "check.h"
#include "pin_rules.h"

static const struct ks_str person = KS_STR_INIT("e482913@klinik.example");

static void test_rows(void)
{
    static const struct {
        const char *name, *pin;
        struct ks_pin_rules rules;
        enum ks_pin_fault want;
    } rows[] = {
        { "six digits that are nothing are taken", "839215", { 6, false }, KS_PIN_GOOD },
        { "five are too few", "83921", { 6, false }, KS_PIN_SHORT },
        { "none is too few", "", { 6, false }, KS_PIN_SHORT },
        { "a policy of four is one of six", "8392", { 4, false }, KS_PIN_SHORT },
        { "a policy of eight refuses seven", "8392150", { 8, false }, KS_PIN_SHORT },
        { "and takes eight", "83921507", { 8, false }, KS_PIN_GOOD },
        { "characters count, not bytes", "8392\xc3\xa4", { 6, false }, KS_PIN_SHORT },
        { "six characters of more bytes are taken", "83921\xc3\xa4", { 6, false }, KS_PIN_GOOD },
        { "a policy of letters refuses digits alone", "839215", { 6, true }, KS_PIN_NO_LETTER },
        { "and letters alone", "zmqkwv", { 6, true }, KS_PIN_NO_LETTER },
        { "and takes both", "8k39q2", { 6, true }, KS_PIN_GOOD },
        { "one digit only", "777777", { 6, false }, KS_PIN_COMMON },
        { "up", "345678", { 6, false }, KS_PIN_COMMON },
        { "up around the end", "890123", { 6, false }, KS_PIN_COMMON },
        { "down", "654321", { 6, false }, KS_PIN_COMMON },
        { "in steps of two", "864208", { 6, false }, KS_PIN_COMMON },
        { "a pair again and again", "484848", { 6, false }, KS_PIN_COMMON },
        { "three again", "483483", { 6, false }, KS_PIN_COMMON },
        { "three again and the beginning", "4834834", { 6, false }, KS_PIN_COMMON },
        { "there and back", "483384", { 6, false }, KS_PIN_COMMON },
        { "pairs", "449911", { 6, false }, KS_PIN_COMMON },
        { "two digits only", "484484", { 6, false }, KS_PIN_COMMON },
        { "two runs", "123789", { 6, false }, KS_PIN_COMMON },
        { "a way over the keypad", "159753", { 6, false }, KS_PIN_COMMON },
        { "a birthday", "240683", { 6, false }, KS_PIN_COMMON },
        { "as Americans write it", "062483", { 6, false }, KS_PIN_COMMON },
        { "as computers write it", "830624", { 6, false }, KS_PIN_COMMON },
        { "with the century", "24061983", { 6, false }, KS_PIN_COMMON },
        { "a year and a month", "198306", { 6, false }, KS_PIN_COMMON },
        { "two years", "19832014", { 6, false }, KS_PIN_COMMON },
        { "a thirty-second is no day", "320783", { 6, false }, KS_PIN_GOOD },
        { "the person's number", "482913", { 6, false }, KS_PIN_OWN_NAME },
        { "the person's name and more", "e48291377", { 6, false }, KS_PIN_OWN_NAME },
        { "the word for it", "passwort", { 6, false }, KS_PIN_COMMON },
        { "in capitals, with a year and a mark", "Passwort2026!", { 6, false }, KS_PIN_COMMON },
        { "keys side by side", "qwertz", { 6, false }, KS_PIN_COMMON },
        { "the alphabet", "efghij", { 6, false }, KS_PIN_COMMON },
        { "letters that are nothing", "zmqkwv", { 6, false }, KS_PIN_GOOD },
    };
    char longest[257];

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        enum ks_pin_fault got = ks_pin_check(rows[i].rules, ks_str_z(rows[i].pin), person);

        check_row(got == rows[i].want, rows[i].name, "%s: got %d, want %d", rows[i].pin, (int)got, (int)rows[i].want);
    }
    for (size_t i = 0; i < sizeof longest; i++)
        longest[i] = "zmqkwvx"[i * i % 7];
    check_row(ks_pin_check(KS_PIN_RULES_USUAL, ks_str(longest, 256), person) != KS_PIN_LONG,
        "256 bytes are not too long", "%s", "too long");
    check_row(ks_pin_check(KS_PIN_RULES_USUAL, ks_str(longest, 257), person) == KS_PIN_LONG, "257 are", "%s", "not");
}

/* The rules refuse what is common, and leave enough. */
static void test_all(void)
{
    unsigned common = 0;

    for (unsigned pin = 0; pin < 1000000; pin++) {
        char text[8];

        snprintf(text, sizeof text, "%06u", pin);
        common += ks_pin_check(KS_PIN_RULES_USUAL, ks_str(text, 6), person) != KS_PIN_GOOD;
    }
    printf("# of 1,000,000 PINs %u are refused\n", common);
    check_row(common >= 1000, "at least the obvious thousand are refused", "%u", common);
    check_row(common < 150000, "and nine of ten are left", "%u", common);
}

int main(void)
{
    test_rows();
    test_all();
    return check_done();
}
