#include "params.h"

#include <criterion/criterion.h>
#include <string.h>

#include "sallyport/base/error.h"

static const char schema_text[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"ref\"],\"properties\":{"
    "\"ref\":{\"type\":\"string\"},\"count\":{\"type\":\"integer\"},\"ratio\":{\"type\":\"number\"},\"dry\":{\"type\":"
    "\"boolean\"},"
    "\"env\":{\"enum\":[\"a\",\"b\"]},\"hosts\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"ports\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},\"key\":{\"type\":\"string\",\"format\":"
    "\"password\",\"writeOnly\":true}}}";

/* The parameters that come of the words, as JSON; NULL with err if one is refused. */
static char *build(const char *const *words, struct error *err)
{
    json_t *schema = json_loads(schema_text, 0, NULL), *params = json_object();
    char *text = NULL;
    int result = 0;
    for (size_t i = 0; words[i] != NULL && result == 0; i++)
        result = params_add(params, schema, words[i], err);
    if (result == 0)
        text = json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(schema);
    json_decref(params);
    return text;
}

Test(params, have_the_types_of_the_schema)
{
    static const struct {
        const char *words[4];
        const char *json;
    } rows[] = {
        { { "ref=12" }, "{\"ref\":\"12\"}" },
        { { "ref=" }, "{\"ref\":\"\"}" },
        { { "ref=a=b:=c" }, "{\"ref\":\"a=b:=c\"}" },
        { { "ref=$(id) ; \"'\\" }, "{\"ref\":\"$(id) ; \\\"'\\\\\"}" },
        { { "count=-7" }, "{\"count\":-7}" },
        { { "ratio=0.5" }, "{\"ratio\":0.5}" },
        { { "ratio=3" }, "{\"ratio\":3}" },
        { { "dry=yes" }, "{\"dry\":true}" },
        { { "dry=false" }, "{\"dry\":false}" },
        { { "env=a" }, "{\"env\":\"a\"}" },
        { { "hosts=web-1", "hosts=web-2" }, "{\"hosts\":[\"web-1\",\"web-2\"]}" },
        { { "ports=1", "ports=2" }, "{\"ports\":[1,2]}" },
        { { "hosts:=[]" }, "{\"hosts\":[]}" },
        { { "count:=12" }, "{\"count\":12}" },
        { { "ref=a", "ref=b" }, "{\"ref\":\"b\"}" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = { 0 };
        char *text = build(rows[i].words, &err);
        cr_assert_not_null(text, "%s: %s", rows[i].words[0], err.text);
        cr_expect_str_eq(text, rows[i].json);
        free(text);
    }
}

Test(params, of_the_wrong_kind_are_refused_with_what_they_take)
{
    static const struct {
        const char *word, *says;
    } rows[] = {
        { "count=seven", "whole number" },
        { "count=1.5", "whole number" },
        { "count= 1", "whole number" },
        { "count=99999999999999999999", "whole number" },
        { "count=", "whole number" },
        { "ratio=0x10", "takes a number" },
        { "ratio=nan", "takes a number" },
        { "dry=maybe", "true or false" },
        { "hots=a", "did you mean 'hosts'" },
        { "completely=a", "there is no parameter" },
        { "ref", "name=value" },
        { "=a", "name=value" },
        { ":=1", "no name" },
        { "count:=[", "not JSON" },
        { "ref=\xff", "UTF-8" },
        { "ports=x", "whole number" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = { 0 };
        char *text = build((const char *const[]){ rows[i].word, NULL }, &err);
        cr_expect_null(text, "%s gave %s", rows[i].word, text);
        cr_expect_not_null(strstr(err.text, rows[i].says), "%s: %s", rows[i].word, err.text);
        free(text);
    }
}

Test(params, that_are_secret_are_not_repeated_in_complaints)
{
    struct error err = { 0 };
    char *text = build((const char *const[]){ "key=geheim\xff", NULL }, &err);
    cr_expect_null(text);
    cr_expect_null(strstr(err.text, "geheim"), "%s", err.text);
}
