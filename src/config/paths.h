/* Paths in the configuration: absolute and in their shortest form, so that a text has one meaning. */
#pragma once

/* What is wrong with it, for people, or NULL. Sets no store by what exists. */
const char *path_fault(const char *path);

/* Why the host's file or directory may not be shown to jobs at all, or NULL. */
const char *bind_fault(const char *path);
