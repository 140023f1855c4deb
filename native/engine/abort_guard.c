/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Some instructions that no processor has make the engine abort while it translates them. The C
 * library lets a handler of that signal leave by a jump; what the engine keeps of a translation
 * begins anew with the next one, and so does all else but its count of runs within runs, which is
 * set back here. Called by engine.c and calibration.c. Does not know what to do about it.
 */
#define _GNU_SOURCE
#include "abort_guard.h"

#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRATCH_ADDRESS 0x1000u
#define SCRATCH_SIZE_BYTES 0x1000u
#define INNER_ADDRESS (SCRATCH_ADDRESS + 0x100u)
#define LEVEL_COUNT 3u /* at rest, in a run, in a run within it */

/* Where the engine counts runs within runs, in its own structure; 0: not found. */
static size_t nesting_offset;

static struct sigaction other_action;
static _Thread_local sigjmp_buf *run_place;

struct nesting {
    size_t size_bytes;
    uint8_t *levels[LEVEL_COUNT];
    unsigned level;
};

static void on_block(uc_engine *engine, uint64_t address, uint32_t size_bytes, void *user_data)
{
    struct nesting *nesting = user_data;
    (void)address;
    (void)size_bytes;
    nesting->level++;
    if (nesting->level < LEVEL_COUNT) {
        memcpy(nesting->levels[nesting->level], engine, nesting->size_bytes);
    }
    if (nesting->level == 1) {
        (void)uc_emu_start(engine, INNER_ADDRESS, INNER_ADDRESS + 1, 0, 0);
    }
}

static uint32_t word_at(const uint8_t *bytes, size_t offset)
{
    uint32_t word;
    memcpy(&word, bytes + offset, sizeof word);
    return word;
}

/* The one word that said how deep it was, each time; 0 when there is not exactly one. */
static size_t nesting_search(const struct nesting *nesting, const uint8_t *after)
{
    size_t found = 0;
    for (size_t offset = 0; offset + sizeof(uint32_t) <= nesting->size_bytes;
         offset += sizeof(uint32_t)) {
        bool counts = word_at(after, offset) == 0;
        for (uint32_t level = 0; level < LEVEL_COUNT; level++) {
            counts = counts && word_at(nesting->levels[level], offset) == level;
        }
        if (counts && found != 0) {
            return 0;
        }
        found = counts ? offset : found;
    }
    return found;
}

static size_t nesting_find(uc_engine *engine)
{
    static const uint8_t code[] = {0x90, 0x90};
    struct nesting nesting = {.size_bytes = malloc_usable_size(engine)};
    uc_hook hook;
    size_t found = 0;
    uint8_t *copies = calloc(LEVEL_COUNT, nesting.size_bytes);
    if (copies == NULL) {
        return 0;
    }
    for (unsigned level = 0; level < LEVEL_COUNT; level++) {
        nesting.levels[level] = copies + level * nesting.size_bytes;
    }
    if (uc_mem_map(engine, SCRATCH_ADDRESS, SCRATCH_SIZE_BYTES, UC_PROT_ALL) == UC_ERR_OK &&
        uc_mem_write(engine, SCRATCH_ADDRESS, code, sizeof code) == UC_ERR_OK &&
        uc_mem_write(engine, INNER_ADDRESS, code, sizeof code) == UC_ERR_OK &&
        uc_hook_add(engine, &hook, UC_HOOK_BLOCK, (void *)on_block, &nesting, 1, 0) == UC_ERR_OK) {
        memcpy(nesting.levels[0], engine, nesting.size_bytes);
        (void)uc_emu_start(engine, SCRATCH_ADDRESS, SCRATCH_ADDRESS + 1, 0, 0);
        found = nesting.level == LEVEL_COUNT - 1 ? nesting_search(&nesting, (void *)engine) : 0;
    }
    free(copies);
    return found;
}

bool abort_guard_calibrate(void)
{
    uc_engine *engine;
    if (uc_open(UC_ARCH_X86, UC_MODE_64, &engine) != UC_ERR_OK) {
        return false;
    }
    nesting_offset = nesting_find(engine);
    (void)uc_close(engine);
    return nesting_offset != 0;
}

/* A signal from outside is no abort of ours. */
static bool is_own_abort(const siginfo_t *information)
{
    return information->si_code == SI_TKILL && information->si_pid == getpid();
}

static void on_abort(int number, siginfo_t *information, void *context)
{
    if (run_place != NULL && is_own_abort(information)) {
        siglongjmp(*run_place, 1);
    }
    if ((other_action.sa_flags & SA_SIGINFO) != 0) {
        other_action.sa_sigaction(number, information, context);
    } else if (other_action.sa_handler != SIG_DFL && other_action.sa_handler != SIG_IGN) {
        other_action.sa_handler(number);
    } else if (other_action.sa_handler == SIG_DFL) {
        (void)signal(number, SIG_DFL);
        (void)raise(number);
    }
}

void abort_guard_install(void)
{
    struct sigaction action = {.sa_sigaction = on_abort, .sa_flags = SA_SIGINFO | SA_NODEFER};
    struct sigaction present;
    (void)sigaction(SIGABRT, NULL, &present);
    if ((present.sa_flags & SA_SIGINFO) != 0 && present.sa_sigaction == on_abort) {
        return;
    }
    other_action = present;
    (void)sigaction(SIGABRT, &action, NULL);
}

void abort_guard_leave(void)
{
    run_place = NULL;
}

bool abort_guard_run(uc_engine *engine, uint64_t rip, uc_err *error)
{
    static const uint32_t at_rest;
    sigjmp_buf place;
    if (sigsetjmp(place, 0) != 0) {
        run_place = NULL;
        memcpy((uint8_t *)engine + nesting_offset, &at_rest, sizeof at_rest);
        return false;
    }
    run_place = &place;
    *error = uc_emu_start(engine, rip, 0, 0, 0);
    run_place = NULL;
    return true;
}
