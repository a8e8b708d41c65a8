#include <errno.h>
#include <stdlib.h>

#include "bootstrap.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/filter/filter.h"

#define PROFILES_MOST 16

int filters_compile(struct bootstrap *bootstrap, struct policy *policy, struct error *err)
{
    for (uint32_t i = 0; i < policy->filter_count; i++) {
        struct filter *filter = &policy->filters[i];
        struct profile *profile = NULL;
        int done = profile_load(bootstrap->policies_fd, filter->name, &profile, err);
        if (done == 0)
            done = profile_compile(profile, &filter->program, &filter->program_bytes, err);
        profile_free(profile);
        if (done < 0)
            return fail_in(err, "seccomp profile '%s'", filter->name);
    }
    return 0;
}

/* Every profile that we ship is in it, used or not: a reload may bring one in, and supervisors live on. */
static int compile_union(struct bootstrap *bootstrap, uint8_t **ret_program, uint32_t *ret_bytes, struct error *err)
{
    struct profile *profiles[PROFILES_MOST] = { NULL };
    uint32_t count = 0;
    int done = 0;
    for (; count < PROFILES_MOST && profile_names[count] != NULL && done == 0; count++)
        done = profile_load(bootstrap->policies_fd, profile_names[count], &profiles[count], err);
    if (done == 0)
        done = profile_compile_supervisor(profiles, count, ret_program, ret_bytes, err);
    for (uint32_t i = 0; i < count; i++)
        profile_free(profiles[i]);
    return done < 0 ? fail_in(err, "the supervisors' seccomp filter") : 0;
}

int supervisor_filter_make(struct bootstrap *bootstrap, struct error *err)
{
    auto_free uint8_t *program = NULL;
    uint32_t bytes = 0;
    int done = compile_union(bootstrap, &program, &bytes, err);
    return done < 0 ? done
                    : memfd_sealed("sallyport-filter", program, bytes, false, &bootstrap->supervisor_filter_fd, err);
}
