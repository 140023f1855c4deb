/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Copying and filling of memory without a libc. Owns no state; used by every file
 * of the core. The names differ from the libc's, which the native extension has too.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdint.h>

/* Machine memory is seen as words whatever its owner keeps there, at any alignment. */
struct machine_word {
    uint64_t value;
} __attribute__((packed, may_alias));

static inline void memory_copy(void *to, const void *from, uint64_t size_bytes)
{
    uint8_t *target = to;
    const uint8_t *source = from;

    for (; size_bytes >= sizeof(struct machine_word); size_bytes -= sizeof(struct machine_word)) {
        ((struct machine_word *)target)->value = ((const struct machine_word *)source)->value;
        target += sizeof(struct machine_word);
        source += sizeof(struct machine_word);
    }
    for (; size_bytes != 0; size_bytes--) {
        *target++ = *source++;
    }
}

/* size_bytes is a multiple of 8. */
static inline void memory_clear(void *to, uint64_t size_bytes)
{
    struct machine_word *word = to;

    for (uint64_t index = 0; index < size_bytes / sizeof(*word); index++) {
        word[index].value = 0;
    }
}

#endif
