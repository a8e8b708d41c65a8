/*
 * What this host lacks for sallyport, in words, with the fix. The facts are base/host.h's; what they mean is said here.
 */
#pragma once

#include <stdint.h>

#include "sallyport/base/host.h"

enum verdict { DOCTOR_PASS, DOCTOR_WARN, DOCTOR_FAIL };

struct finding {
    enum verdict verdict;
    const char *subject;
    char text[640];
    char fix[640]; /* "" if there is nothing to do */
};

#define DOCTOR_FINDINGS_MAX 32

struct findings {
    struct finding items[DOCTOR_FINDINGS_MAX];
    uint32_t count;
};

/* The next one, to be filled in; its texts are empty. */
struct finding *finding_add(struct findings *findings, enum verdict verdict, const char *subject);

/* Kernel, namespaces, procfs, control groups, ids. */
void doctor_check_host(const struct host_facts *facts, struct findings *findings);

/* Clock, disk, and the configuration at path: modes, faults, exposure, tokens near their end. */
void doctor_check_service(const struct host_facts *facts, const char *config_path, struct findings *findings);

/* The database of the state directory at path, read as a whole; also while the service runs. Says if it is drained. */
void doctor_check_state(const char *path, struct findings *findings);

/*
 * The features that a configuration on this host must name under `degrade:`: bits of enum degrade. cgroup-cpu and cgroup-io
 * are only among them where jobs can have no group at all, because no other limit uses these controllers.
 */
uint32_t doctor_degrade(const struct host_facts *facts);

/* "cgroup-memory, cgroup-pids"; "" for none. Returns text. */
const char *doctor_degrade_text(uint32_t degrade, const char *separator, char text[128]);
