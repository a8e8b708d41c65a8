#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

int words_add(struct words *words, const char *word, struct error *err)
{
    const char **larger = reallocarray(words->items, words->count + 1, sizeof *larger);
    if (larger == NULL)
        return fail(err, ENOMEM, "keep '%s'", word);
    words->items = larger;
    words->items[words->count++] = word;
    return 0;
}

void words_done(struct words *words)
{
    free(words->items);
    *words = (struct words){ 0 };
}

static const struct option_row *row_by_letter(const struct option_set *set, char letter)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->rows[i].letter == letter)
            return &set->rows[i];
    return NULL;
}

static const struct option_row *row_by_name(const struct option_set *set, const char *name, size_t length)
{
    for (size_t i = 0; i < set->count; i++)
        if (strlen(set->rows[i].name) == length && memcmp(set->rows[i].name, name, length) == 0)
            return &set->rows[i];
    return NULL;
}

static int fail_choice(const struct option_row *row, const char *value, struct error *err)
{
    char list[256] = "";
    for (size_t i = 0; row->choices[i] != NULL; i++) {
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : ", ", row->choices[i]);
    }
    return fail_plain(err, EINVAL, "--%s takes one of %s, not '%s'", row->name, list, value);
}

static int option_store(const struct option_row *row, void *values, const char *value, struct error *err)
{
    char *at = (char *)values + row->offset;
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)at = true;
        return 0;
    case OPTION_TEXT:
        *(const char **)at = value;
        return 0;
    case OPTION_TEXTS:
        return words_add((struct words *)at, value, err);
    case OPTION_DURATION_MS:
        if (!text_duration_ms(value, (uint64_t *)at))
            return fail_plain(err, EINVAL, "--%s takes a duration such as 30s, 5m or 2h, not '%s'", row->name, value);
        return 0;
    case OPTION_PATIENCE_MS:
        *(uint64_t *)at = PATIENCE_ENDLESS;
        if (value != NULL && !text_duration_ms(value, (uint64_t *)at))
            return fail_plain(err, EINVAL, "--%s takes no value, or a duration: --%s=30s, not '%s'", row->name,
                              row->name, value);
        if (*(uint64_t *)at == 0)
            *(uint64_t *)at = 1;
        return 0;
    case OPTION_NUMBER:
        if (!text_u64(value, UINT32_MAX, (uint64_t *)at))
            return fail_plain(err, EINVAL, "--%s takes a number, not '%s'", row->name, value);
        return 0;
    case OPTION_CHOICE:
        for (unsigned i = 0; row->choices[i] != NULL; i++)
            if (strcmp(row->choices[i], value) == 0) {
                *(unsigned *)at = i;
                return 0;
            }
        return fail_choice(row, value, err);
    }
    return fail_plain(err, EINVAL, "--%s cannot be read", row->name);
}

static int fail_unknown(const struct option_set *sets, size_t set_count, const char *name, size_t length,
                        struct error *err)
{
    char asked[64];
    const char *nearest = NULL;
    unsigned least = 3;
    if (text_copy_bytes(asked, sizeof asked, name, length))
        for (size_t s = 0; s < set_count; s++)
            for (size_t i = 0; i < sets[s].count; i++) {
                unsigned distance = text_distance(asked, sets[s].rows[i].name);
                if (distance < least) {
                    least = distance;
                    nearest = sets[s].rows[i].name;
                }
            }
    if (nearest != NULL)
        return fail_plain(err, EINVAL, "there is no option '--%s'; did you mean '--%s'?", asked, nearest);
    return fail_plain(err, EINVAL, "there is no option '--%.*s'; --help lists them", (int)length, name);
}

/* Its value is never the next word. */
static bool may_stand_alone(const struct option_row *row)
{
    return row->kind == OPTION_FLAG || row->kind == OPTION_PATIENCE_MS;
}

struct option_reader {
    int argc, at;
    char **argv;
    const struct option_set *sets;
    size_t set_count;
};

/* "--name", "--name=value" or "--name value" at reader->at. */
static int read_long(struct option_reader *reader, struct error *err)
{
    const char *name = reader->argv[reader->at] + 2;
    size_t length = strcspn(name, "=");
    for (size_t s = 0; s < reader->set_count; s++) {
        const struct option_row *row = row_by_name(&reader->sets[s], name, length);
        if (row == NULL)
            continue;
        const char *value = name[length] == '=' ? name + length + 1 : NULL;
        if (row->kind == OPTION_FLAG && value != NULL)
            return fail_plain(err, EINVAL, "--%s takes no value", row->name);
        if (!may_stand_alone(row) && value == NULL) {
            if (reader->at + 1 >= reader->argc)
                return fail_plain(err, EINVAL, "--%s needs a value: --%s %s", row->name, row->name, row->argument);
            value = reader->argv[++reader->at];
        }
        reader->at++;
        return option_store(row, reader->sets[s].values, value, err);
    }
    return fail_unknown(reader->sets, reader->set_count, name, length, err);
}

/* "-q", "-qd", "-pk=v" or "-p k=v" at reader->at. */
static int read_short(struct option_reader *reader, struct error *err)
{
    for (const char *letter = reader->argv[reader->at] + 1; *letter != '\0'; letter++) {
        const struct option_row *row = NULL;
        size_t s = 0;
        for (; s < reader->set_count && row == NULL; s++)
            row = row_by_letter(&reader->sets[s], *letter);
        if (row == NULL)
            return fail_plain(err, EINVAL, "there is no option '-%c'; --help lists them", *letter);
        void *values = reader->sets[s - 1].values;
        if (may_stand_alone(row)) {
            if (option_store(row, values, NULL, err) < 0)
                return -err->code;
            continue;
        }
        const char *value = letter + 1;
        if (*value == '\0') {
            if (reader->at + 1 >= reader->argc)
                return fail_plain(err, EINVAL, "-%c needs a value: -%c %s", row->letter, row->letter, row->argument);
            value = reader->argv[++reader->at];
        }
        reader->at++;
        return option_store(row, values, value, err);
    }
    reader->at++;
    return 0;
}

int options_parse(int argc, char **argv, const struct option_set *sets, size_t set_count, bool stops_at_word,
                  struct words *ret_words, int *ret_used, struct error *err)
{
    struct option_reader reader = { .argc = argc, .argv = argv, .sets = sets, .set_count = set_count };
    bool is_past_options = false;
    while (reader.at < argc) {
        const char *word = argv[reader.at];
        int result;
        if (!is_past_options && strcmp(word, "--") == 0) {
            is_past_options = true;
            reader.at++;
            continue;
        }
        if (!is_past_options && strncmp(word, "--", 2) == 0) {
            result = read_long(&reader, err);
        } else if (!is_past_options && word[0] == '-' && word[1] != '\0') {
            result = read_short(&reader, err);
        } else if (stops_at_word) {
            break;
        } else {
            result = words_add(ret_words, word, err);
            reader.at++;
        }
        if (result < 0)
            return result;
    }
    *ret_used = reader.at;
    return 0;
}

void options_print(FILE *to, const struct option_row *rows, size_t count)
{
    enum { COLUMN = 28 };
    for (size_t i = 0; i < count; i++) {
        char left[64];
        char letter[8] = "    ";
        if (rows[i].letter != '\0')
            snprintf(letter, sizeof letter, "-%c, ", rows[i].letter);
        bool may_lack = rows[i].kind == OPTION_PATIENCE_MS;
        snprintf(left, sizeof left, "  %s--%s%s%s%s", letter, rows[i].name,
                 may_lack                   ? "[="
                 : rows[i].argument == NULL ? ""
                                            : " ",
                 rows[i].argument == NULL ? "" : rows[i].argument, may_lack ? "]" : "");
        fprintf(to, "%-*s", COLUMN, left);
        if (strlen(left) >= COLUMN)
            fprintf(to, "\n%*s", COLUMN, "");
        for (const char *line = rows[i].help; line != NULL;) {
            const char *end = strchrnul(line, '\n');
            fprintf(to, "%.*s\n", (int)(end - line), line);
            line = *end == '\0' ? NULL : end + 1;
            if (line != NULL)
                fprintf(to, "%*s", COLUMN, "");
        }
    }
}
