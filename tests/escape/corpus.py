"""The escape corpus: what hostile jobs try, which layers stop them, and how one sees it.

A row is an attack of the probe (`escape-probe --list`), and it makes two tests at least:

    full      in the whole sandbox: it is refused, in one of the ways that the row expects
    control   the same attack works when the layers that stop it are gone. CONTROL_LAYERS: a test build leaves the named
              layers out. CONTROL_BARE: the layer cannot be left out (namespaces, the root), so the attack runs without any
              sandbox, under an id that nobody else has. CONTROL_ROOT: the same as root, for what only root could do.

Where more than one layer is named, each of them is also tried alone, the others off: those of `alone` must hold by
themselves, and the others must not, so that nothing is claimed of them. Where nothing that stops the attack can be left out,
`by` says what does, and that is tried alone too: with every layer off that can be (`fixed_off`), the attack is refused still.
docs/defence-in-depth.md is made of these (matrix.py). What a row's `stage` sets up (a canary file, a listener, a victim) decides as the host sees it, before what the
probe itself says.

The ids are those of the project's threat list. A row that needs what a machine may lack says so in `needs`.
"""

from dataclasses import dataclass, field

CONTROL_LAYERS, CONTROL_BARE, CONTROL_ROOT, CONTROL_NONE = "layers", "bare", "root", "none"

# What a test build can leave out of the sandbox of one command (`test_layers_off`), but for the comparison of programs.
SWITCHES = ["seccomp", "landlock", "caps", "nnp", "net", "ipc", "uts", "fds", "rlimits", "proc", "tmp", "keyring", "mdwe"]

# How an attack may be refused: the end of the job by SIGSYS, or the errno that it met.
VIOLATION = "policy_violation"
REFUSED_CALL = {VIOLATION, "EPERM", "ENOSYS"}
NOT_THERE = {"ENOENT", "EACCES"}


# One of each kind of name that loaders, shells, interpreters and tools obey; the instances are started with all of them.
OBEYED = ["LD_LIBRARY_PATH", "LD_DEBUG_OUTPUT", "GLIBC_TUNABLES", "MALLOC_ARENA_MAX", "GCONV_PATH", "NLSPATH", "TMPDIR", "IFS", "BASH_ENV", "ENV",
          "BASH_FUNC_x%%", "PROMPT_COMMAND", "SHELLOPTS", "PERL5OPT", "PYTHONPATH", "PYTHONSTARTUP", "RUBYOPT", "NODE_OPTIONS",
          "GIT_SSH_COMMAND", "SSH_AUTH_SOCK", "http_proxy", "LC_ALL"]


@dataclass
class Row:
    id: str
    title: str                              # "Sxx TITLE is refused" / "... works without ..."
    probe: list                             # the probe's arguments; {names} come from the stage
    blocked: set                            # acceptable answers in the full sandbox
    layers: list = field(default_factory=list)      # off in the control
    alone: list = field(default_factory=list)       # each must hold without the others
    control: str = CONTROL_LAYERS
    by: str = ""                            # what stops it where no layer can be left out
    fixed_off: list = field(default_factory=lambda: list(SWITCHES))     # off while that is tried alone
    control_probe: list = None              # arguments of the control, where they differ
    stage: str = "plain"                    # a class of stages.py
    sandbox: dict = field(default_factory=dict)
    alone_needs: dict = field(default_factory=dict)  # by a layer alone: {layer: names of NEEDS}
    needs: list = field(default_factory=list)       # by the control: names of NEEDS in test_escape.py
    full_needs: list = field(default_factory=list)  # and by the full sandbox
    stdin: str = None
    note: str = ""


ROWS = [
    # --- descriptors, the working directory, our own programs ---
    Row("S01", "an inherited descriptor leads to the host", ["S01", "{canary}"], {"EBADF"}, ["fds"], stage="canary_told"),
    Row("S02", "reading above the working directory", ["S02", "{canary}"], NOT_THERE, control=CONTROL_BARE, by="the root", stage="canary_told"),
    Row("S04", "opening the program of init", ["S04"], NOT_THERE, control=CONTROL_BARE, by="the slot's user namespace", control_probe=["S04", "{peer}"],
        stage="peer", note="init's memory belongs to the host's user namespace: even the slot's root may not look"),
    Row("S05", "writing to the job's own executable", ["S05", "{loose_probe}", "{probe}"], {"EROFS", "EACCES", "EPERM"},
        control=CONTROL_BARE, by="read-only mounts", stage="loose_program", needs=["root"], full_needs=["root"]),
    Row("S06a", "truncating what was said before", ["S06a"], {"ESPIPE", "EINVAL"}, control=CONTROL_BARE, by="pipes", stage="shared_output"),
    Row("S06b", "reading the other end of standard output", ["S06b"], {"EACCES", "ENOENT"}, control=CONTROL_BARE, by="the pipe's owner",
        stage="own_pipe", full_needs=["two-ids"]),
    Row("S08", "passing a descriptor to a host's socket", ["S08", "{abstract}", "{nonce}"], {"ECONNREFUSED", "EPERM"},
        ["net", "landlock"], alone=["net", "landlock"], alone_needs={"landlock": ["landlock-scope"]}, stage="abstract_listener"),
    Row("S09", "taking descriptors of init", ["S09"], REFUSED_CALL, control=CONTROL_BARE, by="the slot's user namespace", control_probe=["S09", "{peer}"],
        stage="peer"),
    Row("S10", "forging a report on an inherited pipe", ["S10"], {"EBADF"}, ["fds"]),

    # --- mounts, roots, namespaces ---
    Row("S11a", "mounting", ["S11a"], REFUSED_CALL, ["seccomp", "caps", "landlock"], alone=["seccomp", "caps", "landlock"]),
    Row("S11b", "taking the flags off a mount", ["S11b"], REFUSED_CALL, ["seccomp", "caps", "landlock"],
        alone=["seccomp", "caps", "landlock"]),
    Row("S11c", "mounting through the new calls", ["S11c"], REFUSED_CALL, ["seccomp", "caps", "landlock"],
        alone=["seccomp", "caps", "landlock"]),
    Row("S12a", "unmounting", ["S12a"], REFUSED_CALL, ["seccomp", "caps", "landlock"], alone=["seccomp", "caps", "landlock"]),
    Row("S12b", "chroot", ["S12b"], REFUSED_CALL, ["seccomp", "caps"], alone=["seccomp", "caps"]),
    Row("S12c", "pivot_root", ["S12c"], REFUSED_CALL, ["seccomp", "caps", "landlock"], alone=["seccomp", "caps", "landlock"]),
    Row("S13", "leaving a chroot", ["S13", "/tmp", "{canary}"], REFUSED_CALL | {"ENOENT"}, control=CONTROL_ROOT, by="the root",
        control_probe=["S13", "/jail", "{canary}"], stage="chroot_jail", needs=["root"],
        note="as the slot's root it gets to the top of its mount namespace, and the host's files are not there"),
    Row("S14", "a user namespace of one's own", ["S14"], REFUSED_CALL | {"ENOSPC"}, ["seccomp", "caps", "proc", "landlock"],
        alone=["seccomp", "caps", "proc", "landlock"],
        note="the limit of zero namespaces, which no layer switches off, stands behind the filter"),
    Row("S15", "entering a namespace", ["S15", "self"], REFUSED_CALL | NOT_THERE, ["seccomp", "caps"], alone=["seccomp", "caps"]),
    Row("S16", "reading the kernel's settings", ["S16"], NOT_THERE, ["proc"]),
    Row("S17", "reading what /proc and /sys tell of the host", ["S17"], NOT_THERE, ["proc"]),
    Row("S22", "making a device node", ["S22"], REFUSED_CALL | {"EACCES"}, control=CONTROL_ROOT, by="the slot's user namespace",
        control_probe=["S22", "{scratch}"], needs=["root"]),
    Row("S23", "a setuid program", ["S23", "{setuid_probe}"], {"EPERM", "EACCES"}, control=CONTROL_BARE, by="nosuid mounts", stage="setuid_program",
        needs=["root"], full_needs=["root"]),
    Row("S24", "opening by handle", ["S24"], REFUSED_CALL, ["seccomp", "caps"], alone=["seccomp", "caps"]),
    Row("S28", "filling the disk", ["S28", "/tmp", "12"], {"ENOSPC"}, ["tmp"], sandbox={"tmp": "4MiB"}),
    Row("S28b", "filling /dev/shm", ["S28", "/dev/shm", "12"], {"ENOSPC"}, ["tmp"], sandbox={"tmp": "4MiB"}),
    Row("S29", "using up inodes", ["S29", "/tmp", "3000"], {"ENOSPC"}, ["tmp"], sandbox={"tmp": "4MiB"}),
    Row("S31", "giving a file a capability", ["S31"], REFUSED_CALL | {"EOPNOTSUPP"}, ["seccomp", "caps"], alone=["seccomp", "caps"]),
    Row("S32a", "a lease", ["S32a"], REFUSED_CALL, ["seccomp"]),
    Row("S32b", "watching a shared directory", ["S32b"], REFUSED_CALL, ["seccomp"]),
    Row("S33", "fanotify", ["S33"], REFUSED_CALL, ["seccomp"]),
    Row("S34", "finding host paths in the mount table", ["S34", "{nonce}"], {"ENOENT"}, control=CONTROL_BARE, by="the root",
        stage="host_mount", needs=["root"], full_needs=["root"]),
    Row("S21", "writing to a file that is only to be read", ["write", "{loose_file}", "{nonce}"], {"EROFS", "EACCES"},
        control=CONTROL_BARE, by="read-only mounts", stage="loose_file"),

    Row("S21b", "a second name for a file of another place", ["S21", "{loose_file}", "{loose_link}"], {"EROFS", "EXDEV", "EACCES"},
        control=CONTROL_BARE, by="read-only mounts", stage="loose_directory", needs=["root"], full_needs=["root"]),

    # --- system calls ---
    Row("S30", "splicing pages", ["S30"], REFUSED_CALL, ["seccomp"]),
    Row("S35", "a 32-bit system call", ["S35"], {VIOLATION}, ["seccomp"], needs=["ia32"]),
    Row("S36", "a 32-bit program", ["S36", "{program32}"], {"ENOSYS"}, ["seccomp"], stage="program_32", needs=["ia32"],
        full_needs=["ia32"]),
    Row("S37", "an x32 system call", ["S37"], {VIOLATION}, ["seccomp"], needs=["x32"]),
    Row("S38a", "a socket family with bit 32 set", ["S38a"], REFUSED_CALL, ["seccomp"]),
    Row("S38b", "a file command with bit 32 set", ["S38b"], REFUSED_CALL, ["seccomp"]),
    Row("S38c", "an ioctl with bit 32 set", ["S38c"], REFUSED_CALL, ["seccomp"]),
    Row("S38d", "a prctl with bit 32 set", ["S38d"], REFUSED_CALL, ["seccomp"]),
    Row("S39", "clone3 with a namespace flag", ["S39"], {"ENOSYS", "EPERM"}, ["seccomp", "caps"], alone=["seccomp", "caps"]),
    Row("S40", "ptrace", ["S40"], REFUSED_CALL, ["seccomp"]),
    Row("S41", "writing into another process", ["S41"], REFUSED_CALL, ["seccomp"]),
    Row("S43", "io_uring", ["S43"], REFUSED_CALL, ["seccomp"]),
    Row("S44", "a call that no policy may allow", ["S44"], {"EPERM"}, ["seccomp"]),
    Row("S44b", "perf_event_open", ["S44b"], REFUSED_CALL, ["seccomp"], needs=["perf"]),
    Row("S44c", "userfaultfd", ["S44c"], REFUSED_CALL, ["seccomp"]),
    Row("S44d", "memfd_secret", ["S44d"], REFUSED_CALL, ["seccomp"]),
    Row("S45", "a seccomp listener of the job's own", ["S45"], REFUSED_CALL | {"EBUSY"}, ["seccomp"]),
    Row("S47", "typing into the terminal", ["S47"], REFUSED_CALL | {"ENOTTY"}, control=CONTROL_BARE, by="no terminal", stage="terminal",
        needs=["tiocsti"]),
    Row("S48", "opening the terminal", ["S48"], {"ENXIO", "ENOENT"}, control=CONTROL_BARE, by="no terminal", stage="terminal"),
    Row("S49", "switching address randomisation off", ["S49"], REFUSED_CALL, ["seccomp"]),
    Row("S50a", "memory that is writable and executable", ["S50a"], {"EACCES", "EPERM", VIOLATION}, ["mdwe", "seccomp"],
        alone=["mdwe", "seccomp"], alone_needs={"mdwe": ["mdwe"]}),
    Row("S50b", "making data executable", ["S50b"], {"EACCES", "EPERM", VIOLATION}, ["mdwe", "seccomp"], alone=["mdwe", "seccomp"], alone_needs={"mdwe": ["mdwe"]}),
    Row("S50c", "a shared segment that is writable and executable", ["S50c"], {"EACCES", "EPERM", "ENOSYS", VIOLATION},
        ["mdwe", "seccomp"], alone=["mdwe", "seccomp"], alone_needs={"mdwe": ["mdwe"]}),
    Row("S51a", "executing a program that the job wrote", ["S51a"], {"EACCES", "EPERM"}, ["tmp", "landlock"], alone=["tmp", "landlock"]),
    Row("S51b", "executing memory", ["S51b"], {"EACCES", "EPERM", "ENOSYS", "EINVAL", VIOLATION}, control=CONTROL_BARE, by="no executable memory files"),
    Row("S51c", "executing a new file through the loader", ["S51c", "{loader}", "/usr/bin/true"], {"EPERM", "EACCES"},
        ["tmp", "landlock"], alone=["tmp"], stage="loader",
        note="mapping a file is not executing it for Landlock: noexec stands alone here"),
    Row("S51d", "executing standard input", ["S51d"], {"EACCES", "EPERM", "ENOSYS", VIOLATION}, control=CONTROL_BARE, by="no executable memory files",
        stage="program_as_input", stdin="#!/bin/sh\nexit 0\n"),
    Row("S53a", "a socket to the hypervisor", ["S53a"], REFUSED_CALL | {"EAFNOSUPPORT"}, ["seccomp"], needs=["vsock"]),
    Row("S53b", "a socket of any other family", ["S53b", "1"], {"EAFNOSUPPORT"}, ["seccomp"]),
    Row("S54", "changing the flags of a file", ["S54"], REFUSED_CALL | {"ENOTTY", "EACCES"}, ["seccomp"]),
    Row("S55a", "real-time scheduling", ["S55a"], REFUSED_CALL, control=CONTROL_ROOT, by="the slot's user namespace", needs=["root"]),
    Row("S55b", "choosing a CPU", ["S55b"], REFUSED_CALL, ["seccomp"]),
    Row("S55c", "locking much memory", ["S55c", "2048"], {"ENOMEM", "EPERM", "ENOSYS", VIOLATION}, ["rlimits", "seccomp"],
        alone=["rlimits", "seccomp"]),
    Row("S55d", "going before everybody else", ["S55d"], REFUSED_CALL | {"EACCES"}, control=CONTROL_ROOT, needs=["root"],
        by="the slot's user namespace"),
    Row("S56a", "unlocking the securebits", ["S56a"], REFUSED_CALL, ["seccomp", "caps"], alone=["seccomp", "caps"]),
    Row("S56b", "raising an ambient capability", ["S56b"], REFUSED_CALL, ["seccomp", "caps"], alone=["seccomp", "caps"]),
    Row("S56c", "letting everybody trace the job", ["S56c"], REFUSED_CALL, ["seccomp"]),
    Row("S57", "a segment of one's own", ["S57"], REFUSED_CALL, ["seccomp"]),

    # --- identity, processes, other jobs ---
    Row("S58a", "becoming root", ["S58a"], REFUSED_CALL | {"EINVAL"}, ["caps"]),
    Row("S58b", "joining a group", ["S58b"], REFUSED_CALL, ["seccomp", "caps"], alone=["seccomp", "caps"]),
    Row("S58c", "opening files as root", ["S58c"], REFUSED_CALL, ["caps"]),
    Row("S59", "having a capability", ["S59"], REFUSED_CALL, ["seccomp", "caps"], alone=["caps"]),
    Row("S60", "killing a process of the same id outside", ["S60", "{victim}"], {"ESRCH", "EPERM"}, control=CONTROL_BARE, by="the pid namespace",
        stage="victim", needs=["root"], full_needs=["root"]),
    Row("S65", "more zombies than allowed", ["S65", "200"], {"EAGAIN"}, ["rlimits"], sandbox={"pids": 32},
        needs=["no-pids-cgroup"]),
    Row("S66a", "a fork bomb", ["S66a", "200"], {"EAGAIN"}, ["rlimits"], sandbox={"pids": 32}, needs=["no-pids-cgroup"]),
    Row("S66b", "a thread bomb", ["S66b", "200"], {"EAGAIN"}, ["rlimits"], sandbox={"pids": 32}, needs=["no-pids-cgroup"]),
    Row("S67", "a memory bomb", ["S67", "200"], {"ENOMEM", "oom"}, ["rlimits"], sandbox={"memory": "64MiB"},
        needs=["no-memory-cgroup"]),
    Row("S70", "reading a secret out of another process", ["S70", "{nonce}"], {"ENOENT"}, control=CONTROL_BARE, by="the pid namespace",
        stage="talkative_process"),
    Row("S72", "a host's abstract socket", ["S72", "{abstract}", "{nonce}"], {"ECONNREFUSED", "EPERM"}, ["net", "landlock"],
        alone=["net", "landlock"], alone_needs={"landlock": ["landlock-scope"]}, stage="abstract_listener"),
    Row("S72h", "a host's abstract socket with the host's network", ["S72", "{abstract}", "{nonce}"], {"EPERM"}, ["landlock"],
        sandbox={"network": "host"}, stage="abstract_listener", needs=["landlock-scope"]),
    Row("S74a", "a host's System V segment", ["S74a", "{key}"], {"ENOENT", "ENOSYS", "EPERM", VIOLATION}, ["ipc", "seccomp"],
        alone=["ipc", "seccomp"], stage="segment"),
    Row("S74b", "a host's message queue", ["S74b", "{queue}"], {"ENOENT", "EACCES", "ENOSYS", "EPERM", VIOLATION}, ["ipc", "seccomp", "landlock"],
        alone=["ipc", "seccomp", "landlock"], stage="queue"),
    Row("S75", "a file that the host left in /dev/shm", ["read", "{shm_file}"], {"ENOENT"}, control=CONTROL_BARE, by="the root",
        stage="shm_file"),
    Row("S79", "learning the host's cgroups", ["S79"], {"ENOENT"}, control=CONTROL_BARE, by="the cgroup namespace", needs=["cgroup-path"]),
    Row("S80", "learning the host's name", ["S80", "{host_name}"], {"ENOENT"}, ["uts"]),
    Row("S82", "leaving a core file", ["S82", "/tmp"], {"ENOENT"}, ["rlimits"], needs=["core-file"]),
    Row("S109", "inheriting from a careless parent", ["S109"], {"EPERM"}, control=CONTROL_BARE, by="resets", stage="careless_parent"),

    Row("S95", "variables that loaders and shells obey", ["S95", *OBEYED], {"ENOENT"}, control=CONTROL_BARE, by="an environment of our own",
        stage="careless_parent"),

    # --- the network ---
    Row("S111", "a service on the host's loopback", ["S111", "127.0.0.1", "{port}", "{nonce}"],
        REFUSED_CALL | {"EAFNOSUPPORT", "ECONNREFUSED", "ENETUNREACH", "EACCES"}, ["seccomp", "net", "landlock"],
        alone=["seccomp", "net", "landlock"], alone_needs={"landlock": ["landlock-net"]}, stage="tcp_listener"),
    Row("S113", "answering on a port of the host", ["S113", "{free_port}"],
        REFUSED_CALL | {"EAFNOSUPPORT", "EACCES", "ETIMEDOUT"}, ["seccomp", "net", "landlock"], alone=["seccomp", "net", "landlock"], alone_needs={"landlock": ["landlock-net"]},
        stage="impersonation"),
    Row("S114", "a host's socket by its path", ["S114", "{socket_path}", "{nonce}"], {"ENOENT", "EPERM"}, control=CONTROL_BARE, by="the root",
        stage="path_listener"),
    Row("S116", "changing the network's settings", ["S116"], NOT_THERE, ["proc", "caps", "landlock", "seccomp"],
        alone=["proc", "caps", "landlock"]),
]


def row(row_id):
    return next(row for row in ROWS if row.id == row_id)
