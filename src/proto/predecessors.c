#include "sallyport/proto/predecessors.h"

#include <stddef.h>
#include <string.h>

static const char *const names[PREDECESSOR_COUNT] = {
    [PREDECESSOR_GORT] = "gort",
    [PREDECESSOR_JOBRUNNER] = "jobrunner",
    [PREDECESSOR_GO_SERVERLESS] = "go-serverless",
    [PREDECESSOR_HTTP_RUNNER] = "http-runner",
    [PREDECESSOR_GO_TASKY] = "go-tasky",
};

const char *predecessor_name(unsigned predecessor)
{
    return predecessor < PREDECESSOR_COUNT ? names[predecessor] : NULL;
}

enum predecessor predecessor_find(const char *name)
{
    for (unsigned i = PREDECESSOR_NONE + 1; i < PREDECESSOR_COUNT; i++)
        if (strcmp(names[i], name) == 0)
            return (enum predecessor)i;
    return PREDECESSOR_NONE;
}
