/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "option_value.h"
#include "scratch.h"
#include "settings.h"

#define DOMAIN "domains = ( { name = \"klinik.example\"; certificate = \"c.pem\"; key = \"k.pem\"; } );\n"

static char path[200];

/* Reads text as a file; NULL with complaints otherwise, without the path at the start of their lines. */
static struct ks_settings *read_in(
    enum ks_language language, const char *text, char *complaints, size_t cap, enum ks_err *ret_err)
{
    struct ks_settings *settings = NULL;
    struct ks_buf buf;
    size_t len = 0;
    struct ks_str line, all;

    scratch_write(path, text, strlen(text));
    ks_buf_init(&buf, 100000);
    *ret_err = ks_settings_read(path, language, &settings, &buf);
    for (all = ks_buf_str(&buf); ks_str_cut(&all, '\n', &line) && len < cap;)
        if (line.len)
            len += (size_t)snprintf(complaints + len, cap - len, "%s%.*s", len ? "|" : "",
                KS_STR_FMT(ks_str_starts(line, ks_str_z(path)) ? ks_str_from(line, strlen(path) + 1) : line));
    complaints[len < cap ? len : cap - 1] = 0;
    ks_buf_done(&buf);
    return settings;
}

static struct ks_settings *read_text(const char *text, char *complaints, size_t cap, enum ks_err *ret_err)
{
    return read_in(KS_ENGLISH, text, complaints, cap, ret_err);
}

static void test_complaints(void)
{
    static const struct {
        const char *name, *text, *want;
    } rows[] = {
        { "the least that is good", DOMAIN, "" },
        { "an option of the core, of a feature and of the edge",
            DOMAIN "stream: { depth_max = 20; };\nlog: { level = \"error\"; };\nprocess: { threads = 3; };\n", "" },
        { "a value below its range", DOMAIN "stream: { depth_max = 5; };\n",
            "2: stream.depth_max: 5 is too small. It takes a number from 16 to 100." },
        { "XEP-0313 §4: so deep that the archive's results would be too deep", DOMAIN "stream: { depth_max = 101; };\n",
            "2: stream.depth_max: 101 is too large. It takes a number from 16 to 100." },
        { "a value above its range", DOMAIN "\nprocess: { threads = 129; };\n",
            "3: process.threads: 129 is too large. It takes a number from 0 to 128." },
        { "a size below its range is said in its unit", DOMAIN "stream: { bytes = \"1 KiB\"; };\n",
            "2: stream.bytes: 1 KiB is too small. It takes an amount of bytes from 512 KiB to 768 KiB." },
        { "an address that is none, among good ones", DOMAIN "listen: { starttls = \"*:5222  127.0.0.1:99999\"; };\n",
            "2: listen.starttls: \"127.0.0.1:99999\" is not an address with a port. Write for example 192.0.2.1:5222, "
            "[2001:db8::1]:5222 or *:5222." },
        { "XEP-0114: components are on this machine",
            DOMAIN "listen: { component = \"[::1]:5347 192.0.2.1:5347\"; };\n",
            "2: listen.component: 192.0.2.1:5347 can be reached from other machines; components speak without "
            "encryption. Possible are 127.0.0.1:5347 or [::1]:5347. A component on another machine needs a tunnel." },
        { "XEP-0114: all addresses are not this machine's alone", DOMAIN "listen: { component = \"*:5347\"; };\n",
            "2: listen.component: *:5347 can be reached from other machines; components speak without encryption. "
            "Possible are 127.0.0.1:5347 or [::1]:5347. A component on another machine needs a tunnel." },
        { "a component of a protected domain, without a secret",
            "domains = ( { name = \"klinik.example\"; certificate = \"c\"; key = \"k\";\n"
            "component: { host = \"sms.klinik.example\"; }; } );\n",
            "1: component.host: The domain klinik.example is protected: only who has a certified device speaks there. "
            "component.host belongs in a domain with protected = false.|1: component.secret: The domain klinik.example "
            "lacks the secret without which any program could say that it is the component. Its group needs component: "
            "{ secret = \"at least 20 characters by chance\"; };" },
        { "a component's secret that could be guessed",
            "domains = ( { name = \"a.example\"; protected = false; certificate = \"c\"; key = \"k\";\n"
            "component: { host = \"sms.a.example\"; secret = \"kurz\"; }; } );\n",
            "2: component.secret: This value does not fit. It takes a secret of at least 20 characters.|1: "
            "component.secret: "
            "The domain a.example lacks the secret without which any program could say that it is the component. Its "
            "group "
            "needs component: { secret = \"at least 20 characters by chance\"; };" },
        { "a text that is no URI, where clients are told of one",
            "domains = ( { name = \"klinik.example\"; certificate = \"c.pem\"; key = \"k.pem\";\n"
            "contact: { admin = \"it@klinik.example\"; }; } );\n",
            "2: contact.admin: This value does not fit. It takes URIs with blanks between them, together up to 1000 "
            "bytes, such as mailto:it@klinik.example." },
        { "an unknown option", DOMAIN "stream: { dept_max = 20; };\n",
            "2: stream.dept_max: There is no such option. konsild --print-options shows all." },
        { "an unknown group", DOMAIN "steam: { };\n",
            "2: steam: There is no such group of options. konsild --print-options shows all." },
        { "an option that is a group elsewhere", DOMAIN "stream = 5;\n",
            "2: stream: There is no such option. konsild --print-options shows all." },
        { "a wrong type: a number for a text", DOMAIN "log: { file = 5; };\n",
            "2: log.file: This value does not fit. It takes a text of up to 3000 bytes." },
        { "a wrong type: a text for a number", DOMAIN "stream: { depth_max = \"20\"; };\n",
            "2: stream.depth_max: This value does not fit. It takes a number from 16 to 100." },
        { "a wrong type: a list for a number", DOMAIN "stream: { depth_max = ( 20 ); };\n",
            "2: stream.depth_max: This value does not fit. It takes a number from 16 to 100." },
        { "a unit that does not fit", DOMAIN "tls: { handshake_timeout = \"5 KiB\"; };\n",
            "2: tls.handshake_timeout: This value does not fit. It takes a duration from 1 s to 2 min." },
        { "a number too large for any unit", DOMAIN "tls: { handshake_timeout = \"99999999999999999999 s\"; };\n",
            "2: tls.handshake_timeout: This value does not fit. It takes a duration from 1 s to 2 min." },
        { "no such choice", DOMAIN "log: { level = \"debug\"; };\n",
            "2: log.level: This value does not fit. It takes one of \"error\", \"warning\", \"info\"." },
        { "a text that is too long", DOMAIN "process: { user = \"a23456789012345678901234567890123\"; };\n",
            "2: process.user: This text is too long. It takes a text of up to 32 bytes." },
        { "a text that This text is empty. Give a value, or remove the line: then the default holds.",
            DOMAIN "data: { directory = \"\"; };\n",
            "2: data.directory: This text is empty. Give a value, or remove the line: then the default holds." },
        { "several mistakes are told at once", DOMAIN "stream: { depth_max = 5; };\nfoo = 1;\n",
            "2: stream.depth_max: 5 is too small. It takes a number from 16 to 100.|3: foo: There is no such option. "
            "konsild "
            "--print-options shows all." },
        { "an option of domains outside of them", DOMAIN "session: { per_account = 3; };\n",
            "2: session.per_account: This option belongs to a domain. Put it into the group of each domain for which "
            "it shall hold." },
        { "an option of the server in a domain",
            "domains = ( { name = \"a.example\"; certificate = \"c\"; key = \"k\";\n log: { level = \"info\"; }; } "
            ");\n",
            "2: log.level: This option holds for the whole server. Put it outside of domains." },
        { "no domain", "log: { level = \"info\"; };\n",
            " domains: No domain is given. At least one is needed: domains = ( { name = \"klinik.example\"; … } );" },
        { "a domain without a name", "domains = ( { protected = false; } );\n",
            "1: domains: This domain lacks its name. Its group needs name = \"klinik.example\";" },
        { "a domain that is not in normal form",
            "domains = ( { name = \"Klinik.Example\"; certificate = \"c\"; key = \"k\"; } );\n",
            "1: name: \"Klinik.Example\" is not a domain in its normal form. Write it in lower case, without a final "
            "dot: klinik.example" },
        { "a domain that is an address",
            "domains = ( { name = \"a@klinik.example\"; certificate = \"c\"; key = \"k\"; } );\n",
            "1: name: \"a@klinik.example\" is not a domain in its normal form. Write it in lower case, without a final "
            "dot: klinik.example" },
        { "a domain twice",
            "domains = ( { name = \"a.example\"; certificate = \"c\"; key = \"k\"; },\n"
            " { name = \"a.example\"; certificate = \"c\"; key = \"k\"; } );\n",
            "2: name: The domain a.example stands here a second time. Remove one of the two groups." },
        { "a domain without a certificate", "domains = ( { name = \"a.example\"; key = \"k\"; } );\n",
            "1: certificate: The domain a.example lacks this file. Its group needs the path of a PEM file: certificate "
            "= \"certs/a.example-certificate.pem\";" },
        { "protected is neither yes nor no", "domains = ( { name = \"a.example\"; protected = \"maybe\"; } );\n",
            "1: protected: This value does not fit. It takes true or false." },
        { "domains that are no list", "domains = { name = \"a.example\"; };\n",
            "1: domains: This must be a list of groups. Write: domains = ( { name = \"klinik.example\"; … } );" },
        { "domains that are no groups", "domains = ( 5 );\n",
            "1: domains: This must be a list of groups. Write: domains = ( { name = \"klinik.example\"; … } );" },
        { "a mistake in the file's syntax", DOMAIN "log: { level = ; };\n",
            "2: This is not well formed. Write for example: log: { level = \"info\"; };" },
        { "a file that is included and is not there", DOMAIN "@include \"nowhere.conf\"\n",
            "2: The file after @include cannot be read. Correct its path, or let konsild read it." },
        { "an option twice", DOMAIN "log: { level = \"info\"; level = \"error\"; };\n",
            "2: This option stands here a second time. Remove one of the two lines." },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        char complaints[1000];
        enum ks_err err;
        struct ks_settings *settings = read_text(rows[i].text, complaints, sizeof complaints, &err);
        bool right = strcmp(complaints, rows[i].want) == 0 && err == (*rows[i].want ? KS_ESYNTAX : KS_OK)
            && !settings == (err != KS_OK);
        check_row(right, rows[i].name, "%s: %s", ks_err_name(err), complaints);
        ks_settings_free(settings);
    }

    char german[1000];
    enum ks_err in_german;
    struct ks_buf buf;
    struct ks_settings *settings =
        read_in(KS_GERMAN, DOMAIN "stream: { depth_max = 5; bytes = true; };\nlog: { level = \"debug\"; };\n", german,
            sizeof german, &in_german);
    check_str("all of it in German", ks_str_z(german),
        KS_STR(
            "2: stream.depth_max: 5 ist zu klein. Richtig ist eine Zahl von 16 bis 100.|2: stream.bytes: Dieser Wert "
            "passt nicht. Richtig ist eine Anzahl von Bytes von 512 KiB bis 768 KiB.|3: log.level: Dieser Wert passt "
            "nicht. Richtig ist eines von \"error\", \"warning\", \"info\"."));
    ks_buf_init(&buf, 1000);
    enum ks_err err = ks_settings_read("/nonexistent/konsild.conf", KS_ENGLISH, &settings, &buf);
    check_err("a file that cannot be read", err, KS_EIO);
    check_str("is named", ks_buf_str(&buf),
        KS_STR(
            "/nonexistent/konsild.conf: The file cannot be read. Name it with --config, and let konsild read it.\n"));
    ks_buf_done(&buf);
}

static void test_values(void)
{
    char complaints[1000];
    enum ks_err err;
    struct ks_settings *a =
        read_text("stream: { bytes = \"700 KiB\"; login_timeout = \"1 min\"; };\n"
                  "tls: { handshake_timeout = 5; };\nlog: { level = \"warning\"; file = \"sub/log\"; };\n"
                  "data: { directory = \"/srv/konsild\"; };\n"
                  "domains = ( { name = \"a.example\"; certificate = \"/etc/c.pem\"; key = \"k.pem\"; session: { "
                  "per_account = 3; }; },\n"
                  " { name = \"b.example\"; protected = false; certificate = \"c.pem\"; key = \"k.pem\"; } );\n",
            complaints, sizeof complaints, &err);
    scratch_must(a != NULL, complaints);
    struct ks_config *config = ks_settings_config(a);
    const struct ks_domain *first = ks_config_domain(config, KS_STR("a.example"));
    const struct ks_domain *second = ks_config_domain(config, KS_STR("b.example"));
    scratch_must(first && second, "two domains");

    check_row(ks_config_number(config, "stream.bytes") == 716800, "bytes with a unit", "%ld",
        (long)ks_config_number(config, "stream.bytes"));
    check_row(ks_config_number(config, "stream.login_timeout") == 60, "a duration with a unit", "%ld",
        (long)ks_config_number(config, "stream.login_timeout"));
    check_row(ks_settings_number(a, "tls.handshake_timeout") == 5, "a duration in seconds", "%ld",
        (long)ks_settings_number(a, "tls.handshake_timeout"));
    check_row(ks_settings_number(a, "log.level") == 1, "a choice", "%ld", (long)ks_settings_number(a, "log.level"));
    check_row(
        ks_domain_number(first, "session.per_account") == 3 && ks_domain_number(second, "session.per_account") == 16,
        "an option of one domain leaves the other's default alone", "%ld, %ld",
        (long)ks_domain_number(first, "session.per_account"), (long)ks_domain_number(second, "session.per_account"));
    check_row(first->protected && !second->protected, "a domain is protected unless it says otherwise", "the opposite");

    char want[300];
    snprintf(want, sizeof want, "%s/sub/log", scratch_directory);
    check_str("a path is relative to the file's directory", ks_str_z(ks_settings_text(a, "log.file")), ks_str_z(want));
    check_str("an absolute path stays", ks_str_z(ks_settings_text(a, "data.directory")), KS_STR("/srv/konsild"));
    check_str("an empty path stays empty", ks_str_z(ks_settings_text(a, "data.key_file")), KS_STR(""));
    check_str(
        "a certificate of a domain", ks_str_z(ks_settings_domain_text(a, 0, "certificate")), KS_STR("/etc/c.pem"));
    snprintf(want, sizeof want, "%s/k.pem", scratch_directory);
    check_str("a key of a domain", ks_str_z(ks_settings_domain_text(a, 1, "key")), ks_str_z(want));
    snprintf(want, sizeof want, "%s:6", path);
    check_str("and the line that names it", ks_str_z(ks_settings_domain_place(a, 1, "key")), ks_str_z(want));

    struct ks_settings *b = read_text(DOMAIN "data: { directory = \"/srv/other\"; };\nlog: { level = \"info\"; };\n",
        complaints, sizeof complaints, &err);
    scratch_must(b != NULL, complaints);
    size_t at = 0;
    const struct ks_option *changed = ks_settings_changed(a, b, &at);
    check_str("what takes a restart is found", ks_str_z(changed ? changed->name : NULL), KS_STR("data.directory"));
    changed = ks_settings_changed(a, b, &at);
    check_str("each of it", ks_str_z(changed ? changed->name : NULL), KS_STR("tls.handshake_timeout"));
    check_row(!ks_settings_changed(a, b, &at), "and what takes only a reload is not", "it is");
    ks_settings_free(a);
    ks_settings_free(b);
}

static void test_units(void)
{
    static const struct ks_option bytes = { "b", KS_OPT_BYTES, .max = INT64_MAX };
    static const struct ks_option duration = { "d", KS_OPT_DURATION, .max = INT64_MAX };
    static const struct {
        const char *name;
        const struct ks_option *option;
        const char *text;
        enum ks_err want;
        int64_t number;
    } rows[] = {
        { "bytes", &bytes, "17 B", KS_OK, 17 },
        { "kibibytes", &bytes, "512 KiB", KS_OK, 524288 },
        { "the blank may be missing", &bytes, "2MiB", KS_OK, 2097152 },
        { "gibibytes", &bytes, "3 GiB", KS_OK, 3221225472 },
        { "seconds", &duration, "90 s", KS_OK, 90 },
        { "minutes", &duration, "5 min", KS_OK, 300 },
        { "hours", &duration, "2 h", KS_OK, 7200 },
        { "days", &duration, "7 d", KS_OK, 604800 },
        { "a unit is written as it stands here", &duration, "7 D", KS_ESYNTAX, 0 },
        { "a number needs its unit", &duration, "7", KS_ESYNTAX, 0 },
        { "a unit needs its number", &duration, "min", KS_ESYNTAX, 0 },
        { "there are no negative amounts", &bytes, "-1 KiB", KS_ESYNTAX, 0 },
        { "there are no fractions", &duration, "1.5 h", KS_ESYNTAX, 0 },
        { "what does not fit into 63 bits is refused", &bytes, "9007199254740992 GiB", KS_ESYNTAX, 0 },
        { "nothing is no amount", &bytes, "", KS_ESYNTAX, 0 },
    };

    for (size_t i = 0; i < KS_COUNT(rows); i++) {
        char text[KS_OPTION_VALUE_LEN];
        int64_t number = 0, again = -1;
        enum ks_err err = ks_option_read(rows[i].option, ks_str_z(rows[i].text), &number);
        bool back = err != KS_OK
            || (ks_option_read(rows[i].option, ks_str_z(ks_option_write(rows[i].option, number, text)), &again) == KS_OK
                && again == number);
        check_row(err == rows[i].want && number == rows[i].number && back, rows[i].name, "%s %ld, and back %ld",
            ks_err_name(err), (long)number, (long)again);
    }
}

static void test_example(void)
{
    struct ks_settings *settings = NULL;
    struct ks_buf complaints;

    ks_buf_init(&complaints, 10000);
    enum ks_err err = ks_settings_read(EXAMPLE, KS_ENGLISH, &settings, &complaints);
    check_row(err == KS_OK, "the example that we ship is good", "%.*s", KS_STR_FMT(ks_buf_str(&complaints)));
    ks_buf_done(&complaints);
    ks_settings_free(settings);
}

/* Whatever a feature declares: an option that nobody can set or read about is a mistake. */
static void test_descriptors(void)
{
    const struct ks_option *option;
    struct ks_buf buf;
    char wrong[200] = "";
    size_t count = 0;

    ks_buf_init(&buf, 1 << 20);
    ks_settings_print(&buf, false);
    for (size_t at = 0; (option = ks_option_next(&at)); count++) {
        bool good = option->doc && option->name && strchr(option->name, '.') && option->max >= option->min
            && (option->kind == KS_OPT_TEXT || (option->init >= option->min && option->init <= option->max))
            && (!option->open_differs || (option->init_open >= option->min && option->init_open <= option->max))
            && ks_str_find(ks_buf_str(&buf), ks_str_z(option->name)) < buf.len;
        if (!good && option->name)
            snprintf(wrong, sizeof wrong, "%s", option->name);
    }
    check_row(!wrong[0], "each option has a sentence, a range with its default in it, and a place in the reference",
        "%s", wrong);
    check_row(count > 10, "there are options", "%zu", count);
    ks_buf_done(&buf);
}

int main(void)
{
    scratch_path(path, sizeof path, "konsild.conf");
    test_complaints();
    test_values();
    test_units();
    test_example();
    test_descriptors();
    scratch_done();
    return check_done();
}
