/*
 * What this host lacks for sallyport, in words, with the fix. The facts are base/host.h's; what they mean is said here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "sallyport/base/host.h"

struct config;
struct statfs;

enum verdict { DOCTOR_PASS, DOCTOR_WARN, DOCTOR_FAIL };

struct finding {
    enum verdict verdict;
    const char *subject;
    char text[640];
    char fix[640]; /* "" if there is nothing to do */
};

#define DOCTOR_FINDINGS_MAX 96

struct findings {
    struct finding items[DOCTOR_FINDINGS_MAX];
    uint32_t count;
};

/* The next one, to be filled in; its texts are empty. */
struct finding *finding_add(struct findings *findings, enum verdict verdict, const char *subject);

/* Kernel, namespaces, procfs, control groups, ids. */
void doctor_check_host(const struct host_facts *facts, struct findings *findings);

/* Settings of the kernel that jobs meet, as files below the directory root say them: "/", or a test's own tree. */
void doctor_check_kernel(int root, const struct host_facts *facts, struct findings *findings);

/* Where the records are kept; nothing if it is not there. */
void doctor_check_place(const char *path, struct findings *findings);

/*
 * Clock, and the configuration at path: modes, faults, exposure, tokens near their end; and what it takes from the host.
 * is_running: a sallyportd has the addresses that it names.
 */
void doctor_check_service(const struct host_facts *facts, const char *config_path, bool is_running,
                          struct findings *findings);

/* Namespaces, descriptors, processes, ids and addresses for the slots of this configuration; NULL: as many as by default. */
void doctor_check_room(const struct host_facts *facts, const struct config *config, bool is_running,
                       struct findings *findings);

/* The database of the state directory at path, read as a whole; also while the service runs. Says if it is drained. */
void doctor_check_state(const char *path, struct findings *findings);

/*
 * The features that a configuration on this host must name under `degrade:`: bits of enum degrade. cgroup-cpu and cgroup-io
 * are only among them where jobs can have no group at all, because no other limit uses these controllers.
 */
uint32_t doctor_degrade(const struct host_facts *facts);

/* "cgroup-memory, cgroup-pids"; "" for none. Returns text. */
const char *doctor_degrade_text(uint32_t degrade, const char *separator, char text[128]);

/* The parts that judge what others found, for tests. mode is the directory's. */
void doctor_judge_place(const char *path, const struct statfs *place, unsigned mode, struct findings *findings);
void doctor_judge_limits(rlim_t files, rlim_t processes, bool is_root, uint32_t slots, uint32_t roots,
                         struct findings *findings);
void doctor_check_namespaces(int root, uint32_t slots, uint32_t roots, struct findings *findings);
void doctor_check_listeners(const struct config *config, bool is_running, struct findings *findings);
