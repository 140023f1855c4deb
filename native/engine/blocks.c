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
#include "timing/code.h"

#define CACHE_ENTRY_COUNT 8192u
#define PAGE_ENTRY_COUNT 64u
/* Of micro-ops: a guest may make as many long blocks as it likes, and jump into each anywhere. */
#define CODE_LIMIT_BYTES (32u << 20)

/* Where a page of code lies, as long as nobody changed the tables. */
struct code_page {
    uint64_t root;
    uint64_t address;
    uint64_t machine_address;
    uint64_t epoch;
};

struct block_cache {
    struct timing_decoder *timing_decoder;
    csh decoders[2]; /* of 64-bit and of 32-bit code */
    cs_insn *instruction; /* scratch, allocated once */
    uint64_t generation;
    uint64_t page_epoch;
    uint64_t code_bytes; /* of all blocks' micro-ops */
    bool mixes_flags;
    uint8_t code[BLOCK_SIZE_LIMIT_BYTES + INSTRUCTION_LIMIT_BYTES];
    struct code_page pages[PAGE_ENTRY_COUNT];
    struct block blocks[CACHE_ENTRY_COUNT];
};

struct block_cache *block_cache_open(struct timing_decoder *decoder)
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
    cache->timing_decoder = decoder;
    cache->generation = 1;
    cache->page_epoch = 1;
    return cache;
}

void block_cache_close(struct block_cache *cache)
{
    if (cache != NULL) {
        cs_free(cache->instruction, 1);
        (void)cs_close(&cache->decoders[0]);
        (void)cs_close(&cache->decoders[1]);
        for (uint32_t i = 0; i < CACHE_ENTRY_COUNT; i++) {
            timing_code_free(cache->blocks[i].code);
        }
        free(cache);
    }
}

void block_cache_invalidate(struct block_cache *cache)
{
    cache->generation++;
}

void block_cache_forget_pages(struct block_cache *cache)
{
    cache->page_epoch++;
}

/* 0: not mapped. */
static uint64_t code_address(struct block_cache *cache, struct code_space space, uint64_t address)
{
    uint64_t page = address & ~(uint64_t)(PAGE_SIZE_BYTES - 1);
    struct code_page *entry =
        &cache->pages[(page / PAGE_SIZE_BYTES ^ space.root / PAGE_SIZE_BYTES) % PAGE_ENTRY_COUNT];
    if (entry->address != page || entry->root != space.root || entry->epoch != cache->page_epoch) {
        *entry = (struct code_page){
            space.root, page, memory_translate(space.memory, space.root, page), cache->page_epoch};
    }
    return entry->machine_address == 0 ? 0 : entry->machine_address + (address - page);
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

static void free_code(struct block_cache *cache, struct block *block)
{
    if (block->code != NULL) {
        cache->code_bytes -= timing_code_size_bytes(block->code);
        timing_code_free(block->code);
        block->code = NULL;
        block->generation = 0;
    }
}

/* Makes room for one more; no block is running. */
static void limit_code(struct block_cache *cache)
{
    for (uint32_t i = 0; i < CACHE_ENTRY_COUNT && cache->code_bytes > CODE_LIMIT_BYTES; i++) {
        free_code(cache, &cache->blocks[i]);
    }
}

static bool block_fill(struct block_cache *cache, struct code_space space, struct block *block)
{
    const struct timing_block *timing = &block->timing;
    if (!read_code(cache, space, timing->address, timing->size_bytes)) {
        return false;
    }
    free_code(cache, block);
    limit_code(cache);
    block->timing.instruction_count =
        count_instructions(cache, space, timing->address, timing->size_bytes);
    if (cache->timing_decoder != NULL) {
        block->code = timing_decode(cache->timing_decoder, cache->code, timing->size_bytes,
                                    timing->address, space.narrow ? 32 : 64);
        cache->code_bytes += block->code == NULL ? 0 : timing_code_size_bytes(block->code);
    }
    block->generation = cache->generation;
    return true;
}

const struct block *block_lookup(struct block_cache *cache, struct code_space space,
                                 uint64_t address, uint32_t size_bytes)
{
    uint64_t first = code_address(cache, space, address);
    uint64_t last = code_address(cache, space, address + size_bytes - 1);
    struct block *block =
        &cache->blocks[mix64(first ^ (uint64_t)size_bytes << 48) % CACHE_ENTRY_COUNT];
    if (block->machine_address == first && block->last_address == last &&
        block->timing.size_bytes == size_bytes && block->narrow == space.narrow &&
        block->generation == cache->generation) {
        return block;
    }
    block->generation = 0;
    block->machine_address = first;
    block->last_address = last;
    block->narrow = space.narrow;
    block->timing.address = address;
    block->timing.size_bytes = size_bytes;
    return block_fill(cache, space, block) ? block : NULL;
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

/* What cannot be decoded is undefined, unless prefixes alone have made it too long. */
static enum unsupported classify_unknown(struct block_cache *cache, struct code_space space,
                                         const uint8_t *code, size_t left)
{
    const uint8_t *rest = code;
    uint64_t at = 0;
    while (left > 0 && is_prefix(*rest, space.narrow)) {
        rest++;
        left--;
    }
    uint64_t prefixes_bytes = (uint64_t)(rest - code);
    bool too_long = prefixes_bytes >= INSTRUCTION_LIMIT_BYTES ||
                    (next_instruction(cache, space, &rest, &left, &at) &&
                     prefixes_bytes + at > INSTRUCTION_LIMIT_BYTES);
    return too_long ? UNSUPPORTED_PROTECTION : UNSUPPORTED_UNDEFINED;
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
                        : classify_unknown(cache, space, code, left);
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
