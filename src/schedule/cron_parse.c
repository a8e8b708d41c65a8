/* From text to struct cron, field by field. Every fault names the place where a person has to look. */
#include "sallyport/schedule/cron.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "sallyport/base/error.h"
#include "sallyport/schedule/civil.h"

#define BLANKS      " \t"
#define FIELD_COUNT 5
#define FIELD_NAMES "minute, hour, day of the month, month and day of the week"

enum cron_field { CRON_MINUTE, CRON_HOUR, CRON_DAY, CRON_MONTH, CRON_WEEKDAY };

static const struct field_rule {
    const char *name;
    unsigned least, most;
    unsigned star_most;    /* what `*` goes up to: Sunday has two numbers */
    const char *words[12]; /* for first_word and what follows it */
    unsigned word_count, first_word;
    const char *words_for_people;
} field_rules[FIELD_COUNT] = {
    [CRON_MINUTE] = { .name = "minute", .least = 0, .most = 59, .star_most = 59 },
    [CRON_HOUR] = { .name = "hour", .least = 0, .most = 23, .star_most = 23 },
    [CRON_DAY] = { .name = "day of the month", .least = 1, .most = 31, .star_most = 31 },
    [CRON_MONTH] = { .name = "month",
                     .least = 1,
                     .most = 12,
                     .star_most = 12,
                     .word_count = 12,
                     .first_word = 1,
                     .words = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec" },
                     .words_for_people = " or jan to dec" },
    [CRON_WEEKDAY] = { .name = "day of the week",
                       .least = 0,
                       .most = 7,
                       .star_most = 6,
                       .word_count = 7,
                       .first_word = 0,
                       .words = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" },
                       .words_for_people = " or sun to sat" },
};

/* One field as it was read. */
struct field_bits {
    uint64_t bits;
    bool has_star, has_step;
};

struct cursor {
    const char *text, *at;
    struct error *err;
};

/* Where a fault is, counted as people do. */
static size_t place(const struct cursor *cursor, const char *at)
{
    return (size_t)(at - cursor->text) + 1;
}

/* For messages: no word is longer than a line. */
static int shown(size_t length)
{
    return length < 40 ? (int)length : 40;
}

/* What stands at the cursor, up to what ends a value. */
static size_t word_length(const struct cursor *cursor)
{
    size_t length = strcspn(cursor->at, BLANKS ",-/");
    return length > 0 || cursor->at[0] == '\0' ? length : 1;
}

static bool read_word(struct cursor *cursor, const struct field_rule *rule, size_t length, unsigned *ret_value)
{
    for (unsigned i = 0; i < rule->word_count; i++)
        if (length == 3 && strncasecmp(cursor->at, rule->words[i], 3) == 0) {
            *ret_value = rule->first_word + i;
            return true;
        }
    return false;
}

/* A number or a name of this field; ret_is_word may be NULL. */
static int read_value(struct cursor *cursor, const struct field_rule *rule, bool *ret_is_word, unsigned *ret_value)
{
    size_t length = word_length(cursor), digits = strspn(cursor->at, "0123456789");
    bool is_number = digits > 0 && digits == length;
    unsigned value = 0;
    for (size_t i = 0; is_number && i < digits && value <= 1000; i++)
        value = 10 * value + (unsigned)(cursor->at[i] - '0');
    bool is_word = !is_number && read_word(cursor, rule, length, &value);
    const char *names = rule->words_for_people != NULL ? rule->words_for_people : "";
    if (length == 0 || strchr(BLANKS ",", cursor->at[0]) != NULL)
        return fail_plain(cursor->err, EINVAL, "at character %zu: a value is missing; a %s is %u to %u%s",
                          place(cursor, cursor->at), rule->name, rule->least, rule->most, names);
    if (!is_number && !is_word)
        return fail_plain(cursor->err, EINVAL, "at character %zu: '%.*s' is no %s; write %u to %u%s",
                          place(cursor, cursor->at), shown(length), cursor->at, rule->name, rule->least, rule->most,
                          names);
    if (value < rule->least || value > rule->most)
        return fail_plain(cursor->err, EINVAL, "at character %zu: %.*s is no %s; write %u to %u%s",
                          place(cursor, cursor->at), shown(length), cursor->at, rule->name, rule->least, rule->most,
                          names);
    cursor->at += length;
    if (ret_is_word != NULL)
        *ret_is_word = is_word;
    *ret_value = value;
    return 0;
}

/* `*`, A or A-B. */
static int read_range(struct cursor *cursor, const struct field_rule *rule, unsigned *ret_first, unsigned *ret_last)
{
    if (cursor->at[0] == '*') {
        cursor->at++;
        *ret_first = rule->least;
        *ret_last = rule->star_most;
        return 0;
    }
    const char *begin = cursor->at;
    int done = read_value(cursor, rule, NULL, ret_first);
    *ret_last = *ret_first;
    if (done < 0 || cursor->at[0] != '-')
        return done;
    bool is_word;
    cursor->at++;
    done = read_value(cursor, rule, &is_word, ret_last);
    if (done == 0 && rule == &field_rules[CRON_WEEKDAY] && is_word && *ret_last == 0 && *ret_first > 0)
        *ret_last = 7; /* fri-sun */
    if (done == 0 && *ret_last < *ret_first)
        return fail_plain(cursor->err, EINVAL, "at character %zu: the range %.*s runs backwards", place(cursor, begin),
                          (int)(cursor->at - begin), begin);
    return done;
}

/* "/N" behind a range, or nothing. A step that leaves only the first value is a slip: its writer meant another one. */
static int read_step(struct cursor *cursor, unsigned first, unsigned last, bool is_range, unsigned *ret_step)
{
    *ret_step = 1;
    if (cursor->at[0] != '/')
        return 0;
    if (!is_range)
        return fail_plain(cursor->err, EINVAL,
                          "at character %zu: a step needs a range before it, such as */5 or 10-50/5",
                          place(cursor, cursor->at));
    cursor->at++;
    size_t length = word_length(cursor), digits = strspn(cursor->at, "0123456789");
    unsigned step = 0;
    for (size_t i = 0; i < digits && step <= 1000; i++)
        step = 10 * step + (unsigned)(cursor->at[i] - '0');
    if (digits == 0 || digits != length || step == 0)
        return fail_plain(cursor->err, EINVAL, "at character %zu: a step must be a whole number from 1 on",
                          place(cursor, cursor->at));
    if (step > last - first)
        return fail_plain(cursor->err, EINVAL, "at character %zu: a step of %.*s goes beyond the range %u to %u",
                          place(cursor, cursor->at), shown(length), cursor->at, first, last);
    cursor->at += length;
    *ret_step = step;
    return 0;
}

static int read_item(struct cursor *cursor, const struct field_rule *rule, struct field_bits *field)
{
    unsigned first = 0, last = 0, step = 1;
    bool is_star = cursor->at[0] == '*';
    const char *begin = cursor->at;
    int done = read_range(cursor, rule, &first, &last);
    if (done == 0)
        done =
            read_step(cursor, first, last, is_star || memchr(begin, '-', (size_t)(cursor->at - begin)) != NULL, &step);
    if (done < 0)
        return done;
    field->has_star |= is_star;
    field->has_step |= step > 1;
    for (unsigned value = first; value <= last; value += step)
        field->bits |= 1ull << value;
    return 0;
}

static int read_field(struct cursor *cursor, const struct field_rule *rule, struct field_bits *field)
{
    *field = (struct field_bits){ 0 };
    int done = read_item(cursor, rule, field);
    while (done == 0 && cursor->at[0] == ',') {
        cursor->at++;
        done = read_item(cursor, rule, field);
    }
    if (done == 0 && cursor->at[0] != '\0' && strchr(BLANKS, cursor->at[0]) == NULL)
        return fail_plain(cursor->err, EINVAL, "at character %zu: '%.*s' does not belong behind a %s",
                          place(cursor, cursor->at), shown(strcspn(cursor->at, BLANKS)), cursor->at, rule->name);
    return done;
}

static unsigned count_fields(const char *text)
{
    unsigned count = 0;
    for (text += strspn(text, BLANKS); *text != '\0'; text += strspn(text, BLANKS)) {
        text += strcspn(text, BLANKS);
        count++;
    }
    return count;
}

static int read_fields(struct cursor *cursor, struct field_bits fields[FIELD_COUNT])
{
    unsigned count = count_fields(cursor->text);
    if (count != FIELD_COUNT)
        return fail_plain(cursor->err, EINVAL, "has %u field%s; a cron entry has five: " FIELD_NAMES, count,
                          count == 1 ? "" : "s");
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        cursor->at += strspn(cursor->at, BLANKS);
        int done = read_field(cursor, &field_rules[i], &fields[i]);
        if (done < 0)
            return done;
    }
    return 0;
}

/* Without a day that one of the months has, or a weekday that is enough, it waits for ever. */
static bool ever_comes(const struct cron *cron)
{
    for (unsigned month = 1; month <= 12; month++)
        if ((cron->months >> month & 1) != 0 &&
            (cron->takes_either_day || (cron->days & ((2ull << civil_month_days(2000, month)) - 1)) != 0))
            return true;
    return false;
}

static const char *resolve_macro(const char *text)
{
    static const struct {
        const char *name, *entry;
    } macros[] = {
        { "@hourly", "0 * * * *" },   { "@daily", "0 0 * * *" },   { "@midnight", "0 0 * * *" },
        { "@weekly", "0 0 * * 0" },   { "@monthly", "0 0 1 * *" }, { "@yearly", "0 0 1 1 *" },
        { "@annually", "0 0 1 1 *" },
    };
    for (size_t i = 0; i < sizeof macros / sizeof macros[0]; i++)
        if (strcmp(text, macros[i].name) == 0)
            return macros[i].entry;
    return NULL;
}

int cron_parse(const char *text, struct cron *ret_cron, struct error *err)
{
    const char *macro = resolve_macro(text);
    if (macro == NULL && text[0] == '@')
        return fail_plain(err, EINVAL, "'%.40s' is no time; there are @hourly, @daily, @weekly, @monthly and @yearly",
                          text);
    struct field_bits fields[FIELD_COUNT] = { 0 };
    struct cursor cursor = { macro != NULL ? macro : text, macro != NULL ? macro : text, err };
    int done = read_fields(&cursor, fields);
    if (done < 0)
        return done;
    uint64_t weekdays = fields[CRON_WEEKDAY].bits;
    struct cron cron = {
        .minutes = fields[CRON_MINUTE].bits,
        .hours = (uint32_t)fields[CRON_HOUR].bits,
        .days = (uint32_t)fields[CRON_DAY].bits,
        .months = (uint32_t)fields[CRON_MONTH].bits,
        .weekdays = (uint8_t)((weekdays | weekdays >> 7) & 0x7f),
        .takes_either_day = !fields[CRON_DAY].has_star && !fields[CRON_WEEKDAY].has_star,
        .follows_clock = fields[CRON_HOUR].has_star || fields[CRON_HOUR].has_step,
    };
    if (!ever_comes(&cron))
        return fail_plain(err, EINVAL, "never comes: no month that it names has such a day");
    *ret_cron = cron;
    return 0;
}
