/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's part behind the doorbell of the simulated monitor (entry/doorbell.h): timer,
 * other processors, console, marks. What arrives comes from our own image, and is checked all
 * the same.
 */
#include <string.h>

#include "entry/doorbell.h"
#include "machine.h"
#include "platform_host.h"
#include "simulated_build.h"

#define PANIC_TEXT_LIMIT 256u

/*
 * What a processor pays for what the bell stands for, with a cycle-level core. A deadline and a
 * kick are writes to its interrupt controller, WRMSR on a real one; a console is a device. The
 * rest is between the emulator and itself, and costs nothing. [A] all of them.
 */
static uint64_t doorbell_cycles(uint32_t number)
{
    switch (number) {
    case DOORBELL_DEADLINE_SET:
    case DOORBELL_KICK:
        return 150;
    case DOORBELL_CONSOLE_WRITE:
    case DOORBELL_CONSOLE_READ:
        return 1000;
    default:
        return 0;
    }
}

static void copy_panic_text(struct machine *machine, uint64_t machine_address)
{
    char text[PANIC_TEXT_LIMIT] = "its text is outside machine memory";
    if (machine_address < machine->memory.size_bytes - PANIC_TEXT_LIMIT) {
        memcpy(text, machine->memory.base + machine_address, sizeof text - 1);
        text[sizeof text - 1] = 0;
    }
    host_panic(machine, text);
}

/* Everything that the simulated monitor asks of the machine: see entry/doorbell.h. */
static uint64_t answer(struct engine *engine, uint32_t number, const uint64_t arguments[3])
{
    struct machine *machine = engine->machine;
    uint32_t processor = engine->processor->id;
    uint32_t subject = (uint32_t)arguments[0];
    bool is_partition = subject != 0 && subject < PARTITION_LIMIT;
    switch (number) {
    case DOORBELL_DEADLINE_SET:
        host_deadline_set(machine, processor, arguments[0]);
        return 0;
    case DOORBELL_CLOCK_REBATE:
        host_clock_rebate(machine, processor, arguments[0]);
        return 0;
    case DOORBELL_MARK:
        if (subject < VIRTUAL_PROCESSOR_LIMIT) {
            record_mark(machine, subject, arguments[1], arguments[2]);
        }
        return 0;
    case DOORBELL_PANIC:
        copy_panic_text(machine, arguments[0]);
        return 0;
    case DOORBELL_KICK:
        if (subject < machine->options.processor_count) {
            host_kick(machine, subject);
        }
        return 0;
    default:
        break;
    }
    if (!is_partition) {
        host_panic(machine, "the doorbell was rung for nobody");
    }
    switch (number) {
    case DOORBELL_TRANSLATION_FLUSH:
        host_translation_flush(machine, subject);
        return 0;
    case DOORBELL_CODE_CHANGED:
        host_code_changed(machine, subject);
        return 0;
    case DOORBELL_CONSOLE_WRITE:
        host_console_write(machine, subject, arguments[1], (uint32_t)arguments[2]);
        return 0;
    case DOORBELL_CONSOLE_READ:
        return host_console_read(machine, subject, arguments[1], (uint32_t)arguments[2]);
    default:
        host_panic(machine, "the doorbell has no such number");
    }
}

/* Guests never come here: a block with port input or output is refused before it runs. */
void simulated_on_out(uc_engine *uc, uint32_t port, int size_bytes, uint32_t value, void *user_data)
{
    struct engine *engine = user_data;
    uint64_t *registers = engine->environment->registers;
    (void)uc;
    (void)size_bytes;
    if (engine_in_monitor(engine) && port == DOORBELL_PORT) {
        const uint64_t arguments[3] = {registers[ENV_RDI], registers[ENV_RSI], registers[ENV_RBX]};
        engine_charge_transition(engine, TIMING_TRANSITION_CHARGE, doorbell_cycles(value));
        registers[ENV_RAX] = answer(engine, value, arguments);
    }
}
