/* A hooks.json of anybody is refused with a sentence, or is a configuration that says what was made of it and nothing else. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "webhook.h"
#include "same_yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_note(const char *place, const char *sentence)
{
    if (place == NULL || sentence == NULL || sentence[0] == '\0')
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = { 0 };
    struct import import = { .secrets = size % 2 == 0 ? "/nowhere" : NULL };
    char *text = malloc(size + 1);
    if (text == NULL || draft_init(&import.draft, &err) < 0)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    if (webhook_translate(&import, text, size, &err) < 0) {
        if (err.code <= 0 || err.text[0] == '\0')
            abort();
    } else {
        draft_each_note(&import.draft, check_note);
        check_same(&import.draft);
    }
    draft_done(&import.draft);
    free(text);
    return 0;
}
