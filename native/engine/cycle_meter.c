/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Blocks, their accesses and their ends, handed to a core: see cycle_meter.h. */
#include "cycle_meter.h"

#include <stdlib.h>

#include "abi.h"
#include "core/machine_map.h"
#include "cycle_window.h"
#include "timing/code.h"

/* What the microcode of a fast string instruction moves at a time. */
#define STRING_CHUNK_BYTES 32u
/* Room for what one more round of a repeated instruction touches. */
#define ROUND_ACCESSES 4u

struct cycle_meter *meter_open(const struct timing_parameters *parameters)
{
    struct cycle_meter *meter = calloc(1, sizeof *meter);
    if (meter != NULL) {
        meter->core = timing_core_open(parameters);
        if (meter->core == NULL) {
            free(meter);
            return NULL;
        }
    }
    return meter;
}

void meter_close(struct cycle_meter *meter)
{
    if (meter != NULL) {
        cycle_window_close(meter->window);
        timing_core_close(meter->core);
        free(meter);
    }
}

void meter_context(struct cycle_meter *meter, uint32_t partition, uint32_t path)
{
    meter->context = partition * TIMING_PATH_COUNT + path;
    timing_core_context(meter->core, meter->context);
}

uint64_t meter_transition(struct cycle_meter *meter, uint32_t transition, uint64_t value)
{
    if (meter->window == NULL) {
        return timing_transition(meter->core, transition, value);
    }
    cycle_window_begin(meter->window, meter);
    uint64_t cycles = timing_transition(meter->core, transition, value);
    cycle_window_note_transition(meter->window, meter, transition);
    return cycles;
}

void meter_drop(struct cycle_meter *meter)
{
    meter->block = NULL;
}

void meter_begin(struct cycle_meter *meter, const struct block *block,
                 const struct environment *environment, uint64_t address)
{
    const struct timing_code *code = block->code;
    meter->block = code == NULL ? NULL : block;
    meter->environment = environment;
    meter->address = address;
    meter->repeat_address = 0;
    meter->executed = 0;
    meter->form = 0;
    meter->part_limit_bytes = 0;
    meter->access_count = 0;
    meter->reentered = false;
    meter->root = 0;
    if (code != NULL && code->repeats) {
        uint32_t last = code->instruction_count - 1;
        meter->repeat_address = address + code->size_bytes - code->instructions[last].size_bytes;
        meter->merges = code->forms[code->form_count - 1].is_write;
    }
}

bool meter_repeats(struct cycle_meter *meter, uint64_t address)
{
    if (meter->block == NULL || meter->repeat_address != address ||
        meter->access_count + ROUND_ACCESSES > METER_ACCESS_LIMIT) {
        return false;
    }
    meter->reentered = true;
    return true;
}

static uint64_t form_address(const struct cycle_meter *meter, const struct address_form *form)
{
    const struct environment *environment = meter->environment;
    uint64_t address = (uint64_t)form->displacement;
    if (form->base == ADDRESS_BLOCK) {
        address += meter->address;
    } else if (form->base != ADDRESS_NONE) {
        address += environment->registers[form->base];
    }
    if (form->index != ADDRESS_NONE) {
        address += environment->registers[form->index] << form->shift;
    }
    if (form->narrow) {
        address &= UINT32_MAX;
    }
    if (form->segment != ADDRESS_NONE) {
        address += environment->segments[form->segment].base;
        address = form->narrow ? address & UINT32_MAX : address;
    }
    return address;
}

/* How many instructions may go to the core at once, up to `end`. */
static uint32_t part_end(struct cycle_meter *meter, uint32_t end)
{
    return meter->window == NULL
               ? end
               : cycle_window_part(meter->window, meter->core, meter->executed, end);
}

static uint64_t hand_over(struct cycle_meter *meter, uint32_t end, uint64_t next_address)
{
    const struct timing_code *code = meter->block->code;
    struct timing_outcome outcome = {
        .accesses = meter->accesses,
        .access_count = meter->access_count,
        .branch_taken = next_address != meter->address + code->size_bytes,
        .address = meter->address,
        .machine_address = meter->block->machine_address,
        .target = next_address,
    };
    uint64_t cycles = 0;
    while (meter->executed < end) {
        outcome.first_instruction = meter->executed;
        outcome.executed_count = part_end(meter, end);
        if (meter->window != NULL) {
            cycle_window_begin(meter->window, meter);
        }
        cycles += timing_execute(meter->core, code, &outcome);
        if (meter->window != NULL) {
            cycle_window_note(meter->window, meter, outcome.executed_count);
        }
        meter->executed = outcome.executed_count;
    }
    meter->access_count = 0;
    meter->part_limit_bytes = 0;
    return cycles;
}

/* The last instruction has loaded a root, or dropped a page: its registers are still there. */
static void flush_translations(struct cycle_meter *meter)
{
    const struct timing_code *code = meter->block->code;
    const struct address_form *last = code->forms + code->form_count - 1;
    bool page = code->form_count > 0 && last->size_bytes == 0;
    if (!page && meter->root != 0) {
        (void)meter_transition(meter, TIMING_TRANSITION_ROOT, meter->root);
        return;
    }
    (void)meter_transition(meter, page ? TIMING_TRANSITION_FLUSH_PAGE : TIMING_TRANSITION_FLUSH_ALL,
                           page ? form_address(meter, last) : 0);
}

uint64_t meter_complete(struct cycle_meter *meter, uint64_t next_address)
{
    if (meter->block == NULL) {
        return 0;
    }
    const struct timing_code *code = meter->block->code;
    uint64_t cycles = hand_over(meter, code->instruction_count, next_address);
    if (code->flushes_translations) {
        flush_translations(meter);
    }
    meter->block = NULL;
    return cycles;
}

uint64_t meter_execute_until(struct cycle_meter *meter, uint64_t rip)
{
    if (meter->block == NULL) {
        return 0;
    }
    const struct timing_code *code = meter->block->code;
    uint64_t offset = rip - meter->address;
    uint32_t end =
        offset >= code->size_bytes ? code->instruction_count : timing_code_count(code, offset);
    /* A fault within the rounds of a repeated instruction: those before it did run. */
    bool began = meter->reentered && rip == meter->repeat_address;
    return hand_over(meter, began ? code->instruction_count : end, rip);
}

uint64_t meter_execute_to_last(struct cycle_meter *meter)
{
    const struct timing_code *code = meter->block->code;
    uint32_t last = code->instruction_count - 1;
    uint32_t access_count = meter->access_count;
    uint64_t cycles = hand_over(meter, last, meter->address + timing_code_offset(code, last));
    meter->access_count = access_count; /* the last one's may be among them */
    return cycles;
}

/*
 * A further part of the last access: of 16 bytes there come two, of an image as many as it has
 * fields. What begins within what is there already is an access of its own.
 */
static bool extend_part(struct cycle_meter *meter, uint64_t machine_address, uint32_t size_bytes,
                        bool is_write)
{
    if (meter->access_count == 0) {
        return false;
    }
    struct timing_access *access = &meter->accesses[meter->access_count - 1];
    uint64_t offset = machine_address - access->machine_address;
    if (offset < access->size_bytes || offset + size_bytes > meter->part_limit_bytes ||
        (access->is_write != 0) != is_write) {
        return false;
    }
    access->size_bytes = (uint32_t)offset + size_bytes;
    return true;
}

/* Successive elements of a string. */
static bool extends(const struct timing_access *access, uint64_t machine_address, bool is_write)
{
    return access->machine_address + access->size_bytes == machine_address &&
           (access->is_write != 0) == is_write;
}

static bool extend_string(struct cycle_meter *meter, uint64_t machine_address, uint32_t size_bytes,
                          bool is_write)
{
    for (uint32_t back = 1; back <= 2 && back <= meter->access_count; back++) {
        struct timing_access *access = &meter->accesses[meter->access_count - back];
        if (extends(access, machine_address, is_write) &&
            machine_address % STRING_CHUNK_BYTES != 0) {
            access->size_bytes += size_bytes;
            return true;
        }
    }
    return false;
}

/* The first form from `form` on that can be this access: the offset in the page tells. */
static uint32_t find_form(const struct cycle_meter *meter, uint32_t form, uint64_t machine_address,
                          bool is_write, uint64_t *address)
{
    const struct timing_code *code = meter->block->code;
    for (; form < code->form_count; form++) {
        *address = form_address(meter, &code->forms[form]);
        if (code->forms[form].is_write == is_write &&
            ((*address ^ machine_address) & (PAGE_SIZE_BYTES - 1)) == 0) {
            break;
        }
    }
    return form;
}

/* Where the forms of the last instruction begin. */
static uint32_t last_forms(const struct timing_code *code)
{
    uint32_t form = code->form_count;
    while (form > 0 && code->forms[form - 1].instruction == code->instruction_count - 1) {
        form--;
    }
    return form;
}

void meter_access(struct cycle_meter *meter, uint64_t machine_address, uint32_t size_bytes,
                  bool is_write)
{
    if (meter->block == NULL) {
        return;
    }
    const struct timing_code *code = meter->block->code;
    uint32_t count = meter->access_count;
    if (extend_part(meter, machine_address, size_bytes, is_write)) {
        return;
    }
    uint64_t address = 0;
    uint32_t form = find_form(meter, meter->form, machine_address, is_write, &address);
    if (form == code->form_count && meter->repeat_address != 0) {
        if (meter->merges && extend_string(meter, machine_address, size_bytes, is_write)) {
            return;
        }
        form = find_form(meter, last_forms(code), machine_address, is_write, &address);
    }
    if (form == code->form_count || count == METER_ACCESS_LIMIT) {
        meter->unplaced_accesses++;
        return;
    }
    meter->accesses[count] = (struct timing_access){
        .address = address,
        .machine_address = machine_address,
        .size_bytes = size_bytes,
        .is_write = is_write,
        .instruction = (uint16_t)(code->forms[form].instruction + 1),
    };
    meter->access_count = count + 1;
    meter->part_limit_bytes = code->forms[form].size_bytes;
    meter->form = form + 1;
}
