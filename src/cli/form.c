#include "form.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "params.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"

static int check_path(const char *name, const char *path, const json_t *property, struct error *err)
{
    struct stat st;
    if (strcmp(path, "-") == 0)
        return fail_plain(err, EINVAL, "--file %s takes the path of a file; standard input is sent with --stdin", name);
    auto_fd int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(err, errno, "--file %s: open '%s'", name, path);
    if (S_ISDIR(st.st_mode))
        return fail_plain(err, EISDIR, "--file %s: '%s' is a directory; pack it into one file", name, path);
    if (!S_ISREG(st.st_mode))
        return fail_plain(err, EINVAL, "--file %s: '%s' is no regular file", name, path);
    json_int_t most = json_integer_value(json_object_get(property, "maxLength"));
    if (most > 0 && st.st_size > most)
        return fail_plain(err, EFBIG, "--file %s: '%s' has %lld bytes, and the command takes %lld", name, path,
                          (long long)st.st_size, (long long)most);
    return 0;
}

int form_add_file(struct form *form, const json_t *schema, const char *word, struct error *err)
{
    char name[NAME_MAX_BYTES];
    const char *equals = strchr(word, '=');
    if (equals == NULL || equals == word || equals[1] == '\0' ||
        !text_copy_bytes(name, sizeof name, word, (size_t)(equals - word)))
        return fail_plain(err, EINVAL, "--file takes NAME=PATH, not '%s'", word);
    const json_t *property = NULL;
    int done = params_find(schema, name, &property, err);
    if (done < 0)
        return done;
    if (!params_is_file(property))
        return fail_plain(err, EINVAL, "parameter '%s' is no file; give it with -p %s=VALUE", name, name);
    for (size_t i = 0; i < form->count; i++)
        if (strcmp(form->files[i].name, name) == 0)
            return fail_plain(err, EINVAL, "parameter '%s' is one file, and --file gives two", name);
    if (form->count == PARAM_COUNT_MAX)
        return fail_plain(err, EINVAL, "a job has at most %d files", PARAM_COUNT_MAX);
    done = check_path(name, equals + 1, property, err);
    if (done < 0)
        return done;
    struct form_file *file = &form->files[form->count++];
    text_copy(file->name, sizeof file->name, name);
    file->path = equals + 1;
    return 0;
}

int form_check(const struct form *form, const json_t *schema, struct error *err)
{
    const json_t *required = json_object_get(schema, "required");
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        bool is_there = name == NULL || !params_is_file(json_object_get(params_properties(schema), name));
        for (size_t j = 0; j < form->count && !is_there; j++)
            is_there = strcmp(form->files[j].name, name) == 0;
        if (!is_there)
            return fail_plain(err, EINVAL, "the command needs a file: --file %s=PATH", name);
    }
    return 0;
}

int form_take_stdin(struct form *form, struct error *err)
{
    form->has_stdin = true;
    return fd_read_file(STDIN_FILENO, STDIN_MAX_BYTES, &form->stdin_data, &form->stdin_size, err) < 0
               ? fail_in(err, "--stdin")
               : 0;
}

void form_done(struct form *form)
{
    free(form->stdin_data);
    form->stdin_data = NULL;
}
