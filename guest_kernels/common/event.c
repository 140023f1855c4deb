/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the functions of the ports and the guest's side of the shared page.
 */
#include "event.h"

#include "check.h"
#include "hypercall.h"
#include "processor.h"
#include "trap.h"

static event_function *functions[EVENT_PORT_LIMIT];

void event_function_set(uint32_t port, event_function *function)
{
    CHECK(port < EVENT_PORT_LIMIT);
    functions[port] = function;
}

void events_start(void)
{
    trap_function_set(VECTOR_EVENT, events_deliver);
}

void events_mask(void)
{
    __atomic_store_n(&processor_current()->shared->events_masked, 1u, __ATOMIC_SEQ_CST);
}

void events_unmask(void)
{
    struct shared_page *shared = processor_current()->shared;

    __atomic_store_n(&shared->events_masked, 0u, __ATOMIC_SEQ_CST);
    if (*(volatile uint64_t *)&shared->events_pending != 0) {
        CALL(hypercall_event_poll());
    }
}

/* Takes what is pending of 32 ports, in one atomic step: the monitor sets bits at any moment. */
static void events_take_half(uint32_t *pending, uint32_t disabled, uint32_t first_port)
{
    uint32_t taken = __atomic_fetch_and(pending, disabled, __ATOMIC_SEQ_CST) & ~disabled;

    while (taken != 0) {
        uint32_t port = first_port + (uint32_t)__builtin_ctz(taken);

        taken &= taken - 1;
        if (functions[port] != 0) {
            functions[port](port);
        }
    }
}

/* In halves, because kernels of 32 bits have no locked instruction for all of it. */
static void events_take(void)
{
    struct shared_page *shared = processor_current()->shared;
    uint32_t *pending = (uint32_t *)(void *)&shared->events_pending;
    uint64_t disabled = shared->events_disabled;

    events_take_half(&pending[0], (uint32_t)disabled, 0);
    events_take_half(&pending[1], (uint32_t)(disabled >> 32), EVENT_PORT_LIMIT / 2);
}

void events_wait(void)
{
    CALL(hypercall_block());
    events_mask();
    events_take();
}

struct trap_state *events_deliver(struct trap_state *state)
{
    events_take();
    return state;
}
