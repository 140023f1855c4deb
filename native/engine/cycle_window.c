/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a window has recorded: see cycle_window.h. */
#include "cycle_window.h"

#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "machine_memory.h"
#include "timing/code.h"

#define STEPS_PER_INSTRUCTION 8u
#define ROWS_PER_INSTRUCTION 2u /* one in two may be a transition */

struct cycle_window {
    const struct machine_memory *memory;
    uint64_t seen;  /* instructions since the window was asked for */
    uint64_t first; /* the number of the first one recorded */
    uint32_t limit;
    uint32_t count; /* of rows */
    uint32_t row_limit;
    uint32_t step_limit;
    uint32_t step_count;
    bool recording;
    struct timing_statistics before; /* of the context that works */
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
    window->row_limit = instruction_count * ROWS_PER_INSTRUCTION;
    window->instructions = calloc(window->row_limit, sizeof *window->instructions);
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

static bool is_inside(const struct cycle_window *window)
{
    return window->seen >= window->first && window->seen - window->first < window->limit;
}

uint32_t cycle_window_part(struct cycle_window *window, struct timing_core *core, uint32_t executed,
                           uint32_t end)
{
    bool inside = is_inside(window);
    if (inside != window->recording) {
        window->recording = inside;
        timing_core_record(core, inside ? window->steps : NULL, inside ? window->step_limit : 0);
    }
    if (inside) {
        return executed + 1; /* each by itself, to see what it took */
    }
    uint64_t left = window->first - window->seen;
    return window->seen > window->first || end - executed <= left ? end : executed + (uint32_t)left;
}

void cycle_window_begin(struct cycle_window *window, const struct cycle_meter *meter)
{
    if (is_inside(window)) {
        timing_core_statistics(meter->core, meter->context, &window->before);
    }
}

/* A row with what has been counted since the beginning; NULL: there is no room. */
static struct window_instruction *add_row(struct cycle_window *window,
                                          const struct cycle_meter *meter)
{
    struct timing_statistics now;
    if (window->count == window->row_limit) {
        return NULL;
    }
    struct window_instruction *row = &window->instructions[window->count++];
    timing_core_statistics(meter->core, meter->context, &now);
    for (uint32_t i = 0; i < TIMING_CAUSE_COUNT; i++) {
        row->cycles[i] = now.cycles[i] - window->before.cycles[i];
    }
    for (uint32_t i = 0; i < TIMING_EVENT_COUNT; i++) {
        row->events[i] = (uint32_t)(now.events[i] - window->before.events[i]);
    }
    row->partition = meter->context / TIMING_PATH_COUNT;
    row->path = meter->context % TIMING_PATH_COUNT;
    return row;
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
    struct window_instruction *row = is_inside(window) ? add_row(window, meter) : NULL;
    window->seen += end - meter->executed;
    if (row == NULL) {
        return;
    }
    uint64_t offset = timing_code_offset(code, meter->executed);
    row->address = meter->address + offset;
    row->width_bits = meter->block->narrow ? 32 : 64;
    row->size_bytes = code->instructions[meter->executed].size_bytes;
    copy_bytes(window, meter->block, offset, row);
    window->step_count = timing_core_recorded(meter->core);
}

void cycle_window_note_transition(struct cycle_window *window, const struct cycle_meter *meter,
                                  uint32_t transition)
{
    struct window_instruction *row = is_inside(window) ? add_row(window, meter) : NULL;
    if (row != NULL) {
        row->transition = transition + 1;
    }
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
