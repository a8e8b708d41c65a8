/*
 * What the caller showed: a bearer token, or else a session's cookie, or else, on a unix socket, the connection itself, or over TLS a
 * certificate. Only collected here; the
 * keeper judges it (and reads SO_PEERCRED from the descriptor for itself).
 */
#pragma once

struct request;

void evidence_collect(struct request *request);
