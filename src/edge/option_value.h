/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* option_value.h -- values of options as people write them: "512 KiB", "5 min", "info". */
#ifndef KS_OPTION_VALUE_H
#define KS_OPTION_VALUE_H

#include "buf.h"
#include "config.h"
#include "sentence.h"

#define KS_OPTION_VALUE_LEN 48

/* Reads a number with its unit (B, KiB, MiB, GiB; s, min, h, d), or one of the choices. KS_OK; KS_ESYNTAX. The range is
 * not looked at. */
KS_CHECK enum ks_err ks_option_read(const struct ks_option *option, struct ks_str text, int64_t *ret_number);
/* The same way back, with the largest unit that fits; of every kind but text. Returns value. */
const char *ks_option_write(const struct ks_option *option, int64_t number, char value[KS_OPTION_VALUE_LEN]);
/* What the option wants: "a duration from 5 s to 10 min". */
void ks_option_describe(struct ks_buf *buf, enum ks_language language, const struct ks_option *option);

#endif
