/*
 * The last steps of a job's own process, made by vfork from its init: the parent's memory is shared and the parent sleeps
 * until exec, so nothing here may return or leave a trace in memory that init still needs.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cell.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE              65 /* Linux 6.3 */
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

static char *arguments[CELL_ARGUMENTS_MAX + 1];
static char *environment[CELL_ENV_MAX + 1];

static void list_texts(struct span texts, uint32_t count, char **list, const char *what)
{
    for (uint32_t i = 0; i < count; i++) {
        const char *text = span_next_text(&texts);
        if (text == NULL)
            cell_fail_code("list-arguments", EINVAL, what);
        list[i] = (char *)(uintptr_t)text;
    }
    list[count] = NULL;
}

/* Memory that is or was writable never becomes executable (prctl(2)); an extra, absent before Linux 6.3. */
static void forbid_writable_code(const struct plan *plan)
{
    if (!plan->forbids_writable_code || !has_layer(plan, CELL_LAYER_MDWE))
        return;
    if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) < 0 && errno != EINVAL)
        cell_fail("forbid-writable-code", "");
}

static void die_with_init(void)
{
    /* A change of ids clears it, so it comes after; and the parent may have died before. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        cell_fail("die-with-init", "");
    if (getppid() != 1)
        cell_fail_code("die-with-init", ESRCH, "init is gone");
}

static void say_hot(void)
{
    const char hot = CELL_HOT;
    if (write(CELL_STATUS, &hot, 1) != 1)
        cell_fail("say-hot", "");
}

_Noreturn void job_become(const struct plan *plan)
{
    list_texts(plan->arguments, plan->argument_count, arguments, "arguments");
    list_texts(plan->env, plan->env_count, environment, "environment");
    if (setsid() < 0)
        cell_fail("new-session", "");
    cell_drop_to_job(plan);
    die_with_init();
    forbid_writable_code(plan);
    job_make_context(plan); /* before the layers that a command may have without the right to make a link */
    cell_apply_landlock(plan);
    if (chdir(plan->workdir) < 0) /* as the job, so that it sees what it may see */
        cell_fail("enter-workdir", plan->workdir);
    umask(022);
    if (signal(SIGPIPE, SIG_DFL) == SIG_ERR)
        cell_fail("reset-signals", "");
    say_hot();
    if (has_layer(plan, CELL_LAYER_SECCOMP))
        cell_load_filter(plan->filter.data, plan->filter.size); /* last: it refuses what the steps above needed */
    syscall(SYS_execveat, CELL_PROGRAM, "", arguments, environment, AT_EMPTY_PATH);
    cell_fail("exec", plan->program);
}
