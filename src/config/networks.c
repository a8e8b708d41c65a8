#include "networks.h"

#include "reading.h"

uint32_t networks_take(struct reading *reading, const char *group, const char *key, const json_t *list, uint8_t *to)
{
    uint32_t count = 0;
    size_t length = reading->path.length;
    if (group[0] != '\0')
        enter_key(reading, group);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = text_item(list, i);
        struct network network;
        const char *why = network_parse(text, &network);
        if (text[0] == '\0') /* told already */
            continue;
        if (why != NULL)
            fault_below(reading, key, (int)i, "'%.80s' %s", text, why);
        else
            network_pack(&network, to + NETWORK_PACKED_BYTES * (size_t)count++);
    }
    leave(reading, length);
    return count;
}
