/* `server.listen`: where the API is served. */
#pragma once

struct reading;

/* Fills the configuration's listeners from the draft. The walk stands at the top. */
void listeners_take(struct reading *reading);
