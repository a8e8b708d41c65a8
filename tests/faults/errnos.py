"""With what a system call may fail, by its name: what its manual page has that can happen to us."""

import errno

# Calls that return nothing, or whose failure the kernel does not know.
NEVER = {"exit_group", "exit", "umask", "getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "rt_sigreturn",
         "restart_syscall", "set_tid_address", "sched_yield", "set_robust_list", "brk"}     # brk(2) returns the old end

_OPEN = (errno.EMFILE, errno.EACCES, errno.ENOENT, errno.ENFILE, errno.ELOOP)

_PLAUSIBLE = {
    "pipe2": (errno.EMFILE, errno.ENFILE),
    "setns": (errno.EPERM, errno.ENOMEM, errno.EINVAL),
    "unshare": (errno.EPERM, errno.ENOSPC, errno.ENOMEM),
    "clone": (errno.EAGAIN, errno.ENOMEM, errno.ENOSPC),
    "clone3": (errno.EAGAIN, errno.ENOMEM, errno.EPERM, errno.ENOSPC, errno.EBUSY),
    "fork": (errno.EAGAIN, errno.ENOMEM),
    "vfork": (errno.EAGAIN, errno.ENOMEM),
    "prctl": (errno.EPERM, errno.EINVAL),
    "setresuid": (errno.EPERM, errno.EAGAIN),
    "setresgid": (errno.EPERM,),
    "setgroups": (errno.EPERM, errno.ENOMEM),
    "fcntl": (errno.EMFILE, errno.EPERM),
    "dup2": (errno.EBADF, errno.EBUSY),
    "dup3": (errno.EBADF, errno.EBUSY),
    "close": (errno.EIO,),
    "close_range": (errno.ENOMEM, errno.EINVAL),
    "mount": (errno.EPERM, errno.ENOMEM, errno.EBUSY, errno.ENOENT),
    "open": _OPEN,
    "openat": _OPEN,
    "openat2": _OPEN,
    "mkdirat": (errno.ENOSPC, errno.EACCES, errno.EROFS),
    "write": (errno.EIO, errno.ENOSPC),
    "read": (errno.EINTR,),
    "keyctl": (errno.EDQUOT, errno.ENOMEM, errno.ENOSYS),
    "socket": (errno.EMFILE, errno.EAFNOSUPPORT),
    "socketpair": (errno.EMFILE, errno.ENFILE),
    "newfstatat": (errno.EACCES, errno.ENOMEM),
    "prlimit64": (errno.EPERM, errno.EINVAL),
    "getresuid": (errno.EFAULT,),
    "getresgid": (errno.EFAULT,),
    "landlock_create_ruleset": (errno.EOPNOTSUPP, errno.ENOMEM),
    "landlock_add_rule": (errno.ENOMEM, errno.EINVAL),
    "landlock_restrict_self": (errno.E2BIG, errno.ENOMEM),
    "chdir": (errno.EACCES, errno.ENOENT),
    "seccomp": (errno.ENOMEM, errno.EINVAL),
    "execveat": (errno.ENOENT, errno.EACCES, errno.ENOMEM, errno.ENOEXEC),
    "sendto": (errno.ENOBUFS, errno.EPIPE),
    "sendmsg": (errno.ENOBUFS, errno.EPIPE, errno.ETOOMANYREFS),
    "wait4": (errno.EINTR,),
    "fsopen": (errno.EMFILE, errno.EPERM),
    "move_mount": (errno.EINVAL, errno.EPERM),
    "open_tree": (errno.EMFILE, errno.EPERM, errno.ENOMEM),
    "pivot_root": (errno.EINVAL, errno.EPERM),
    "umount2": (errno.EINVAL, errno.ENOMEM),
    "mknodat": (errno.ENOSPC, errno.EROFS),
    "chmod": (errno.EPERM, errno.EROFS),
    "chown": (errno.EPERM, errno.EROFS),
    "signalfd4": (errno.EMFILE, errno.ENOMEM),
    "epoll_ctl": (errno.ENOMEM, errno.ENOSPC),
    "mmap": (errno.ENOMEM,),
    "mremap": (errno.ENOMEM,),
    "munmap": (errno.ENOMEM,),
    "mprotect": (errno.ENOMEM,),
    "flock": (errno.EINTR, errno.ENOLCK),
    "lseek": (errno.EINVAL,),
    "getrandom": (errno.EINTR,),
    "access": (errno.EACCES, errno.ENOENT),
    "faccessat2": (errno.EACCES, errno.ENOENT),
    "memfd_create": (errno.EMFILE, errno.ENOMEM),
    "bind": (errno.EADDRINUSE, errno.EACCES),
    "listen": (errno.EADDRINUSE,),
    "fchownat": (errno.EPERM, errno.EROFS),
    "fchown": (errno.EPERM, errno.EROFS),
    "mkdir": (errno.ENOSPC, errno.EACCES, errno.EROFS),
    "poll": (errno.EINTR, errno.ENOMEM),
    "pread64": (errno.EIO,),
    "readlink": (errno.EACCES,),
    "readlinkat": (errno.EACCES,),
    "uname": (errno.EFAULT,),
}


def codes_for(call):
    """All of them for the first call of a name, and one for each further: which one goes round."""
    if call.name in NEVER:
        return []
    if call.name == "close" and call.number > 1:
        return []       # it releases the descriptor whatever it returns, and nobody can do anything about that
    codes = _PLAUSIBLE.get(call.name, (errno.EPERM,))
    return codes if call.number == 1 else [codes[call.number % len(codes)]]
