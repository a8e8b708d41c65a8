#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"

static char directory[64], path[128];

static void write_program(const char *content, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    cr_assert_eq(fchmod(fd, mode), 0);
    close(fd);
}

static void make_directory(void)
{
    if (geteuid() != 0)
        cr_skip_test("needs root: programs of jobs are root's files");
    snprintf(directory, sizeof directory, "/var/tmp/sallyport-test.XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/program", directory);
}

static void remove_directory(void)
{
    unlink(path);
    rmdir(directory);
}

TestSuite(program, .init = make_directory, .fini = remove_directory);

static void expect_refused(const char *because)
{
    struct program program;
    program_identify(path, false, &program);
    cr_expect_not_null(strstr(program.unavailable, because), "'%s' says nothing of '%s'", program.unavailable, because);
}

Test(program, is_known_by_its_inode_and_not_by_its_name)
{
    struct program program;
    struct stat st;
    write_program("\177ELF, as far as anybody looks here", 0755);
    cr_assert_eq(stat(path, &st), 0);
    program_identify(path, false, &program);
    cr_expect_str_eq(program.unavailable, "");
    cr_expect_eq(program.identity.inode, st.st_ino);
    cr_expect_eq(program.identity.device, st.st_dev);
    cr_expect_eq(program.identity.size, (uint64_t)st.st_size);
    cr_expect_str_eq(program.interpreter, "");
}

Test(program, that_is_a_script_brings_its_interpreter_with_one_argument)
{
    struct program program;
    write_program("#! /usr/bin/env  -S python3 -I \t\nprint()\n", 0755);
    program_identify(path, false, &program);
    cr_expect_str_eq(program.unavailable, "");
    cr_expect_str_eq(program.interpreter, "/usr/bin/env");
    cr_expect_str_eq(program.interpreter_argument, "-S python3 -I");
    cr_expect_neq(program.interpreter_identity.inode, 0);
}

Test(program, with_an_interpreter_that_cannot_be_named_is_refused)
{
    write_program("#!python3\n", 0755);
    expect_refused("no absolute path");
    write_program("#!/no/such/interpreter\n", 0755);
    expect_refused("'/no/such/interpreter' is not in the job's root");
    char line[400];
    memset(line, 'x', sizeof line - 1);
    memcpy(line, "#!/", 3);
    line[sizeof line - 1] = '\0';
    write_program(line, 0755);
    expect_refused("longer than");
}

Test(program, that_others_could_change_is_refused)
{
    write_program("#!/bin/sh\n", 0775);
    expect_refused("chmod go-w");
    write_program("#!/bin/sh\n", 0755);
    cr_assert_eq(chown(path, 12345, 12345), 0);
    expect_refused("belongs to uid 12345");
    cr_assert_eq(chown(path, 0, 0), 0);
    cr_assert_eq(chmod(directory, 0777), 0);
    expect_refused("chmod go-w");
    cr_assert_eq(chmod(directory, 0755), 0);
    cr_assert_eq(chown(directory, 12345, 0), 0);
    expect_refused("belongs to uid 12345");
    cr_assert_eq(chown(directory, 0, 0), 0);
}

Test(program, that_is_none_is_refused)
{
    write_program("text", 0644);
    expect_refused("no executable file");
    unlink(path);
    expect_refused("not in the job's root");
    cr_assert_eq(mkfifo(path, 0755), 0);
    expect_refused("no executable file");
}
