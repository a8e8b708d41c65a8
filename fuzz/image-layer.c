/*
 * A whole layer, applied to a root with a link that leads outside. Whatever it brings, nothing is made outside, and what it made is
 * what a seal takes.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layer.h"
#include "sallyport/base/error.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/text.h"
#include "sallyport/image/place.h"
#include "sallyport/image/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char outside[] = "/dev/shm/fuzz-layer-XXXXXX";
static int outside_fd = -1, root_fd = -1;

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void remove_outside(void)
{
    unlinkat(outside_fd, "root", AT_REMOVEDIR);
    rmdir(outside);
}

static void set_up(void)
{
    if (outside_fd >= 0)
        return;
    check(mkdtemp(outside) != NULL);
    outside_fd = open(outside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check(mkdirat(outside_fd, "root", 0755) == 0);
    root_fd = openat(outside_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check(outside_fd >= 0 && root_fd >= 0 && atexit(remove_outside) == 0);
}

static unsigned count_outside(void)
{
    unsigned count = 0;
    DIR *listing = opendir(outside);
    check(listing != NULL);
    while (readdir(listing) != NULL)
        count++;
    closedir(listing);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t digest[HASH_BYTES];
    char text[HASH_TEXT_BYTES];
    struct layer_budget budget = { .bytes = IMAGE_BYTES_MAX - 1024 * 1024 };
    struct error err = { 0 };
    set_up();
    int blob_fd = memfd_create("layer", MFD_CLOEXEC);
    check(blob_fd >= 0 && write(blob_fd, data, size) == (ssize_t)size);
    struct hash *hash = hash_new();
    hash_update(hash, data,
                size); /* right for a bare tar; with a compressed one the first of two walks is as far as it goes */
    hash_result(hash, digest);
    hash_free(hash);
    text_hex(digest, sizeof digest, text);
    check(symlinkat("..", root_fd, "up") == 0);
    if (layer_apply(blob_fd, text, root_fd, &budget, &err) == 0)
        check(seal_tree(root_fd, SEAL_KEEPS_OWNER, digest, &err) == 0);
    else
        check(err.text[0] != '\0');
    close(blob_fd);
    check(count_outside() == 3); /* "root" and the dots */
    check(place_empty(root_fd, "", NULL) == 0);
    return 0;
}
