/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirty-page tracking: machine memory is made read-only for the host, and the first write
 * to a run of frames, by translated guest code or by us, arrives as SIGSEGV, is recorded
 * and let through. It costs nothing where nothing is written, needs no change of guest
 * state (page-table dirty bits belong to the guest), and sees every writer alike. Writes
 * by the kernel on our behalf are not seen: nothing here reads a file into machine memory.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "abi.h"
#include "core/machine_map.h"
#include "machine_memory.h"
#include "native.h"

/* Frames recorded at a time: bounds how often the kernel must split a mapping (64 Ki limit). */
#define GRAIN_FRAMES 4u
#define GRAIN_SIZE_BYTES (GRAIN_FRAMES * PAGE_SIZE_BYTES)

/* Read by the signal handler, written with the lock held and the slot last. */
static struct machine_memory *tracked[TRACKED_LIMIT];
static pthread_mutex_t tracked_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous_action;

static bool record_write(struct machine_memory *memory, const uint8_t *address)
{
    if (address < memory->base || address >= memory->base + memory->size_bytes) {
        return false;
    }
    uint64_t offset = (uint64_t)(address - memory->base) / GRAIN_SIZE_BYTES * GRAIN_SIZE_BYTES;
    if (offset >= VIEW_REGION_ADDRESS && offset < VIEW_REGION_ADDRESS + VIEW_REGION_SIZE_BYTES) {
        return false; /* nobody may write there: a real fault */
    }
    uint64_t frame = offset / PAGE_SIZE_BYTES;
    memory->dirty[frame / 8] |= (uint8_t)(((1u << GRAIN_FRAMES) - 1) << (frame % 8));
    return mprotect(memory->base + offset, GRAIN_SIZE_BYTES, PROT_READ | PROT_WRITE) == 0;
}

static void on_fault(int number, siginfo_t *information, void *context)
{
    for (unsigned index = 0; index < TRACKED_LIMIT; index++) {
        struct machine_memory *memory = __atomic_load_n(&tracked[index], __ATOMIC_ACQUIRE);
        if (memory != NULL && record_write(memory, information->si_addr)) {
            return;
        }
    }
    if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
        previous_action.sa_sigaction(number, information, context);
    } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
        previous_action.sa_handler(number);
    } else {
        (void)signal(SIGSEGV, SIG_DFL); /* the instruction faults again, fatally */
    }
}

/* Again at every arming: a fault handler that somebody installed since becomes the previous one. */
static void install_handler(void)
{
    struct sigaction action;
    struct sigaction present;
    (void)sigaction(SIGSEGV, NULL, &present);
    if ((present.sa_flags & SA_SIGINFO) != 0 && present.sa_sigaction == on_fault) {
        return;
    }
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    previous_action = present;
    (void)sigaction(SIGSEGV, &action, NULL);
}

static int protect_all(struct machine_memory *memory, int protection)
{
    uint64_t after_view = VIEW_REGION_ADDRESS + VIEW_REGION_SIZE_BYTES;
    if (mprotect(memory->base, VIEW_REGION_ADDRESS, protection) != 0 ||
        mprotect(memory->base + after_view, memory->size_bytes - after_view, protection) != 0) {
        return NATIVE_NO_MEMORY;
    }
    return NATIVE_OK;
}

static int register_memory(struct machine_memory *memory)
{
    int result = NATIVE_LIMIT;
    (void)pthread_mutex_lock(&tracked_lock);
    install_handler();
    for (unsigned index = 0; index < TRACKED_LIMIT && result != NATIVE_OK; index++) {
        if (tracked[index] == NULL || tracked[index] == memory) {
            __atomic_store_n(&tracked[index], memory, __ATOMIC_RELEASE);
            result = NATIVE_OK;
        }
    }
    (void)pthread_mutex_unlock(&tracked_lock);
    return result;
}

int memory_track(struct machine_memory *memory)
{
    uint64_t bitmap_size_bytes = memory->size_bytes / PAGE_SIZE_BYTES / 8;
    if (memory->dirty == NULL) {
        memory->dirty = calloc(1, bitmap_size_bytes);
        if (memory->dirty == NULL) {
            return NATIVE_NO_MEMORY;
        }
    } else {
        memset(memory->dirty, 0, bitmap_size_bytes);
    }
    int result = register_memory(memory);
    return result == NATIVE_OK ? protect_all(memory, PROT_READ) : result;
}

void memory_untrack(struct machine_memory *memory)
{
    if (memory->dirty == NULL) {
        return;
    }
    (void)protect_all(memory, PROT_READ | PROT_WRITE);
    (void)pthread_mutex_lock(&tracked_lock);
    for (unsigned index = 0; index < TRACKED_LIMIT; index++) {
        if (tracked[index] == memory) {
            __atomic_store_n(&tracked[index], NULL, __ATOMIC_RELEASE);
        }
    }
    (void)pthread_mutex_unlock(&tracked_lock);
    free(memory->dirty);
    memory->dirty = NULL;
}
