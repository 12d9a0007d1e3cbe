/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* wiped.h -- looks through each block of memory that is given back for bytes that should be nowhere.
 *
 * A test that links `wiped` has its free(), and that of our libraries in it, pass by here. */
#ifndef WIPED_H
#define WIPED_H

#include "str.h"

/* From now on this is looked for, beside what was named before; the bytes stay the caller's. At most 8. */
void wiped_watch(struct ks_str secret);
/* How many blocks had one of them in it since the last call, or since the first wiped_watch. */
unsigned wiped_found(void);
/* Nothing is looked for any more. */
void wiped_forget(void);

#endif
