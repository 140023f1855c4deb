/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the engine itself fails under a guest's code: it aborts, which would end the whole
 * process, or it comes back with an error of its own. Neither may hurt anybody but the
 * partition whose code it was: that one is stopped, and the engine is replaced by a fresh one
 * with the same state. An engine fails between two blocks, while it translates the next one, so
 * its registers are those of the guest before that block.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "engine_failure.h"

static _Thread_local sigjmp_buf failure_return;
static _Thread_local volatile sig_atomic_t failure_armed;
static struct sigaction action_before;

/* abort() sends it to its own thread; somebody who wants this process to end does not. */
static void on_abort(int number, siginfo_t *information, void *context)
{
    bool own = information->si_code == SI_TKILL && information->si_pid == getpid();
    if (own && failure_armed != 0) {
        failure_armed = 0;
        siglongjmp(failure_return, 1);
    }
    /* As if this handler did not exist. */
    if ((action_before.sa_flags & SA_SIGINFO) != 0) {
        action_before.sa_sigaction(number, information, context);
    } else if (action_before.sa_handler == SIG_DFL) {
        (void)signal(number, SIG_DFL);
        (void)raise(number);
    } else if (action_before.sa_handler != SIG_IGN) {
        action_before.sa_handler(number);
    }
}

/* SA_NODEFER: leaving the handler by a jump must not leave the signal blocked. */
void engine_failure_prepare(void)
{
    struct sigaction action;
    struct sigaction present;
    if (sigaction(SIGABRT, NULL, &present) != 0 || present.sa_sigaction == on_abort) {
        return;
    }
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_abort;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    (void)sigaction(SIGABRT, &action, &action_before);
}

enum engine_end engine_start(struct engine *engine, uint64_t rip, uc_err *error)
{
    if (sigsetjmp(failure_return, 0) != 0) {
        return ENGINE_END_ABORTED;
    }
    failure_armed = 1;
    *error = uc_emu_start(engine->uc, rip, 0, 0, 0);
    failure_armed = 0;
    return *error == UC_ERR_OK ? ENGINE_END_RESTED : ENGINE_END_FAILED;
}

void engine_failure_disarm(void)
{
    failure_armed = 0;
}

/* What `uc_open` does not set and a guest can change, or the monitor has set. */
static void copy_state(struct environment *to, const struct environment *from)
{
    memcpy(to->registers, from->registers, sizeof to->registers);
    to->rip = from->rip;
    to->hflags = from->hflags;
    to->cr[0] = from->cr[0];
    memcpy(to->segments, from->segments, sizeof to->segments);
    to->ldt = from->ldt;
    to->tr = from->tr;
    to->gdt = from->gdt;
    to->idt = from->idt;
    to->star = from->star;
    to->lstar = from->lstar;
    to->cstar = from->cstar;
    to->fmask = from->fmask;
    to->kernel_gs_base = from->kernel_gs_base;
}

int engine_replace(struct engine *engine)
{
    uint8_t floating_point[512];
    uc_engine *broken = engine->uc;
    const struct environment *before = engine->environment;
    uint64_t rflags = engine_rflags(engine);
    uint64_t root = before->cr[3];
    floating_point_save(broken, floating_point);
    int result = engine_configure(engine);
    if (result != NATIVE_OK) {
        return result;
    }
    copy_state(engine->environment, before);
    (void)uc_reg_write(engine->uc, UC_X86_REG_EFLAGS, &rflags);
    (void)uc_reg_write(engine->uc, UC_X86_REG_CR3, &root);
    floating_point_load(engine->uc, floating_point);
    block_cache_invalidate(engine->blocks);
    /* The broken one is never closed: what it holds is in no state to be given back. */
    return engine_add_hooks(engine, engine->hooks);
}
