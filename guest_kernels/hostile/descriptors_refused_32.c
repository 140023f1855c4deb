/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors that would be code, 64-bit code, gates, task states, local tables, of the
 * monitor's ring, or not there.
 */
#include "shared/hostile.h"
#include "shared/frame.h"
#include "segment_32.h"

HOSTILE("Only a data segment of ring 1 or 3 becomes a descriptor of the guest's own.");

static const uint64_t descriptors[] = {
    0x00cf9b000000ffff, /* code of ring 0 */
    0x00cfbb000000ffff, /* code of ring 1 */
    0x00cffb000000ffff, /* code of ring 3 */
    0x00affb000000ffff, /* 64-bit code */
    0x00aff3000000ffff, /* 64-bit data, which means nothing yet */
    0x00cf93000000ffff, /* data of ring 0 */
    0x00cfd3000000ffff, /* data of ring 2 */
    0x00cf73000000ffff, /* data that is not present */
    0x0000ec0000080000, /* a call gate */
    0x0000e50000400000, /* a task gate */
    0x0000ee0000080000, /* an interrupt gate */
    0x0000ef0000080000, /* a trap gate */
    0x0000e20000000fff, /* a local table */
    0x0000e90000000067, /* a task state */
    0x0000eb0000000067, /* a busy one */
    0xffffffffffffffff, 1,
};

void scenario_main(const struct start_page *start)
{
    (void)start;
    for (uint32_t i = 0; i < sizeof(descriptors) / sizeof(descriptors[0]); i++) {
        EXPECT_CALL(hypercall_descriptor_set(2, descriptors[i]), invalid_argument);
    }
    EXPECT_CALL(hypercall_descriptor_set(DESCRIPTOR_LIMIT, 0), limit);
    EXPECT_CALL(hypercall_descriptor_set(UINT32_MAX, 0), limit);
    EXPECT_CALL(hypercall_descriptor_set(2, data_descriptor(0, RING_KERNEL)), none);
    EXPECT_CALL(hypercall_descriptor_set(2, 0), none);
}
