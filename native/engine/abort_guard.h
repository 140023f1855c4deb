/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine's own assertions, which end the process: what a guest can make it translate must
 * not. See abort_guard.c; engine.c runs engines through it.
 */
#ifndef ABORT_GUARD_H
#define ABORT_GUARD_H

#include <stdbool.h>
#include <unicorn/unicorn.h>

/* Once, before any engine is run: false when the engine is not built as we know it. */
bool abort_guard_calibrate(void);

/* Before engines are run; whoever else wants the signal keeps it for all other aborts. */
void abort_guard_install(void);

/* No engine of this thread is in a run any more, however it was left. */
void abort_guard_leave(void);

/* uc_emu_start from rip. False: the engine aborted; it can be used, and has executed nothing. */
bool abort_guard_run(uc_engine *engine, uint64_t rip, uc_err *error);

#endif
