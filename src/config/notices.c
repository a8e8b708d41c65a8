#include "notices.h"

#include <string.h>

#include "keys.h"
#include "reading.h"
#include "sallyport/base/text.h"
#include "sallyport/job/callback_event.h"

bool notice_event_is_name(const char *name)
{
    return callback_event_parse(name) != CALLBACK_NONE;
}

/* The list of an event; its items are drafts of their own. */
static void *event_open(struct reading *reading, const char *command, const char *name)
{
    reading->notice = (struct notice_draft){ .command = command, .event = (uint8_t)callback_event_parse(name) };
    return &reading->notice;
}

void *notice_default_open(struct reading *reading, const char *name)
{
    return event_open(reading, "", name);
}

/* The tree's own copy of the command's name: that of the model moves when the model grows. */
void *notice_command_open(struct reading *reading, const char *name)
{
    json_t *copy = json_string(reading->command->name);
    if (copy == NULL || json_array_append_new(reading->texts, copy) < 0) {
        reading->report->is_out_of_memory = true;
        return NULL;
    }
    return event_open(reading, json_string_value(copy), name);
}

void *notice_open(struct reading *reading, const char *name)
{
    (void)name;
    if (reading->notice_draft_count >= NOTICE_COUNT_MAX) {
        fault(reading, "is one too many: all lists of 'on' together may have at most %d items", NOTICE_COUNT_MAX);
        return NULL;
    }
    struct notice_draft *draft = grow(reading, &reading->notice_drafts, reading->notice_draft_count, sizeof *draft);
    if (draft == NULL)
        return NULL;
    reading->notice_draft_count++;
    *draft = reading->notice;
    reading->notice.index++;
    return draft;
}

static const struct config_callback *find_callback(const struct config *config, const char *name)
{
    for (uint32_t i = 0; i < config->callback_count; i++)
        if (strcmp(config->callbacks[i].setting.name, name) == 0)
            return &config->callbacks[i];
    return NULL;
}

static void check(struct reading *reading, const struct notice_draft *draft)
{
    const struct config_callback *callback = find_callback(reading->config, draft->callback);
    if (callback == NULL)
        fault_below(reading, "callback", -1, "there is no callback '%.80s'", draft->callback);
    else if (callback->setting.is_prefix)
        fault_below(reading, "callback", -1,
                    "'%s' has 'allow_url': where it goes is said by requests; name one that has a 'url'",
                    draft->callback);
    if ((draft->event == CALLBACK_RECOVERED || draft->event == CALLBACK_STARTED) && draft->threshold > 1)
        fault_below(reading, "threshold", -1, "counts ends in a row, and '%s' is none",
                    callback_event_text(draft->event));
    if (draft->event == CALLBACK_STARTED && draft->tail_bytes > 0)
        fault_below(reading, "output", -1, "is there at a job's end, and 'started' is told before");
    int command = policy_find_command(reading->config->policy, draft->command);
    if (command >= 0 && reading->config->policy->commands[command].keeps_metadata_only && draft->tail_bytes > 0)
        fault_below(reading, "output", -1, "is not kept, for the command says 'record: metadata-only'");
}

static void take(struct reading *reading, const struct notice_draft *draft)
{
    struct config *config = reading->config;
    size_t length = enter_key(reading, draft->command[0] == '\0' ? "defaults" : "commands");
    if (draft->command[0] != '\0')
        enter_key(reading, draft->command);
    enter_key(reading, "on");
    enter_key(reading, callback_event_text(draft->event));
    enter_index(reading, draft->index);
    check(reading, draft);
    leave(reading, length);
    struct config_notice *notice = grow(reading, &config->notices, config->notice_count, sizeof *notice);
    if (notice == NULL)
        return;
    config->notice_count++;
    notice->index = draft->index;
    notice->setting = (struct setting_notice){ .event = draft->event,
                                               .threshold = (uint32_t)draft->threshold,
                                               .cool_down_ms = draft->cool_down_ms,
                                               .tail_bytes = (uint32_t)draft->tail_bytes };
    text_copy(notice->setting.command, sizeof notice->setting.command, draft->command);
    text_copy(notice->setting.callback, sizeof notice->setting.callback, draft->callback);
}

void notices_take(struct reading *reading)
{
    for (uint32_t i = 0; i < reading->notice_draft_count; i++)
        if (reading->notice_drafts[i].callback != NULL) /* else it was told */
            take(reading, &reading->notice_drafts[i]);
}
