/* Whether one more connection of an address is taken. */
#pragma once

#include <stdbool.h>

struct crowd_member;
struct evhttp_connection;
struct front;

/* False: the address has as many as it may have, which is told now and then. Else `member` stands for it, until crowd_leave(). */
bool crowd_admits(struct front *front, struct evhttp_connection *connection, struct crowd_member *member);
