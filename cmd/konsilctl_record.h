/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_record.h -- the record of a key ceremony: a text to print, to fill in and to sign, without secrets. */
#ifndef KONSILCTL_RECORD_H
#define KONSILCTL_RECORD_H

#include "konsilctl.h"

struct ctl_record {
    FILE *file;
    char path[4096];
};

/* A new file in directory, in the language of the command, with the time and what title says. KS_EIO. */
KS_CHECK enum ks_err ctl_record_open(
    const struct ctl *ctl, const char *directory, const char *title, struct ctl_record *ret_record);
/* One more paragraph: a sentence with its places, as ctl_write has it. */
#define CTL_RECORD(ctl, record, ...) (ctl_write(ctl, (record)->file, __VA_ARGS__, NULL), fputs("\n\n", (record)->file))
/* A line for each share's holder: so many needed of so many, of a set by that name. */
void ctl_record_holders(
    const struct ctl *ctl, struct ctl_record *record, unsigned needed, unsigned count, const char *set);
/* Who was there, and what they looked at; on the disk when this returns, and said where. The file is closed also when
 * it failed: KS_EIO. */
KS_CHECK enum ks_err ctl_record_close(const struct ctl *ctl, struct ctl_record *record);

#endif
