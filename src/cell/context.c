/*
 * A job's request as a file: a directory in its /tmp, where request.json leads to the upload of that name and response.json
 * waits for the answer. Made by the job's process when it has no more rights than the job, so nothing of it needs power.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cell.h"

void job_make_context(const struct plan *plan)
{
    static const char nothing[] = "{}";
    if (plan->context[0] == '\0')
        return;
    if (mkdir(plan->context, 0700) < 0)
        cell_fail("make-context", plan->context);
    int directory_fd = open(plan->context, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory_fd < 0 || symlinkat(FILES_DIRECTORY "/" CONTEXT_PARAM, directory_fd, CONTEXT_REQUEST) < 0)
        cell_fail("make-context", CONTEXT_REQUEST);
    int fd = openat(directory_fd, CONTEXT_RESPONSE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, nothing, strlen(nothing)) != (ssize_t)strlen(nothing))
        cell_fail("make-context", CONTEXT_RESPONSE);
    close(fd);
    close(directory_fd);
}
