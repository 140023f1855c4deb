/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the memory and text helpers. Loops, not `rep`: an emulator sees every
 * iteration of `rep` as a block of its own. Built with
 * -fno-tree-loop-distribute-patterns, or memcpy would be compiled into a call of itself.
 */
#include "bytes.h"

/* Eight bytes at any address, of any type. */
struct word {
    uint64_t value;
} __attribute__((packed, may_alias));

void *memcpy(void *target, const void *source, size_t size_bytes)
{
    unsigned char *to = target;
    const unsigned char *from = source;

    for (; size_bytes >= sizeof(struct word); size_bytes -= sizeof(struct word)) {
        ((struct word *)(void *)to)->value = ((const struct word *)(const void *)from)->value;
        to += sizeof(struct word);
        from += sizeof(struct word);
    }
    for (; size_bytes > 0; size_bytes--) {
        *to++ = *from++;
    }
    return target;
}

void *memmove(void *target, const void *source, size_t size_bytes)
{
    unsigned char *to = target;
    const unsigned char *from = source;

    if ((uintptr_t)to <= (uintptr_t)from || (uintptr_t)to >= (uintptr_t)from + size_bytes) {
        for (size_t i = 0; i < size_bytes; i++) {
            to[i] = from[i];
        }
    } else {
        for (size_t i = size_bytes; i > 0; i--) {
            to[i - 1] = from[i - 1];
        }
    }
    return target;
}

void *memset(void *target, int value, size_t size_bytes)
{
    unsigned char *to = target;
    uint64_t pattern = 0x0101010101010101ull * (unsigned char)value;

    for (; size_bytes >= sizeof(struct word); size_bytes -= sizeof(struct word)) {
        ((struct word *)(void *)to)->value = pattern;
        to += sizeof(struct word);
    }
    for (; size_bytes > 0; size_bytes--) {
        *to++ = (unsigned char)value;
    }
    return target;
}

int memcmp(const void *left, const void *right, size_t size_bytes)
{
    const unsigned char *one = left;
    const unsigned char *other = right;

    for (size_t i = 0; i < size_bytes; i++) {
        if (one[i] != other[i]) {
            return one[i] < other[i] ? -1 : 1;
        }
    }
    return 0;
}

size_t text_length(const char *text)
{
    size_t length = 0;

    while (text[length] != '\0') {
        length++;
    }
    return length;
}

int text_equal(const char *left, const char *right)
{
    size_t length = text_length(left);

    return length == text_length(right) && memcmp(left, right, length) == 0;
}
