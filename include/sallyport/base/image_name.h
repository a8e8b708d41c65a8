/*
 * How clients write an image, and the one spelling that is compared: with the registry, and with a tag or a digest. "hello" and
 * "docker.io/library/hello:latest" are one image. A name is compared and nothing else: no registry is asked for it.
 * Source: the grammar of references (github.com/distribution/reference), and Docker's way of reading short ones.
 */
#pragma once

#include <stdbool.h>

#include "sallyport/limits.h"

/* False for what is no reference, and for one whose full spelling has no room. */
bool image_name_spell(const char *text, char ret_name[CALLED_MAX_BYTES]);
