/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* command_line.h -- what the command lines of the three programs have in common. */
#ifndef KS_COMMAND_LINE_H
#define KS_COMMAND_LINE_H

#include <getopt.h>
#include <stdbool.h>

#include "sentence.h"

/* The system's language, by the first of LC_ALL, LC_MESSAGES and LANG that is set, whether its locale is installed or
 * not. Also has libc speak as the system does, where it can. */
enum ks_language command_line_language(void);

/* The value of --lang: de or en. False: said on stderr, in the language that *language has, which stays. */
bool command_line_read_language(const char *program, const char *value, enum ks_language *language);

/* Says on stderr what is wrong with the option at which getopt_long returned '?' or ':'. The caller has set opterr to
 * 0, and its short options begin with ':' (or "+:"). */
void command_line_complain(
    enum ks_language language, const char *program, const struct option *options, int result, char **argv);

#endif
