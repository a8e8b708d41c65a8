/*
 * Whatever texts a draft has, as keys, values and notes, in what is taken and what is held: what is written is read as the same
 * texts. An input is texts with the byte 0xff between them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "same_yaml.h"
#include "sallyport/base/text.h"

#define TEXTS_MAX 64
#define KEY_MOST  128 /* as configurations have them */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_texts(struct draft *draft, const char *key, const char *value, unsigned at)
{
    static const char *const sections[] = { "hooks", "commands", "peers" };
    const char *section = sections[at % 3];
    draft_set(draft, section, key,
              json_pack("{s:s, s:[s, i], s:{s:s, s:b, s:[]}, s:[{s:s}]}", "text", value, "list", value, -1, "map", key,
                        value, "is", 1, "none", "maps", "in", value));
    draft_note(draft, section, key, "%s and %s", value, key);
    draft_note(draft, "", "", "%s", key);
    draft_note(draft, section, value, "of nothing: %s", value);
    if (at % 2 == 1)
        draft_hold(draft, section, key, "Held: %s", value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = { 0 };
    struct draft draft;
    char *last = NULL;
    unsigned count = 0;
    if (draft_init(&draft, &err) < 0)
        abort();
    for (size_t at = 0; at < size && count < TEXTS_MAX; count++) {
        const uint8_t *end = memchr(data + at, 0xff, size - at);
        size_t length = end != NULL ? (size_t)(end - data) - at : size - at;
        char *text = strndup((const char *)data + at, length);
        at += length + 1;
        if (text == NULL)
            abort();
        if (!text_is_utf8(text, strlen(text))) {
            free(text);
            continue;
        }
        if (last != NULL && strlen(last) <= KEY_MOST)
            add_texts(&draft, last, text, count);
        free(last);
        last = text;
    }
    check_same(&draft);
    draft_done(&draft);
    free(last);
    return 0;
}
