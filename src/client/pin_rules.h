/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* pin_rules.h -- which PINs a device takes (doc/PROTOCOL.md §10.2): not the ones that are tried first.
 *
 * Ten tries are what somebody with the device has. A PIN that is among the thousand commonest does not stand that, so
 * what many people choose is refused: runs, repeats, dates, years, patterns on a keypad, a few words, and what stands
 * in the person's own address. No list of leaked PINs is behind it: the rules make theirs. Pure; looks, keeps nothing.
 */
#ifndef KS_PIN_RULES_H
#define KS_PIN_RULES_H

#include "str.h"

#define KS_PIN_LENGTH_FLOOR 6 /* characters; no policy goes below */

struct ks_pin_rules {
    unsigned length_min; /* below the floor it is the floor */
    bool letters;        /* at least one character that is no digit, and one digit */
};
#define KS_PIN_RULES_USUAL ((struct ks_pin_rules) { KS_PIN_LENGTH_FLOOR, false })

enum ks_pin_fault {
    KS_PIN_GOOD,
    KS_PIN_SHORT,
    KS_PIN_LONG, /* more bytes than KS_PIN_BYTES_MAX */
    KS_PIN_NO_LETTER,
    KS_PIN_COMMON,
    KS_PIN_OWN_NAME, /* it stands in the person's address, or the other way round */
};

/* pin: UTF-8 after OpaqueString; person: the bare JID. */
enum ks_pin_fault ks_pin_check(struct ks_pin_rules rules, struct ks_str pin, struct ks_str person);

#endif
