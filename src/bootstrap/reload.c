/*
 * A new configuration for a service at work. The file is read, judged and made into a model as a whole, and only then does it
 * take the place of the old one; whatever goes wrong before leaves that one as it is. At the end the keeper is told how it went,
 * whoever asked: it may have callers who wait for that (src/keeper/reload.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap.h"
#include "notify.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/entries.h"

#define LAST_LINE_MAX_BYTES 256 /* as an entry */

static void tell_launcher(struct bootstrap *bootstrap, uint32_t old_slot_count, struct error *err)
{
    for (uint32_t i = 0; i < bootstrap->slot_count && err->code == 0; i++)
        if (i >= old_slot_count)
            supervisor_start(bootstrap, i);
        else
            world_hand_roots(bootstrap, i, err);
}

/* It comes and goes with the callbacks. What it had under way when they went nobody asks for any more. */
static void tell_notifier(struct bootstrap *bootstrap)
{
    struct child *notifier = &bootstrap->children[PROCESS_NOTIFIER];
    struct error err = { 0 };
    if (!child_is_wanted(bootstrap->config, PROCESS_NOTIFIER)) {
        child_end(bootstrap, PROCESS_NOTIFIER);
        notifier->restart = (struct restart){ 0 };
    } else if (notifier->pid > 0) {
        if (child_hand_parts(bootstrap, PROCESS_NOTIFIER, &err) < 0)
            log_warn("%s; its end starts it anew, with the new configuration", err.text);
    } else if (notifier->restart.due_ms == 0) {
        child_start_again(bootstrap, PROCESS_NOTIFIER);
    }
}

/*
 * Tells each child that is there; one that is not gets all of it at its start. Slots and roots go first, so that the launcher has
 * them when the policy that names them comes.
 */
static void tell_all(struct bootstrap *bootstrap, uint32_t old_slot_count)
{
    static const enum process order[] = { PROCESS_LAUNCHER, PROCESS_KEEPER, PROCESS_FRONT };
    for (unsigned i = 0; i < sizeof order / sizeof order[0]; i++) {
        struct error err = { 0 };
        if (bootstrap->children[order[i]].pid == 0)
            continue;
        if (order[i] == PROCESS_LAUNCHER)
            tell_launcher(bootstrap, old_slot_count, &err);
        if (err.code == 0)
            child_hand_parts(bootstrap, order[i], &err);
        if (err.code != 0)
            log_warn("%s; its end starts it anew, with the new configuration", err.text);
    }
    tell_notifier(bootstrap);
}

static int take_file(struct bootstrap *bootstrap, FILE *report, bool *ret_has_changed, struct error *err)
{
    struct config *config = NULL;
    uint32_t old_slot_count = bootstrap->slot_count;
    enum config_owner_check check = bootstrap->ids.is_rootless ? CONFIG_OWNER_SELF : CONFIG_OWNER_ROOT;
    int done = config_load(bootstrap->config_path, check, report, &config, err);
    if (done < 0)
        return done;
    model_keep_fixed(bootstrap, config, report);
    done = model_apply(bootstrap, config, ret_has_changed, err);
    if (done == 0)
        tell_all(bootstrap, old_slot_count);
    else
        config_free(config);
    return done;
}

static bool add_line(struct writer *out, const char *line, size_t size)
{
    static const char code[] = "config-invalid";
    return entries_add(out, ENTRY_ERROR, (struct span){ 0 }, (struct span){ (const uint8_t *)code, sizeof code - 1 },
                       (struct span){ (const uint8_t *)line, (uint32_t)size });
}

/* As many lines as there is room for, as entries, and how many there would have been. */
static void add_lines(struct writer *out, const char *lines)
{
    struct writer most = { out->at, out->left - LAST_LINE_MAX_BYTES };
    unsigned left_out = 0;
    for (size_t size; *lines != '\0'; lines += size + (lines[size] == '\n')) {
        size = strcspn(lines, "\n");
        if (size > 0 && (left_out > 0 || !add_line(&most, lines, size)))
            left_out++;
    }
    out->left -= (size_t)(most.at - out->at);
    out->at = most.at;
    if (left_out == 0)
        return;
    char last[LAST_LINE_MAX_BYTES / 2];
    int size = snprintf(last, sizeof last, "and %u more lines; 'sallyport config check' names them all", left_out);
    add_line(out, last, (size_t)size);
}

/* One that is not there has nobody who waits. */
static void tell_keeper(struct bootstrap *bootstrap, struct msg_reloaded *reloaded, const char *lines)
{
    static uint8_t room[RELOAD_LINES_MAX_BYTES];
    struct writer out = { room, sizeof room };
    struct error err = { 0 };
    if (bootstrap->children[PROCESS_KEEPER].pid == 0)
        return;
    add_lines(&out, lines);
    reloaded->lines = (struct span){ room, (uint32_t)(sizeof room - out.left) };
    if (child_hand(bootstrap, PROCESS_KEEPER, MSG_RELOADED, reloaded, -1, &err) < 0)
        log_warn("%s; its end starts it anew", err.text);
}

/* Ready again, whatever came of it. */
static void tell_manager(const struct bootstrap *bootstrap, bool is_taken)
{
    uint32_t count = bootstrap->config->policy->command_count;
    if (is_taken)
        notify_ready(bootstrap->notify_fd, "Serving %u commands, generation %u", count, bootstrap->generation);
    else
        notify_ready(bootstrap->notify_fd, "Serving %u commands; the last reload was refused, see the log", count);
}

void reload_run(struct bootstrap *bootstrap)
{
    struct msg_reloaded reloaded = { 0 };
    struct error err = { 0 };
    char *lines = NULL;
    size_t size = 0;
    notify_reloading(bootstrap->notify_fd);
    doorbell_heard(bootstrap); /* who rang before this gets what begins now */
    reloaded.rings = bootstrap->rings;
    FILE *report = open_memstream(&lines, &size);
    int done = report == NULL ? fail(&err, ENOMEM, "read the configuration")
                              : take_file(bootstrap, report, &reloaded.has_changed, &err);
    if (report != NULL)
        fclose(report);
    if (done == 0)
        log_info("configuration %s was reloaded; it is generation %u", bootstrap->config_path, bootstrap->generation);
    else
        log_error("configuration %s was not reloaded and the old one stays: %s%s", bootstrap->config_path, err.text,
                  lines != NULL ? lines : "");
    reloaded.generation = bootstrap->generation;
    reloaded.is_taken = done == 0;
    text_copy(reloaded.why, sizeof reloaded.why, err.text);
    tell_keeper(bootstrap, &reloaded, done < 0 && size == 0 ? err.text : lines != NULL ? lines : "");
    free(lines);
    tell_manager(bootstrap, done == 0);
}
