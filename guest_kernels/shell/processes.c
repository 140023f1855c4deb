/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the table of processes, and the commands on them. Programs are the roles of the one user
 * program that the image carries.
 */
#include "processes.h"

#include "bytes.h"
#include "command.h"
#include "console.h"
#include "memory.h"
#include "turn.h"

#define SLOT_COUNT 4u
#define PROCESS_FRAMES 512u /* more than one can touch, tables included */

static const char *const programs[ROLE_COUNT] = {"alpha", "beta", "crash"};

static struct process table[SLOT_COUNT];
static uint8_t used[SLOT_COUNT];
static uint32_t next_slot;

static void end(uint32_t slot)
{
    struct process *process = &table[slot];

    process_destroy(process);
    used[slot] = 0;
    if (process->state == PROCESS_EXITED) {
        print("process %u: %s has exited with %u\n", (unsigned)slot + 1, process->name,
              (unsigned)process->exit_code);
    } else {
        print("process %u: %s was killed\n", (unsigned)slot + 1, process->name);
    }
}

int processes_step(void)
{
    for (uint32_t i = 0; i < SLOT_COUNT; i++) {
        uint32_t slot = (next_slot + i) % SLOT_COUNT;

        if (used[slot]) {
            next_slot = slot + 1;
            turn_give(&table[slot]);
            if (table[slot].state != PROCESS_RUNNABLE) {
                end(slot);
            }
            return 1;
        }
    }
    return 0;
}

static uint32_t running_count(void)
{
    uint32_t count = 0;

    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
        count += used[slot];
    }
    return count;
}

static int start(const struct words *words)
{
    uint32_t role = 0;
    uint32_t slot = 0;

    while (role < ROLE_COUNT && !text_equal(words->at[1], programs[role])) {
        role++;
    }
    while (slot < SLOT_COUNT && used[slot]) {
        slot++;
    }
    if (role == ROLE_COUNT) {
        return command_failed("start", words->at[1], "the programs are alpha, beta and crash");
    }
    if (slot == SLOT_COUNT) {
        return command_failed("start", words->at[1], "four processes run already");
    }
    if (frames_free_count() < PROCESS_FRAMES * (running_count() + 1)) {
        return command_failed("start", words->at[1], "there is not enough memory");
    }
    process_create(&table[slot], role, programs[role]);
    used[slot] = 1;
    print("process %u: %s\n", (unsigned)slot + 1, programs[role]);
    return 1;
}

static int list(const struct words *words)
{
    (void)words;
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
        if (used[slot]) {
            print("%u %s: %u pages, %u system calls\n", (unsigned)slot + 1, table[slot].name,
                  (unsigned)table[slot].page_count, (unsigned)table[slot].call_count);
        }
    }
    return 1;
}

static int kill(const struct words *words)
{
    uint64_t number;

    if (!command_number(words, 1, &number)) {
        return 0;
    }
    if (number == 0 || number > SLOT_COUNT || !used[number - 1]) {
        return command_failed("kill", words->at[1], "there is no such process");
    }
    table[number - 1].state = PROCESS_KILLED;
    end((uint32_t)number - 1);
    return 1;
}

static int wait(const struct words *words)
{
    (void)words;
    while (processes_step()) {
    }
    return 1;
}

const struct command process_commands[] = {
    {"start", "PROGRAM", "Starts alpha, beta or crash in user mode.", 1, 1, 0, start},
    {"ps", "", "Lists the processes that run.", 0, 0, 0, list},
    {"kill", "NUMBER", "Ends a process.", 1, 1, 0, kill},
    {"wait", "", "Waits until all processes have ended.", 0, 0, 0, wait},
    {0, 0, 0, 0, 0, 0, 0},
};
