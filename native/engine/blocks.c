/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decoding of translated blocks: see blocks.h. */
#include "blocks.h"

#include <capstone/capstone.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "core/machine_map.h"
#include "instruction.h"
#include "machine_memory.h"

#define CACHE_ENTRY_COUNT 8192u

struct block_cache {
    csh decoders[2]; /* of 64-bit and of 32-bit code */
    cs_insn *instruction; /* scratch, allocated once */
    uint64_t generation;
    bool mixes_flags;
    uint8_t code[BLOCK_SIZE_LIMIT_BYTES + INSTRUCTION_LIMIT_BYTES];
    struct block blocks[CACHE_ENTRY_COUNT];
};

struct block_cache *block_cache_open(void)
{
    struct block_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL) {
        return NULL;
    }
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &cache->decoders[0]) != CS_ERR_OK) {
        free(cache);
        return NULL;
    }
    if (cs_open(CS_ARCH_X86, CS_MODE_32, &cache->decoders[1]) != CS_ERR_OK) {
        (void)cs_close(&cache->decoders[0]);
        free(cache);
        return NULL;
    }
    cache->instruction = cs_malloc(cache->decoders[0]);
    cache->generation = 1;
    return cache;
}

void block_cache_close(struct block_cache *cache)
{
    if (cache != NULL) {
        cs_free(cache->instruction, 1);
        (void)cs_close(&cache->decoders[0]);
        (void)cs_close(&cache->decoders[1]);
        free(cache);
    }
}

void block_cache_invalidate(struct block_cache *cache)
{
    cache->generation++;
}

static csh decoder_of(const struct block_cache *cache, struct code_space space)
{
    return cache->decoders[space.narrow ? 1 : 0];
}

/* As much as is mapped, up to size_bytes, into the cache's buffer. */
static uint32_t read_mapped(struct block_cache *cache, struct code_space space, uint64_t address,
                            uint32_t size_bytes)
{
    const struct machine_memory *memory = space.memory;
    uint32_t done = 0;
    while (done < size_bytes) {
        uint64_t at = address + done;
        uint64_t machine_address = memory_translate(memory, space.root, at);
        uint32_t piece = PAGE_SIZE_BYTES - (uint32_t)(at & (PAGE_SIZE_BYTES - 1));
        piece = piece < size_bytes - done ? piece : size_bytes - done;
        if (machine_address == 0 || machine_address + piece > memory->size_bytes) {
            break;
        }
        memcpy(cache->code + done, memory->base + machine_address, piece);
        done += piece;
    }
    return done;
}

static bool read_code(struct block_cache *cache, struct code_space space, uint64_t address,
                      uint32_t size_bytes)
{
    return size_bytes <= BLOCK_SIZE_LIMIT_BYTES &&
           read_mapped(cache, space, address, size_bytes) == size_bytes;
}

/* Over the next instruction; false: nothing that the engine may be given. */
static bool next_instruction(struct block_cache *cache, struct code_space space,
                             const uint8_t **code, size_t *left, uint64_t *at)
{
    if (cs_disasm_iter(decoder_of(cache, space), code, left, at, cache->instruction)) {
        return true;
    }
    uint32_t size_bytes = harmless_instruction_size(*code, (uint32_t)*left, !space.narrow);
    cache->instruction->id = X86_INS_NOP;
    cache->instruction->size = 0;
    *code += size_bytes;
    *left -= size_bytes;
    *at += size_bytes;
    return size_bytes != 0;
}

/* Instructions wholly before limit; what cannot be decoded counts as one and ends the block. */
static uint32_t count_instructions(struct block_cache *cache, struct code_space space,
                                   uint64_t address, uint32_t size_bytes)
{
    const uint8_t *code = cache->code;
    size_t left = size_bytes;
    uint64_t at = address;
    uint32_t count = 0;
    while (left > 0 && next_instruction(cache, space, &code, &left, &at)) {
        count++;
    }
    return left > 0 ? count + 1 : count;
}

const struct block *block_lookup(struct block_cache *cache, struct code_space space,
                                 uint64_t address, uint32_t size_bytes)
{
    uint64_t index = mix64(address ^ space.root << 20 ^ size_bytes) % CACHE_ENTRY_COUNT;
    struct block *block = &cache->blocks[index];
    if (block->timing.address == address && block->timing.size_bytes == size_bytes &&
        block->root == space.root && block->generation == cache->generation) {
        return block;
    }
    if (!read_code(cache, space, address, size_bytes)) {
        return NULL;
    }
    block->timing.address = address;
    block->timing.size_bytes = size_bytes;
    block->timing.instruction_count = count_instructions(cache, space, address, size_bytes);
    block->root = space.root;
    block->generation = cache->generation;
    return block;
}

uint32_t block_count(struct block_cache *cache, struct code_space space, uint64_t address,
                     uint64_t end)
{
    uint32_t size_bytes = (uint32_t)(end - address);
    if (size_bytes == 0 || !read_code(cache, space, address, size_bytes)) {
        return 0;
    }
    return count_instructions(cache, space, address, size_bytes);
}

uint64_t block_last_start(struct block_cache *cache, struct code_space space, uint64_t address,
                          uint64_t end)
{
    const uint8_t *code = cache->code;
    size_t left = (size_t)(end - address);
    uint64_t at = address;
    if (!read_code(cache, space, address, (uint32_t)left)) {
        return address;
    }
    while (left > 0 && next_instruction(cache, space, &code, &left, &at)) {
    }
    return at;
}

static bool is_prefix(uint8_t byte, bool narrow)
{
    switch (byte) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65:
    case 0x66:
    case 0x67:
    case 0xf0:
    case 0xf2:
    case 0xf3:
        return true;
    default:
        return !narrow && byte >= 0x40 && byte <= 0x4f; /* REX */
    }
}

/*
 * VEX, EVEX or XOP. In 64-bit mode these bytes begin nothing else; in 32-bit mode they are
 * `les`, `lds` and `bound` unless what follows would name a register as their memory operand.
 */
static bool is_vector_extension(const uint8_t *bytes, uint32_t size_bytes, bool narrow)
{
    uint32_t at = 0;
    while (at + 1 < size_bytes && is_prefix(bytes[at], narrow)) {
        at++;
    }
    if (at + 1 >= size_bytes) {
        return false;
    }
    uint8_t opcode = bytes[at];
    bool names_register = (bytes[at + 1] & 0xc0) == 0xc0;
    return ((opcode == 0xc4 || opcode == 0xc5 || opcode == 0x62) && (!narrow || names_register)) ||
           (opcode == 0x8f && (bytes[at + 1] & 0x38) != 0);
}

static enum unsupported classify_far(const uint8_t *bytes, size_t size_bytes, bool narrow)
{
    switch (far_instruction_decode(bytes, (uint32_t)size_bytes, !narrow).kind) {
    case FAR_NONE:
        return SUPPORTED;
    case FAR_UNDEFINED:
        return UNSUPPORTED_UNDEFINED;
    default:
        return UNSUPPORTED_FAR;
    }
}

static enum unsupported classify(const cs_insn *instruction, bool narrow)
{
    switch (instruction->id) {
    case X86_INS_IN:
    case X86_INS_OUT:
    case X86_INS_SYSENTER:
    case X86_INS_SYSEXIT:
    case X86_INS_INSB:
    case X86_INS_INSW:
    case X86_INS_INSD:
    case X86_INS_OUTSB:
    case X86_INS_OUTSW:
    case X86_INS_OUTSD:
        return UNSUPPORTED_PROTECTION;
    case X86_INS_VMREAD: /* the engine takes some forms for a longer instruction of another maker */
    case X86_INS_VMWRITE:
    case X86_INS_EXTRQ:
    case X86_INS_INSERTQ:
        return UNSUPPORTED_UNDEFINED;
    default:
        return is_vector_extension(instruction->bytes, instruction->size, narrow)
                   ? UNSUPPORTED_UNDEFINED
                   : SUPPORTED;
    }
}

/* The engine hands it flags that are not computed yet. */
static bool is_wide_exchange(const cs_insn *instruction)
{
    return instruction->id == X86_INS_CMPXCHG8B || instruction->id == X86_INS_CMPXCHG16B;
}

bool block_mixes_flags(const struct block_cache *cache)
{
    return cache->mixes_flags;
}

/* The engine may end a block inside an instruction that faults: what follows is looked at too. */
enum unsupported block_unsupported(struct block_cache *cache, struct code_space space,
                                   uint64_t address, uint32_t size_bytes, uint32_t translated_count,
                                   uint64_t *at)
{
    const uint8_t *code = cache->code;
    uint64_t next = address;
    if (!read_code(cache, space, address, size_bytes)) {
        return SUPPORTED; /* nothing to execute: the fetch faults */
    }
    size_t left = read_mapped(cache, space, address, size_bytes + INSTRUCTION_LIMIT_BYTES);
    uint32_t count = 0;
    cache->mixes_flags = false;
    while (next - address < size_bytes) {
        *at = next;
        enum unsupported class = classify_far(code, left, space.narrow);
        if (class == SUPPORTED) {
            class = next_instruction(cache, space, &code, &left, &next)
                        ? classify(cache->instruction, space.narrow)
                        : UNSUPPORTED_UNDEFINED;
        }
        if (class != SUPPORTED) {
            return class;
        }
        cache->mixes_flags |= is_wide_exchange(cache->instruction);
        count++;
    }
    *at = address;
    return translated_count == 0 || translated_count == count ? SUPPORTED : UNSUPPORTED_UNKNOWN;
}
