/* Runs a fuzz target over every file of the directories named on the command line: a past crash as a test. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(int directory_fd, const char *name)
{
    int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return -1;
    int done = -1;
    uint8_t *data = malloc((size_t)st.st_size + 1);
    if (data != NULL && read(fd, data, (size_t)st.st_size) == st.st_size)
        done = LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
    free(data);
    close(fd);
    return done;
}

int main(int argc, char **argv)
{
    unsigned replayed = 0;
    for (int i = 1; i < argc; i++) {
        DIR *directory = opendir(argv[i]);
        if (directory == NULL) {
            perror(argv[i]);
            return 1;
        }
        for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
            if (entry->d_name[0] == '.')
                continue;
            if (replay_file(dirfd(directory), entry->d_name) < 0) {
                fprintf(stderr, "cannot replay %s/%s\n", argv[i], entry->d_name);
                return 1;
            }
            replayed++;
        }
        closedir(directory);
    }
    printf("replayed %u inputs\n", replayed);
    return replayed > 0 ? 0 : 1;
}
