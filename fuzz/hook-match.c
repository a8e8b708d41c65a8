/*
 * Bodies of deliveries: what is taken out of one is a text, is named as the hook says, and is the same each time. An input is a
 * byte that says source, test and kind of body, a line with where to look, a line with what to compare, then the body.
 */
#include <stdlib.h>
#include <string.h>

#include "hook_match.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/entries.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool take_line(const uint8_t **data, size_t *size, char *to, size_t room)
{
    const uint8_t *end = *size > 0 ? memchr(*data, '\n', *size) : NULL;
    size_t length = end != NULL ? (size_t)(end - *data) : 0;
    if (end == NULL || memchr(*data, '\0', length) != NULL || !text_copy_bytes(to, room, *data, length))
        return false;
    *size -= length + 1;
    *data += length + 1;
    return true;
}

static const char *no_header(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return NULL;
}

static void check_params(const struct public_hook *hook, const struct hook_content *content)
{
    static uint8_t room[PARAMS_MAX_BYTES], again[PARAMS_MAX_BYTES];
    struct writer out = { room, sizeof room }, second = { again, sizeof again };
    struct entry entry;
    if (!hook_params(hook, content, &out))
        return;
    struct reader in = { room, sizeof room - out.left };
    int got;
    while ((got = entries_next(&in, &entry)) > 0)
        if (!span_is(entry.name, "ref") || !text_is_utf8(entry.value.data, entry.value.size))
            abort();
    if (got < 0 || !hook_params(hook, content, &second) || second.left != out.left ||
        memcmp(room, again, sizeof room - out.left) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct query query;
    char why[HOOK_WHY_BYTES], from[HOOK_SOURCE_MAX_BYTES], value[512];
    struct public_hook *hooks = NULL;
    uint32_t count = 0;
    if (size == 0)
        return 0;
    uint8_t kind = *data++;
    size--;
    if (!take_line(&data, &size, from, sizeof from) || !take_line(&data, &size, value, sizeof value))
        return 0;
    union any_setting setting = { .front_hook = { .name = "h", .rate = { 1, 1000 }, .concurrency = 1 } };
    strcpy(setting.front_hook.scheme.signature, "X");
    if (public_hook_take(&hooks, &count, SETTING_FRONT_HOOK, &setting, NULL) < 0)
        abort();
    setting = (union any_setting){ .hook_rule = { .source = (kind & 1) != 0 ? HOOK_FORM : HOOK_JSON,
                                                  .test = (uint8_t)(1 + (kind >> 1 & 3)),
                                                  .value = { (const uint8_t *)value, (uint32_t)strlen(value) } } };
    memcpy(setting.hook_rule.from, from, sizeof from);
    if (setting.hook_rule.test == HOOK_IN)
        setting.hook_rule.value.size++;
    bool is_rule = public_hook_take(&hooks, &count, SETTING_HOOK_RULE, &setting, NULL) == 0;
    setting = (union any_setting){ .hook_map = { .param = "ref",
                                                 .kind = (kind & 16) != 0 ? ENTRY_LIST : ENTRY_STRING,
                                                 .item = ENTRY_STRING,
                                                 .source = (kind & 1) != 0 ? HOOK_FORM : HOOK_JSON } };
    memcpy(setting.hook_map.from, from, sizeof from);
    if (public_hook_take(&hooks, &count, SETTING_HOOK_MAP, &setting, NULL) < 0)
        abort();
    struct hook_content content = { .header = no_header, .query = &query };
    hook_content_read(&content, (const char *)data, size, (kind & 8) != 0);
    bool matches = is_rule && hook_matches(hooks, &content, why);
    if (is_rule && hook_matches(hooks, &content, why) != matches)
        abort();
    check_params(hooks, &content);
    hook_content_done(&content);
    public_hooks_free(hooks, count);
    return 0;
}
