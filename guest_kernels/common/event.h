/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events of the calling virtual processor: a function a port, the mask that stands
 * for the interrupt flag, and waiting without losing a wake-up.
 */
#ifndef EVENT_H
#define EVENT_H

#include <width.h>

typedef void event_function(uint32_t port);

/* For all virtual processors; it runs on the one that got the event, events masked. */
void event_function_set(uint32_t port, event_function *function);

/* Each virtual processor calls it once; events stay masked until events_unmask. */
void events_start(void);

void events_mask(void);
void events_unmask(void);

/*
 * Waits until at least one event has been handled. Called with events masked, so that
 * nothing slips in between looking at a condition and waiting; masked on return.
 */
void events_wait(void);

/* Runs the functions of all pending ports; the trap function of VECTOR_EVENT. */
struct trap_state *events_deliver(struct trap_state *state);

#endif
