#include "sallyport/policy/pattern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "sallyport/base/error.h"

/*
 * What one match may cost. A pattern is the owner's, a value is a stranger's, and some pairs need time that grows
 * exponentially ("(a+)+$" is the classic): with these limits the worst takes some milliseconds and then counts as "no".
 * No JIT: it ignores the depth limit, and needs memory that is writable and executable, which our filters refuse.
 */
#define MATCH_STEPS_MAX    100000
#define MATCH_DEPTH_MAX    10000
#define MATCH_HEAP_MAX_KIB 4096
#define PATTERN_MAX_BYTES  4096

struct pattern {
    pcre2_code *code;
    pcre2_match_context *limits;
};

static int compile(const char *text, bool is_partial, pcre2_code **ret_code, struct error *err)
{
    /* The bytes are checked UTF-8 already; matching bytes leaves no room for what two Unicode versions see differently.
     * NEVER_UTF also refuses a pattern that would switch it on by itself, "(*UTF)...". */
    uint32_t options = PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_DOLLAR_ENDONLY;
    if (!is_partial)
        options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    int code;
    size_t at, length = strlen(text);
    if (length > PATTERN_MAX_BYTES)
        return fail_plain(err, EINVAL, "pattern is longer than %d bytes", PATTERN_MAX_BYTES);
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)text, length, options, &code, &at, NULL);
    if (compiled == NULL) {
        PCRE2_UCHAR message[128] = { 0 };
        pcre2_get_error_message(code, message, sizeof message);
        return fail_plain(err, EINVAL, "pattern, at byte %zu: %s", at, (const char *)message);
    }
    *ret_code = compiled;
    return 0;
}

int pattern_new(const char *text, bool is_partial, struct pattern **ret_pattern, struct error *err)
{
    struct pattern *pattern = calloc(1, sizeof *pattern);
    if (pattern == NULL)
        return fail(err, ENOMEM, "compile pattern");
    int done = compile(text, is_partial, &pattern->code, err);
    if (done < 0) {
        pattern_free(pattern);
        return done;
    }
    pattern->limits = pcre2_match_context_create(NULL);
    if (pattern->limits == NULL) {
        pattern_free(pattern);
        return fail(err, ENOMEM, "compile pattern");
    }
    pcre2_set_match_limit(pattern->limits, MATCH_STEPS_MAX);
    pcre2_set_depth_limit(pattern->limits, MATCH_DEPTH_MAX);
    pcre2_set_heap_limit(pattern->limits, MATCH_HEAP_MAX_KIB);
    *ret_pattern = pattern;
    return 0;
}

void pattern_free(struct pattern *pattern)
{
    if (pattern == NULL)
        return;
    pcre2_match_context_free(pattern->limits);
    pcre2_code_free(pattern->code);
    free(pattern);
}

enum pattern_verdict pattern_match(const struct pattern *pattern, struct span value)
{
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    if (match == NULL)
        return PATTERN_TOO_HARD;
    PCRE2_SPTR subject = value.size > 0 ? value.data : (PCRE2_SPTR) "";
    int found = pcre2_match(pattern->code, subject, value.size, 0, 0, match, pattern->limits);
    pcre2_match_data_free(match);
    if (found >= 0)
        return PATTERN_MATCHES;
    return found == PCRE2_ERROR_NOMATCH ? PATTERN_DIFFERS : PATTERN_TOO_HARD;
}
