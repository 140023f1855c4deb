/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What comes from outside while a machine runs: console input and frames, stamped with the clock
 * at which guests may see them, so that a replay feeds the same bytes at the same cycle.
 */
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "platform_host.h"

#define PENDING_INPUT_LIMIT_BYTES (1u << 20)

int input_add(struct machine *machine, const struct input *template, const uint8_t *data)
{
    struct input *input = malloc(sizeof *input);
    uint8_t *copy = malloc(template->size_bytes + 1u);
    if (input == NULL || copy == NULL) {
        free(input);
        free(copy);
        return machine_fail(machine, NATIVE_NO_MEMORY, "no host memory for input");
    }
    memcpy(copy, data, template->size_bytes);
    *input = *template;
    input->data = copy;
    struct input **place = &machine->inputs;
    while (*place != NULL && (*place)->at_cycles <= input->at_cycles) {
        place = &(*place)->next;
    }
    input->next = *place;
    *place = input;
    return NATIVE_OK;
}

int machine_input(struct machine *machine, uint32_t partition, uint64_t at_cycles,
                  const uint8_t *data, uint32_t size_bytes)
{
    if (partition == 0 || partition > machine->partition_count ||
        size_bytes > PENDING_INPUT_LIMIT_BYTES) {
        return machine_fail(machine, NATIVE_INVALID,
                            "no such partition, or too much input at once");
    }
    const struct input typed = {
        .at_cycles = at_cycles,
        .partition = partition,
        .size_bytes = size_bytes,
    };
    return input_add(machine, &typed, data);
}

struct console *console_of(struct machine *machine, uint32_t partition)
{
    struct console *console = &machine->consoles[partition];
    uint32_t incarnation = machine->monitor->partitions[partition].incarnation;
    if (console->incarnation != incarnation) {
        console->incarnation = incarnation;
        console->input_size_bytes = 0;
    }
    return console;
}

/* Appends to what the guest has not read; the excess of a guest that never reads is dropped. */
static void append(struct console *console, const struct input *input)
{
    if (console->input_size_bytes + input->size_bytes > PENDING_INPUT_LIMIT_BYTES) {
        return;
    }
    uint8_t *bytes = realloc(console->input, console->input_size_bytes + input->size_bytes + 1u);
    if (bytes != NULL) {
        memcpy(bytes + console->input_size_bytes, input->data, input->size_bytes);
        console->input = bytes;
        console->input_size_bytes += input->size_bytes;
    }
}

/* The event of the partition's first virtual processor: its monitor looks when it is kicked. */
static void raise_event(struct machine *machine, uint32_t partition)
{
    const struct partition *target = &machine->monitor->partitions[partition];
    const struct virtual_processor *record =
        &machine->monitor->virtual_processors[target->first_virtual_processor];
    if (target->state != PARTITION_RUNNING && target->state != PARTITION_PAUSED) {
        return;
    }
    struct shared_page *shared =
        (struct shared_page *)(void *)(machine->memory.base +
                                       record->shared_frame * PAGE_SIZE_BYTES);
    shared->events_pending |= 1ull << PORT_CONSOLE;
    host_kick(machine, record->processor);
}

void input_deliver(struct machine *machine, uint64_t clock_cycles)
{
    while (machine->inputs != NULL && machine->inputs->at_cycles <= clock_cycles) {
        struct input *input = machine->inputs;
        if (input->medium != 0) {
            outside_deliver(machine, input);
        } else {
            append(console_of(machine, input->partition), input);
            raise_event(machine, input->partition);
        }
        machine->inputs = input->next;
        free(input->data);
        free(input);
    }
}
