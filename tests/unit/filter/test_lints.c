/*
 * One small policy for each mistake that people make in them: it is refused, on the line where the mistake stands, and for the
 * reason that it is a mistake.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "place.h"
#include "profile.h"
#include "sallyport/base/error.h"

/* Eleven lines in which nothing is wrong; line 8 is the case's own. */
#define POLICY(line)                                                                                                   \
    "{\n"                                                                                                              \
    "  \"comment\": \"A policy of twelve lines.\",\n"                                                                  \
    "  \"defaultAction\": \"SCMP_ACT_ERRNO\",\n"                                                                       \
    "  \"defaultErrnoRet\": 38,\n"                                                                                     \
    "  \"syscalls\": [\n"                                                                                              \
    "    { \"names\": [\"read\", \"write\", \"exit_group\"], \"action\": \"SCMP_ACT_ALLOW\" },\n"                      \
    "    { \"comment\": \"{[\\\"\\\\\",\n"                                                                             \
    "" line "\n"                                                                                                       \
    "    },\n"                                                                                                         \
    "    { \"names\": [\"close\"], \"action\": \"SCMP_ACT_ALLOW\" }\n"                                                 \
    "  ]\n"                                                                                                            \
    "}\n"
#define ALLOW(name, args) POLICY("\"names\": [\"" name "\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [" args "]")
#define DENY(name, args)                                                                                               \
    POLICY("\"names\": [\"" name "\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 13, \"args\": [" args "]")
#define ARG(op, value) "{ \"index\": 0, \"op\": \"SCMP_CMP_" op "\", \"value\": " value " }"

static int parse(const char *text, struct error *err)
{
    struct profile *profile = NULL;
    *err = (struct error){ 0 };
    int done = profile_parse("test", (const uint8_t *)text, strlen(text), &profile, err);
    profile_free(profile);
    return done;
}

Test(lints, take_a_policy_without_a_mistake)
{
    struct error err;
    cr_expect_eq(parse(ALLOW("socket", ARG("EQ", "1")), &err), 0, "%s", err.text);
    cr_expect_eq(parse(DENY("personality", "{\"index\":0,\"op\":\"SCMP_CMP_MASKED_EQ\",\"value\":4294967295,"
                                           "\"valueTwo\":8}"),
                       &err),
                 0, "%s", err.text);
    cr_expect_eq(parse(ALLOW("lseek", "{ \"index\": 1, \"op\": \"SCMP_CMP_EQ\", \"value\": 4294967296 }"), &err), 0,
                 "%s", err.text);
}

Test(lints, say_line_and_reason_of_each_mistake)
{
    static const struct {
        const char *mistake, *policy, *says;
        int code;
        unsigned line;
    } cases[] = {
        { "a value that the kernel cuts to 32 bits", ALLOW("personality", ARG("EQ", "4294967304")),
          "argument 0 has 32 bits, and 0x100000008 has more: the kernel would see 0x8", EINVAL, 8 },
        { "a denied value that bit 32 passes", DENY("personality", ARG("EQ", "8")),
          "with bit 32 set it would be passed", EINVAL, 8 },
        { "a denied mask that bit 63 passes",
          DENY("personality",
               "{\"index\":0,\"op\":\"SCMP_CMP_MASKED_EQ\",\"value\":9223372036854775807,\"valueTwo\":8}"),
          "with bit 32 set it would be passed", EINVAL, 8 },
        { "not equal", ALLOW("personality", ARG("NE", "8")), "passed by setting bit 32", EINVAL, 8 },
        { "less", ALLOW("personality", ARG("LT", "8")), "passed by setting bit 32", EINVAL, 8 },
        { "at most", ALLOW("personality", ARG("LE", "8")), "passed by setting bit 32", EINVAL, 8 },
        { "at least", ALLOW("personality", ARG("GE", "8")), "passed by setting bit 32", EINVAL, 8 },
        { "greater", ALLOW("personality", ARG("GT", "8")), "passed by setting bit 32", EINVAL, 8 },
        { "one argument twice", ALLOW("personality", ARG("EQ", "8") ", " ARG("EQ", "9")),
          "argument 0 is compared twice; write two rules for 'or'", EINVAL, 8 },
        { "a misspelt name", ALLOW("opnat", ""),
          "'opnat' is no system call that is known here (did you mean 'openat'?)", EINVAL, 8 },
        { "a name of nothing", ALLOW("frobnicate_the_kernel", ""), "list it in 'optional'", EINVAL, 8 },
        { "below the floor", ALLOW("bpf", ""), "bpf may not be allowed by any profile", EPERM, 8 },
        { "clone with namespaces", ALLOW("clone", ""), "no CLONE_NEW flag", EPERM, 8 },
        { "every ioctl", ALLOW("ioctl", ""), "one request at a time", EPERM, 8 },
        { "a family of sockets below the floor", ALLOW("socket", ARG("EQ", "38")), "family 38 may not be allowed",
          EPERM, 8 },
        { "a rule of another action for what is allowed", DENY("read", ""), "two rules with different actions", EINVAL,
          8 },
        { "half a kill", POLICY("\"names\": [\"kill\"], \"action\": \"SCMP_ACT_KILL\""), "the action is SCMP_ACT_ALLOW",
          EINVAL, 8 },
        { "an action that traces", POLICY("\"names\": [\"kill\"], \"action\": \"SCMP_ACT_TRACE\""),
          "the action is SCMP_ACT_ALLOW", EINVAL, 8 },
        { "a condition of the container",
          POLICY("\"names\": [\"kill\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {}"), "unknown key 'includes'",
          EINVAL, 8 },
        { "one key twice",
          POLICY("\"names\": [\"kill\"], \"action\": \"SCMP_ACT_ALLOW\", \"action\": \"SCMP_ACT_ERRNO\""),
          "duplicate object key", EINVAL, 8 },
        { "a comparison that holds always", ALLOW("personality", ARG("MASKED_EQ", "0")), "always or never", EINVAL, 8 },
        { "no names", POLICY("\"names\": [], \"action\": \"SCMP_ACT_ALLOW\""), "at least one", EINVAL, 8 },
        { "all is allowed",
          "{\n  \"syscalls\": [],\n  \"comment\": \"defaultAction\",\n  \"defaultAction\": \"SCMP_ACT_ALLOW\"\n}\n",
          "the default action is", EINVAL, 4 },
        { "all is logged",
          "{\n  \"syscalls\": [],\n  \"comment\": \"defaultAction\",\n  \"defaultAction\": \"SCMP_ACT_LOG\"\n}\n",
          "the default action is", EINVAL, 4 },
        { "a foreign architecture",
          "{\n  \"defaultAction\": \"SCMP_ACT_ERRNO\",\n  \"syscalls\": [],\n  \"architectures\": [\n"
          "    \"SCMP_ARCH_X86\"\n  ]\n}\n",
          "this machine's own", EINVAL, 5 },
        { "speculation",
          "{\n  \"defaultAction\": \"SCMP_ACT_ERRNO\",\n  \"syscalls\": [],\n"
          "  \"flags\": [\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\"]\n}\n",
          "flags", EINVAL, 4 },
        { "a listener",
          "{\n  \"defaultAction\": \"SCMP_ACT_ERRNO\",\n  \"syscalls\": [],\n  \"listenerPath\": \"/run/x\"\n}\n",
          "unknown key 'listenerPath'", EINVAL, 4 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err;
        char line[32];
        int done = parse(cases[i].policy, &err);
        cr_expect_eq(done, -cases[i].code, "%s: %s", cases[i].mistake, err.text);
        snprintf(line, sizeof line, "line %u", cases[i].line);
        cr_expect(cases[i].code == 0 || strstr(err.text, line) != NULL, "%s: %s", cases[i].mistake, err.text);
        cr_expect(strstr(err.text, cases[i].says) != NULL, "%s: %s", cases[i].mistake, err.text);
    }
}

Test(lints, name_the_line_of_a_fault_in_the_middle_of_lists)
{
    static const char text[] =
        "{\n\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [\n"
        "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\"},\n"
        "{\n\"action\": \"SCMP_ACT_ALLOW\",\n\"names\": [\"write\",\n\"x\\\"]}{\",\n\"wriet\"\n]}]}";
    struct error err;
    cr_expect_eq(parse(text, &err), -EINVAL);
    cr_expect(strstr(err.text, "line 7: syscalls[1]: names: 'x\\\"]}{' is no system call") != NULL, "%s", err.text);
}

Test(lints, find_lines_in_any_text)
{
    static const struct {
        const char *text;
        struct place place;
        uint32_t line;
    } cases[] = {
        { "", { .top = "syscalls" }, 1 },
        { "\n\n{", { .top = "syscalls" }, 3 },
        { "{\"a\":\n1,\"b\":\n2}", { .top = "b", .entry = SIZE_MAX }, 3 },
        { "{\"a\":[{},\n[\"]\"],\n7]}", { .top = "a", .entry = 2 }, 3 },
        { "{\"a\":[1,\n2]}", { .top = "a", .entry = 7 }, 1 },
        { "{\"a\":[{\"b\":[\n{\"c\":\n1}]}]}", { "a", 0, "b", 0, "c" }, 3 },
        { "{\"a\":\"\\\"\\\\\",\n\"b\"", { .top = "b" }, 1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(place_line(&cases[i].place, cases[i].text, strlen(cases[i].text)), cases[i].line, "case %zu", i);
}
