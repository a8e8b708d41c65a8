#include "value.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "sallyport/policy/pattern.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/entries.h"

#define NUMBER_TEXT_MAX_BYTES 64

static uint32_t max_length(const struct param_rule *rule)
{
    return rule->max_length > 0 ? rule->max_length : PARAM_STRING_MAX_BYTES;
}

/* What nothing may hold that becomes an argument: a NUL ends it early, broken UTF-8 is read differently by everybody. */
static bool is_clean_text(struct span value, struct faults *faults)
{
    if (value.size > 0 && memchr(value.data, '\0', value.size) != NULL) {
        faults_add(faults, "nul", "must not hold a NUL character");
        return false;
    }
    if (!text_is_utf8(value.data, value.size)) {
        faults_add(faults, "utf8", "must be valid UTF-8");
        return false;
    }
    return true;
}

static void check_string(const struct param_rule *rule, const struct pattern *pattern, struct span value,
                         struct faults *faults)
{
    if (value.size > max_length(rule)) {
        faults_add(faults, "max_length", "must be at most %u bytes long", max_length(rule));
        return; /* and no work is done on it */
    }
    if (!is_clean_text(value, faults))
        return;
    if (value.size < rule->min_length)
        faults_add(faults, "min_length", "must be at least %u bytes long", rule->min_length);
    if (value.size > 0 && value.data[0] == '-' && !rule->allows_dash && rule->type == PARAM_STRING)
        faults_add(faults, "leading_dash", "must not start with '-'");
    if (pattern == NULL)
        return;
    enum pattern_verdict verdict = pattern_match(pattern, value);
    if (verdict == PATTERN_DIFFERS)
        faults_add(faults, "pattern", "must match the pattern %s", rule->pattern);
    else if (verdict == PATTERN_TOO_HARD)
        faults_add(faults, "pattern", "takes too long to compare with the pattern %s", rule->pattern);
}

/* -?(0|[1-9][0-9]*) without "-0", so that a number has one spelling; within int64_t. */
static bool read_int(struct span value, int64_t *ret_number)
{
    char text[NUMBER_TEXT_MAX_BYTES];
    if (!text_copy_bytes(text, sizeof text, value.data, value.size))
        return false;
    const char *digits = text[0] == '-' ? text + 1 : text;
    size_t length = strspn(digits, "0123456789");
    if (length == 0 || digits[length] != '\0' || (digits[0] == '0' && (length > 1 || digits != text)))
        return false;
    errno = 0;
    long long number = strtoll(text, NULL, 10);
    if (errno != 0)
        return false;
    *ret_number = number;
    return true;
}

static void check_int(const struct param_rule *rule, const struct pattern *pattern, struct span value,
                      struct faults *faults)
{
    (void)pattern;
    int64_t number;
    if (!read_int(value, &number)) {
        faults_add(faults, "type", "must be a whole number of 64 bits in plain decimal digits");
        return;
    }
    if (rule->has_min && number < rule->min)
        faults_add(faults, "min", "must be at least %" PRId64, rule->min);
    if (rule->has_max && number > rule->max)
        faults_add(faults, "max", "must be at most %" PRId64, rule->max);
}

/* JSON's grammar (RFC 8259 section 6), so neither "inf" nor "0x1p3" nor a blank. */
static bool is_json_number(const char *text)
{
    static const char digits[] = "0123456789";
    text += text[0] == '-';
    size_t length = strspn(text, digits);
    if (length == 0 || (text[0] == '0' && length > 1))
        return false;
    text += length;
    if (text[0] == '.') {
        length = strspn(text + 1, digits);
        text += length + 1;
        if (length == 0)
            return false;
    }
    if (text[0] == 'e' || text[0] == 'E') {
        text += text[1] == '+' || text[1] == '-' ? 2 : 1;
        length = strspn(text, digits);
        text += length;
        if (length == 0)
            return false;
    }
    return text[0] == '\0';
}

static void check_number(const struct param_rule *rule, const struct pattern *pattern, struct span value,
                         struct faults *faults)
{
    (void)pattern;
    char text[NUMBER_TEXT_MAX_BYTES];
    /* strtod() follows the locale's decimal point; no process of ours leaves the C locale. */
    if (!text_copy_bytes(text, sizeof text, value.data, value.size) || !is_json_number(text) ||
        !isfinite(strtod(text, NULL))) {
        faults_add(faults, "type", "must be a finite decimal number");
        return;
    }
    double number = strtod(text, NULL);
    if (rule->has_min && number < rule->min_number)
        faults_add(faults, "min", "must be at least %.15g", rule->min_number);
    if (rule->has_max && number > rule->max_number)
        faults_add(faults, "max", "must be at most %.15g", rule->max_number);
}

static void check_bool(const struct param_rule *rule, const struct pattern *pattern, struct span value,
                       struct faults *faults)
{
    (void)rule;
    (void)pattern;
    if (!span_is(value, "true") && !span_is(value, "false"))
        faults_add(faults, "type", "must be true or false");
}

static void check_enum(const struct param_rule *rule, const struct pattern *pattern, struct span value,
                       struct faults *faults)
{
    (void)pattern;
    char listed[REASON_MAX_BYTES] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < rule->value_count; i++) {
        if (span_is(value, rule->values[i]))
            return;
        if (used < sizeof listed)
            used += (size_t)snprintf(listed + used, sizeof listed - used, "%s%s", i > 0 ? ", " : "", rule->values[i]);
    }
    faults_add(faults, "enum", "must be one of %s", listed);
}

/* Of the bytes nothing is looked at but how many there are. */
static void check_file(const struct param_rule *rule, const struct pattern *pattern, struct span value,
                       struct faults *faults)
{
    (void)pattern;
    int64_t bytes;
    if (!read_int(value, &bytes) || bytes < 0)
        faults_add(faults, "type", "must be a file");
    else if ((uint64_t)bytes > rule->file_max_bytes)
        faults_add(faults, "max", "must be at most %" PRIu64 " bytes long", rule->file_max_bytes);
}

/* What a type takes, and how it is said to people. */
static const struct value_type {
    const char *wanted;
    uint8_t kinds[2];
    void (*check)(const struct param_rule *, const struct pattern *, struct span, struct faults *);
} value_types[PARAM_TYPE_COUNT] = {
    [PARAM_STRING] = { "a string", { ENTRY_STRING, ENTRY_STRING }, check_string },
    [PARAM_INT] = { "a whole number", { ENTRY_INTEGER, ENTRY_INTEGER }, check_int },
    [PARAM_NUMBER] = { "a number", { ENTRY_INTEGER, ENTRY_REAL }, check_number },
    [PARAM_BOOL] = { "true or false", { ENTRY_BOOL, ENTRY_BOOL }, check_bool },
    [PARAM_ENUM] = { "a string", { ENTRY_STRING, ENTRY_STRING }, check_enum },
    [PARAM_LIST] = { "a list", { ENTRY_LIST, ENTRY_LIST }, NULL },
    [PARAM_SECRET] = { "a string", { ENTRY_STRING, ENTRY_STRING }, check_string },
    [PARAM_FILE] = { "a file, sent as a part of multipart/form-data", { ENTRY_FILE, ENTRY_FILE }, check_file },
};

bool value_kind_fits(enum param_type type, uint8_t kind)
{
    return kind != ENTRY_NONE && (kind == value_types[type].kinds[0] || kind == value_types[type].kinds[1]);
}

void value_check(const struct param_rule *rule, const struct pattern *pattern, uint8_t kind, struct span value,
                 struct faults *faults)
{
    const struct value_type *type = &value_types[rule->type];
    if (!value_kind_fits(rule->type, kind))
        faults_add(faults, "type", "must be %s", type->wanted);
    else if (type->check != NULL)
        type->check(rule, pattern, value, faults);
}
