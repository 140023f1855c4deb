/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the bytes of the contract's GUIDs.
 */
#include "guid.h"

#define BYTE(number, index) ((uint8_t)(((uint64_t)(number) >> (8 * (index))) & 0xff))
#define GUID(name, low, middle, high, clock, node, sentence)                                       \
    const struct guid guid_##name = {                                                              \
        low,                                                                                       \
        middle,                                                                                    \
        high,                                                                                      \
        {BYTE(clock, 1), BYTE(clock, 0), BYTE(node, 5), BYTE(node, 4), BYTE(node, 3),              \
         BYTE(node, 2), BYTE(node, 1), BYTE(node, 0)},                                             \
    };
#include "guids.def"
#undef GUID

int guid_equal(const struct guid *left, const struct guid *right)
{
    int equal = left->time_low == right->time_low && left->time_middle == right->time_middle &&
                left->time_high == right->time_high;

    for (unsigned i = 0; i < sizeof(left->rest); i++) {
        equal &= left->rest[i] == right->rest[i];
    }
    return equal;
}
