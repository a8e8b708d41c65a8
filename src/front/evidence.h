/*
 * What the caller showed: a bearer token, or else a session's cookie, or else, on a unix socket, the connection itself, over TLS a
 * certificate, or on the listener of a predecessor that it is there. Only collected here; the
 * keeper judges it (and reads SO_PEERCRED from the descriptor for itself).
 */
#pragma once

struct listener;
struct request;

void evidence_collect(struct request *request, const struct listener *listener);
