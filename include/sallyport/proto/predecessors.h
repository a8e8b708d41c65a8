/*
 * The programs that sallyport takes the place of: their clients are served as before, below a path or on a listener of their
 * own (`predecessors` of the configuration, docs/migrating.md).
 */
#pragma once

enum predecessor {
    PREDECESSOR_NONE,
    PREDECESSOR_GORT,
    PREDECESSOR_JOBRUNNER,
    PREDECESSOR_GO_SERVERLESS,
    PREDECESSOR_HTTP_RUNNER,
    PREDECESSOR_GO_TASKY,
    PREDECESSOR_COUNT
};

/* "gort"; NULL for PREDECESSOR_NONE and what is beyond. */
const char *predecessor_name(unsigned predecessor);

/* PREDECESSOR_NONE for a name of none. */
enum predecessor predecessor_find(const char *name);
