#include "doctor.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/config/config.h"
#include "sallyport/image/stored.h"
#include "sallyport/policy/policy.h"

#define ROOM_BEHIND    2 /* findings about the state directory */
#define EXPIRY_NEAR_MS (14ull * 24 * 3600 * 1000)

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

static void check_exposure(const struct config *config, struct findings *findings)
{
    for (uint32_t i = 0; i < config->listener_count; i++) {
        const struct config_listener *listener = &config->listeners[i];
        bool is_loopback =
            listener->is_unix || strncmp(listener->host, "127.", 4) == 0 || strcmp(listener->host, "::1") == 0;
        if (is_loopback || listener->is_tls || findings->count + ROOM_BEHIND + 1 >= DOCTOR_FINDINGS_MAX)
            continue;
        struct finding *finding = finding_add(findings, DOCTOR_WARN, "listener");
        TELL(finding, "%s takes connections from other hosts without TLS: tokens and output travel in the clear",
             listener->address);
        MEND(finding,
             "give it a certificate with server.tls, or listen on 127.0.0.1 or a unix socket behind a proxy that "
             "speaks TLS");
    }
}

static void check_certificate(const struct config *config, struct findings *findings)
{
    if (config->tls == NULL || findings->count + ROOM_BEHIND >= DOCTOR_FINDINGS_MAX)
        return;
    uint64_t until_ms = config->tls->until_unix_s > 0 ? (uint64_t)config->tls->until_unix_s * 1000 : 0;
    uint64_t now_ms = clock_unix_ms();
    bool is_fine = until_ms > now_ms + EXPIRY_NEAR_MS;
    char when[CLOCK_TEXT_BYTES];
    struct finding *finding = finding_add(findings, is_fine ? DOCTOR_PASS : DOCTOR_WARN, "certificate");
    TELL(finding, "that of server.tls %s %.10s",
         is_fine              ? "holds until"
         : until_ms <= now_ms ? "expired on"
                              : "expires on",
         clock_text(until_ms, when));
    if (!is_fine)
        MEND(finding, "put a new one and its key into their places, then: sallyport config reload");
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
        struct finding *finding =
            finding_add(findings, DOCTOR_WARN, identity->kind == IDENTITY_USER ? "user" : "token");
        TELL(finding, "'%s' %s on %.10s", identity->name, identity->expires_unix_ms <= now_ms ? "expired" : "expires",
             clock_text(identity->expires_unix_ms, when));
        if (identity->kind == IDENTITY_USER) {
            MEND(finding, "give users.%s another 'expires', or none, and reload: sallyport config reload",
                 identity->name);
            continue;
        }
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

void doctor_check_service(const struct host_facts *facts, const char *config_path, bool is_running,
                          struct findings *findings)
{
    struct config *config = NULL;
    struct error err = { .text = "" };
    char *report = NULL;
    size_t report_size = 0;
    struct stat st;
    check_clock(findings);
    if (stat(config_path, &st) < 0) {
        struct finding *finding = finding_add(findings, DOCTOR_WARN, "configuration");
        TELL(finding, "%s: %s, so it was not checked", config_path, strerrordesc_np(errno));
        MEND(finding, errno == EACCES ? "run doctor as root to check it, too" : "name it with --config FILE");
        doctor_check_room(facts, NULL, is_running, findings);
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
        doctor_check_room(facts, NULL, is_running, findings);
    } else {
        TELL(finding, "%s is fine", config_path);
        doctor_check_room(facts, config, is_running, findings);
        check_exposure(config, findings);
        check_certificate(config, findings);
        check_tokens(config, findings);
        check_images(config, findings);
    }
    free(report);
    config_free(config);
}
