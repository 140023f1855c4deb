/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A window of a processor's run, instruction by instruction: what a picture of the pipeline is
 * made of. Called by cycle_meter.c, and read through native.h.
 */
#ifndef CYCLE_WINDOW_H
#define CYCLE_WINDOW_H

#include "cycle_meter.h"

/* NULL: no memory. `memory` is where code is read. */
struct cycle_window *cycle_window_new(const struct machine_memory *memory,
                                      uint64_t first_instruction, uint32_t instruction_count);
void cycle_window_close(struct cycle_window *window);
/*
 * Before instructions `executed` to `end` of a block: up to which one the core may run before
 * the window opens or closes. Switches the core's recording on and off.
 */
uint32_t cycle_window_part(struct cycle_window *window, struct timing_core *core, uint32_t executed,
                           uint32_t end);
/* Around what the core does: an instruction of the meter's block, or a transition. */
void cycle_window_begin(struct cycle_window *window, const struct cycle_meter *meter);
void cycle_window_note(struct cycle_window *window, const struct cycle_meter *meter, uint32_t end);
void cycle_window_note_transition(struct cycle_window *window, const struct cycle_meter *meter,
                                  uint32_t transition);
uint32_t cycle_window_instructions(const struct cycle_window *window,
                                   const struct window_instruction **instructions);
uint32_t cycle_window_steps(const struct cycle_window *window, const struct timing_step **steps);

#endif
