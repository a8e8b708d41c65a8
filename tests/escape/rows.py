"""The project's threat list of hostile jobs: each row, and where it is shown to fail.

test_rows.py compares: every number stands here once, and what stands behind it exists.
"""

from dataclasses import dataclass


@dataclass
class Here:
    """Tests of this folder have the row's number in their names: the attack, and what shows that it is one."""


@dataclass
class Other:
    """Tests of other folders, by FOLDER/FILE.NAME: service/test_x.test_name, vm/test_x.test_name, unit/test_x.suite.name."""

    tests: tuple


@dataclass
class NotApplicable:
    reason: str


@dataclass
class Guest:
    """Needs a machine that this kernel is not: needs:cgroup2, or another setting of the whole host."""

    needs: str


@dataclass
class Missing:
    """Not tried yet, and why."""

    why: str


HERE = Here()


def other(*tests):
    return Other(tests)


LIST = [
    ("S01", "an inherited descriptor leads to the host", HERE),
    ("S02", "the working directory is outside of the root", HERE),
    ("S03", "a working directory that is a descriptor", HERE),
    ("S04", "our own programs are opened, to be written later", HERE),
    ("S05", "the job's own executable is opened for writing", HERE),
    ("S06", "standard output is rewound, truncated, or read", HERE),
    ("S07", "the output's pipe is made as large as the kernel lets it", NotApplicable(
        "allowed on purpose: fs.pipe-max-size bounds a pipe and fs.pipe-user-pages-soft all pipes of a slot's id, which is nobody else's")),
    ("S08", "descriptors are passed to a socket of the host", HERE),
    ("S09", "descriptors are taken out of init", HERE),
    ("S10", "a report is forged on an inherited pipe", HERE),
    ("S11", "mounting, and undoing flags of mounts", HERE),
    ("S12", "unmounting, changing the root", HERE),
    ("S13", "climbing out of a root that is only a chroot", HERE),
    ("S14", "a user namespace of the job's own", HERE),
    ("S15", "entering a namespace of init", HERE),
    ("S16", "settings of the kernel", HERE),
    ("S17", "what /proc and /sys tell of the host", HERE),
    ("S18", "names that change while jobs start", HERE),
    ("S19", "a link where a mount or a file will be made", HERE),
    ("S20", "another directory under a listed name", HERE),
    ("S21", "writing and linking where only reading is allowed", HERE),
    ("S22", "device nodes", HERE),
    ("S23", "programs that are setuid", HERE),
    ("S24", "opening by handle", HERE),
    ("S25", "links, pipes and devices instead of a result file", HERE),
    ("S26", "cleaning up behind a link", HERE),
    ("S27", "trees that are too deep or too wide to be cleaned up", HERE),
    ("S28", "filling the disk", HERE),
    ("S29", "using up inodes", HERE),
    ("S30", "writing to pages that are only cached", HERE),
    ("S31", "extended attributes that give power", HERE),
    ("S32", "locks, leases and notes on shared files", HERE),
    ("S33", "watching a whole file system", HERE),
    ("S34", "the host's paths in the mount table", HERE),
    ("S35", "32-bit system calls", HERE),
    ("S36", "32-bit programs", HERE),
    ("S37", "x32 system calls", HERE),
    ("S38", "arguments with more bits than the kernel looks at", HERE),
    ("S39", "namespaces through clone3", HERE),
    ("S40", "tracing", HERE),
    ("S41", "writing into another process", HERE),
    ("S42", "writing to the program's own text through /proc/self/mem", NotApplicable(
        "a job may change its own memory and gains no right by it; W^X is a hurdle for faults in good programs, not a wall around bad ones")),
    ("S43", "system calls through io_uring", HERE),
    ("S44", "calls that no policy may allow", HERE),
    ("S45", "a listener for system calls", HERE),
    ("S46", "keys left in keyrings", HERE),
    ("S47", "typing into the terminal", HERE),
    ("S48", "opening the terminal", HERE),
    ("S49", "changing the personality", HERE),
    ("S50", "memory that is written and then executed", HERE),
    ("S51", "programs that the job made or was given", HERE),
    ("S52", "listed tools that run what their options say", HERE),
    ("S53", "socket families beyond those that are listed", HERE),
    ("S54", "ioctls on files", HERE),
    ("S55", "scheduling and memory before everybody else", HERE),
    ("S56", "process settings that weaken", HERE),
    ("S57", "settings of the processor", HERE),
    ("S58", "becoming another user", HERE),
    ("S59", "capabilities", HERE),
    ("S60", "killing everybody", HERE),
    ("S61", "stopping everybody", HERE),
    ("S62", "daemons", HERE),
    ("S63", "forking faster than one is killed", HERE),
    ("S64", "processes that cannot be killed", other("unit/test_launcher_jobs.launcher_jobs.sets_a_slot_aside_while_something_of_its_job_is_left")),
    ("S65", "zombies", HERE),
    ("S66", "bombs of processes and threads", HERE),
    ("S67", "memory without end", HERE),
    ("S68", "letting another process die of the memory", Guest("needs:cgroup2, memory.oom.group")),
    ("S69", "using every processor", Guest("needs:cgroup2, cpu.max")),
    ("S70", "reading other processes' arguments", HERE),
    ("S71", "secrets that others on the host see", other("service/test_confinement.test_S71_a_secret_file_is_shown_by_no_process",
                                                         "service/test_confinement.test_S71_a_secret_in_a_variable_is_shown_to_root")),
    ("S72", "abstract sockets of the host", HERE),
    ("S73", "sockets that are as good as root, listed by mistake", HERE),
    ("S74", "shared memory and queues of the host", HERE),
    ("S75", "files in the host's /dev/shm", HERE),
    ("S76", "what the last job in the slot left", HERE),
    ("S77", "a process number that was given away again", NotApplicable(
        "a job is ended by init, which signals its own children and ends with its job, or through its control group: no number outlives its process")),
    ("S78", "counts that the kernel keeps by user", HERE),
    ("S79", "the host's control groups", HERE),
    ("S80", "the host's name", HERE),
    ("S81", "crashing, to start the host's handler of cores", Guest("kernel.core_pattern of the host is a pipe")),
    ("S82", "core files", HERE),
    ("S83", "output without end", other("service/test_big_output.test_a_job_that_says_too_much_is_ended",
                                        "service/test_big_output.test_a_gibibyte_comes_through_the_cli_exactly_in_bounded_memory")),
    ("S84", "output that looks like our framing", HERE),
    ("S85", "output that never ends", HERE),
    ("S86", "readers who go away", HERE),
    ("S87", "waiting for input for ever", HERE),
    ("S88", "sleeping for ever", HERE),
    ("S89", "very many jobs", other("service/test_timeout.test_many_jobs_leave_no_process_mount_cgroup_or_descriptor")),
    ("S90", "ends that look like others", HERE),
    ("S91", "output that looks like our diagnosis", HERE),
    ("S92", "names that spoil a report", HERE),
    ("S93", "another program under a listed name", HERE),
    ("S94", "another script under a listed name", HERE),
    ("S95", "variables that loaders and shells obey", HERE),
    ("S96", "values that are options", HERE),
    ("S97", "NUL in values", other("service/test_bad_input.test_nul_is_refused_everywhere",
                                   "service/test_metacharacters.test_each_value_arrives_as_one_element_with_the_same_bytes")),
    ("S98", "text that is not what it looks like", other("service/test_bad_input.test_text_that_is_not_utf8_is_refused",
                                                         "service/test_metacharacters.test_each_value_arrives_as_one_element_with_the_same_bytes")),
    ("S99", "values that are too long", other("service/test_bad_input.test_a_value_that_is_too_long_is_refused",
                                              "service/test_bad_input.test_a_body_that_is_too_large_is_refused",
                                              "unit/test_policy_expand.policy_expand.refuses_an_argv_above_its_limit")),
    ("S100", "patterns that take for ever", other("service/test_bad_input.test_a_pattern_that_backtracks_answers_at_once",
                                                  "unit/test_policy_match.policy_match.gives_up_on_patterns_that_take_for_ever")),
    ("S101", "values that are paths", NotApplicable(
        "no value is opened by us: a path is text, and the job opens it in its own root with its own rights")),
    ("S102", "numbers that mean something else", other("unit/test_policy_match.policy_match.takes_whole_numbers_in_one_spelling",
                                                       "unit/test_policy_match.policy_match.takes_finite_numbers_in_plain_notation",
                                                       "unit/test_config_model.config.takes_types_from_the_key_and_never_from_the_spelling")),
    ("S103", "files that are no program", HERE),
    ("S104", "a reload between check and start", other(
        "service/test_reload.test_a_running_job_ends_on_the_definition_it_started_with",
        "service/test_reload.test_a_running_job_of_a_removed_command_ends_by_itself_and_waiting_ones_are_rejected")),
    ("S105", "configuration that others can write", other("unit/test_config_files.config_files.that_others_can_write_are_refused",
                                                          "unit/test_config_files.config_files.in_directories_that_others_can_write_are_refused",
                                                          "unit/test_config_files.config_files.behind_symbolic_links_are_refused_with_the_real_name",
                                                          "unit/test_config_files.config_files.in_a_private_directory_below_tmp_are_believed")),
    ("S106", "policies that change between check and use", other("unit/test_launcher_handover.launcher_handover.ends_at_a_policy_that_can_still_be_changed",
                                                                 "unit/test_verify.verify.notices_every_rule_that_is_missing", "unit/test_verify.verify.notices_every_wrong_instruction_in_base")),
    ("S107", "hosts that lack a layer", HERE),
    ("S108", "steps of the setup that fail", other("faults/test_set_up.test_a_call_that_fails_in_supervisor_or_cell_is_a_job_that_never_starts",
                                                   "faults/test_set_up.test_a_call_that_fails_in_the_launcher_is_a_job_that_never_starts")),
    ("S109", "what a careless parent leaves", HERE),
    ("S110", "a daemon without its first descriptors", HERE),
    ("S111", "services on the host's loopback", HERE),
    ("S112", "ways around a list of allowed addresses", NotApplicable("a job has no network or the host's: there is no list of addresses to get around")),
    ("S113", "answering on a port of the host", HERE),
    ("S114", "sockets of the host by their path", HERE),
    ("S115", "what the last job left in the network", HERE),
    ("S116", "settings of the network", HERE),
]
