/* What a delivery says: pointers, forms, rules and parameters; and how often an address may ask. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hook_match.h"
#include "hook_rate.h"
#include "hook_unsigned.h"
#include "hook_visits.h"
#include "sallyport/base/error.h"
#include "sallyport/proto/entries.h"

static struct public_hook *hooks;
static uint32_t hook_count;
static struct query query;
static struct error err;

static const char *header_of(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "X-Event") == 0 ? "push" : NULL;
}

static void forget(void)
{
    public_hooks_free(hooks, hook_count);
    hooks = NULL;
    hook_count = 0;
}

static void begin(void)
{
    union any_setting setting = { .front_hook = { .name = "h", .rate = { 1, 1000 }, .concurrency = 1 } };
    strcpy(setting.front_hook.scheme.signature, "X");
    forget();
    cr_assert_eq(public_hook_take(&hooks, &hook_count, SETTING_FRONT_HOOK, &setting, &err), 0, "%s", err.text);
}

static void add_rule(uint8_t source, const char *from, uint8_t test, const char *value, size_t size)
{
    union any_setting setting = {
        .hook_rule = { .source = source, .test = test, .value = { (const uint8_t *)value, (uint32_t)size } }
    };
    strcpy(setting.hook_rule.from, from);
    cr_assert_eq(public_hook_take(&hooks, &hook_count, SETTING_HOOK_RULE, &setting, &err), 0, "%s", err.text);
}

static void add_map(const char *param, uint8_t source, const char *from, uint8_t kind, uint8_t item)
{
    union any_setting setting = { .hook_map = { .source = source, .kind = kind, .item = item } };
    strcpy(setting.hook_map.param, param);
    strcpy(setting.hook_map.from, from);
    cr_assert_eq(public_hook_take(&hooks, &hook_count, SETTING_HOOK_MAP, &setting, &err), 0, "%s", err.text);
}

static struct hook_content content_of(const char *body, bool is_form)
{
    const char *why;
    struct hook_content content = { .header = header_of, .query = &query };
    cr_assert(query_parse("a=b", &query, &why));
    hook_content_read(&content, body, strlen(body), is_form);
    return content;
}

TestSuite(front_hooks, .fini = forget);

Test(front_hooks, pointers_are_those_of_the_rfc)
{
    /* RFC 6901 section 5 */
    json_t *root = json_loads("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"m~n\":8,\" \":7}", 0, NULL);
    static const struct {
        const char *pointer, *text;
    } rows[] = { { "/foo/0", "\"bar\"" }, { "/", "0" },       { "/a~1b", "1" },     { "/c%d", "2" },
                 { "/m~0n", "8" },        { "/ ", "7" },      { "/x", NULL },       { "/foo/2", NULL },
                 { "/foo/00", NULL },     { "/foo/-", NULL }, { "/foo/bar", NULL }, { "/a~1b/0", NULL } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *value = hook_pointer(root, rows[i].pointer);
        char *text = value != NULL ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
        cr_expect_eq(text == NULL, rows[i].text == NULL, "%s", rows[i].pointer);
        if (text != NULL && rows[i].text != NULL)
            cr_expect_str_eq(text, rows[i].text, "%s", rows[i].pointer);
        free(text);
    }
    cr_expect_eq(hook_pointer(root, ""), root);
    cr_expect_null(hook_pointer(NULL, "/a"));
    json_decref(root);
}

Test(front_hooks, rules_hold_for_what_they_say)
{
    static const struct {
        uint8_t test;
        const char *value;
        size_t size;
        const char *body;
        bool holds;
    } rows[] = {
        { HOOK_EQUALS, "a", 1, "{\"x\":\"a\"}", true },
        { HOOK_EQUALS, "a", 1, "{\"x\":\"A\"}", false },
        { HOOK_EQUALS, "true", 4, "{\"x\":true}", true },
        { HOOK_EQUALS, "7", 1, "{\"x\":7}", true },
        { HOOK_EQUALS, "", 0, "{}", false },
        { HOOK_EQUALS, "", 0, "{\"x\":\"\"}", true },
        { HOOK_EQUALS, "null", 4, "{\"x\":null}", false },
        { HOOK_GLOB, "refs/*", 6, "{\"x\":\"refs/a/b\"}", true },
        { HOOK_GLOB, "refs/*", 6, "{\"x\":\"xrefs/a\"}", false },
        { HOOK_REGEX, "a|b", 3, "{\"x\":\"b\"}", true },
        { HOOK_REGEX, "a|b", 3, "{\"x\":\"ab\"}", false },
        { HOOK_REGEX, "a", 1, "{\"x\":\"a\\n\"}", false },
        { HOOK_IN, "a\0b", 4, "{\"x\":\"b\"}", true },
        { HOOK_IN, "a\0b", 4, "{\"x\":\"\"}", false },
        { HOOK_EQUALS, "a", 1, "{\"x\":[\"a\"]}", false },
        { HOOK_EQUALS, "a", 1, "no json", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char why[HOOK_WHY_BYTES] = "";
        begin();
        add_rule(HOOK_JSON, "/x", rows[i].test, rows[i].value, rows[i].size);
        struct hook_content content = content_of(rows[i].body, false);
        cr_expect_eq(hook_matches(hooks, &content, why), rows[i].holds, "row %zu", i);
        if (!rows[i].holds)
            cr_expect_str_eq(why, "json /x");
        hook_content_done(&content);
    }
}

Test(front_hooks, a_pattern_that_costs_too_much_does_not_match)
{
    char body[400] = "{\"x\":\"", why[HOOK_WHY_BYTES];
    memset(body + strlen(body), 'a', 60);
    strcat(body, "!\"}");
    begin();
    add_rule(HOOK_JSON, "/x", HOOK_REGEX, "(a+)+", 5);
    struct hook_content content = content_of(body, false);
    cr_expect_not(hook_matches(hooks, &content, why));
    hook_content_done(&content);
}

Test(front_hooks, a_pattern_looks_at_texts_of_4_kib_at_most)
{
    static char body[HOOK_REGEX_MAX_BYTES + 20];
    char why[HOOK_WHY_BYTES];
    for (unsigned more = 0; more < 2; more++) {
        size_t length = HOOK_REGEX_MAX_BYTES + more;
        strcpy(body, "{\"x\":\"");
        memset(body + 6, 'a', length);
        strcpy(body + 6 + length, "\"}");
        begin();
        add_rule(HOOK_JSON, "/x", HOOK_REGEX, "a*", 2);
        struct hook_content content = content_of(body, false);
        cr_expect_eq(hook_matches(hooks, &content, why), more == 0);
        hook_content_done(&content);
    }
}

/* "name=value;" for each entry, items as "name[]=". */
static void spell(const struct hook_content *content, char *to, size_t room)
{
    uint8_t bytes[4096];
    struct writer out = { bytes, sizeof bytes };
    struct entry entry;
    to[0] = '\0';
    cr_assert(hook_params(hooks, content, &out));
    struct reader in = { bytes, sizeof bytes - out.left };
    while (entries_next(&in, &entry) > 0)
        snprintf(to + strlen(to), room - strlen(to), "%u:%.*s=%.*s;", entry.kind, (int)entry.name.size,
                 (const char *)entry.name.data, (int)entry.value.size, (const char *)entry.value.data);
}

Test(front_hooks, parameters_are_written_as_the_command_wants_them)
{
    char said[512];
    begin();
    add_map("n", HOOK_JSON, "/n", ENTRY_INTEGER, 0);
    add_map("s", HOOK_JSON, "/n", ENTRY_STRING, 0);
    add_map("l", HOOK_JSON, "/l", ENTRY_LIST, ENTRY_STRING);
    add_map("one", HOOK_JSON, "/n", ENTRY_LIST, ENTRY_INTEGER);
    add_map("h", HOOK_HEADER, "X-Event", ENTRY_STRING, 0);
    add_map("q", HOOK_QUERY, "a", ENTRY_STRING, 0);
    add_map("none", HOOK_JSON, "/none", ENTRY_STRING, 0);
    struct hook_content content = content_of("{\"n\":7,\"l\":[\"a\",true,null,{}]}", false);
    spell(&content, said, sizeof said);
    cr_expect_str_eq(said, "2:n=7;1:s=7;5:l=;17:l=a;17:l=true;5:one=;18:one=7;1:h=push;1:q=b;");
    hook_content_done(&content);
}

Test(front_hooks, forms_are_read_by_their_fields)
{
    char said[512], why[HOOK_WHY_BYTES];
    begin();
    add_map("t", HOOK_FORM, "te xt", ENTRY_STRING, 0);
    add_map("j", HOOK_JSON, "/ref", ENTRY_STRING, 0);
    add_rule(HOOK_FORM, "x", HOOK_EQUALS, "", 0);
    struct hook_content content = content_of("te+xt=a%26b+c&x=&payload=%7B%22ref%22%3A%22main%22%7D", true);
    cr_expect(hook_matches(hooks, &content, why));
    spell(&content, said, sizeof said);
    cr_expect_str_eq(said, "1:t=a&b c;1:j=main;");
    hook_content_done(&content);
    static const struct {
        const char *body, *value;
    } rows[] = { { "a=1", "1" }, { "a", "" },      { "a=1&a=2", NULL }, { "a=%zz", NULL },   { "a=%00", NULL },
                 { "", NULL },   { "%61=x", "x" }, { "a=%ff", NULL },   { "b=1&&a=2", "2" }, { "a=b=c", "b=c" } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *value = hook_form_field(rows[i].body, strlen(rows[i].body), "a");
        cr_expect_eq(value == NULL, rows[i].value == NULL, "%s", rows[i].body);
        if (value != NULL && rows[i].value != NULL)
            cr_expect_str_eq(value, rows[i].value, "%s", rows[i].body);
        free(value);
    }
}

Test(front_hooks, json_that_would_cost_much_memory_is_not_read)
{
    size_t size = 1024 * 1024;
    char *body = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        body[i] = i % 2 == 0 ? '0' : ',';
    body[0] = '[';
    body[size - 1] = ']';
    body[size] = '\0';
    struct hook_content content = content_of(body, false);
    cr_expect_null(content.json);
    memset(body, '[', 40);
    body[40] = '\0';
    content = content_of(body, false);
    cr_expect_null(content.json);
    free(body);
}

Test(front_hooks, each_address_has_its_own_rate_for_each_hook)
{
    static struct hook_rates rates;
    const struct rate rate = { 2, 1000 };
    uint64_t left = 0;
    cr_assert_eq(hook_rates_init(&rates, &err), 0);
    cr_expect(hook_rate_take(&rates, "a", "10.0.0.1:1", &rate, 5000, &left));
    cr_expect(hook_rate_take(&rates, "a", "10.0.0.1:2", &rate, 5100, &left));
    cr_expect_not(hook_rate_take(&rates, "a", "10.0.0.1:3", &rate, 5200, &left));
    cr_expect_eq(left, 800);
    cr_expect(hook_rate_take(&rates, "a", "10.0.0.2:1", &rate, 5200, &left));
    cr_expect(hook_rate_take(&rates, "b", "10.0.0.1:1", &rate, 5200, &left));
    cr_expect(hook_rate_take(&rates, "a", "10.0.0.1:4", &rate, 6000, &left), "a new window");
    cr_expect(hook_rate_take(&rates, "a", "[2001:db8::1]:1", &rate, 6000, &left));
    cr_expect(hook_rate_take(&rates, "a", "[2001:db8::2]:1", &rate, 6000, &left));
    cr_expect_not(hook_rate_take(&rates, "a", "[2001:db8::3]:1", &rate, 6000, &left), "of one /64");
}

Test(front_hooks, together_take_from_an_address_what_the_most_generous_takes)
{
    cr_expect_eq(public_hooks_rate(NULL, 0).count, 600);
    cr_expect_eq(public_hooks_rate(NULL, 0).period_ms, 60000);
    begin();
    hooks[0].setting.rate = (struct rate){ 5, 1000 };
    cr_expect_eq(public_hooks_rate(hooks, 1).count, 600);
    hooks[0].setting.rate = (struct rate){ 100, 1000 };
    cr_expect_eq(public_hooks_rate(hooks, 1).count, 6000);
    hooks[0].setting.rate = (struct rate){ 7000, 3600000 };
    cr_expect_eq(public_hooks_rate(hooks, 1).count, 7000, "all of them at once");
}

Test(front_hooks, visit_lasts_until_the_keeper_has_answered)
{
    static struct hook_visits visits;
    struct hook_visit_place *first = hook_visits_enter(&visits, "a", 2), *second = hook_visits_enter(&visits, "a", 2);
    cr_assert(first != NULL && second != NULL);
    cr_expect_null(hook_visits_enter(&visits, "a", 2));
    first->number = 7;
    hook_visits_leave(first); /* its client left */
    cr_expect_null(hook_visits_enter(&visits, "a", 2), "the keeper has it");
    hook_visits_answered(&visits, 8);
    cr_expect_null(hook_visits_enter(&visits, "a", 2), "that was another's answer");
    second->number = 8;
    hook_visits_answered(&visits, 8);
    cr_expect_null(hook_visits_enter(&visits, "a", 2), "its client waits for the second answer");
    hook_visits_answered(&visits, 7);
    first = hook_visits_enter(&visits, "a", 2);
    cr_assert_not_null(first);
    first->number = 9;
    hook_visits_leave(first);
    hook_visits_leave(second);
    hook_visits_forget(&visits); /* the keeper is gone */
    char name[NAME_MAX_BYTES];
    for (unsigned i = 0; i < HOOK_VISITS_MAX; i++) {
        snprintf(name, sizeof name, "n%u", i);
        cr_assert_not_null(hook_visits_enter(&visits, name, 2));
    }
    cr_expect_null(hook_visits_enter(&visits, "another", 2), "of all names");
}

static const char *event;

static const char *event_of(void *arg, const char *name)
{
    (void)arg;
    return strcasecmp(name, "X-GitHub-Event") == 0 ? event : NULL;
}

static const char *unsigned_of(const char *raw_query, bool is_form)
{
    static char room[1000];
    struct hook_content content = { .header = event_of };
    struct writer out = { (uint8_t *)room, sizeof room - 1 };
    hooks[0].setting.scheme = *hook_scheme_find("github");
    cr_assert(hook_unsigned_write(hooks, &hooks[0].setting.scheme, &content, raw_query, is_form, &out));
    room[sizeof room - 1 - out.left] = '\0';
    return room;
}

Test(front_hooks, what_is_read_and_not_signed_is_told_once_each)
{
    begin();
    event = "push";
    cr_expect_str_eq(unsigned_of(NULL, false), "\n\nX-GitHub-Event=push\n");
    cr_expect_str_eq(unsigned_of("a=%62", true), "form\na=%62\nX-GitHub-Event=push\n");
    add_rule(HOOK_HEADER, "x-github-event", HOOK_EQUALS, "push", 4);
    add_rule(HOOK_HEADER, "X-Other", HOOK_EQUALS, "", 0);
    add_map("o", HOOK_HEADER, "X-Third", ENTRY_STRING, 0);
    add_map("j", HOOK_JSON, "/X-Fourth", ENTRY_STRING, 0);
    cr_expect_str_eq(unsigned_of("", false), "\n\nX-GitHub-Event=push\nX-Other\nX-Third\n");
    event = "";
    cr_expect_str_eq(unsigned_of("", false), "\n\nX-GitHub-Event=\nX-Other\nX-Third\n");
    struct hook_content content = { .header = event_of };
    uint8_t little[8];
    struct writer out = { little, sizeof little };
    cr_expect_not(hook_unsigned_write(NULL, hook_scheme_find("github"), &content, "a=b", false, &out));
}
