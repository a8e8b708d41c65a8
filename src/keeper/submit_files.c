/* Uploads: what was handed over, as parameters of the submit. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "intake.h"
#include "keeper.h"
#include "submit.h"
#include "sallyport/base/error.h"
#include "sallyport/policy/files.h"
#include "sallyport/proto/entries.h"

#define ERRORS_MAX_BYTES 8192

static bool refuse(struct keeper *keeper, const struct submit *submit, uint32_t status, const char *code,
                   struct span errors, const char *why)
{
    request_refuse(
        keeper, submit->request,
        &(struct refusal){ .status = status, .code = code, .errors = errors, .command = submit->command->name }, "%s",
        why);
    return false;
}

/* What is wrong with the sizes, as entries. */
static struct span find_large(const struct submit *submit, uint8_t *room, size_t size)
{
    struct writer out = { room, size };
    char pointer[NAME_MAX_BYTES + 16], detail[REASON_MAX_BYTES];
    for (uint32_t i = 0; i < submit->files.count; i++) {
        const struct bundle_file *file = &submit->files.files[i];
        int index = command_find_param(submit->command, file->name);
        const struct param_rule *rule = index >= 0 ? &submit->command->params[index].rule : NULL;
        if (rule == NULL || rule->type != PARAM_FILE || file->bytes <= rule->file_max_bytes)
            continue; /* what is no file at all is told with all other faults of parameters */
        snprintf(pointer, sizeof pointer, "/params/%s", file->name);
        snprintf(detail, sizeof detail, "must be at most %llu bytes long, and has %llu",
                 (unsigned long long)rule->file_max_bytes, (unsigned long long)file->bytes);
        entries_add_text(&out, ENTRY_ERROR, pointer, "max", detail);
    }
    return (struct span){ room, (uint32_t)(size - out.left) };
}

static bool check_sizes(struct keeper *keeper, const struct submit *submit)
{
    uint8_t room[ERRORS_MAX_BYTES];
    char why[REASON_MAX_BYTES];
    struct span large = find_large(submit, room, sizeof room);
    if (large.size > 0)
        return refuse(keeper, submit, 413, "body-too-large", large, "a file is larger than the command takes");
    uint64_t most =
        submit->command->files_max_bytes < UPLOADS_MAX_BYTES ? submit->command->files_max_bytes : UPLOADS_MAX_BYTES;
    if (!submit_takes_files(submit) || bundle_content_bytes(&submit->files) <= most)
        return true;
    snprintf(why, sizeof why, "all files together are larger than the %llu bytes that this command takes",
             (unsigned long long)most);
    return refuse(keeper, submit, 413, "body-too-large", (struct span){ 0 }, why);
}

/* The digests are known when the files were stored. */
static bool add_entries(struct keeper *keeper, struct submit *submit)
{
    const struct intake *intake = submit->request->intake;
    struct span params = submit->asked->params;
    struct writer out = { submit->with_files, sizeof submit->with_files };
    if (params.size > 0)
        memcpy(out.at, params.data, params.size);
    out.at += params.size;
    out.left -= params.size;
    if (files_add_entries(&submit->files, intake != NULL ? intake->file_sha256 : NULL, &out)) {
        submit->given = (struct span){ submit->with_files, (uint32_t)(sizeof submit->with_files - out.left) };
        return true;
    }
    uint8_t room[REASON_MAX_BYTES];
    struct writer errors = { room, sizeof room };
    entries_add_text(&errors, ENTRY_ERROR, "/params", "too_large",
                     "all parameters together are above 48 KiB; each file takes some of it for its name");
    return refuse(keeper, submit, 422, "params-invalid", (struct span){ room, (uint32_t)(sizeof room - errors.left) },
                  "some values do not fit the command");
}

bool submit_takes_files(const struct submit *submit)
{
    for (uint32_t i = 0; !submit->is_ad_hoc && i < submit->command->param_count; i++)
        if (submit->command->params[i].rule.type == PARAM_FILE)
            return true;
    return false;
}

struct span submit_file_entries(const struct submit *submit)
{
    uint32_t before = submit->asked->params.size;
    return submit->asked->has_files ? (struct span){ submit->given.data + before, submit->given.size - before }
                                    : (struct span){ 0 };
}

bool submit_check_files(struct keeper *keeper, struct submit *submit)
{
    struct error err = { 0 };
    const struct request *request = submit->request;
    submit->given = submit->asked->params;
    if (files_count(submit->asked->params) > 0) {
        request_distrust(keeper, request, "parameters that claim to be files");
        return false;
    }
    if (!submit->asked->has_files)
        return true;
    if (bundle_read_sealed(request->files_fd, UPLOADS_MAX_BYTES, &submit->files, &err) < 0) {
        request_distrust(keeper, request, err.text);
        return false;
    }
    return submit->is_ad_hoc || (check_sizes(keeper, submit) && add_entries(keeper, submit));
}
