/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns what is 64-bit about address spaces: a process's root is empty of the kernel, which
 * keeps its own and gives the process's to user mode.
 */
#include "root.h"

#include "hypercall.h"
#include "memory.h"
#include "start.h"
#include "tables.h"

void root_fill(uint64_t root)
{
    (void)root;
}

int64_t space_enter(uint64_t root)
{
    return hypercall_roots_set(start_page->kernel_root_frame, frame_to_machine(root));
}

int64_t space_leave(void)
{
    return hypercall_roots_set(start_page->kernel_root_frame, 0);
}
