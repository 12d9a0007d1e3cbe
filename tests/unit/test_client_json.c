/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "codes.h"
#include "schema.h"

static const struct {
    const char *name, *json, *code, *detail;
} refused[] = {
    { "doc/json.md: what is no JSON is refused", "{\"cmd\":", KS_CODE_COMMAND_SYNTAX, "" },
    { "doc/json.md: a command is an object", "[1]", KS_CODE_COMMAND_SYNTAX, "" },
    { "doc/json.md: a member given twice is refused", "{\"cmd\":\"hello\",\"cmd\":\"state\"}", KS_CODE_COMMAND_SYNTAX,
        "" },
    { "doc/json.md: bytes after the object are refused", "{\"cmd\":\"hello\"} x", KS_CODE_COMMAND_SYNTAX, "" },
    { "doc/json.md: a command has a name", "{\"id\":\"7\"}", KS_CODE_COMMAND_MEMBER_MISSING, "cmd" },
    { "doc/json.md: an unknown command is an error with its name", "{\"cmd\":\"dance\"}", KS_CODE_COMMAND_UNKNOWN,
        "cmd" },
    { "doc/json.md: an unknown member is named", "{\"cmd\":\"hello\",\"loud\":true}", KS_CODE_COMMAND_MEMBER_UNKNOWN,
        "loud" },
    { "doc/json.md: a missing member is named", "{\"cmd\":\"send\",\"to\":\"a@b\"}", KS_CODE_COMMAND_MEMBER_MISSING,
        "body" },
    { "doc/json.md: a member of the wrong type is named", "{\"cmd\":\"send\",\"to\":\"a@b\",\"body\":7}",
        KS_CODE_COMMAND_MEMBER_WRONG, "body" },
    { "doc/json.md: an empty text where one is needed is refused", "{\"cmd\":\"send\",\"to\":\"a@b\",\"body\":\"\"}",
        KS_CODE_COMMAND_MEMBER_WRONG, "body" },
    { "RFC 7622: what is no address is refused", "{\"cmd\":\"send\",\"to\":\"a@@b\",\"body\":\"x\"}",
        KS_CODE_COMMAND_MEMBER_WRONG, "to" },
    { "doc/json.md: a JID is bare", "{\"cmd\":\"send\",\"to\":\"a@b/c\",\"body\":\"x\"}", KS_CODE_COMMAND_MEMBER_WRONG,
        "to" },
    { "doc/json.md: a domain is no account", "{\"cmd\":\"send\",\"to\":\"b\",\"body\":\"x\"}",
        KS_CODE_COMMAND_MEMBER_WRONG, "to" },
    { "XML 1.0 §2.2: a character that no stanza can carry is refused",
        "{\"cmd\":\"send\",\"to\":\"a@b\",\"body\":\"a\\u0001b\"}", KS_CODE_COMMAND_MEMBER_WRONG, "body" },
    { "doc/json.md: a number above its limit is refused", "{\"cmd\":\"history\",\"with\":\"a@b\",\"limit\":201}",
        KS_CODE_COMMAND_MEMBER_WRONG, "limit" },
    { "doc/json.md: a fraction is no number of ours", "{\"cmd\":\"history\",\"with\":\"a@b\",\"limit\":1.5}",
        KS_CODE_COMMAND_MEMBER_WRONG, "limit" },
    { "doc/json.md: a word that is none of the choices is refused", "{\"cmd\":\"presence\",\"show\":\"gone\"}",
        KS_CODE_COMMAND_MEMBER_WRONG, "show" },
    { "doc/json.md: more texts than allowed are refused",
        "{\"cmd\":\"react\",\"conversation\":\"a@b\",\"message\":\"m\",\"emoji\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\","
        "\"7\","
        "\"8\",\"9\",\"10\",\"11\",\"12\",\"13\",\"14\",\"15\",\"16\",\"17\"]}",
        KS_CODE_COMMAND_MEMBER_WRONG, "emoji" },
};

static void test_refused(void)
{
    for (size_t i = 0; i < KS_COUNT(refused); i++) {
        struct ks_js_problem problem;
        struct ks_arena arena;
        struct ks_cmd cmd;
        enum ks_err err;

        ks_arena_init(&arena, 65536);
        err = ks_json_command(&arena, ks_str_z(refused[i].json), &cmd, &problem);
        check_row(err == KS_ESYNTAX && problem.code && strcmp(problem.code, refused[i].code) == 0
                && ks_str_is(problem.detail, refused[i].detail),
            refused[i].name, "%s, %s, \"%.*s\"", ks_err_name(err), problem.code ? problem.code : "no code",
            KS_STR_FMT(problem.detail));
        ks_arena_done(&arena);
    }
}

static void test_read(void)
{
    struct ks_js_problem problem;
    struct ks_arena arena;
    struct ks_cmd cmd;

    ks_arena_init(&arena, 65536);
    check_err("doc/json.md: a command is read",
        ks_json_command(&arena,
            KS_STR("{\"id\":\"7\",\"cmd\":\"send\",\"to\":\"Anna@Klinik.Example\",\"body\":\"a\\u00e4\\n\",\"wake\":"
                   "\"high\"}\n"),
            &cmd, &problem),
        KS_OK);
    check_row(cmd.kind == KS_CMD_SEND, "its kind", "%d", cmd.kind);
    check_str("its id", cmd.id, KS_STR("7"));
    check_str("RFC 7622 §3: an address is given in its normal form", cmd.send.to, KS_STR("anna@klinik.example"));
    check_str("a text, with its line feed", cmd.send.body, KS_STR("a\xc3\xa4\n"));
    check_row(cmd.send.wake == KS_JS_WAKE_HIGH, "a choice", "%d", cmd.send.wake);
    check_row(!cmd.send.reply_to.ptr, "what is left out is absent", "%.*s", KS_STR_FMT(cmd.send.reply_to));
    check_err("a list is read",
        ks_json_command(&arena,
            KS_STR("{\"cmd\":\"react\",\"conversation\":\"a@b\",\"message\":\"m\",\"emoji\":[\"x\",\"y\"]}"), &cmd,
            &problem),
        KS_OK);
    check_row(cmd.react.emoji.count == 2, "with its texts", "%zu", cmd.react.emoji.count);
    ks_arena_done(&arena);
}

static void test_too_big(void)
{
    struct ks_js_problem problem;
    struct ks_arena arena;
    struct ks_cmd cmd;
    char *text = malloc(200000);

    memset(text, ' ', 200000);
    ks_arena_init(&arena, 65536);
    check_row(ks_json_command(&arena, ks_str(text, 131073), &cmd, &problem) == KS_ESYNTAX
            && strcmp(problem.code, KS_CODE_COMMAND_TOO_BIG) == 0,
        "doc/json.md: a command above 128 KiB is refused", "%s", problem.code);
    ks_arena_done(&arena);
    free(text);
}

static void test_write(void)
{
    struct ks_js_recipient recipients[] = { { KS_STR("a@b"), KS_JS_STATE_READ, KS_STR_EMPTY } };
    struct ks_js_message message = { .conversation = KS_STR("a@b"),
        .message = KS_STR("m\"1\\"),
        .order = 1,
        .from = KS_STR("c@d"),
        .body = KS_STR("x\n\t\x01"),
        .time = 2,
        .state = KS_JS_STATE_READ,
        .recipients = { recipients, 1 } };
    struct ks_ev_message event = { .message = &message };
    struct ks_buf buf;

    ks_buf_init(&buf, 65536);
    ks_json_event(&buf, &ks_ev_shapes[KS_EV_MESSAGE], &event);
    check_str("doc/json.md: an event is one line, members in the schema's order, absent ones left out",
        ks_buf_str(&buf),
        KS_STR("{\"event\":\"message\",\"message\":{\"conversation\":\"a@b\",\"message\":\"m\\\"1\\\\\",\"order\":1,"
               "\"from\":\"c@d\","
               "\"body\":\"x\\n\\u0009\\u0001\",\"time\":2,\"state\":\"read\",\"recipients\":[{\"jid\":\"a@b\","
               "\"state\":\"read\"}]}}"));
    ks_buf_done(&buf);
}

int main(void)
{
    test_refused();
    test_read();
    test_too_big();
    test_write();
    return check_done();
}
