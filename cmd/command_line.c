/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "command_line.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "say.h"

enum ks_language command_line_language(void)
{
    static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };

    setlocale(LC_CTYPE, "");
    setlocale(LC_MESSAGES, "");
    for (size_t i = 0; i < KS_COUNT(names); i++)
        if (getenv(names[i]) && *getenv(names[i]))
            return ks_language_of(getenv(names[i]));
    return ks_language_of(NULL);
}

/* What is wrong, and below it what to do. */
static void complain(enum ks_language language, const char *program, const char *id, const struct ks_filling *fillings)
{
    struct ks_buf line;

    ks_buf_init(&line, 100000);
    ks_buf_z(&line, program);
    ks_buf_z(&line, ": ");
    ks_sentence_write(&line, language, id, fillings);
    ks_buf_printf(&line, "\n%*s", (int)strlen(program) + 2, "");
    ks_sentence_write_do(&line, language, id, fillings);
    ks_buf_z(&line, "\n");
    (void)fwrite(line.ptr, 1, line.len, stderr);
    ks_buf_done(&line);
}

bool command_line_read_language(const char *program, const char *value, enum ks_language *language)
{
    bool german = strcmp(value, "de") == 0, known = german || strcmp(value, "en") == 0;

    if (known)
        *language = german ? KS_GERMAN : KS_ENGLISH;
    else
        complain(*language, program, SAY("option.language"),
            (struct ks_filling[]) { { "language", ks_str_z(value) }, { 0 } });
    return known;
}

/* How many options begin with this name; only the one of that name, if there is one. */
static unsigned matches(const struct option *options, struct ks_str name)
{
    unsigned count = 0;

    for (; options->name; options++) {
        if (ks_str_is(name, options->name))
            return 1;
        count += ks_str_starts(ks_str_z(options->name), name);
    }
    return count;
}

void command_line_complain(
    enum ks_language language, const char *program, const struct option *options, int result, char **argv)
{
    /* A short option stands in optopt. Of a long one getopt_long has passed the whole word; optopt is 0, or it is known
     * and lacks its value or has one too many. */
    struct ks_str word = ks_str_z(argv[optind - 1]), name;
    char letter[3] = { '-', (char)optopt, 0 };
    const char *id = SAY("option.unknown");

    bool is_long =
        ks_str_starts(word, KS_STR("--")) && (!optopt || result == ':' || ks_str_find_byte(word, '=') < word.len);
    if (!is_long) {
        word = ks_str_z(letter);
        id = result == ':' ? SAY("option.value-missing") : id;
    } else {
        word = ks_str_head(word, ks_str_find_byte(word, '='));
        name = ks_str_from(word, 2);
        if (result == ':')
            id = SAY("option.value-missing");
        else if (matches(options, name) == 1)
            id = SAY("option.no-value");
        else if (matches(options, name) > 1)
            id = SAY("option.ambiguous");
    }
    complain(
        language, program, id, (struct ks_filling[]) { { "option", word }, { "program", ks_str_z(program) }, { 0 } });
}
