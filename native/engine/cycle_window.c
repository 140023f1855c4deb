/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a window has recorded: see cycle_window.h. */
#include "cycle_window.h"

#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "machine_memory.h"
#include "timing/code.h"

#define STEPS_PER_INSTRUCTION 8u

struct cycle_window {
    const struct machine_memory *memory;
    uint64_t seen;  /* instructions since the window was asked for */
    uint64_t first; /* the number of the first one recorded */
    uint32_t limit;
    uint32_t count;
    uint32_t step_limit;
    uint32_t step_count;
    bool recording;
    struct window_instruction *instructions;
    struct timing_step *steps;
};

struct cycle_window *cycle_window_new(const struct machine_memory *memory,
                                      uint64_t first_instruction, uint32_t instruction_count)
{
    struct cycle_window *window = calloc(1, sizeof *window);
    if (window == NULL) {
        return NULL;
    }
    window->memory = memory;
    window->first = first_instruction;
    window->limit = instruction_count;
    window->step_limit = instruction_count * STEPS_PER_INSTRUCTION;
    window->instructions = calloc(instruction_count, sizeof *window->instructions);
    window->steps = calloc(window->step_limit, sizeof *window->steps);
    if (window->instructions == NULL || window->steps == NULL) {
        cycle_window_close(window);
        return NULL;
    }
    return window;
}

void cycle_window_close(struct cycle_window *window)
{
    if (window != NULL) {
        free(window->instructions);
        free(window->steps);
        free(window);
    }
}

uint32_t cycle_window_part(struct cycle_window *window, struct timing_core *core, uint32_t executed,
                           uint32_t end)
{
    uint64_t edge = window->first;
    if (window->seen >= window->first) {
        edge = window->first + window->limit;
    }
    bool inside = window->seen >= window->first && window->seen < edge;
    if (inside != window->recording) {
        window->recording = inside;
        timing_core_record(core, inside ? window->steps : NULL, inside ? window->step_limit : 0);
    }
    uint64_t left = edge - window->seen;
    return window->seen >= edge || end - executed <= left ? end : executed + (uint32_t)left;
}

static void copy_bytes(const struct cycle_window *window, const struct block *block,
                       uint64_t offset, struct window_instruction *to)
{
    uint64_t last_offset = block->code->size_bytes - 1;
    for (uint64_t i = 0; i < to->size_bytes; i++) {
        /* Of two pages, either may lie anywhere: counted from the one that the byte is on. */
        uint64_t at = block->machine_address + offset + i;
        if ((at ^ block->machine_address) >> PAGE_SHIFT != 0) {
            at = block->last_address - last_offset + offset + i;
        }
        to->bytes[i] = at < window->memory->size_bytes ? window->memory->base[at] : 0;
    }
}

void cycle_window_note(struct cycle_window *window, const struct cycle_meter *meter, uint32_t end)
{
    const struct timing_code *code = meter->block->code;
    window->seen += end - meter->executed;
    if (!window->recording) {
        return;
    }
    uint64_t offset = timing_code_offset(code, meter->executed);
    for (uint32_t i = meter->executed; i < end; i++) {
        struct window_instruction *to = &window->instructions[window->count++];
        to->address = meter->address + offset;
        to->partition = meter->context / TIMING_PATH_COUNT;
        to->path = meter->context % TIMING_PATH_COUNT;
        to->width_bits = meter->block->narrow ? 32 : 64;
        to->size_bytes = code->instructions[i].size_bytes;
        copy_bytes(window, meter->block, offset, to);
        offset += to->size_bytes;
    }
    window->step_count = timing_core_recorded(meter->core);
}

uint32_t cycle_window_instructions(const struct cycle_window *window,
                                   const struct window_instruction **instructions)
{
    *instructions = window->instructions;
    return window->count;
}

uint32_t cycle_window_steps(const struct cycle_window *window, const struct timing_step **steps)
{
    *steps = window->steps;
    return window->step_count;
}
