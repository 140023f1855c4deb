/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way back out of a handler, and the registration of handlers. Called by the
 * dispatcher. What a frame says is checked: a guest can write anything there.
 */
#include "guest_memory.h"
#include "hypercall.h"
#include "partition.h"
#include "trap_frame.h"

#define TRAP_FLAGS_ALLOWED (TRAP_MASK_EVENTS | TRAP_USER_ALLOWED)

static void return_refuse(struct virtual_processor *caller, uint64_t address)
{
    struct stop_record *stop =
        partition_stop(partition_of(caller), STOP_bad_return, caller->processor);

    stop->rip = caller->registers.rip;
    stop->address = address;
}

static bool return_is_good(const struct virtual_processor *caller, const struct trap_frame *frame)
{
    return record_is_32(caller) ||
           (address_is_guest(frame->rip) && address_is_canonical(frame->rsp) &&
            ((frame->state & FRAME_STATE_USER) == 0 || caller->user_root_frame != 0));
}

/* What the dispatcher writes into the result's registers: what they hold already. */
static int64_t return_result(const struct virtual_processor *caller)
{
    const struct registers *registers = &caller->registers;

    return record_is_32(caller) ? (int64_t)((uint32_t)registers->rax | registers->rdx << 32)
                                : (int64_t)registers->rax;
}

int64_t hc_iret(struct virtual_processor *caller)
{
    struct registers *registers = &caller->registers;
    struct trap_frame frame;
    uint64_t rdx;

    if (!trap_frame_read(caller, &frame, &rdx)) {
        return_refuse(caller, registers->rsp);
        return return_result(caller);
    }
    if (!return_is_good(caller, &frame)) {
        return_refuse(caller, frame.rip);
        return return_result(caller);
    }
    registers->rax = frame.rax;
    registers->rcx = frame.rcx;
    registers->rdx = rdx;
    registers->r11 = frame.r11;
    registers->rip = frame.rip;
    registers->rsp = frame.rsp;
    registers->rflags = frame.rflags;
    shared_page_of(caller)->events_masked = (frame.state & FRAME_STATE_EVENTS_MASKED) != 0;
    if ((frame.state & FRAME_STATE_USER) != 0) {
        trap_mode_save(caller);
        trap_mode_set(caller, 1);
        trap_mode_load(caller);
    }
    trap_sanitise(caller);
    return return_result(caller);
}

static bool handler_is_good(const struct virtual_processor *caller,
                            const struct trap_handler *handler)
{
    return handler->vector < TRAP_VECTOR_LIMIT &&
           (handler->flags & ~(uint32_t)TRAP_FLAGS_ALLOWED) == 0 &&
           (handler->address == 0 || address_is_own(caller, handler->address));
}

int64_t hc_trap_handlers_set(struct virtual_processor *caller)
{
    struct trap_handler handlers[TRAP_VECTOR_LIMIT];
    uint64_t count = argument(caller, 1);

    if (count > TRAP_VECTOR_LIMIT) {
        return -ERROR_limit;
    }
    if (guest_memory_peek(caller, argument(caller, 0), handlers, count * sizeof(handlers[0])) !=
        ERROR_none) {
        return -ERROR_fault;
    }
    for (uint64_t index = 0; index < count; index++) {
        if (!handler_is_good(caller, &handlers[index])) {
            return -ERROR_invalid_argument;
        }
    }
    guest_memory_touch(caller, argument(caller, 0), count * sizeof(handlers[0]));
    for (uint64_t index = 0; index < count; index++) {
        partition_of(caller)->trap_handlers[handlers[index].vector] = handlers[index];
    }
    return 0;
}

int64_t hc_callback_set(struct virtual_processor *caller)
{
    uint64_t callback = argument(caller, 0);
    uint64_t address = argument(caller, 1);

    if (callback >= CALLBACK_COUNT || (address != 0 && !address_is_own(caller, address))) {
        return -ERROR_invalid_argument;
    }
    caller->callbacks[callback] = address;
    return 0;
}

int64_t hc_kernel_stack_set(struct virtual_processor *caller)
{
    uint64_t top = argument(caller, 0);

    if (!address_is_own(caller, top)) {
        return -ERROR_invalid_argument;
    }
    caller->kernel_stack_top = top;
    return 0;
}
