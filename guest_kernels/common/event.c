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
    if (__atomic_load_n(&shared->events_pending, __ATOMIC_SEQ_CST) != 0) {
        CALL(hypercall_event_poll());
    }
}

/* Takes what is pending, in one atomic step: the monitor sets bits at any moment. */
static void events_take(void)
{
    struct shared_page *shared = processor_current()->shared;
    uint64_t disabled = shared->events_disabled;
    uint64_t taken = __atomic_fetch_and(&shared->events_pending, disabled, __ATOMIC_SEQ_CST);

    taken &= ~disabled;
    while (taken != 0) {
        uint32_t port = (uint32_t)__builtin_ctzll(taken);

        taken &= taken - 1;
        if (functions[port] != 0) {
            functions[port](port);
        }
    }
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
