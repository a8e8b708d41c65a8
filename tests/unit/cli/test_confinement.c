#include "confinement.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define ALL_CAPABILITIES UINT64_C(0x1ffffffffff)
#define KILL_ALONE       UINT64_C(0x20)

enum { AT_BOOTSTRAP, AT_KEEPER, AT_FRONT, AT_REAPER, AT_LAUNCHER, AT_SLOT, AT_INIT, AT_JOB, AT_COUNT };

static struct process processes[AT_COUNT];
static struct instance instance;
static char last[256];

static struct process make(enum role role, uint32_t uid, uint64_t capabilities, uint32_t filters, uint32_t own_spaces)
{
    struct process process = { .pid = 100 + (pid_t)role, .role = role, .has_spaces = true, .has_mounts = true };
    for (size_t i = 0; i < 4; i++)
        process.credentials.uids[i] = process.credentials.gids[i] = uid;
    process.credentials.capabilities[SET_PERMITTED] = process.credentials.capabilities[SET_EFFECTIVE] = capabilities;
    process.credentials.no_new_privs = 1;
    process.credentials.seccomp_mode = filters > 0 ? 2 : 0;
    process.credentials.filter_count = filters;
    process.own_spaces = own_spaces;
    return process;
}

static void make_good_instance(void)
{
    uint32_t mnt = SPACE_BIT(SPACE_MNT), pid = SPACE_BIT(SPACE_PID), all = SPACE_BIT(SPACE_COUNT) - 1;
    processes[AT_BOOTSTRAP] = make(ROLE_BOOTSTRAP, 0, ALL_CAPABILITIES, 0, 0);
    processes[AT_KEEPER] = make(ROLE_KEEPER, 901, 0, 1, mnt);
    processes[AT_FRONT] = make(ROLE_FRONT, 902, 0, 1, mnt);
    processes[AT_REAPER] = make(ROLE_REAPER, 903, 0, 0, pid);
    processes[AT_LAUNCHER] = make(ROLE_LAUNCHER, 904, 0, 1, mnt | pid);
    processes[AT_SLOT] = make(ROLE_SUPERVISOR, 904, ALL_CAPABILITIES, 1, SPACE_BIT(SPACE_USER) | mnt | pid);
    processes[AT_INIT] = make(ROLE_INIT, 1000, KILL_ALONE, 2, all);
    processes[AT_JOB] = make(ROLE_JOB, 1001, 0, 2, all);
    instance = (struct instance){ processes, AT_COUNT };
}

static void note(void *whose, const struct process *process, const char *sentence)
{
    (void)whose;
    (void)process;
    strcpy(last, sentence);
}

static unsigned differences(void)
{
    unsigned count = confinement_check_all(&instance, note, NULL);
    for (uint32_t i = 0; i < instance.count; i++)
        count += confinement_check(&instance, &processes[i], note, NULL);
    return count;
}

TestSuite(confinement, .init = make_good_instance);

Test(confinement, finds_nothing_where_all_is_as_it_must_be)
{
    cr_expect_eq(differences(), 0, "%s", last);
}

Test(confinement, names_a_capability_in_any_set_of_whoever_must_have_none)
{
    static const int without[] = { AT_KEEPER, AT_FRONT, AT_REAPER, AT_LAUNCHER, AT_JOB };
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++)
        for (size_t set = 0; set < SET_COUNT; set++) {
            make_good_instance();
            processes[without[i]].credentials.capabilities[set] = UINT64_C(1) << 21;
            cr_expect_eq(differences(), 1, "%zu %zu", i, set);
        }
}

Test(confinement, lets_init_kill_and_do_nothing_else)
{
    processes[AT_INIT].credentials.capabilities[SET_EFFECTIVE] |= 1;
    cr_expect_eq(differences(), 1);
    make_good_instance();
    processes[AT_INIT].credentials.capabilities[SET_BOUNDING] = KILL_ALONE;
    cr_expect_eq(differences(), 1);
}

Test(confinement, names_whoever_could_gain_privileges)
{
    for (size_t i = 0; i < AT_COUNT; i++) {
        make_good_instance();
        processes[i].credentials.no_new_privs = 0;
        cr_expect_eq(differences(), 1, "%zu", i);
    }
}

Test(confinement, counts_filters_on_top_of_those_of_a_service_manager)
{
    processes[AT_JOB].credentials.filter_count = 1;
    cr_expect_eq(differences(), 1);
    make_good_instance();
    for (size_t i = 0; i < AT_COUNT; i++)
        processes[i].credentials.filter_count += 5;
    processes[AT_BOOTSTRAP].credentials.seccomp_mode = processes[AT_REAPER].credentials.seccomp_mode = 2;
    cr_expect_eq(differences(), 0, "%s", last);
    processes[AT_FRONT].credentials.filter_count -= 1;
    cr_expect_eq(differences(), 1);
}

Test(confinement, names_a_process_that_is_root_or_in_a_group)
{
    for (size_t i = 1; i < AT_COUNT; i++) {
        make_good_instance();
        processes[i].credentials.group_count = 1;
        cr_expect_eq(differences(), 1, "%zu", i);
        make_good_instance();
        processes[i].credentials.uids[2] = 0;
        cr_expect_eq(differences(), 1, "%zu", i);
        make_good_instance();
        memset(processes[i].credentials.gids, 0, sizeof processes[i].credentials.gids);
        cr_expect_eq(differences(), 1, "%zu", i);
    }
}

Test(confinement, names_two_that_have_one_id)
{
    memset(processes[AT_FRONT].credentials.uids, 0, sizeof processes[AT_FRONT].credentials.uids);
    memcpy(processes[AT_FRONT].credentials.uids, processes[AT_KEEPER].credentials.uids,
           sizeof processes[AT_FRONT].credentials.uids);
    cr_expect_eq(differences(), 1);
    cr_expect_str_eq(last, "it has the uid of keeper 102");
}

Test(confinement, names_a_namespace_that_is_shared_or_should_be)
{
    processes[AT_FRONT].own_spaces = 0;
    cr_expect_eq(differences(), 1);
    cr_expect_str_eq(last, "it shares the mnt namespace of sallyportd");
    make_good_instance();
    processes[AT_JOB].own_spaces &= ~SPACE_BIT(SPACE_USER);
    cr_expect_eq(differences(), 1);
    make_good_instance();
    processes[AT_JOB].own_spaces &= ~SPACE_BIT(SPACE_NET); /* network: host */
    cr_expect_eq(differences(), 0);
}

Test(confinement, names_what_can_be_written_to)
{
    char root[] = "/", place[] = "/srv/web";
    processes[AT_KEEPER].writable[0] = root;
    processes[AT_KEEPER].writable_count = 1;
    processes[AT_JOB].writable[0] = place;
    processes[AT_JOB].writable_count = 1;
    cr_expect_eq(differences(), 0, "%s", last);
    processes[AT_JOB].writable[0] = root;
    cr_expect_eq(differences(), 1);
    processes[AT_JOB].writable[0] = place;
    processes[AT_FRONT].writable[0] = place;
    processes[AT_FRONT].writable_count = 1;
    cr_expect_eq(differences(), 1);
    cr_expect_str_eq(last, "'/srv/web' can be written to");
}

Test(confinement, does_not_take_the_unknown_for_good)
{
    processes[AT_FRONT].has_spaces = processes[AT_FRONT].has_mounts = false;
    cr_expect_eq(differences(), 2);
    make_good_instance();
    processes[AT_FRONT].role = ROLE_UNKNOWN;
    cr_expect_eq(differences(), 2, "it is no process of ours, and the front is missing");
}

Test(confinement, reads_credentials_and_refuses_half_of_them)
{
    static const char text[] =
        "Name:\tfront\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t4 24 \nCapInh:\t0\nCapPrm:\t20\n"
        "CapEff:\t20\nCapBnd:\t1ff\nCapAmb:\t0\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n";
    struct credentials found;
    cr_assert(credentials_parse(text, &found));
    cr_expect_eq(found.uids[3], 4);
    cr_expect_eq(found.gids[0], 5);
    cr_expect_eq(found.group_count, 2);
    cr_expect_eq(found.capabilities[SET_EFFECTIVE], 0x20);
    cr_expect_eq(found.capabilities[SET_BOUNDING], 0x1ff);
    cr_expect_eq(found.filter_count, 3);
    cr_expect_not(credentials_parse("Uid:\t1\t2\t3\t4\n", &found));
    char half[sizeof text];
    strcpy(half, text);
    *strstr(half, "Seccomp:") = '\0';
    cr_expect_not(credentials_parse(half, &found));
}

Test(confinement, reads_which_mounts_can_be_written_to)
{
    struct process process = { .pid = 1 };
    cr_assert(mounts_parse("1 2 0:1 / / ro,nosuid - tmpfs none rw\n3 1 0:2 / /tmp rw,nosuid - tmpfs none ro\n"
                           "4 1 0:3 / /srv/a\\040b rw - ext4 /dev/x rw\n",
                           &process));
    cr_assert_eq(process.writable_count, 2);
    cr_expect_str_eq(process.writable[0], "/tmp");
    cr_expect_str_eq(process.writable[1], "/srv/a\\040b");
    free(process.writable[0]);
    free(process.writable[1]);
    cr_expect_not(mounts_parse("no mount\n", &process));
}
