/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests of 32-bit guests share: a user mode, the two ends of the 4 GiB mapped. Used
 * by the suites whose names end in 32, and by descriptors and properties.
 */
#ifndef FAKE_32_H
#define FAKE_32_H

#include "fake.h"

#define ADDRESS_END_32 0x100000000ull
#define INTERRUPT_82 (ENTRY_SOFTWARE_INTERRUPT + HYPERCALL_VECTOR)
#define INTERRUPT_80 (ENTRY_SOFTWARE_INTERRUPT + SYSTEM_CALL_VECTOR)
#define FLAT_DATA_SELECTORS                                                                        \
    ((uint64_t)SELECTOR_KERNEL_DATA_32 | (uint64_t)SELECTOR_KERNEL_DATA_32 << 16)

/* Where fake_ends_map_32 puts what lies on the last page of the 4 GiB, and on the first. */
#define OFFSET_LAST_PAGE (OFFSET_FREE + 10)
#define OFFSET_FIRST_PAGE (OFFSET_FREE + 11)

/* The value of fake_simple_of(32): partition 1, which runs, has 32 bits, partition 2 has 64. */
struct virtual_processor *fake_simple_32(void);

/* Into user mode through the iret call. */
void fake_user_mode_enter_32(struct virtual_processor *record, uint32_t eip, uint32_t esp);

/* Maps the last and the first page of the 4 GiB, writable, by calls of the guest's own. */
void fake_ends_map_32(struct virtual_processor *record);

/* A handler of one exception vector, as if it had been registered. */
void fake_handler_set(uint32_t partition, uint32_t vector, uint32_t flags, uint64_t address);

#endif
