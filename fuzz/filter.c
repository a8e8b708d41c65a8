/* A profile that could be read compiles to a program that agrees with it, or the compiler says why not; never more. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "sallyport/base/error.h"
#include "sallyport/filter/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct profile *profile;
    struct error err = { 0 };
    if (profile_parse("fuzz", data, size, &profile, &err) < 0) {
        assert(err.code > 0 && err.text[0] != '\0');
        return 0;
    }
    uint8_t *program = NULL;
    uint32_t bytes = 0;
    if (profile_compile(profile, &program, &bytes, &err) == 0) {
        assert(bytes > 0 && bytes % 8 == 0 && bytes <= FILTER_INSTRUCTIONS_MAX * 8);
        free(program);
    }
    profile_free(profile);
    return 0;
}
