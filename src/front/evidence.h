/*
 * What the caller showed: a token, or else, on a unix socket, the connection itself; and from where. Only collected here; the
 * keeper judges it (and reads SO_PEERCRED from the descriptor for itself).
 */
#pragma once

struct request;

void evidence_collect(struct request *request);
