/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Branch prediction: tagged tables of growing history over a bimodal one, a target buffer,
 * targets of indirect branches by history, a return stack. Called by core.c once a branch.
 * The sizes are assumptions [A]: no vendor publishes them; the shape is TAGE's (Seznec, 2006).
 */
#ifndef TIMING_PREDICTOR_H
#define TIMING_PREDICTOR_H

#include "core.h"

enum prediction {
    PREDICTION_RIGHT,
    PREDICTION_LATE, /* right, but found by the decoders */
    PREDICTION_WRONG,
};

enum prediction predictor_conditional(struct timing_core *core, uint64_t address, bool taken,
                                      uint64_t target);
enum prediction predictor_direct(struct timing_core *core, uint64_t address, uint64_t target);
enum prediction predictor_indirect(struct timing_core *core, uint64_t address, uint64_t target);
enum prediction predictor_return(struct timing_core *core, uint64_t target);
/* As a barrier does: no target of a branch is known any more; directions are. */
void predictor_forget_targets(struct timing_core *core);
/* Every return that is predicted is wrong. */
void predictor_forget_returns(struct timing_core *core);
void predictor_call(struct timing_core *core, uint64_t return_address);

#endif
