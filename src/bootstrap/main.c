/*
 * sallyportd: starts everything, then sleeps. The order of the start is the order in which power is needed: the configuration
 * is read and judged before anything is made; what needs root is made before anybody else runs; children get what they need
 * by descriptor and are told to begin last.
 *
 * Exit status: 0 after an orderly stop, 78 for a configuration with faults (EX_CONFIG) or records that the keeper cannot use,
 * 64 for wrong usage, 70 when our own processes keep dying, 71 when the host refused something that we need.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bootstrap.h"
#include "notify.h"
#include "trial.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

#define DEFAULT_STATE "/var/lib/sallyport"

static const char help[] =
    "Usage: sallyportd [--config FILE] [--state DIR] [--foreground]\n"
    "\n"
    "Runs the commands that the configuration lists, each in a cell of its own, for callers with a token.\n"
    "\n"
    "  --config FILE   the configuration (default " CONFIG_DEFAULT "); check it with 'sallyport config check FILE'\n"
    "  --state DIR     where job records and output are kept (default " DEFAULT_STATE ", or\n"
    "                  $XDG_STATE_HOME/sallyport for an ordinary user); made if missing; one instance at a time\n"
    "  --foreground    stay in the terminal; otherwise the command returns when all processes are started\n"
    "  --trial SOCKET  for 'sallyport try': only the commands, one caller, an end with stdin, and no state left "
    "behind\n"
    "  --version, --help\n"
    "\n"
    "Signals: TERM or INT stops in an orderly way (running jobs get server.shutdown_grace), a second one at once;\n"
    "HUP reads the configuration again. Log lines are JSON on stderr.\n"
    "Started as root it needs nothing else; started by an ordinary user it is weaker in ways that 'sallyport doctor' "
    "names.\n";

struct options {
    const char *config, *state, *trial;
    bool is_foreground;
};

/* -1 to go on, or an exit status. */
static int read_options(int argc, char **argv, const char *state, struct options *options)
{
    static const struct option names[] = {
        { "config", required_argument, NULL, 'c' },
        { "state", required_argument, NULL, 's' },
        { "foreground", no_argument, NULL, 'f' },
        { "trial", required_argument, NULL, 't' },
        { "version", no_argument, NULL, 'v' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    *options = (struct options){ .config = CONFIG_DEFAULT, .state = state };
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (option) {
        case 'c':
            options->config = optarg;
            break;
        case 's':
            options->state = optarg;
            break;
        case 'f':
            options->is_foreground = true;
            break;
        case 't':
            options->trial = optarg;
            options->is_foreground = true;
            break;
        case 'v':
            puts("sallyportd " SALLYPORT_VERSION);
            return 0;
        case 'h':
            fputs(help, stdout);
            return 0;
        default:
            fputs("Try 'sallyportd --help'.\n", stderr);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "sallyportd: unexpected argument '%s'. Try 'sallyportd --help'.\n", argv[optind]);
        return EXIT_USAGE;
    }
    return -1;
}

static const char *default_state(char path[PATH_MAX_BYTES])
{
    const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (geteuid() == 0)
        return DEFAULT_STATE;
    if (base != NULL && base[0] == '/')
        snprintf(path, PATH_MAX_BYTES, "%s/sallyport", base);
    else
        snprintf(path, PATH_MAX_BYTES, "%s/.local/state/sallyport", home != NULL ? home : "");
    return path;
}

/* Descriptors of a thousand slots fit; a limit that our parent lowered is raised as far as it allows. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int open_signals(struct bootstrap *bootstrap, struct error *err)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    signal(SIGCHLD, SIG_DFL); /* a parent that ignored it would have taken our children's ends from us */
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_SETMASK, &signals, NULL) < 0)
        return fail(err, errno, "block signals");
    bootstrap->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return bootstrap->signal_fd < 0 ? fail(err, errno, "make a descriptor for signals") : 0;
}

/* Our memory, our keys, and what an exec could raise. */
static int close_ourselves(const struct bootstrap *bootstrap, struct error *err)
{
    /* A rootless instance cannot hide its memory: without power over the host's root it could not look at its children's
     * namespaces any more. The jobs are in other user namespaces, from where it cannot be traced. */
    if (!bootstrap->ids.is_rootless && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return fail(err, errno, "hide our memory");
    /* The keyring of whoever logged in and started us is nobody's business below. */
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
        return fail(err, errno, "leave the session's keyring");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) /* after newuidmap; nothing below is ever raised by an exec */
        return fail(err, errno, "give up new privileges");
    return 0;
}

/* What must be there before anything is made. In rootless mode we are root of our own namespace afterwards. */
static int become_ready(struct bootstrap *bootstrap, const char *state, struct error *err)
{
    bootstrap->sysctl_user_fd = open("/proc/sys/user", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (bootstrap->sysctl_user_fd < 0)
        return fail(err, errno, "open /proc/sys/user");
    host_probe(&bootstrap->host);
    if (bootstrap->host.kernel_major < 6 || (bootstrap->host.kernel_major == 6 && bootstrap->host.kernel_minor < 1))
        return fail_plain(err, ENOSYS, "Linux %s is too old: sallyport needs 6.1 or newer", bootstrap->host.kernel);
    int done = siblings_find(bootstrap, err);
    if (done == 0 && geteuid() != 0)
        done = rootless_enter(bootstrap, err);
    if (done == 0) /* in the mount namespace that stays ours: a directory of another one could not become a root */
        done = state_open(bootstrap, state, err);
    if (done == 0)
        done = close_ourselves(bootstrap, err);
    if (done == 0)
        done = ids_choose(bootstrap, err);
    return done < 0 ? done : state_give(bootstrap, err);
}

static int make_everything(struct bootstrap *bootstrap, struct error *err)
{
    bool has_changed;
    int done = groups_make(bootstrap, err);
    if (done == 0)
        done = supervisor_filter_make(bootstrap, err);
    if (done == 0)
        done = model_apply(bootstrap, bootstrap->config, &has_changed, err);
    return done < 0 ? done : listeners_open(bootstrap, err);
}

static int start_everybody(struct bootstrap *bootstrap, struct error *err)
{
    int done = child_start(bootstrap, PROCESS_KEEPER, err);
    if (done == 0)
        done = child_hand_parts(bootstrap, PROCESS_KEEPER, err);
    if (done == 0)
        done = child_start(bootstrap, PROCESS_FRONT, err);
    if (done == 0)
        done = child_hand_parts(bootstrap, PROCESS_FRONT, err);
    if (done == 0)
        done = world_start(bootstrap, err);
    if (done == 0 && child_is_wanted(bootstrap->config, PROCESS_NOTIFIER)) {
        done = child_start(bootstrap, PROCESS_NOTIFIER, err);
        if (done == 0)
            done = child_hand_parts(bootstrap, PROCESS_NOTIFIER, err);
    }
    if (done == 0)
        done = children_join(bootstrap, PROCESS_NONE, err);
    static const enum process order[] = { PROCESS_LAUNCHER, PROCESS_NOTIFIER, PROCESS_KEEPER, PROCESS_FRONT };
    for (unsigned i = 0; i < sizeof order / sizeof order[0] && done == 0; i++)
        if (bootstrap->children[order[i]].pid > 0)
            done = child_hand(bootstrap, order[i], MSG_BEGIN, NULL, -1, err);
    return done;
}

static void end_everything(struct bootstrap *bootstrap)
{
    bootstrap->is_stopping = true;
    world_end(bootstrap);
    for (enum process process = PROCESS_FRONT; process < PROCESS_COUNT; process++)
        child_end(bootstrap, process);
    listeners_close(bootstrap);
    groups_remove(bootstrap);
}

/* A path that stays right when a background process has changed its directory. */
static int settle_path(const char **path, char room[PATH_MAX_BYTES], struct error *err)
{
    if (**path == '/')
        return 0;
    char directory[PATH_MAX_BYTES];
    if (getcwd(directory, sizeof directory) == NULL)
        return fail(err, errno, "find the working directory");
    int length = snprintf(room, PATH_MAX_BYTES, "%s/%s", directory, *path);
    if (length < 0 || length >= PATH_MAX_BYTES)
        return fail(err, ENAMETOOLONG, "'%s'", *path);
    *path = room;
    return 0;
}

/* The parent waits until the service answers, or has failed; the child goes on without a terminal. */
static int go_to_background(int *ret_ready_fd, struct error *err)
{
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");
    pid_t pid = fork();
    if (pid < 0)
        return fail(err, errno, "fork");
    if (pid > 0) {
        unsigned char status = EXIT_OS;
        close(ready[1]);
        ssize_t got = read(ready[0], &status, 1);
        _exit(got == 1 ? status : EXIT_OS);
    }
    close(ready[0]);
    setsid();
    *ret_ready_fd = ready[1];
    return chdir("/") < 0 ? fail(err, errno, "leave the working directory") : 0;
}

static void tell_parent(int *ready_fd, unsigned char status)
{
    if (*ready_fd >= 0 && write(*ready_fd, &status, 1) != 1)
        log_warn("whoever started us did not wait");
    fd_close(ready_fd);
}

static void bootstrap_init(struct bootstrap *bootstrap)
{
    *bootstrap = (struct bootstrap){ .incarnation = clock_unix_us() };
    ssize_t got = getrandom(&bootstrap->service, sizeof bootstrap->service, 0);
    assert(got == (ssize_t)sizeof bootstrap->service); /* so few are never cut short (getrandom(2)) */
    bootstrap->service |= 1;                           /* 0 is none */
    bootstrap->notify_fd = bootstrap->doorbell_fd = bootstrap->supervisor_filter_fd = bootstrap->outer_pid_namespace =
        bootstrap->reaper_lifeline = -1;
    bootstrap->groups.jobs_fd = bootstrap->groups.supervisors_fd = -1;
    for (unsigned i = 0; i < ROOT_COUNT_MAX; i++)
        bootstrap->template_fds[i] = -1;
    for (unsigned i = 0; i < LISTENER_COUNT_MAX; i++)
        bootstrap->listener_fds[i] = -1;
    static const char *const names[PROCESS_COUNT] = {
        [PROCESS_FRONT] = "front",
        [PROCESS_KEEPER] = "keeper",
        [PROCESS_LAUNCHER] = "launcher",
        [PROCESS_NOTIFIER] = "notifier",
    };
    for (unsigned i = 0; i < PROCESS_COUNT; i++) {
        bootstrap->settings_fds[i] = bootstrap->policy_fds[i] = -1;
        bootstrap->children[i] =
            (struct child){ .name = names[i], .is_optional = i == PROCESS_NOTIFIER, .control = -1 };
    }
}

static void say_what_is_weaker(const struct bootstrap *bootstrap)
{
    if (bootstrap->ids.is_single)
        log_warn("rootless with a single id: jobs and all of our processes share one uid; only namespaces and Landlock "
                 "keep them apart");
    else if (bootstrap->ids.is_rootless)
        log_info("rootless: jobs have subordinate ids of this user");
    if (!bootstrap->groups.exist)
        log_warn(
            "no control group for jobs: %s; jobs need `degrade: [cgroup-memory, cgroup-pids, cgroup-cpu, cgroup-io]`",
            bootstrap->host.cgroup.why);
    else if (bootstrap->host.cgroup.why[0] != '\0')
        log_warn("control groups lack something: %s", bootstrap->host.cgroup.why);
}

int main(int argc, char **argv)
{
    static struct bootstrap bootstrap;
    static char config_room[PATH_MAX_BYTES], state_room[PATH_MAX_BYTES], state_default[PATH_MAX_BYTES];
    struct options options;
    struct error err = { 0 };
    int ready_fd = -1;

    if (fd_sanitise_stdio(&err) < 0)
        return EXIT_OS;
    log_init("sallyportd");
    int status = read_options(argc, argv, default_state(state_default), &options);
    if (status >= 0)
        return status;
    bootstrap_init(&bootstrap);
    if (settle_path(&options.config, config_room, &err) < 0 || settle_path(&options.state, state_room, &err) < 0) {
        fprintf(stderr, "sallyportd: %s\n", err.text);
        return EXIT_OS;
    }
    bootstrap.config_path = options.config;
    bootstrap.notify_fd = notify_open(); /* before namespaces, in which its path may mean nothing */
    umask(022);
    raise_descriptor_limit();

    enum config_owner_check check = geteuid() == 0 ? CONFIG_OWNER_ROOT : CONFIG_OWNER_SELF;
    if (config_load(options.config, check, stderr, &bootstrap.config, &err) < 0) {
        if (err.text[0] != '\0')
            fprintf(stderr, "sallyportd: %s\n", err.text);
        return EXIT_CONFIG;
    }
    if (options.trial != NULL && trial_prepare(&bootstrap, options.trial, &err) < 0) {
        fprintf(stderr, "sallyportd: %s\n", err.text);
        return EXIT_USAGE;
    }
    if (!options.is_foreground && go_to_background(&ready_fd, &err) < 0) {
        fprintf(stderr, "sallyportd: %s\n", err.text);
        return EXIT_OS;
    }
    int done = open_signals(&bootstrap, &err);
    if (done == 0)
        done = become_ready(&bootstrap, options.state, &err);
    if (done == 0)
        done = make_everything(&bootstrap, &err);
    if (done == 0) {
        say_what_is_weaker(&bootstrap);
        done = start_everybody(&bootstrap, &err);
    }
    if (done < 0) {
        log_error("cannot start: %s", err.text);
        notify_stopping(bootstrap.notify_fd, 0, "Cannot start: %s", err.text);
        status = EXIT_OS;
    } else {
        log_info("serving %u commands", bootstrap.config->policy->command_count);
        tell_parent(&ready_fd, 0);
        notify_ready(bootstrap.notify_fd, "Serving %u commands", bootstrap.config->policy->command_count);
        status = loop_run(&bootstrap);
    }
    end_everything(&bootstrap);
    if (bootstrap.is_trial)
        trial_remove_state(&bootstrap, options.state);
    tell_parent(&ready_fd, (unsigned char)status);
    if (done == 0)
        log_info("stopped");
    return status;
}
