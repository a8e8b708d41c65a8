/*
 * "a=b&c=d" of a query and of a form: what becomes of it is a list of entries that reads back whole, each with a name that the
 * text has, or a problem that says why not.
 */
#include <stdlib.h>
#include <string.h>

#include "function.h"
#include "problem.h"
#include "sallyport/proto/entries.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char schema[] = "{\"properties\": {\"s\": {\"type\": \"string\"}, \"i\": {\"type\": \"integer\"},"
                             "\"n\": {\"type\": \"number\"}, \"b\": {\"type\": \"boolean\"},"
                             "\"k\": {\"type\": \"string\", \"writeOnly\": true},"
                             "\"l\": {\"type\": \"array\", \"items\": {\"type\": \"integer\"}}}}";

static void check_entries(const struct call *call)
{
    struct reader in = { call->submission.params, sizeof call->submission.params - call->params.left };
    struct entry entry;
    int got;
    while ((got = entries_next(&in, &entry)) > 0)
        if (entry.name.size == 0 || entry.extra.size != 0 || memchr(entry.name.data, '\0', entry.name.size) != NULL)
            abort();
    if (got < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct call call;
    struct problem problem = { 0 };
    if (size == 0 || size > 64 * 1024)
        return 0;
    call.schema = json_loads(schema, 0, NULL);
    call.params = (struct writer){ call.submission.params, sizeof call.submission.params };
    char *query = strndup((const char *)data + 1, size - 1);
    bool is_query = data[0] == '?';
    int done =
        is_query ? function_add_query(&call, query, &problem) : function_add_form(&call, data + 1, size - 1, &problem);
    if (done == 0)
        check_entries(&call);
    else if (problem.status != 400 && problem.status != 422)
        abort();
    problem_done(&problem);
    json_decref(call.schema);
    free(query);
    return 0;
}
