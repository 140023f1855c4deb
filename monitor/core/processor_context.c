/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers with which a virtual processor begins: what a guest writes down of
 * them, in the layout of its width, and what it may not say. Called by processor.c and
 * start_partition.c.
 */
#include "processor_context.h"

#include "descriptors.h"
#include "guest_memory.h"

static uint64_t selectors_of(uint32_t ds, uint32_t es, uint32_t fs, uint32_t gs)
{
    return ds | (uint64_t)es << 16 | (uint64_t)fs << 32 | (uint64_t)gs << 48;
}

struct processor_start processor_start_first(uint32_t width, uint64_t entry, uint64_t stack_top,
                                             uint64_t argument)
{
    struct processor_start start = {
        .registers = {.rip = entry, .rsp = stack_top, .rflags = RFLAGS_FIXED},
    };

    if (width == 32) {
        start.registers.rbx = argument;
        start.selectors = selectors_of(SELECTOR_KERNEL_DATA_32, SELECTOR_KERNEL_DATA_32, 0, 0);
    } else {
        start.registers.rdi = argument;
    }
    return start;
}

static enum error context_peek_64(const struct virtual_processor *caller, uint64_t address,
                                  struct processor_start *start)
{
    struct processor_context context;

    if (guest_memory_peek(caller, address, &context, sizeof(context)) != ERROR_none) {
        return ERROR_fault;
    }
    if (!address_is_guest(context.rip) || !address_is_guest(context.rsp)) {
        return ERROR_invalid_argument;
    }
    *start = processor_start_first(64, context.rip, context.rsp, context.rdi);
    start->kernel_root_frame = context.kernel_root_frame;
    return ERROR_none;
}

static bool context_is_good_32(const struct processor_context_32 *context)
{
    return context->cs == SELECTOR_KERNEL_CODE_32 && context->ss == SELECTOR_KERNEL_DATA_32 &&
           descriptor_selector_is_fresh(context->ds) && descriptor_selector_is_fresh(context->es) &&
           descriptor_selector_is_fresh(context->fs) && descriptor_selector_is_fresh(context->gs);
}

static enum error context_peek_32(const struct virtual_processor *caller, uint64_t address,
                                  struct processor_start *start)
{
    struct processor_context_32 context;

    if (guest_memory_peek(caller, address, &context, sizeof(context)) != ERROR_none) {
        return ERROR_fault;
    }
    if (!context_is_good_32(&context)) {
        return ERROR_invalid_argument;
    }
    *start = (struct processor_start){
        .registers =
            {
                .rax = context.eax,
                .rcx = context.ecx,
                .rdx = context.edx,
                .rbx = context.ebx,
                .rsp = context.esp,
                .rbp = context.ebp,
                .rsi = context.esi,
                .rdi = context.edi,
                .rip = context.eip,
                .rflags = (context.eflags & RFLAGS_GUEST) | RFLAGS_FIXED,
            },
        .selectors = selectors_of(context.ds, context.es, context.fs, context.gs),
        .kernel_root_frame = context.kernel_root_frame,
    };
    return ERROR_none;
}

enum error processor_context_peek(const struct virtual_processor *caller, uint64_t address,
                                  struct processor_start *start)
{
    return record_is_32(caller) ? context_peek_32(caller, address, start)
                                : context_peek_64(caller, address, start);
}

uint64_t processor_context_size_bytes(const struct virtual_processor *caller)
{
    return record_is_32(caller) ? sizeof(struct processor_context_32)
                                : sizeof(struct processor_context);
}
