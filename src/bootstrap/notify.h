/*
 * What systemd wants to hear of a service of Type=notify. Source: sd_notify(3), "Notes".
 */
#pragma once

#include <stdint.h>

/*
 * Connects to the socket that NOTIFY_SOCKET names, and removes the variable. -1 when there is none or it cannot be used;
 * all others take that and do nothing.
 */
int notify_open(void);

/* Ready to serve, at the start and after a reload; with a line of status for people. */
__attribute__((format(printf, 2, 3))) void notify_ready(int fd, const char *format, ...);

/* A reload begins; notify_ready() tells its end, whether or not the new configuration was taken. */
void notify_reloading(int fd);

/* An end of our own accord. A grace longer than the unit's TimeoutStopSec is asked for; timeout_ms 0 asks for nothing. */
__attribute__((format(printf, 3, 4))) void notify_stopping(int fd, uint64_t timeout_ms, const char *format, ...);
