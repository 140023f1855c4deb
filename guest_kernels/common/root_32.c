/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns what is 32-bit about address spaces: one root serves both modes, so that every root
 * links the tables of the kernel's addresses, which all spaces share.
 */
#include "root.h"

#include "hypercall.h"
#include "memory.h"
#include "start.h"
#include "tables.h"

void root_fill(uint64_t root)
{
    uint64_t first_root = frame_from_machine(start_page->kernel_root_frame);

    slot_write(root, ROOT_SLOT_KERNEL, slot_read(first_root, ROOT_SLOT_KERNEL));
}

int64_t space_enter(uint64_t root)
{
    return hypercall_roots_set(frame_to_machine(root), 0);
}

int64_t space_leave(void)
{
    return hypercall_roots_set(start_page->kernel_root_frame, 0);
}
