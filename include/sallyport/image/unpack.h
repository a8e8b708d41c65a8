/*
 * From blobs to a tree of files. Everything that is read here is a stranger's: the caller is a process that has no power
 * and sees nothing but the source and the new root.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct error;

/* Where blobs lie: an OCI layout (blobs/sha256/DIGITS), or what skopeo makes as dir: (manifest.json, DIGITS). */
struct image_source {
    int fd;
    bool is_layout;
};

/*
 * Unpacks the image with this manifest into the empty directory root_fd. Digest and size of each blob are compared before
 * it is parsed, and the digest of each layer's bare tar before anything of it is made.
 *
 *   architecture   as images call it: "amd64"
 *   settings       gets the lines of the image's settings (settings.h)
 */
int image_unpack(const struct image_source *source, const char *digest, const char *architecture, int root_fd,
                 FILE *settings, struct error *err);

/* What images call this machine: "amd64", "arm64"; uname's own word for others. */
const char *image_architecture(void);
