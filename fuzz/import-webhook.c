/*
 * A hooks.json of anybody is refused with a sentence, or is a configuration that says what was made of it and nothing else. No
 * secret of a signature has a part in what is said: with other secrets in their places each byte of it is the same. And no two
 * secrets go into one file.
 */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "webhook.h"
#include "same_yaml.h"

#define SECRET_LEAST 8 /* bytes; shorter ones are left as they are, so that what is compared with them stays the same */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static FILE *notes_to; /* draft_each_note() has no argument of the caller's */

static void keep_note(const char *place, const char *sentence)
{
    if (place == NULL || sentence == NULL || sentence[0] == '\0')
        abort();
    fprintf(notes_to, "%s: %s\n", place, sentence);
}

/* Each path once, of what is taken and what is held. */
static void check_paths(const json_t *sections, json_t *seen)
{
    const char *name;
    json_t *hook;
    json_object_foreach(json_object_get(sections, "hooks"), name, hook)
    {
        const json_t *secrets = json_object_get(json_object_get(hook, "verify"), "secrets");
        size_t count = json_is_string(secrets) ? 1 : json_array_size(secrets);
        for (size_t i = 0; i < count; i++) {
            const char *path = json_string_value(json_is_string(secrets) ? secrets : json_array_get(secrets, i));
            if (path == NULL || json_object_get(seen, path) != NULL)
                abort();
            json_object_set_new(seen, path, json_true());
        }
    }
}

static void check_draft(const struct draft *draft)
{
    json_t *seen = json_object();
    check_paths(draft->config, seen);
    check_paths(draft->held, seen);
    json_decref(seen);
    check_same(draft);
}

/* All that a caller sees: the configuration and the notes, or the refusal. The caller's. */
static char *said_of(const char *text, size_t size, const char *secrets)
{
    struct error err = { 0 };
    struct import import = { .secrets = secrets };
    char *said = NULL;
    size_t said_size = 0;
    FILE *to = open_memstream(&said, &said_size);
    if (to == NULL || draft_init(&import.draft, &err) < 0)
        abort();
    if (webhook_translate(&import, text, size, &err) < 0) {
        if (err.code <= 0 || err.text[0] == '\0')
            abort();
        fputs(err.text, to);
    } else {
        check_draft(&import.draft);
        notes_to = to;
        draft_each_note(&import.draft, keep_note);
        if (draft_write(&import.draft, to, &err) < 0)
            abort();
    }
    draft_done(&import.draft);
    if (fclose(to) != 0)
        abort();
    return said;
}

/* Each letter and digit, so that no part of it is the same; what differed differs still, and control characters stay. */
static void change_secret(json_t *secret)
{
    char *other = NULL;
    if (asprintf(&other, "#%s#", json_string_value(secret)) < 0)
        abort();
    for (char *at = other; *at != '\0'; at++) {
        if (isalpha((unsigned char)*at))
            *at = (char)(*at + (tolower((unsigned char)*at) < 'n' ? 13 : -13));
        else if (isdigit((unsigned char)*at))
            *at = (char)(*at + (*at < '5' ? 5 : -5));
    }
    if (json_string_set(secret, other) < 0)
        abort();
    free(other);
}

static void change_secrets(json_t *value)
{
    const char *key;
    json_t *member;
    if (json_is_array(value))
        for (size_t i = 0; i < json_array_size(value); i++)
            change_secrets(json_array_get(value, i));
    json_object_foreach(value, key, member)
    {
        if (strcmp(key, "secret") == 0 && json_string_length(member) >= SECRET_LEAST) {
            change_secret(member);
        } else {
            change_secrets(member);
        }
    }
}

static void check_secrets(const char *text, size_t size, const char *secrets)
{
    json_t *hooks = json_loadb(text, size, 0, NULL);
    if (hooks == NULL)
        return;
    char *before = json_dumps(hooks, 0);
    change_secrets(hooks);
    char *after = json_dumps(hooks, 0);
    json_decref(hooks);
    if (before == NULL || after == NULL)
        abort();
    char *said = said_of(before, strlen(before), secrets), *said_after = said_of(after, strlen(after), secrets);
    if (strcmp(said, said_after) != 0) {
        fprintf(stderr, "%s\n--- and with other secrets\n%s\n", said, said_after);
        abort();
    }
    free(said);
    free(said_after);
    free(before);
    free(after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *secrets = size % 2 == 0 ? "/nowhere" : NULL;
    char *text = malloc(size + 1);
    if (text == NULL)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    free(said_of(text, size, secrets));
    check_secrets(text, size, secrets);
    free(text);
    return 0;
}
