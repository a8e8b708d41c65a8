#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "profile.h"
#include "sallyport/base/error.h"

static int parse(const char *text, struct error *err)
{
    struct profile *profile = NULL;
    *err = (struct error){ 0 };
    int done = profile_parse("test", (const uint8_t *)text, strlen(text), &profile, err);
    profile_free(profile);
    return done;
}

/* A profile with this one entry in `syscalls`. */
static int parse_entry(const char *entry, struct error *err)
{
    char text[2048];
    snprintf(text, sizeof text, "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,\"syscalls\":[%s]}",
             entry);
    return parse(text, err);
}

Test(filter_json, takes_plain_oci_profiles)
{
    static const char *const texts[] = {
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[]}",
        "{\"defaultAction\":\"SCMP_ACT_KILL_PROCESS\",\"syscalls\":[]}",
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,\"flags\":[],\"comment\":\"x\",\"syscalls\":["
        "{\"names\":[\"read\",\"write\"],\"action\":\"SCMP_ACT_ALLOW\",\"comment\":\"y\"},"
        "{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":2114060288,\"valueTwo\":"
        "0,\"op\":\"SCMP_CMP_MASKED_EQ\"}]},"
        "{\"names\":[\"socketcall\",\"_llseek\"],\"action\":\"SCMP_ACT_ALLOW\"},"
        "{\"names\":[\"mseal\"],\"action\":\"SCMP_ACT_ALLOW\"},"
        "{\"names\":[\"call_of_the_future\"],\"action\":\"SCMP_ACT_ALLOW\"}],\"optional\":[\"call_of_the_future\"]}",
    };
    struct error err;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_expect_eq(parse(texts[i], &err), 0, "%zu: %s", i, err.text);
}

Test(filter_json, refuses_what_is_not_strictly_a_profile)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "", "line" },
        { "[]", "must be an object" },
        { "{", "line 1" },
        { "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[]} x", "line 1" },
        { "{\"syscalls\":[]}", "'defaultAction' is missing" },
        { "{\"defaultAction\":\"SCMP_ACT_ERRNO\"}", "'syscalls' is missing" },
        { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[]}", "the default action is" },
        { "{\"defaultAction\":\"SCMP_ACT_LOG\",\"syscalls\":[]}", "the default action is" },
        { "{\"defaultAction\":\"SCMP_ACT_KILL\",\"syscalls\":[]}", "the default action is" },
        { "{\"defaultAction\":\"SCMP_ACT_TRACE\",\"syscalls\":[]}", "the default action is" },
        { "{\"defaultAction\":1,\"syscalls\":[]}", "wrong type" },
        { "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":0,\"syscalls\":[]}", "errno is between" },
        { "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":4096,\"syscalls\":[]}", "errno is between" },
        { "{\"defaultAction\":\"SCMP_ACT_KILL_PROCESS\",\"defaultErrnoRet\":1,\"syscalls\":[]}",
          "SCMP_ACT_ERRNO only" },
        { "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[]}", "duplicate" },
        { "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[],\"archMap\":[]}", "unknown key 'archMap'" },
        { "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[],\"listenerPath\":\"/x\"}",
          "unknown key 'listenerPath'" },
        { "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[],\"architectures\":[\"SCMP_ARCH_X86\"]}",
          "this machine's own" },
        { "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[],\"architectures\":[\"SCMP_ARCH_X32\"]}",
          "this machine's own" },
        { "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[],\"flags\":[\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\"]}",
          "flags" },
        { "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[],\"flags\":[\"SECCOMP_FILTER_FLAG_TSYNC\"]}", "flags" },
        { "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[],\"optional\":[1]}", "optional[0]" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err;
        cr_expect_eq(parse(cases[i].text, &err), -EINVAL, "case %zu", i);
        cr_expect(strstr(err.text, cases[i].says) != NULL && strstr(err.text, "profile 'test'") != NULL, "case %zu: %s",
                  i, err.text);
    }
}

#define MASKED(index, mask, value)                                                                                     \
    "{\"index\":" #index ",\"value\":" #mask ",\"valueTwo\":" #value ",\"op\":\"SCMP_CMP_MASKED_EQ\"}"
#define EQUAL(index, value)       "{\"index\":" #index ",\"value\":" #value ",\"op\":\"SCMP_CMP_EQ\"}"
#define ENTRY(name, action, args) "{\"names\":[\"" name "\"],\"action\":\"SCMP_ACT_" action "\",\"args\":[" args "]}"

Test(filter_json, refuses_rules_that_mean_less_than_they_say)
{
    static const struct {
        int done;
        const char *entry, *says;
    } cases[] = {
        { 0, ENTRY("read", "ALLOW", ""), "" },
        { -EINVAL, "{\"names\":[],\"action\":\"SCMP_ACT_ALLOW\"}", "at least one" },
        { -EINVAL, "{\"names\":[1],\"action\":\"SCMP_ACT_ALLOW\"}", "is no system call" },
        { -EINVAL, ENTRY("raed", "ALLOW", ""), "'raed' is no system call" },
        { -EINVAL, ENTRY("a_name_that_is_much_longer_than_that_of_any_system_call", "ALLOW", ""), "is no system call" },
        { -EINVAL, ENTRY("read", "KILL", ""), "the action is" },
        { -EINVAL, ENTRY("read", "KILL_THREAD", ""), "the action is" },
        { -EINVAL, ENTRY("read", "TRAP", ""), "the action is" },
        { -EINVAL, ENTRY("read", "NOTIFY", ""), "the action is" },
        { -EINVAL, ENTRY("read", "LOG", ""), "the action is" },
        { -EINVAL, "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"errnoRet\":1}", "SCMP_ACT_ERRNO only" },
        { -EINVAL, "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{}}", "unknown key 'includes'" },
        { -EINVAL, "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":null}", "wrong type" },
        { -EINVAL, ENTRY("prctl", "ALLOW", "{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_NE\"}"), "bit 32" },
        { -EINVAL, ENTRY("prctl", "ALLOW", "{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_LT\"}"), "bit 32" },
        { -EINVAL, ENTRY("prctl", "ALLOW", "{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_LE\"}"), "bit 32" },
        { -EINVAL, ENTRY("prctl", "ALLOW", "{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_GE\"}"), "bit 32" },
        { -EINVAL, ENTRY("prctl", "ALLOW", "{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_GT\"}"), "bit 32" },
        { -EINVAL, ENTRY("prctl", "ALLOW", "{\"index\":6,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}"), "index is 0 to 5" },
        { -EINVAL, ENTRY("prctl", "ALLOW", "{\"index\":-1,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}"), "index is 0 to 5" },
        { -EINVAL, ENTRY("prctl", "ALLOW", "{\"index\":0,\"value\":-1,\"op\":\"SCMP_CMP_EQ\"}"), "not negative" },
        { -EINVAL, ENTRY("prctl", "ALLOW", "{\"index\":0,\"value\":1.0,\"op\":\"SCMP_CMP_EQ\"}"), "wrong type" },
        { -EINVAL, ENTRY("prctl", "ALLOW", "{\"index\":0,\"value\":1,\"valueTwo\":1,\"op\":\"SCMP_CMP_EQ\"}"),
          "valueTwo" },
        { -EINVAL, ENTRY("prctl", "ALLOW", "{\"index\":0,\"op\":\"SCMP_CMP_EQ\"}"), "'value' is missing" },
        { -EINVAL, ENTRY("prctl", "ALLOW", MASKED(0, 0, 0)), "always or never" },
        { -EINVAL, ENTRY("prctl", "ALLOW", MASKED(0, 1, 2)), "always or never" },
        { -EINVAL, ENTRY("prctl", "ALLOW", EQUAL(0, 1) "," EQUAL(0, 2)), "compared twice" },
        { -EINVAL, ENTRY("prctl", "ERRNO", EQUAL(0, 1)), "with bit 32 set" },
        { -EINVAL, ENTRY("prctl", "KILL_PROCESS", EQUAL(0, 1)), "with bit 32 set" },
        { -EINVAL, ENTRY("prctl", "KILL_PROCESS", MASKED(0, 8589934591, 1)), "with bit 32 set" },
        { 0, ENTRY("prctl", "KILL_PROCESS", MASKED(0, 4294967295, 1)), "" },
        { 0, ENTRY("prctl", "ALLOW", EQUAL(0, 1)) "," ENTRY("prctl", "KILL_PROCESS", MASKED(0, 4294967295, 2)), "" },
        { -EINVAL, ENTRY("prctl", "ALLOW", EQUAL(0, 1)) "," ENTRY("prctl", "KILL_PROCESS", MASKED(0, 4294967295, 1)),
          "different actions" },
        { -EINVAL, ENTRY("prctl", "ALLOW", "") "," ENTRY("prctl", "KILL_PROCESS", MASKED(0, 4294967295, 1)),
          "different actions" },
        { -EINVAL, ENTRY("prctl", "ALLOW", EQUAL(0, 1)) "," ENTRY("prctl", "ERRNO", MASKED(1, 4294967295, 1)),
          "different actions" },
        { -EINVAL, ENTRY("read", "ALLOW", "") "," ENTRY("read", "ERRNO", ""), "different actions" },
        { 0, ENTRY("read", "ALLOW", "") "," ENTRY("read", "ALLOW", ""), "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err;
        cr_expect_eq(parse_entry(cases[i].entry, &err), cases[i].done, "case %zu: %s", i, err.text);
        cr_expect(strstr(err.text, cases[i].says) != NULL, "case %zu: %s", i, err.text);
    }
}

Test(filter_json, never_lets_a_profile_below_the_floor)
{
    static const char *const names[] = {
        "bpf",
        "perf_event_open",
        "kexec_load",
        "kexec_file_load",
        "init_module",
        "finit_module",
        "delete_module",
        "iopl",
        "ioperm",
        "mount",
        "umount2",
        "fsopen",
        "fsmount",
        "fsconfig",
        "move_mount",
        "open_tree",
        "open_tree_attr",
        "mount_setattr",
        "pivot_root",
        "chroot",
        "setns",
        "clone3",
        "open_by_handle_at",
        "reboot",
        "swapon",
        "swapoff",
        "acct",
        "quotactl",
        "quotactl_fd",
        "settimeofday",
        "clock_settime",
        "adjtimex",
        "clock_adjtime",
        "syslog",
        "add_key",
        "keyctl",
        "request_key",
        "userfaultfd",
        "io_uring_setup",
        "io_uring_enter",
        "io_uring_register",
        "ptrace",
        "process_vm_readv",
        "process_vm_writev",
        "pidfd_getfd",
        "clone",
        "unshare",
        "socket",
        "socketpair",
        "ioctl",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct error err;
        char entry[256];
        snprintf(entry, sizeof entry, "{\"names\":[\"%s\"],\"action\":\"SCMP_ACT_ALLOW\"}", names[i]);
        cr_expect_eq(parse_entry(entry, &err), -EPERM, "%s: %s", names[i], err.text);
        cr_expect(strstr(err.text, names[i]) != NULL);
        snprintf(entry, sizeof entry, "{\"names\":[\"%s\"],\"action\":\"SCMP_ACT_KILL_PROCESS\"}", names[i]);
        cr_expect_eq(parse_entry(entry, &err), 0, "%s: %s", names[i], err.text);
    }
}

Test(filter_json, allows_what_is_conditional_only_under_its_condition)
{
    static const struct {
        int done;
        const char *entry;
    } cases[] = {
        { 0, ENTRY("clone", "ALLOW", MASKED(0, 2114060288, 0)) },
        { -EPERM, ENTRY("clone", "ALLOW", MASKED(0, 2113929216, 0)) }, /* without CLONE_NEWNS */
        { -EPERM, ENTRY("clone", "ALLOW", MASKED(0, 2114060288, 268435456)) },
        { -EPERM, ENTRY("clone", "ALLOW", MASKED(1, 2114060288, 0)) },
        { 0, ENTRY("unshare", "ALLOW", MASKED(0, 2114060416, 0)) },
        { -EPERM, ENTRY("unshare", "ALLOW", MASKED(0, 2114060288, 0)) }, /* without CLONE_NEWTIME */
        { 0, ENTRY("socket", "ALLOW", EQUAL(0, 1)) },
        { 0, ENTRY("socket", "ALLOW", EQUAL(0, 2)) },
        { 0, ENTRY("socket", "ALLOW", MASKED(0, 4294967295, 10)) },
        { -EPERM, ENTRY("socket", "ALLOW", MASKED(0, 65535, 10)) },
        { -EPERM, ENTRY("socket", "ALLOW", EQUAL(0, 16)) },
        { 0, ENTRY("socket", "ALLOW", EQUAL(0, 16) "," EQUAL(2, 0)) },
        { -EPERM, ENTRY("socket", "ALLOW", EQUAL(0, 16) "," EQUAL(2, 12)) },
        { -EPERM, ENTRY("socket", "ALLOW", EQUAL(0, 38)) },
        { -EPERM, ENTRY("socket", "ALLOW", EQUAL(0, 40)) },
        { -EPERM, ENTRY("socket", "ALLOW", EQUAL(0, 17)) },
        { -EPERM, ENTRY("socket", "ALLOW", EQUAL(0, 4294967334)) }, /* AF_ALG with bit 32 */
        { -EPERM, ENTRY("ioctl", "ALLOW", EQUAL(1, 21522)) },       /* TIOCSTI */
        { -EPERM, ENTRY("ioctl", "ALLOW", EQUAL(1, 4294988818)) },  /* with bit 32 */
        { -EPERM, ENTRY("ioctl", "ALLOW", EQUAL(1, 21532)) },
        { -EPERM, ENTRY("ioctl", "ALLOW", EQUAL(1, 21539)) },
        { -EPERM, ENTRY("ioctl", "ALLOW", MASKED(1, 65535, 21505)) },
        { 0, ENTRY("ioctl", "ALLOW", EQUAL(1, 21505)) },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err;
        cr_expect_eq(parse_entry(cases[i].entry, &err), cases[i].done, "case %zu: %s", i, err.text);
    }
}

Test(filter_json, takes_no_more_rules_than_its_limit)
{
    static char text[64 * 1024];
    size_t used = (size_t)snprintf(text, sizeof text, "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[");
    for (unsigned i = 0; i <= PROFILE_RULES_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "%s{\"names\":[\"prctl\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,"
                                 "\"value\":%u,\"op\":\"SCMP_CMP_EQ\"}]}",
                                 i > 0 ? "," : "", i);
    snprintf(text + used, sizeof text - used, "]}");
    struct error err;
    cr_expect_eq(parse(text, &err), -E2BIG);
    cr_expect(strstr(err.text, "more than 512 rules") != NULL, "%s", err.text);
}
