/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsilctl_evidence_page.c -- the report as one page of HTML, to read, to print on A4, and to keep: no script, nothing
 * fetched from anywhere. */
#include <ctype.h>
#include <stdlib.h>

#include "clock.h"
#include "konsilctl_evidence.h"

static const char style[] =
    ":root{color-scheme:light;--ink:#1c2430;--soft:#5b6675;--line:#d5dbe3;--met:#1f7a4d;--partly:#9a6a00;--open:#"
    "a52a2a}"
    "*{box-sizing:border-box}body{font:15px/1.5 'Noto Sans','Segoe UI',Helvetica,Arial,sans-serif;color:var(--ink);"
    "max-width:60rem;margin:2rem auto;padding:0 1.5rem;background:#fff}"
    "h1{font-size:1.7rem;line-height:1.2;margin:0 0 .3rem}h2{font-size:1.2rem;margin:2.2rem 0 "
    ".6rem;padding-bottom:.25rem;"
    "border-bottom:2px solid var(--ink);break-after:avoid}h3{font-size:1rem;margin:1.4rem 0 .4rem;break-after:avoid}"
    "p{margin:.4rem 0}.soft{color:var(--soft)}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.2rem;"
    "margin:1rem 0}dt{color:var(--soft)}dd{margin:0}"
    ".counts{display:flex;gap:1rem;margin:1.2rem 0}.count{flex:1;border:1px solid var(--line);border-left-width:6px;"
    "border-radius:4px;padding:.6rem .9rem}.count b{display:block;font-size:1.8rem;line-height:1.1}"
    ".count.met{border-left-color:var(--met)}.count.partly{border-left-color:var(--partly)}"
    ".count.open{border-left-color:var(--open)}"
    ".bar{display:flex;height:.7rem;border-radius:.35rem;overflow:hidden;background:var(--line)}.bar i{display:block}"
    ".bar .met{background:var(--met)}.bar .partly{background:var(--partly)}.bar .open{background:var(--open)}"
    "table{width:100%;border-collapse:collapse;font-size:.87rem;margin:.6rem 0}"
    "th{text-align:left;border-bottom:1.5px solid var(--ink);padding:.35rem .9rem .35rem 0;vertical-align:bottom}"
    "td{border-bottom:1px solid var(--line);padding:.45rem .9rem .45rem 0;vertical-align:top;overflow-wrap:break-word}"
    "tr{break-inside:avoid}thead{display:table-header-group}"
    ".req{table-layout:fixed}.req th:nth-child(1){width:10%}.req th:nth-child(2){width:47%}.req "
    "th:nth-child(3){width:13%}"
    "td.id,td.short{white-space:nowrap}td.id,td.state{font-weight:600}.bar{margin-bottom:1rem}"
    ".s-met{color:var(--met)}.s-partly{color:var(--partly)}.s-open{color:var(--open)}"
    "td p{margin:0 0 .25rem}td p:last-child{margin:0}.note{color:var(--soft)}.warn{color:var(--open);font-weight:600}"
    "@page{size:A4;margin:18mm 16mm 20mm 18mm;@bottom-right{content:counter(page) ' / ' counter(pages);font:9pt "
    "sans-serif;"
    "color:#5b6675}@bottom-left{content:'konsil';font:9pt sans-serif;color:#5b6675}}"
    "@media print{body{font-size:10pt;margin:0;padding:0;max-width:none}table{font-size:8.6pt}"
    "*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}";

struct page {
    struct ks_buf *html;
    enum ks_language language;
    const json_t *report;
};

/* --- text --- */

static void raw(struct page *page, const char *text)
{
    ks_buf_z(page->html, text);
}

static void add_text(struct page *page, struct ks_str text)
{
    for (size_t i = 0; i < text.len; i++)
        switch (text.ptr[i]) {
        case '&':
            raw(page, "&amp;");
            break;
        case '<':
            raw(page, "&lt;");
            break;
        case '>':
            raw(page, "&gt;");
            break;
        case '"':
            raw(page, "&quot;");
            break;
        default:
            ks_buf_byte(page->html, (uint8_t)text.ptr[i]);
        }
}

static void add_z(struct page *page, const char *text)
{
    add_text(page, ks_str_z(text ? text : ""));
}

static void say(struct page *page, const char *id)
{
    add_text(page, ks_say(page->language, id));
}

static void element(struct page *page, const char *name, const char *id)
{
    ks_buf_printf(page->html, "<%s>", name);
    say(page, id);
    ks_buf_printf(page->html, "</%s>", name);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static void add_number(struct page *page, json_int_t number)
{
    ks_buf_printf(page->html, "%" JSON_INTEGER_FORMAT, number);
}

static void add_stamp(struct page *page, const char *stamp)
{
    int64_t wall_ms;
    char text[64];

    if (ks_stamp_read(ks_str_z(stamp), &wall_ms) == KS_OK) {
        ctl_write_time(text, sizeof text, wall_ms);
        add_z(page, text);
    } else {
        say(page, SAY("evidence.never"));
    }
}

/* "180 Tage", "ja", "5" */
static void add_value(struct page *page, const json_t *setting)
{
    const json_t *value = json_object_get(setting, "value");
    char text[64];

    if (json_is_boolean(value)) {
        say(page, json_is_true(value) ? SAY("evidence.yes") : SAY("evidence.no"));
    } else if (json_is_string(value)) {
        add_z(page, json_string_value(value));
    } else if (strcmp(text_of(setting, "unit"), "s") == 0) {
        ctl_write_duration(text, sizeof text, page->language, json_integer_value(value));
        add_z(page, text);
    } else {
        add_number(page, json_integer_value(value));
    }
}

static void fact(struct page *page, const char *id)
{
    element(page, "dt", id);
    raw(page, "<dd>");
}

/* --- the beginning --- */

static json_int_t count_of(const struct page *page, const char *state)
{
    return json_integer_value(json_object_get(json_object_get(page->report, "counts"), state));
}

static const struct {
    const char *state, *id, *doc;
} states[] = {
    { "met", SAY("evidence.met"), SAY("evidence.met-means") },
    { "partly", SAY("evidence.partly"), SAY("evidence.partly-means") },
    { "open", SAY("evidence.open"), SAY("evidence.open-means") },
};

static void add_counts(struct page *page)
{
    raw(page, "<div class=\"counts\">");
    for (size_t i = 0; i < KS_COUNT(states); i++) {
        ks_buf_printf(page->html, "<div class=\"count %s\"><b>", states[i].state);
        add_number(page, count_of(page, states[i].state));
        raw(page, "</b>");
        say(page, states[i].id);
        raw(page, "<p class=\"note\">");
        say(page, states[i].doc);
        raw(page, "</p></div>");
    }
    raw(page, "</div><div class=\"bar\" aria-hidden=\"true\">");
    for (size_t i = 0; i < KS_COUNT(states); i++)
        ks_buf_printf(page->html, "<i class=\"%s\" style=\"flex:%" JSON_INTEGER_FORMAT "\"></i>", states[i].state,
            count_of(page, states[i].state));
    raw(page, "</div>");
}

static void add_summary(struct page *page)
{
    const json_t *domain;
    size_t index;

    raw(page, "<header><p class=\"soft\">konsil</p>");
    element(page, "h1", SAY("evidence.title"));
    raw(page, "<p class=\"soft\">");
    say(page, SAY("evidence.subtitle"));
    raw(page, "</p></header><dl>");
    if (*text_of(page->report, "hospital")) {
        fact(page, SAY("evidence.hospital"));
        add_z(page, text_of(page->report, "hospital"));
        raw(page, "</dd>");
    }
    fact(page, SAY("evidence.made"));
    add_stamp(page, text_of(page->report, "made"));
    raw(page, "</dd>");
    fact(page, SAY("evidence.version"));
    raw(page, "konsil ");
    add_z(page, text_of(page->report, "version"));
    raw(page, "</dd>");
    fact(page, SAY("evidence.tested"));
    add_stamp(page, text_of(page->report, "tested"));
    raw(page, "</dd>");
    fact(page, SAY("evidence.domains"));
    json_array_foreach(json_object_get(page->report, "domains"), index, domain)
    {
        raw(page, index ? ", " : "");
        add_z(page, text_of(domain, "name"));
        raw(page, " (");
        say(page,
            json_is_true(json_object_get(domain, "protected")) ? SAY("evidence.protected")
                                                               : SAY("evidence.unprotected"));
        raw(page, ")");
    }
    raw(page, "</dd></dl>");
    add_counts(page);
    raw(page, "<p class=\"note\">");
    say(page, SAY("evidence.signed"));
    raw(page, "</p>");
}

/* --- what departs --- */

static void add_deviation(struct page *page, const json_t *deviation)
{
    bool found = strcmp(text_of(deviation, "what"), "unprotected") == 0;

    if (found) {
        say(page, SAY("evidence.domain-open"));
        raw(page, " ");
        add_z(page, text_of(deviation, "domain"));
        if (!json_is_true(json_object_get(deviation, "declared"))) {
            raw(page, " <span class=\"warn\">");
            say(page, SAY("evidence.undeclared"));
            raw(page, "</span>");
        }
        return;
    }
    add_z(page, text_of(deviation, "text"));
    if (json_is_true(json_object_get(deviation, "overdue"))) {
        raw(page, " <span class=\"warn\">");
        say(page, SAY("evidence.overdue"));
        raw(page, "</span>");
    }
}

static void begin_table(struct page *page, const char *class, const char *const *titles)
{
    ks_buf_printf(page->html, "<table class=\"%s\"><thead><tr>", class);
    for (; *titles; titles++)
        element(page, "th", *titles);
    raw(page, "</tr></thead><tbody>");
}

static void add_deviations(struct page *page)
{
    static const char *const titles[] = { SAY("evidence.id"), SAY("evidence.deviation"), SAY("column.reason"),
        SAY("evidence.responsible"), SAY("evidence.until"), NULL };
    static const char *const keys[] = { "reason", "responsible", "until" };
    const json_t *deviations = json_object_get(page->report, "deviations"), *deviation;
    size_t index;

    element(page, "h2", SAY("evidence.deviations"));
    if (!json_array_size(deviations)) {
        element(page, "p", SAY("evidence.no-deviations"));
        return;
    }
    begin_table(page, "list", titles);
    json_array_foreach(deviations, index, deviation)
    {
        raw(page, "<tr><td class=\"id\">");
        add_z(page, text_of(deviation, "id"));
        raw(page, "</td><td>");
        add_deviation(page, deviation);
        for (size_t i = 0; i < KS_COUNT(keys); i++) {
            raw(page, i == KS_COUNT(keys) - 1 ? "</td><td class=\"short\">" : "</td><td>");
            add_z(page, text_of(deviation, keys[i]));
        }
        raw(page, "</td></tr>");
    }
    raw(page, "</tbody></table>");
}

static void add_periods(struct page *page)
{
    static const char *const titles[] = { SAY("column.domain"), SAY("column.store"), SAY("column.period"), NULL };
    const json_t *period;
    char text[64], id[200];
    size_t index;

    element(page, "h2", SAY("evidence.periods"));
    begin_table(page, "list", titles);
    json_array_foreach(json_object_get(page->report, "periods"), index, period)
    {
        json_int_t seconds = json_integer_value(json_object_get(period, "seconds"));
        raw(page, "<tr><td>");
        if (*text_of(period, "domain"))
            add_z(page, text_of(period, "domain"));
        else
            say(page, SAY("retention.server"));
        raw(page, "</td><td>");
        snprintf(id, sizeof id, "data.%s", text_of(period, "category"));
        add_z(page, text_of(period, "category"));
        if (ks_sentence_find(ks_str_z(id))) {
            raw(page, "<p class=\"note\">");
            say(page, id);
            raw(page, "</p>");
        }
        raw(page, "</td><td class=\"short\">");
        ctl_write_duration(text, sizeof text, page->language, seconds);
        if (seconds)
            add_z(page, text);
        else
            say(page, SAY("retention.forever"));
        raw(page, "</td></tr>");
    }
    raw(page, "</tbody></table>");
}

static void add_changed(struct page *page, const json_t *options, const char *domain)
{
    const char *name;
    const json_t *option;
    void *at;

    for (at = json_object_iter((json_t *)(uintptr_t)options); at;
         at = json_object_iter_next((json_t *)(uintptr_t)options, at)) {
        name = json_object_iter_key(at);
        option = json_object_iter_value(at);
        if (json_is_true(json_object_get(option, "default")))
            continue;
        raw(page, "<tr><td>");
        if (*domain)
            add_z(page, domain);
        else
            say(page, SAY("retention.server"));
        raw(page, "</td><td>");
        add_z(page, name);
        raw(page, "</td><td>");
        add_value(page, option);
        raw(page, "</td></tr>");
    }
}

static void add_settings(struct page *page)
{
    static const char *const titles[] = { SAY("column.domain"), SAY("column.option"), SAY("evidence.value"), NULL };
    const json_t *domain;
    size_t index;

    element(page, "h2", SAY("evidence.settings"));
    element(page, "p", SAY("evidence.settings-doc"));
    begin_table(page, "list", titles);
    add_changed(page, json_object_get(page->report, "options"), "");
    json_array_foreach(json_object_get(page->report, "domains"), index, domain)
        add_changed(page, json_object_get(domain, "options"), text_of(domain, "name"));
    raw(page, "</tbody></table>");
}

/* --- the requirements --- */

/* In German from the catalogue (dsk.ID, in small letters), where it has it; else as doc/dsk.tsv has it. */
static void add_requirement(struct page *page, const json_t *item)
{
    char id[64];

    snprintf(id, sizeof id, "dsk.%s", text_of(item, "id"));
    for (char *at = id; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    if (page->language == KS_GERMAN && ks_sentence_find(ks_str_z(id)))
        say(page, id);
    else
        add_z(page, text_of(item, "text"));
}

static void add_settings_of(struct page *page, const json_t *item)
{
    const json_t *setting;
    size_t index;

    json_array_foreach(json_object_get(item, "settings"), index, setting)
    {
        raw(page, "<p class=\"note\">");
        add_z(page, text_of(setting, "option"));
        if (*text_of(setting, "domain")) {
            raw(page, " (");
            add_z(page, text_of(setting, "domain"));
            raw(page, ")");
        }
        raw(page, ": ");
        add_value(page, setting);
        raw(page, "</p>");
    }
}

static void add_filled(struct page *page, const char *id, const char *name, const char *value)
{
    struct ks_buf line;

    ks_buf_init(&line, 65536);
    ks_sentence_write(
        &line, page->language, id, (const struct ks_filling[]) { { name, ks_str_z(value) }, { NULL, KS_STR_EMPTY } });
    add_text(page, ks_buf_str(&line));
    ks_buf_done(&line);
}

/* How it was tested, in sentences. */
static void add_tests(struct page *page, const json_t *item)
{
    const json_t *missing = json_object_get(item, "missing"), *what, *deviation;
    size_t tests = json_array_size(json_object_get(item, "tests")), index;
    char count[24];

    snprintf(count, sizeof count, "%zu", tests);
    raw(page, "<p>");
    if (*text_of(item, "failed"))
        add_filled(page, SAY("evidence.failed"), "test", text_of(item, "failed"));
    else if (strcmp(text_of(item, "kind"), "O") == 0 && !tests)
        say(page, SAY("evidence.organisational"));
    else if (!tests)
        say(page, SAY("evidence.untested"));
    else
        add_filled(page, tests == 1 ? SAY("evidence.tested-once") : SAY("evidence.tested-times"), "count", count);
    raw(page, "</p>");
    json_array_foreach(missing, index, what)
    {
        raw(page, "<p class=\"note\">");
        add_filled(page, SAY("evidence.missing"), "what", json_string_value(what));
        raw(page, "</p>");
    }
    add_settings_of(page, item);
    json_array_foreach(json_object_get(item, "deviations"), index, deviation)
    {
        raw(page, "<p class=\"s-open\">");
        add_deviation(page, deviation);
        raw(page, "</p>");
    }
}

static void add_item(struct page *page, const json_t *item)
{
    const char *state = text_of(item, "state");

    raw(page, "<tr><td class=\"id\">");
    add_z(page, text_of(item, "id"));
    raw(page, "</td><td><p>");
    add_requirement(page, item);
    ks_buf_printf(page->html, "</p></td><td class=\"state s-%s\">", state);
    for (size_t i = 0; i < KS_COUNT(states); i++)
        if (strcmp(states[i].state, state) == 0)
            say(page, states[i].id);
    raw(page, "</td><td>");
    add_tests(page, item);
    raw(page, "</td></tr>");
}

/* "I.7" of "I.7-c" */
static struct ks_str chapter_of(const json_t *item)
{
    struct ks_str id = ks_str_z(text_of(item, "id"));

    return ks_str_head(id, ks_str_find_byte(id, '-'));
}

static void add_requirements(struct page *page)
{
    static const char *const titles[] = { SAY("evidence.id"), SAY("evidence.requirement"), SAY("evidence.state"),
        SAY("evidence.proof"), NULL };
    struct ks_str chapter = KS_STR_EMPTY;
    const json_t *item;
    char id[64];
    size_t index;

    element(page, "h2", SAY("evidence.requirements"));
    json_array_foreach(json_object_get(page->report, "requirements"), index, item)
    {
        if (!ks_str_eq(chapter, chapter_of(item))) {
            raw(page, index ? "</tbody></table>" : "");
            chapter = chapter_of(item);
            raw(page, "<h3>");
            add_text(page, chapter);
            snprintf(id, sizeof id, "dsk-chapter.%.*s", KS_STR_FMT(chapter));
            for (char *at = id; *at; at++)
                *at = (char)tolower((unsigned char)*at);
            if (ks_sentence_find(ks_str_z(id))) {
                raw(page, " ");
                say(page, id);
            }
            raw(page, "</h3>");
            begin_table(page, "req", titles);
        }
        add_item(page, item);
    }
    raw(page, chapter.len ? "</tbody></table>" : "");
}

void ctl_evidence_page(struct ks_buf *html, enum ks_language language, const json_t *report)
{
    struct page page = { html, language, report };

    ks_buf_printf(html,
        "<!doctype html><html lang=\"%s\"><head><meta charset=\"utf-8\"><meta name=\"viewport\""
        " content=\"width=device-width, initial-scale=1\"><meta name=\"referrer\" content=\"no-referrer\">"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src"
        " 'unsafe-inline'\"><title>",
        language == KS_GERMAN ? "de" : "en");
    say(&page, SAY("evidence.title"));
    raw(&page, "</title><style>");
    raw(&page, style);
    raw(&page, "</style></head><body>");
    add_summary(&page);
    add_deviations(&page);
    add_periods(&page);
    add_settings(&page);
    add_requirements(&page);
    raw(&page, "</body></html>\n");
}
