#include "doctor.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/config/config.h"
#include "sallyport/image/stored.h"
#include "sallyport/policy/policy.h"

#define STATE_DIRECTORY "/var/lib/sallyport"
#define DISK_LOW_BYTES  (1024ull * 1024 * 1024)
#define ROOM_BEHIND     2 /* findings about the state directory */
#define EXPIRY_NEAR_MS  (14ull * 24 * 3600 * 1000)

#define TELL(finding, ...) snprintf((finding)->text, sizeof(finding)->text, __VA_ARGS__)
#define MEND(finding, ...) snprintf((finding)->fix, sizeof(finding)->fix, __VA_ARGS__)

static void check_clock(struct findings *findings)
{
    struct timex state = { .modes = 0 };
    int result = adjtimex(&state);
    bool is_synchronised = result >= 0 && result != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
    struct finding *finding = finding_add(findings, is_synchronised ? DOCTOR_PASS : DOCTOR_WARN, "clock");
    TELL(finding, "%s",
         is_synchronised ? "is synchronised" : "is not known to be synchronised; records and expiry of tokens use it");
    if (!is_synchronised)
        MEND(finding,
             "timedatectl set-ntp true, or install chrony (a virtual machine may get its time from the host unseen)");
}

static void check_disk(struct findings *findings)
{
    struct statvfs room;
    if (statvfs(STATE_DIRECTORY, &room) < 0)
        return; /* not installed as a service */
    unsigned long long free_bytes = (unsigned long long)room.f_bavail * room.f_frsize;
    struct finding *finding = finding_add(findings, free_bytes < DISK_LOW_BYTES ? DOCTOR_WARN : DOCTOR_PASS, "disk");
    TELL(finding, "%llu MiB free below " STATE_DIRECTORY, free_bytes >> 20);
    if (free_bytes < DISK_LOW_BYTES)
        MEND(finding, "make room, or lower retention: in the configuration; without room jobs are refused");
}

static void check_exposure(const struct config *config, struct findings *findings)
{
    for (uint32_t i = 0; i < config->listener_count; i++) {
        const struct config_listener *listener = &config->listeners[i];
        bool is_loopback =
            listener->is_unix || strncmp(listener->host, "127.", 4) == 0 || strcmp(listener->host, "::1") == 0;
        if (is_loopback || findings->count + ROOM_BEHIND + 1 >= DOCTOR_FINDINGS_MAX)
            continue;
        struct finding *finding = finding_add(findings, DOCTOR_WARN, "listener");
        TELL(finding, "%s takes connections from other hosts without TLS: tokens and output travel in the clear",
             listener->address);
        MEND(finding, "listen on 127.0.0.1 or a unix socket behind a proxy that speaks TLS");
    }
}

static void check_tokens(const struct config *config, struct findings *findings)
{
    uint64_t now_ms = clock_unix_ms();
    for (uint32_t i = 0; i < config->identity_count; i++) {
        const struct setting_identity *identity = &config->identities[i].setting;
        char when[CLOCK_TEXT_BYTES];
        if (identity->expires_unix_ms == 0 || identity->expires_unix_ms > now_ms + EXPIRY_NEAR_MS ||
            findings->count + ROOM_BEHIND >= DOCTOR_FINDINGS_MAX)
            continue;
        struct finding *finding = finding_add(findings, DOCTOR_WARN, "token");
        TELL(finding, "'%s' %s on %.10s", identity->name, identity->expires_unix_ms <= now_ms ? "expired" : "expires",
             clock_text(identity->expires_unix_ms, when));
        MEND(finding, "sallyport token create --name %s; then replace its lines and reload: sallyport config reload",
             identity->name);
    }
}

static bool has_image(const struct root *root, const char *store)
{
    struct error err;
    auto_fd int fd = -1;
    int done = image_stored_hold(store, root->image, &fd, &err);
    return done != -ENOENT; /* what we may not look at may be there */
}

static void check_images(const struct config *config, struct findings *findings)
{
    bool names_one = false;
    for (uint32_t i = 0; i < config->policy->root_count; i++) {
        const struct root *root = &config->policy->roots[i];
        names_one |= root->image[0] != '\0';
        if (root->image[0] == '\0' || has_image(root, config->images_dir) ||
            findings->count + ROOM_BEHIND + 1 >= DOCTOR_FINDINGS_MAX)
            continue;
        struct finding *finding = finding_add(findings, DOCTOR_WARN, "image");
        TELL(finding, "%s@sha256:%.12s... is not in the store '%s'; its commands cannot run", root->image_name,
             root->image, config->images_dir);
        MEND(finding, "sallyport image pull %s@sha256:%s; then sallyport config reload", root->image_name, root->image);
    }
    if (!names_one || access(IMAGE_SKOPEO, X_OK) == 0 || findings->count + ROOM_BEHIND >= DOCTOR_FINDINGS_MAX)
        return;
    struct finding *finding = finding_add(findings, DOCTOR_WARN, "skopeo");
    TELL(finding, "%s is not installed: images come from layouts alone, and from no registry", IMAGE_SKOPEO);
    MEND(finding, "apt-get install skopeo");
}

/* The first fault of a report of many lines. */
static void first_line(const char *report, char *text, size_t room)
{
    snprintf(text, room, "%.*s", (int)strcspn(report, "\n"), report);
}

void doctor_check_service(const struct host_facts *facts, const char *config_path, struct findings *findings)
{
    struct config *config = NULL;
    struct error err = { .text = "" };
    char *report = NULL;
    size_t report_size = 0;
    struct stat st;
    check_clock(findings);
    check_disk(findings);
    if (stat(config_path, &st) < 0) {
        struct finding *finding = finding_add(findings, DOCTOR_WARN, "configuration");
        TELL(finding, "%s: %s, so it was not checked", config_path, strerrordesc_np(errno));
        MEND(finding, errno == EACCES ? "run doctor as root to check it, too" : "name it with --config FILE");
        return;
    }
    FILE *to = open_memstream(&report, &report_size);
    if (to == NULL)
        return;
    int result = config_load(config_path, facts->is_root ? CONFIG_OWNER_ROOT : CONFIG_OWNER_SELF, to, &config, &err);
    fclose(to);
    struct finding *finding = finding_add(findings, result < 0 ? DOCTOR_FAIL : DOCTOR_PASS, "configuration");
    if (result < 0) {
        first_line(report[0] != '\0' ? report : err.text, finding->text, sizeof finding->text);
        MEND(finding, "sallyport config check %s names all faults", config_path);
    } else {
        TELL(finding, "%s is fine", config_path);
        check_exposure(config, findings);
        check_tokens(config, findings);
        check_images(config, findings);
    }
    free(report);
    config_free(config);
}
