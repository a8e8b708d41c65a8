/* What is made of a container runtime's profile is a profile, or it is said why not; every note is one line. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/filter/filter.h"
#include "sallyport/filter/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_note(void *arg, const char *sentence)
{
    (void)arg;
    assert(sentence[0] != '\0' && strchr(sentence, '\n') == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = { 0 };
    char *text = NULL;
    if (profile_import(data, size, on_note, NULL, &text, &err) < 0) {
        assert(err.code > 0 && err.text[0] != '\0' && text == NULL);
        return 0;
    }
    struct profile *profile = NULL;
    assert(profile_parse("fuzz", (const uint8_t *)text, strlen(text), &profile, &err) == 0);
    profile_free(profile);
    free(text);
    return 0;
}
