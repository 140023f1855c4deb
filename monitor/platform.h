/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The few operations that the monitor asks of a processor. Implemented twice:
 * native/engine/platform (called from the engine's hooks) and monitor/entry
 * (executed by the emulated processor). Which one is chosen by include path:
 * <platform_inline.h> holds the leaf operations as static inline, so that the
 * simulated build contains no calls that a real monitor would not have.
 *
 * <platform_inline.h> defines:
 *   void *machine_pointer(uint64_t machine_address)
 *       Only for addresses below frame_count * PAGE_SIZE_BYTES; never kept.
 *   void platform_lock(uint32_t *lock), void platform_unlock(uint32_t *lock)
 *   uint64_t platform_time(uint32_t processor)
 *       The clock by which slots and timers of that (the calling) processor run.
 *   uint64_t platform_exchange(uint64_t *word, uint64_t value)
 *   void platform_or(uint64_t *word, uint64_t bits)      atomic, shared with guests
 *   void platform_bases_save(struct virtual_processor *current)
 *   void platform_bases_load(const struct virtual_processor *current)
 *       fs_base and gs_base of the running record: fetched before they are read, put in
 *       force after they were changed. The switch path does the same for itself.
 *   void platform_selectors_save(struct virtual_processor *current)
 *   void platform_selectors_load(struct virtual_processor *current)
 *       The same for its data selectors; loading takes bases from its descriptors.
 */
#ifndef PLATFORM_H
#define PLATFORM_H

#include "core/monitor.h"

#include <platform_inline.h>

/* The next ENTRY_TIMER of the calling processor; TIME_NEVER: none. */
void platform_deadline_set(uint32_t processor, uint64_t deadline_cycles);

/* The calling processor's clock goes back: an overshoot is its owner's debt, not others'. */
void platform_clock_rebate(uint32_t processor, uint64_t cycles);

/* Another processor enters the monitor with ENTRY_KICK at its next chance. */
void platform_kick(uint32_t processor);

/* The active root of the running record changed (roots or mode): load it, drop its translations. */
void platform_root_load(struct virtual_processor *current);

/* Drops translations of a partition on every processor: of one page, or TRANSLATION_ALL. */
void platform_translation_flush(uint32_t partition, uint64_t address);

/* A frame with FRAME_FLAG_STALE became executable here: drop the partition's translated code. */
void platform_code_changed(uint32_t partition, uint64_t frame);

/* A fresh FPU and SSE state, and the record's data selectors, while it is not running. */
void platform_context_reset(struct virtual_processor *record);

/* Console bytes lie at a machine address within one frame. */
void platform_console_write(uint32_t partition, uint64_t machine_address, uint32_t size_bytes);
/* Copies at most size_bytes of pending input there; returns how many. */
uint32_t platform_console_read(uint32_t partition, uint64_t machine_address, uint32_t size_bytes);

void platform_mark(uint32_t virtual_processor, uint64_t id, uint64_t value);

/* We are wrong: stop the host; `where` is a constant string. */
_Noreturn void platform_panic(const char *where);

#define MONITOR_ASSERT(condition)                                                                  \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            platform_panic(#condition);                                                            \
        }                                                                                          \
    } while (0)

#endif
