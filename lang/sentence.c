/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "sentence.h"

const struct ks_sentence *ks_sentence_find(struct ks_str id)
{
    size_t low = 0, high = ks_sentence_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = ks_str_cmp(id, ks_str_z(ks_sentences[middle].id));
        if (order == 0)
            return &ks_sentences[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

struct ks_str ks_say(enum ks_language language, const char *id)
{
    const struct ks_sentence *sentence = ks_sentence_find(ks_str_z(id));

    return ks_str_z(!sentence ? id : language == KS_GERMAN ? sentence->de : sentence->en);
}

struct ks_str ks_say_do(enum ks_language language, const char *id)
{
    const struct ks_sentence *sentence = ks_sentence_find(ks_str_z(id));

    return ks_str_z(!sentence ? NULL : language == KS_GERMAN ? sentence->do_de : sentence->do_en);
}

static void write_filled(struct ks_buf *buf, struct ks_str left, const struct ks_filling *fillings)
{
    while (left.len) {
        size_t open = ks_str_find_byte(left, '{');
        struct ks_str place = ks_str_from(left, open), name;
        const struct ks_filling *filling = fillings;
        ks_buf_add(buf, ks_str_head(left, open));
        if (!place.len)
            return;
        name = ks_str_from(ks_str_head(place, ks_str_find_byte(place, '}')), 1);
        while (filling && filling->name && !ks_str_is(name, filling->name))
            filling++;
        if (filling && filling->name)
            ks_buf_add(buf, filling->text);
        else
            ks_buf_add(buf, ks_str_head(place, name.len + 2));
        left = ks_str_from(place, name.len + 2);
    }
}

void ks_sentence_write(struct ks_buf *buf, enum ks_language language, const char *id, const struct ks_filling *fillings)
{
    write_filled(buf, ks_say(language, id), fillings);
}

void ks_sentence_write_do(
    struct ks_buf *buf, enum ks_language language, const char *id, const struct ks_filling *fillings)
{
    write_filled(buf, ks_say_do(language, id), fillings);
}

enum ks_language ks_language_of(const char *locale_z)
{
    struct ks_str locale = ks_str_z(locale_z);

    return !locale.len || ks_str_starts(locale, KS_STR("de")) || ks_str_is(locale, "C") || ks_str_is(locale, "POSIX")
            || ks_str_starts(locale, KS_STR("C."))
        ? KS_GERMAN
        : KS_ENGLISH;
}
