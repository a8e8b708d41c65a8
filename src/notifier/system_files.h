/*
 * What the bootstrap read for us: /etc/resolv.conf, /etc/hosts and the certificates of authorities, in a sealed file of
 * settings. The bytes are as they stood on the disk; whoever uses a part reads it as foreign.
 */
#pragma once

#include <stdint.h>

#include "sallyport/proto/settings.h"

struct error;

struct system_files {
    uint8_t *data;
    struct setting_notifier parts; /* views of data */
};

int system_files_read(int fd, struct system_files *ret_files, struct error *err);
void system_files_done(struct system_files *files);
