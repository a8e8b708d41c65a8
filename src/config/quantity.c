#include "quantity.h"

#include <string.h>

#include "draft.h"
#include "sallyport/base/text.h"

bool quantity_rate(const char *text, struct rate_draft *ret_rate)
{
    char count[24];
    const char *slash = strchr(text, '/');
    return slash != NULL && text_copy_bytes(count, sizeof count, text, (size_t)(slash - text)) &&
           text_u64(count, UINT64_MAX, &ret_rate->count) && text_duration_ms(slash + 1, &ret_rate->period_ms);
}

bool quantity_thousandths(const char *text, uint64_t *ret_thousandths)
{
    char whole[16];
    const char *point = strchrnul(text, '.');
    if (!text_copy_bytes(whole, sizeof whole, text, (size_t)(point - text)) ||
        !text_u64(whole, UINT32_MAX, ret_thousandths))
        return false;
    size_t digits = *point == '.' ? strspn(point + 1, "0123456789") : 0;
    if (*point == '.' && (digits < 1 || digits > 3 || point[1 + digits] != '\0'))
        return false;
    for (size_t i = 1; i <= 3; i++)
        *ret_thousandths = *ret_thousandths * 10 + (i <= digits ? (uint64_t)(point[i] - '0') : 0);
    return true;
}
