/* The profiles of policies/, as the tests find them. */
#pragma once

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "profile.h"
#include "sallyport/base/error.h"

static inline struct profile *shipped_profile(const char *name)
{
    const char *source = getenv("SALLYPORT_SOURCE");
    char path[PATH_MAX_BYTES];
    snprintf(path, sizeof path, "%s/policies", source != NULL ? source : ".");
    int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(directory, 0, "open %s (SALLYPORT_SOURCE names the source tree)", path);
    struct profile *profile = NULL;
    struct error err = { 0 };
    cr_assert_eq(profile_load(directory, name, &profile, &err), 0, "%s", err.text);
    close(directory);
    return profile;
}

struct compiled {
    uint8_t *bytes;
    uint32_t size;
};

static inline struct compiled compiled_profile(const char *name)
{
    struct profile *profile = shipped_profile(name);
    struct compiled compiled = { 0 };
    struct error err = { 0 };
    cr_assert_eq(profile_compile(profile, &compiled.bytes, &compiled.size, &err), 0, "%s", err.text);
    profile_free(profile);
    return compiled;
}

static inline struct compiled compiled_supervisor(void)
{
    struct profile *profiles[8];
    uint32_t count = 0;
    struct compiled compiled = { 0 };
    struct error err = { 0 };
    for (; profile_names[count] != NULL; count++)
        profiles[count] = shipped_profile(profile_names[count]);
    cr_assert_eq(profile_compile_supervisor(profiles, count, &compiled.bytes, &compiled.size, &err), 0, "%s", err.text);
    while (count > 0)
        profile_free(profiles[--count]);
    return compiled;
}
