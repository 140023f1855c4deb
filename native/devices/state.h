/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How devices and media become bytes and hashes: a writer that counts beyond its buffer, a reader
 * that fails once and for good, and one hash. All structures written whole have no padding.
 */
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct state_writer {
    uint8_t *buffer;
    size_t capacity;
    size_t size_bytes; /* needed so far, written as far as the capacity goes */
};

static inline void state_put(struct state_writer *writer, const void *data, size_t size_bytes)
{
    bool fits = writer->capacity >= writer->size_bytes &&
                writer->capacity - writer->size_bytes >= size_bytes;
    if (fits && size_bytes != 0) {
        memcpy(writer->buffer + writer->size_bytes, data, size_bytes);
    }
    writer->size_bytes += size_bytes;
}

struct state_reader {
    const uint8_t *buffer;
    size_t rest_bytes;
    bool failed;
};

/* Where the next bytes are; NULL, from then on always, when there are not so many. */
static inline const uint8_t *state_take(struct state_reader *reader, size_t size_bytes)
{
    if (reader->failed || reader->rest_bytes < size_bytes) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *data = reader->buffer;
    reader->buffer += size_bytes;
    reader->rest_bytes -= size_bytes;
    return data;
}

static inline bool state_get(struct state_reader *reader, void *data, size_t size_bytes)
{
    const uint8_t *bytes = state_take(reader, size_bytes);
    if (bytes != NULL) {
        memcpy(data, bytes, size_bytes);
    }
    return bytes != NULL;
}

/* One step of splitmix64. */
static inline uint64_t state_mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

static inline uint64_t state_hash(const void *data, size_t size_bytes, uint64_t seed)
{
    const uint8_t *bytes = data;
    uint64_t hash = state_mix(seed ^ size_bytes);
    for (size_t done = 0; done < size_bytes; done += sizeof(uint64_t)) {
        uint64_t word = 0;
        size_t rest = size_bytes - done;
        memcpy(&word, bytes + done, rest < sizeof word ? rest : sizeof word);
        hash = state_mix(hash ^ word);
    }
    return hash;
}

#endif
