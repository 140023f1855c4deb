/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the commands that fill files with what a seed says, look whether it is still there, and
 * sum up a file.
 */
#include "bytes.h"
#include "command.h"
#include "console.h"
#include "store.h"

#define PIECE_BYTES 4096u
#define CRC_POLYNOMIAL 0xedb88320u

static uint8_t piece[PIECE_BYTES];
static uint8_t wanted[PIECE_BYTES];

/* Of each word of eight bytes by its place alone, so that a piece that is elsewhere is found. */
static void pattern_make(uint8_t *bytes, uint64_t seed, uint64_t position)
{
    for (uint64_t i = 0; i < PIECE_BYTES; i += sizeof(uint64_t)) {
        uint64_t word = (seed << 32 ^ (position + i)) * 0x9e3779b97f4a7c15ull;

        word ^= word >> 29;
        memcpy(bytes + i, &word, sizeof(word));
    }
}

static int seed_of(const struct words *words, uint32_t index, uint64_t *seed)
{
    *seed = 0;
    return words->count <= index || command_number(words, index, seed);
}

static int fill(const struct words *words)
{
    struct fat_volume *volume = store_volume("fill");
    struct fat_writer writer;
    uint64_t size_bytes;
    uint64_t seed;
    uint32_t status;

    if (volume == 0 || !command_number(words, 2, &size_bytes) || !seed_of(words, 3, &seed)) {
        return 0;
    }
    status = fat_create(&writer, volume, words->at[1]);
    for (uint64_t done = 0; status == FAT_ok && done < size_bytes; done += PIECE_BYTES) {
        uint64_t left = size_bytes - done;

        pattern_make(piece, seed, done);
        status = fat_write(&writer, piece, left < PIECE_BYTES ? (uint32_t)left : PIECE_BYTES);
    }
    status = fat_finish(&writer);
    return status == FAT_ok || command_failed("fill", words->at[1], fat_status_text(status));
}

static int verify(const struct words *words)
{
    struct fat_volume *volume = store_volume("verify");
    struct fat_reader reader;
    uint32_t size_bytes = 1;
    uint64_t position = 0;
    uint64_t seed;
    uint32_t status;

    if (volume == 0 || !seed_of(words, 2, &seed)) {
        return 0;
    }
    status = fat_open(&reader, volume, words->at[1]);
    while (status == FAT_ok && size_bytes > 0) {
        status = fat_read(&reader, piece, sizeof(piece), &size_bytes);
        pattern_make(wanted, seed, position);
        for (uint32_t i = 0; i < size_bytes; i++) {
            if (piece[i] != wanted[i]) {
                print("verify: %s: byte %llu is %02x and not %02x.\n", words->at[1],
                      (unsigned long long)(position + i), piece[i], wanted[i]);
                return 0;
            }
        }
        position += size_bytes;
    }
    if (status != FAT_ok) {
        return command_failed("verify", words->at[1], fat_status_text(status));
    }
    print("%s: %llu bytes are as they were filled\n", words->at[1], (unsigned long long)position);
    return 1;
}

static uint32_t crc_add(uint32_t crc, const uint8_t *bytes, uint32_t size_bytes)
{
    for (uint32_t i = 0; i < size_bytes; i++) {
        crc ^= bytes[i];
        for (uint32_t bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (CRC_POLYNOMIAL & (0u - (crc & 1u)));
        }
    }
    return crc;
}

static int sum(const struct words *words)
{
    struct fat_volume *volume = store_volume("sum");
    struct fat_reader reader;
    uint32_t size_bytes = 1;
    uint32_t crc = UINT32_MAX;
    uint32_t status;

    if (volume == 0) {
        return 0;
    }
    status = fat_open(&reader, volume, words->at[1]);
    while (status == FAT_ok && size_bytes > 0) {
        status = fat_read(&reader, piece, sizeof(piece), &size_bytes);
        crc = crc_add(crc, piece, size_bytes);
    }
    if (status != FAT_ok) {
        return command_failed("sum", words->at[1], fat_status_text(status));
    }
    print("%08x %u %s\n", (unsigned)~crc, (unsigned)reader.size_bytes, words->at[1]);
    return 1;
}

const struct command pattern_commands[] = {
    {"sum", "FILE", "Shows the CRC-32 of a file, and its size.", 1, 1, 0, sum},
    {"fill", "FILE BYTES [SEED]", "Makes a file of what a seed says.", 2, 3, 0, fill},
    {"verify", "FILE [SEED]", "Looks whether it still is what the seed says.", 1, 2, 0, verify},
    {0, 0, 0, 0, 0, 0, 0},
};
