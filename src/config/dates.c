#include "dates.h"

#include <stddef.h>

#include "sallyport/schedule/civil.h"

bool date_unix_ms(const char *text, uint64_t *ret_unix_ms)
{
    int64_t day, clock_s = DAY_S, offset_s = 0;
    if (civil_read_date(&text, &day) != NULL)
        return false;
    bool is_day = *text == '\0';
    if (!is_day && (*text++ != 'T' || civil_read_clock(&text, &clock_s) != NULL ||
                    civil_read_offset(&text, &offset_s) != NULL || *text != '\0'))
        return false;
    int64_t unix_s = day * DAY_S + clock_s - offset_s;
    if (unix_s <= 0)
        return false;
    *ret_unix_ms = (uint64_t)unix_s * 1000u - is_day;
    return true;
}
