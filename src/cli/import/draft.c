#include "draft.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

#define SENTENCE_BYTES 1024

const char *const draft_sections[] = { "server", "peers", "predecessors", "hooks", "commands", NULL };

int draft_init(struct draft *draft, struct error *err)
{
    *draft = (struct draft){ json_object(), json_object(), json_object(), json_object() };
    if (draft->config == NULL || draft->held == NULL || draft->notes == NULL || draft->secrets == NULL)
        return fail(err, ENOMEM, "begin a configuration");
    return 0;
}

static void wipe_secrets(json_t *secrets)
{
    const char *path;
    json_t *secret;
    json_object_foreach(secrets, path, secret)
        explicit_bzero((char *)(uintptr_t)json_string_value(secret), json_string_length(secret));
}

void draft_done(struct draft *draft)
{
    wipe_secrets(draft->secrets);
    json_decref(draft->config);
    json_decref(draft->held);
    json_decref(draft->notes);
    json_decref(draft->secrets);
    *draft = (struct draft){ 0 };
}

/* The map below `key`, made if there is none. */
static json_t *map_below(json_t *map, const char *key)
{
    json_t *below = json_object_get(map, key);
    if (below == NULL && json_object_set_new(map, key, json_object()) == 0)
        below = json_object_get(map, key);
    return below;
}

void draft_set(struct draft *draft, const char *section, const char *name, json_t *value)
{
    json_object_set_new(map_below(draft->config, section), name, value);
}

json_t *draft_get(const struct draft *draft, const char *section, const char *name)
{
    return json_object_get(json_object_get(draft->config, section), name);
}

bool draft_has(const struct draft *draft, const char *section, const char *name)
{
    return draft_get(draft, section, name) != NULL ||
           json_object_get(json_object_get(draft->held, section), name) != NULL;
}

__attribute__((format(printf, 4, 0))) static void add_note(struct draft *draft, const char *section, const char *name,
                                                           const char *format, va_list args)
{
    char sentence[SENTENCE_BYTES];
    json_t *names = map_below(draft->notes, section);
    int length = vsnprintf(sentence, sizeof sentence, format, args);
    if (length >= (int)sizeof sentence)
        length = (int)sizeof sentence - 1;
    /* A character may have been cut in two at the end, and names of files may be anything. */
    if (!text_is_utf8(sentence, (size_t)length))
        for (int i = 0; i < length; i++)
            sentence[i] = (signed char)sentence[i] < 0 ? '?' : sentence[i];
    if (json_object_get(names, name) == NULL)
        json_object_set_new(names, name, json_array());
    json_array_append_new(json_object_get(names, name), json_string(sentence));
}

void draft_note(struct draft *draft, const char *section, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_note(draft, section, name, format, args);
    va_end(args);
}

void draft_hold(struct draft *draft, const char *section, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_note(draft, section, name, format, args);
    va_end(args);
    json_t *entries = json_object_get(draft->config, section);
    if (json_object_get(entries, name) == NULL)
        return;
    json_object_set(map_below(draft->held, section), name, json_object_get(entries, name));
    json_object_del(entries, name); /* last: the name may be the entry's own */
}

static void tell(const struct draft *draft, const char *section, const char *name,
                 void (*take)(const char *place, const char *sentence))
{
    const json_t *sentences = json_object_get(json_object_get(draft->notes, section), name);
    char place[256];
    snprintf(place, sizeof place, "%s%s%s", section, name[0] != '\0' ? "." : "", name);
    for (size_t i = 0; i < json_array_size(sentences); i++)
        take(place, json_string_value(json_array_get(sentences, i)));
}

void draft_each_note(const struct draft *draft, void (*take)(const char *place, const char *sentence))
{
    tell(draft, "", "", take);
    for (size_t i = 0; draft_sections[i] != NULL; i++) {
        const char *name;
        json_t *sentences;
        tell(draft, draft_sections[i], "", take);
        json_object_foreach(json_object_get(draft->notes, draft_sections[i]), name, sentences)
        {
            if (name[0] != '\0')
                tell(draft, draft_sections[i], name, take);
        }
    }
}
