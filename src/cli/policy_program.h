/*
 * The program that `sallyport policy test` and `policy learn` run: how it is found, what its calls are about, and how what it
 * left running is ended.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct words;

/* argv from this word on, as exec wants it; views, in an array that the caller frees. NULL when memory is short. */
char **program_argv(const struct words *words, size_t first);

/* As execvp(3) would find it. Not closed on exec, for a script is opened again through its descriptor. -errno with err. */
int program_open(const char *name, struct error *err);

/* The argument that is the path of which people want to know the file; -1 if the call has none. */
int program_path_argument(uint32_t number);

/* A call of another architecture (AUDIT_ARCH_*) or ABI: its number means another call there. */
bool program_call_is_foreign(uint32_t arch, uint32_t number);

/* Kills and awaits every child of ours. Whoever was orphaned below us is one, if we are a subreaper (PR_SET_CHILD_SUBREAPER). */
void program_kill_rest(void);

/* The exit code of a shell for a status of waitpid(2). */
int program_code(int status);
