#include "import_args.h"

#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define NEW_NAMESPACES                                                                                                 \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define NEW_TIME 0x00000080u

/* One comparison of a rule that denies looks at the 32 bits that the kernel looks at. */
static bool read_arg(const json_t *arg, bool is_allow, struct comparison *ret_comparison, const char **ret_why,
                     const char **ret_rewritten)
{
    json_int_t index = json_integer_value(json_object_get(arg, "index"));
    json_int_t value = json_integer_value(json_object_get(arg, "value"));
    json_int_t value_two = json_integer_value(json_object_get(arg, "valueTwo"));
    const char *op = json_string_value(json_object_get(arg, "op"));
    *ret_why = "its args are none";
    if (op == NULL || index < 0 || index >= PROFILE_ARGS || value < 0 || value_two < 0)
        return false;
    struct comparison comparison = { (uint8_t)index, FILTER_ALL_BITS, (uint64_t)value };
    if (strcmp(op, "SCMP_CMP_MASKED_EQ") == 0) {
        comparison.mask = (uint64_t)value;
        comparison.value = (uint64_t)value_two;
    } else if (strcmp(op, "SCMP_CMP_EQ") != 0) {
        *ret_why = "it compares by other than equality, which setting bit 32 of the argument passes";
        return false;
    }
    if (!is_allow && comparison.mask > UINT32_MAX) {
        comparison.mask &= UINT32_MAX;
        comparison.value &= UINT32_MAX;
        *ret_rewritten = "what denies compares the 32 bits that the kernel looks at, so that bit 32 does not pass it";
    }
    *ret_why = "a comparison holds always or never";
    *ret_comparison = comparison;
    return comparison.mask != 0 && (comparison.value & ~comparison.mask) == 0;
}

static bool has_repetition(const struct comparison *comparisons, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (comparisons[i].index == comparisons[j].index)
                return true;
    return false;
}

bool import_args(const json_t *args, uint32_t verdict, struct rule rules[IMPORT_RULES_MAX], size_t *ret_count,
                 const char **ret_why)
{
    struct comparison comparisons[PROFILE_ARGS];
    size_t count = json_array_size(args);
    const char *rewritten = NULL;
    *ret_why = "it has more than six args";
    if (count > PROFILE_ARGS)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!read_arg(json_array_get(args, i), verdict == SECCOMP_RET_ALLOW, &comparisons[i], ret_why, &rewritten))
            return false;
    /* Runtimes give an entry that compares an argument twice to the library as one rule for each comparison. */
    bool is_or = has_repetition(comparisons, count);
    *ret_count = is_or ? count : 1;
    for (size_t i = 0; i < *ret_count; i++) {
        rules[i] = (struct rule){ .verdict = verdict, .comparison_count = is_or ? 1 : (uint32_t)count };
        memcpy(rules[i].comparisons, &comparisons[is_or ? i : 0], rules[i].comparison_count * sizeof comparisons[0]);
    }
    *ret_why = is_or ? "an argument compared twice means \"or\" to runtimes, so each comparison is a rule" : rewritten;
    return true;
}

/* What is the most that a profile may allow of a call (floor.c), as far as programs need it. */
static const struct {
    const char *call, *words;
    struct comparison comparisons[NARROWED_MAX][2];
} narrowings[] = {
    { "clone", "only without new namespaces", { { { 0, NEW_NAMESPACES, 0 } } } },
    { "unshare", "only without new namespaces", { { { 0, NEW_NAMESPACES | NEW_TIME, 0 } } } },
    { "socket",
      "only AF_UNIX, AF_INET, AF_INET6 and AF_NETLINK's routes; other families may not be allowed",
      { { { 0, FILTER_ALL_BITS, AF_UNIX } },
        { { 0, FILTER_ALL_BITS, AF_INET } },
        { { 0, FILTER_ALL_BITS, AF_INET6 } },
        { { 0, FILTER_ALL_BITS, AF_NETLINK }, { 2, FILTER_ALL_BITS, 0 } } } },
    { "socketpair", "only AF_UNIX", { { { 0, FILTER_ALL_BITS, AF_UNIX } } } },
    { "ioctl",
      "only the requests TCGETS, TCSETS, TCSETSW, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, TIOCGWINSZ, TIOCGPGRP and "
      "TIOCSPGRP; list what else is needed, one by one",
      { { { 1, FILTER_ALL_BITS, TCGETS } },
        { { 1, FILTER_ALL_BITS, TCSETS } },
        { { 1, FILTER_ALL_BITS, TCSETSW } },
        { { 1, FILTER_ALL_BITS, FIONREAD } },
        { { 1, FILTER_ALL_BITS, FIONBIO } },
        { { 1, FILTER_ALL_BITS, FIOCLEX } },
        { { 1, FILTER_ALL_BITS, FIONCLEX } },
        { { 1, FILTER_ALL_BITS, TIOCGWINSZ } },
        { { 1, FILTER_ALL_BITS, TIOCGPGRP } },
        { { 1, FILTER_ALL_BITS, TIOCSPGRP } } } },
};
#define NARROWING_COUNT (sizeof narrowings / sizeof narrowings[0])

size_t import_narrow(const struct rule *rule, struct rule narrow[NARROWED_MAX])
{
    size_t at = 0, count = 0;
    while (at < NARROWING_COUNT && strcmp(narrowings[at].call, rule->name) != 0)
        at++;
    if (at == NARROWING_COUNT || rule->comparison_count > 0)
        return 0;
    for (; count < NARROWED_MAX && narrowings[at].comparisons[count][0].mask != 0; count++) {
        narrow[count] = *rule;
        for (; narrow[count].comparison_count < 2; narrow[count].comparison_count++) {
            const struct comparison *comparison = &narrowings[at].comparisons[count][narrow[count].comparison_count];
            if (comparison->mask == 0)
                break;
            narrow[count].comparisons[narrow[count].comparison_count] = *comparison;
        }
    }
    return count;
}

const char *import_narrowing_words(const char *call)
{
    for (size_t i = 0; i < NARROWING_COUNT; i++)
        if (strcmp(narrowings[i].call, call) == 0)
            return narrowings[i].words;
    return "";
}
