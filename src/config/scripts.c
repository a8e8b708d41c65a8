#include "scripts.h"

#include <string.h>

#include "reading.h"
#include "sallyport/base/text.h"

/* Programs that take code as an argument, and the letter of the option before it. */
static const struct {
    const char *glob;
    char letter;
} interpreters[] = {
    { "sh", 'c' },    { "bash", 'c' },  { "dash", 'c' }, { "ash", 'c' },     { "ksh*", 'c' },    { "zsh", 'c' },
    { "fish", 'c' },  { "csh", 'c' },   { "tcsh", 'c' }, { "busybox", 'c' }, { "python*", 'c' }, { "perl*", 'e' },
    { "ruby*", 'e' }, { "node*", 'e' }, { "lua*", 'e' }, { "php*", 'r' },
};

static const char *literal_of(const struct template *template)
{
    return template->piece_count == 1 ? template->pieces[0].literal : NULL;
}

/* The option's letter for this program, or NUL. */
static char code_letter(const char *program)
{
    const char *name = strrchr(program, '/') != NULL ? strrchr(program, '/') + 1 : program;
    for (size_t i = 0; i < sizeof interpreters / sizeof interpreters[0]; i++)
        if (text_glob(interpreters[i].glob, name))
            return interpreters[i].letter;
    return '\0';
}

/* "-c", and also "-ec": one dash and letters. */
static bool is_option(const char *text, char letter)
{
    return text != NULL && text[0] == '-' && text[1] != '-' && strchr(text + 1, letter) != NULL;
}

/* Numbers, true and false, and what the owner listed are harmless in code; any other text is the caller's code. */
static bool is_code_of_callers(const struct param *param)
{
    return param->rule.type == PARAM_STRING || param->rule.type == PARAM_LIST;
}

static void check_code(struct reading *reading, const struct command *command, uint32_t index)
{
    const struct template *code = &command->arguments[index];
    for (uint32_t i = 0; i < code->piece_count; i++) {
        const struct template_piece *piece = &code->pieces[i];
        if (piece->literal != NULL || !is_code_of_callers(&command->params[piece->param]))
            continue;
        const char *name = command->params[piece->param].name;
        if (code->piece_count > 1)
            fault_below(
                reading, "exec", (int)index,
                "{%s} would become part of the code that this program reads, whatever a caller sends; pass it as an "
                "argument: [/bin/sh, -c, 'echo \"$1\"', sh, \"{%s}\"]",
                name, name);
        else
            warning_below(reading, "exec", (int)index, "all of the code comes from the caller, who can run anything");
        return;
    }
}

void scripts_check(struct reading *reading)
{
    const struct command *command = reading->command;
    const char *program = command->argument_count > 0 ? literal_of(&command->arguments[0]) : NULL;
    char letter = program != NULL ? code_letter(program) : '\0';
    for (uint32_t i = 1; letter != '\0' && i + 1 < command->argument_count; i++)
        if (is_option(literal_of(&command->arguments[i]), letter)) {
            check_code(reading, command, i + 1);
            return;
        }
}
