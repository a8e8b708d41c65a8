/* `server.hosts` and `server.origins`: under which names the API is asked, and whose pages may ask it. */
#pragma once

struct reading;

/* Fills the configuration's names from the draft. The walk stands at the top. */
void hosts_take(struct reading *reading);
