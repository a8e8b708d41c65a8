#include "files.h"

#include "reading.h"
#include "sallyport/base/text.h"
#include "sallyport/policy/files.h"
#include "sallyport/policy/policy.h"

uint64_t file_max_read(struct reading *reading, const char *text)
{
    uint64_t bytes = 0;
    if (text == NULL)
        return 0;
    if (!text_size_bytes(text, &bytes) || bytes == 0 || bytes > UPLOADS_MAX_BYTES) {
        fault_below(reading, "max", -1, "'%.40s' is no size of a file: 1B to 64MiB", text);
        return 0;
    }
    return bytes;
}

void file_name_check(struct reading *reading, const struct param *param)
{
    if (param->rule.type == PARAM_FILE && files_name_is_taken(param->name))
        fault_at_key(reading, "is a file, and the part '%s' of a request is something else; choose another name",
                     param->name);
}

static void check_max(struct reading *reading, const struct command *command, struct param_rule *rule)
{
    uint64_t most = command->files_max_bytes;
    if (rule->file_max_bytes == 0)
        rule->file_max_bytes = most < UPLOAD_MAX_DEFAULT_BYTES ? most : UPLOAD_MAX_DEFAULT_BYTES;
    else if (rule->file_max_bytes > most)
        fault_below(reading, "max", -1, "is larger than the command's 'files_max', which is %llu bytes",
                    (unsigned long long)most);
}

void files_check(struct reading *reading, struct command *command)
{
    size_t length = enter_key(reading, "params");
    for (uint32_t i = 0; i < command->param_count; i++) {
        struct param *param = &command->params[i];
        if (param->rule.type != PARAM_FILE)
            continue;
        size_t above = enter_key(reading, param->name);
        if (command_is_sequence(command))
            fault_at_key(reading, "is a file, and a sequence has no program that could read it");
        check_max(reading, command, &param->rule);
        leave(reading, above);
    }
    leave(reading, length);
}
