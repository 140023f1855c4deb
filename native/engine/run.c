/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The run loop over a machine's processors: one thread, fixed order, rounds. How one processor
 * runs is the build's. Pauses are invisible to guests; rounds are too, but for guests on
 * several processors, which can tell the interleave.
 */
#include <string.h>

#include "engine_failure.h"
#include "machine.h"
#include "platform_host.h"

static bool all_idle(const struct machine *machine)
{
    if (machine_next_arrival(machine) != TIME_NEVER) {
        return false;
    }
    for (uint32_t id = 0; id < machine->options.processor_count; id++) {
        const struct physical_processor *processor = &machine->processors[id];
        if (processor->deadline != TIME_NEVER || !machine_build(machine)->is_idle(processor)) {
            return false;
        }
    }
    return true;
}

/*
 * Where the coming round ends. With several processors rounds are multiples of the interleave,
 * whatever is asked from outside, since guests on different processors could tell; one
 * processor alone runs as far as it may.
 */
static uint64_t round_end(const struct machine *machine, uint64_t until_cycles)
{
    if (machine->options.processor_count > 1) {
        return machine->round_start + machine->options.interleave_cycles;
    }
    uint64_t arrival = machine_next_arrival(machine);
    return arrival < until_cycles ? arrival : until_cycles;
}

/*
 * Nobody can run before the earliest deadline, input or device: the rounds until then are empty.
 * One that ends at the very deadline is not: its interrupt is taken in it. One that ends where an
 * input, a device or the caller is due is the last: what begins there comes after them, wherever a
 * pause may lie.
 */
static void skip_idle_rounds(struct machine *machine, uint64_t until_cycles)
{
    uint64_t next = until_cycles - 1;
    if (machine_next_arrival(machine) - 1 < next) {
        next = machine_next_arrival(machine) - 1;
    }
    for (uint32_t id = 0; id < machine->options.processor_count; id++) {
        const struct physical_processor *processor = &machine->processors[id];
        if (!machine_build(machine)->is_idle(processor)) {
            return;
        }
        if (processor->deadline != 0 && processor->deadline - 1 < next) {
            next = processor->deadline - 1;
        }
    }
    if (machine->turn == 0 && next > machine->round_start) {
        uint64_t interleave = machine->options.interleave_cycles;
        machine->round_start += (next - machine->round_start) / interleave * interleave;
    }
}

/*
 * The round that has begun: every processor runs to its end, in order. A program's turn leaves
 * it in the middle, to be gone on with where it was.
 */
static int run_round(struct machine *machine)
{
    for (; machine->turn < machine->options.processor_count; machine->turn++) {
        struct physical_processor *processor = &machine->processors[machine->turn];
        processor->horizon = machine->round_end;
        int result = machine_build(machine)->run_processor(processor);
        if (result != NATIVE_OK || machine->hosted.partition != 0) {
            return result;
        }
    }
    machine->turn = 0;
    /* A processor alone may have come to rest before; several end all rounds together. */
    uint64_t horizon = machine->processors[0].horizon;
    machine->round_start = horizon < machine->round_end ? horizon : machine->round_end;
    machine->in_round = false;
    return NATIVE_OK;
}

/* EXIT_NONE: a round has begun. */
static uint32_t begin_round(struct machine *machine, uint64_t until_cycles)
{
    if (machine->round_start >= until_cycles) {
        return EXIT_PAUSED;
    }
    input_deliver(machine, machine->round_start);
    devices_act(machine);
    if (all_idle(machine)) {
        return EXIT_IDLE;
    }
    skip_idle_rounds(machine, until_cycles);
    machine->round_end = round_end(machine, until_cycles);
    machine->in_round = true;
    return EXIT_NONE;
}

static uint32_t run_until(struct machine *machine, uint64_t until_cycles)
{
    while (machine_lives(machine)) {
        uint32_t reason = machine->in_round ? EXIT_NONE : begin_round(machine, until_cycles);
        if (reason != EXIT_NONE) {
            return reason;
        }
        if (run_round(machine) != NATIVE_OK) {
            machine->failed = true;
            machine->failure = EXIT_ENGINE_FAILURE;
            return EXIT_ENGINE_FAILURE;
        }
        if (machine->hosted.partition != 0) {
            /* One processor alone has its rounds where anybody likes: the next call says. */
            machine->in_round = machine->options.processor_count > 1;
            return EXIT_HOSTED;
        }
    }
    return EXIT_HALTED;
}

/* A hosted partition has one virtual processor. */
static void tell_turn(const struct machine *machine, struct machine_exit *exit)
{
    const struct hosted_turn *turn = &machine->hosted;
    if (exit->reason == EXIT_HOSTED) {
        exit->processor = turn->engine->processor->id;
        exit->partition = turn->partition;
        exit->time_cycles = turn->time_cycles;
        exit->page_address = turn->page_address;
    }
}

int machine_run(struct machine *machine, uint64_t until_cycles, struct machine_exit *exit)
{
    memset(exit, 0, sizeof *exit);
    if (!machine->booted) {
        return machine_fail(machine, NATIVE_STATE, "the machine has not been booted");
    }
    if (machine->hosted.partition != 0) {
        return machine_fail(machine, NATIVE_STATE, "the program of partition %u has its turn",
                            machine->hosted.partition);
    }
    platform_enter(machine);
    if (machine->failed || setjmp(machine->panic) != 0) {
        engine_failure_disarm();
        exit->reason = machine->failure;
    } else if (machine_build(machine)->follow_records(machine) != NATIVE_OK) {
        exit->reason = EXIT_ENGINE_FAILURE;
    } else {
        exit->reason = run_until(machine, until_cycles);
    }
    tell_turn(machine, exit);
    exit->clock_cycles = machine->processors[0].clock;
    return NATIVE_OK;
}
