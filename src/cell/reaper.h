/* Pid 1 of everything below the bootstrap. */
#pragma once

/* uid and gid are decimal, "-" to keep what there is (one id only). Returns an exit status. */
int reaper_run(const char *uid, const char *gid);
