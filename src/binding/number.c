/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binding/binding.h"

/* Up to here every whole number is one that a double holds, and may be an id. */
static const double largest_whole = 9007199254740992.0;

/* A locale may have another decimal point, of one byte or several: what is no digit, sign or
 * exponent. */
static size_t use_point(char *number)
{
    char *mark = number + strspn(number, "-0123456789");
    if (*mark == '\0' || *mark == 'e')
        return strlen(number);
    const char *fraction = mark + strcspn(mark, "0123456789");
    *mark = '.';
    memmove(mark + 1, fraction, strlen(fraction) + 1);
    return strlen(number);
}

size_t tq_number_format(lua_State *L, int index, char out[TQ_LONGEST_NUMBER])
{
    const size_t room = TQ_LONGEST_NUMBER;
    if (lua_isinteger(L, index))
        return (size_t)snprintf(out, room, "%lld", (long long)lua_tointeger(L, index));
    double number = lua_tonumber(L, index);
    if (number == floor(number) && fabs(number) <= largest_whole)
        return (size_t)snprintf(out, room, "%.0f", number);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, room, "%.*g", digits, number);
        if (strtod(out, NULL) == number)
            break;
    }
    return use_point(out);
}
