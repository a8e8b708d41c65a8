#include "prompt.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "params.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/limits.h"
#include "say.h"
#include "terminal.h"

static void on_signal(int number)
{
    (void)number; /* it has cut the read short, which is all that is wanted */
}

/* One line from the terminal without its end; signals cut it short so that the echo can be put back. */
static int read_line(bool is_secret, char *text, size_t room, struct error *err)
{
    struct sigaction action = { .sa_handler = on_signal }, former[2];
    struct termios before, quiet;
    static const int signals[2] = { SIGINT, SIGTERM };
    bool has_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    for (int i = 0; i < 2; i++)
        sigaction(signals[i], &action, &former[i]);
    if (is_secret && has_terminal) {
        quiet = before;
        quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    ssize_t got = read(STDIN_FILENO, text, room - 1);
    if (is_secret && has_terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    for (int i = 0; i < 2; i++)
        sigaction(signals[i], &former[i], NULL);
    if (got <= 0)
        return fail_plain(err, EINTR, "gave up at a question; nothing was started");
    text[got] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return 0;
}

static void print_hint(const json_t *property, const char *name)
{
    char line[512] = "";
    const char *help = json_string_value(json_object_get(property, "description"));
    size_t used = (size_t)snprintf(line, sizeof line, "%s%s%s%s", name, help == NULL ? "" : " (",
                                   help == NULL ? "" : help, help == NULL ? "" : ")");
    const json_t *values = json_object_get(property, "enum");
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *value = json_array_get(values, i);
        if (used + 80 > sizeof line || !json_is_string(value))
            break;
        used +=
            (size_t)snprintf(line + used, sizeof line - used, "%s%.64s", i == 0 ? " [" : "|", json_string_value(value));
    }
    fprintf(stderr, "%s%s: ", say_clean(line), json_array_size(values) > 0 ? "]" : "");
    fflush(stderr);
}

static int ask_one(json_t *params, const json_t *property, const char *name, struct error *err)
{
    char text[PARAM_STRING_MAX_BYTES + 2];
    for (;;) {
        print_hint(property, name);
        if (read_line(params_is_secret(property), text, sizeof text, err) < 0)
            return -err->code;
        if (text[0] == '\0')
            continue;
        bool is_list = strcmp(params_type(property), "array") == 0;
        json_t *value = params_value(is_list ? json_object_get(property, "items") : property, name, text, err);
        explicit_bzero(text, sizeof text);
        if (value == NULL) {
            say("%s", err->text);
            continue;
        }
        if (is_list)
            value = json_pack("[o]", value);
        return json_object_set_new(params, name, value) < 0 ? fail(err, ENOMEM, "parameter '%s'", name) : 0;
    }
}

int prompt_secret(const char *question, char *text, size_t room, struct error *err)
{
    fputs(question, stderr);
    fflush(stderr);
    return read_line(true, text, room, err);
}

int prompt_missing(json_t *params, const json_t *schema, struct error *err)
{
    const json_t *required = json_object_get(schema, "required");
    if (!terminal_is(STDIN_FILENO) || !terminal_is(STDERR_FILENO))
        return 0;
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *text = json_string_value(json_array_get(required, i));
        const json_t *property = text == NULL ? NULL : json_object_get(params_properties(schema), text);
        if (property == NULL || params_is_file(property) || json_object_get(params, text) != NULL ||
            json_object_get(property, "default") != NULL)
            continue;
        if (ask_one(params, property, text, err) < 0)
            return -err->code;
    }
    return 0;
}
