/* sallyport user hash: needs no server. A password goes in, and the line that stands in for it comes out. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "options.h"
#include "prompt.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/password.h"
#include "sallyport/base/text.h"
#include "say.h"
#include "terminal.h"
#include "token_files.h"

#define ROOM_BYTES (PASSWORD_MAX_BYTES + 2) /* a line's end, and one more, which would be too much */

struct hash_options {
    const char *save;
};

static const struct option_row hash_rows[] = {
    { '\0', OPTION_TEXT, "save", offsetof(struct hash_options, save), "FILE",
      "write the line to this new file (mode 0600), not to stdout", NULL },
};

static int ask_twice(char password[ROOM_BYTES], struct error *err)
{
    char again[ROOM_BYTES];
    int done = prompt_secret("password: ", password, ROOM_BYTES, err);
    if (done == 0)
        done = prompt_secret("the same again: ", again, sizeof again, err);
    if (done == 0 && strcmp(password, again) != 0)
        done = fail_plain(err, EINVAL, "the two are not the same");
    explicit_bzero(again, sizeof again);
    return done;
}

/* What stands there up to its end, but for one end of a line. */
static int read_input(char password[ROOM_BYTES], struct error *err)
{
    size_t used = 0;
    ssize_t got = 1;
    while (used < ROOM_BYTES - 1 && got > 0) {
        got = read(STDIN_FILENO, password + used, ROOM_BYTES - 1 - used);
        if (got < 0 && errno != EINTR)
            return fail(err, errno, "read the password from standard input");
        used += got > 0 ? (size_t)got : 0;
    }
    if (used > 0 && password[used - 1] == '\n')
        used--;
    password[used] = '\0';
    return strlen(password) == used && strchr(password, '\n') == NULL
               ? 0
               : fail_plain(err, EINVAL, "a password is one line of text");
}

static int check(const char *password, struct error *err)
{
    size_t size = strlen(password);
    if (size < PASSWORD_MIN_BYTES)
        return fail_plain(err, EINVAL, "a password has at least %d characters", PASSWORD_MIN_BYTES);
    if (size > PASSWORD_MAX_BYTES)
        return fail_plain(err, EINVAL, "a password has at most %d bytes", PASSWORD_MAX_BYTES);
    if (!text_is_utf8(password, size))
        return fail_plain(err, EINVAL, "a password is text in UTF-8, for it is sent as JSON");
    return 0;
}

static int make_line(char line[PASSWORD_LINE_BYTES], struct error *err)
{
    char password[ROOM_BYTES];
    struct password_hash hash;
    bool asks = terminal_is(STDIN_FILENO) && terminal_is(STDERR_FILENO);
    int done = asks ? ask_twice(password, err) : read_input(password, err);
    if (done == 0)
        done = check(password, err);
    if (done == 0)
        done = password_make(password, strlen(password), &hash, err);
    explicit_bzero(password, sizeof password);
    if (done == 0)
        password_write(&hash, line);
    return done;
}

static int user_hash(struct cli *cli, void *values, const struct words *words)
{
    const struct hash_options *options = values;
    struct error err = { 0 };
    char line[PASSWORD_LINE_BYTES];
    (void)cli;
    (void)words;
    int done = make_line(line, &err);
    if (done == 0 && options->save != NULL)
        done = token_file_create(options->save, line, &err);
    else if (done == 0)
        printf("%s\n", line);
    if (done < 0)
        say("%s", err.text);
    return done == 0 ? 0 : CODE_TROUBLE;
}

const struct subcommand cmd_user_hash = {
    .name = "user hash",
    .summary = "make the line that stands in for a user's password",
    .usage = "[--save FILE]",
    .details = "Works without a server. Asks for the password twice on a terminal, without echo;\n"
               "else it is read from standard input. It is never an argument: those can be seen.\n"
               "\n"
               "The line is scrypt's, with a salt of its own. It belongs into a file that its\n"
               "owner alone can read, which the configuration names:\n"
               "\n"
               "  sallyport user hash --save /etc/sallyport/users/alice\n"
               "\n"
               "  users:\n"
               "    alice: {password: \"file:/etc/sallyport/users/alice\", allow: [\"run:*\", read:own]}\n"
               "\n"
               "A user logs in with POST /v1/session; whoever replaces the file and reloads ends\n"
               "that user's sessions.\n",
    .options = hash_rows,
    .option_count = sizeof hash_rows / sizeof hash_rows[0],
    .option_bytes = sizeof(struct hash_options),
    .run = user_hash,
};
