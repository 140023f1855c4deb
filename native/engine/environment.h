/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine's live register state, reached directly. Unicorn's public interface can
 * neither set the privilege level nor read an error code, and copying its context image
 * costs more than a whole hypercall; so we use the state itself, at offsets that belong
 * to one build of the library and that calibration.c confirms before any machine exists.
 * Used by native/engine only, inside hooks or while the engine is stopped.
 */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <stdint.h>
#include <unicorn/unicorn.h>

/* In the engine's order, which is the instruction encoding's. */
enum environment_register {
    ENV_RAX,
    ENV_RCX,
    ENV_RDX,
    ENV_RBX,
    ENV_RSP,
    ENV_RBP,
    ENV_RSI,
    ENV_RDI,
    ENV_R8,
    ENV_R9,
    ENV_R10,
    ENV_R11,
    ENV_R12,
    ENV_R13,
    ENV_R14,
    ENV_R15
};

enum environment_segment { ENV_ES, ENV_CS, ENV_SS, ENV_DS, ENV_FS, ENV_GS };

struct environment_segment_cache {
    uint32_t selector;
    uint32_t padding0;
    uint64_t base;
    uint32_t limit;
    uint32_t flags; /* the descriptor's high word: DPL in bits 13-14 */
};

struct environment {
    uint64_t registers[16];
    uint64_t rip;
    uint64_t eflags; /* arithmetic and direction flags: as of some time ago */
    uint64_t cc_dst, cc_src, cc_src2;
    uint32_t cc_op;
    int32_t direction;
    uint32_t hflags;
    uint32_t hflags2;
    struct environment_segment_cache segments[6];
    struct environment_segment_cache ldt, tr, gdt, idt;
    uint64_t cr[9];
    uint8_t skipped0[4824 - 424 - 72];
    uint64_t star;
    uint64_t vm_hsave;
    uint64_t lstar, cstar, fmask, kernel_gs_base;
    uint8_t skipped1[5384 - 4824 - 48];
    int32_t error_code;
    int32_t exception_is_interrupt; /* 1: `int n`, not a fault */
    uint64_t exception_next_rip;
    uint64_t dr[8];
    uint64_t breakpoints[4];
    int32_t
        old_exception; /* -1: no exception in flight; else the next one becomes a double fault */
};

_Static_assert(__builtin_offsetof(struct environment, hflags) == 176, "as measured");
_Static_assert(__builtin_offsetof(struct environment, segments) == 184, "as measured");
_Static_assert(__builtin_offsetof(struct environment, cr) == 424, "as measured");
_Static_assert(__builtin_offsetof(struct environment, star) == 4824, "as measured");
_Static_assert(__builtin_offsetof(struct environment, error_code) == 5384, "as measured");
_Static_assert(__builtin_offsetof(struct environment, old_exception) == 5496, "as measured");

#define CC_OP_EFLAGS 1u /* in cc_op: the arithmetic flags are in cc_src, as in RFLAGS */
#define ARITHMETIC_FLAGS 0x8d5u
#define DIRECTION_FLAG 0x400u
/* Of RFLAGS, what can be set outside of ring 0 where IOPL is 0: TF IF NT RF AC ID, and bit 1. */
#define CONTROL_FLAGS 0x254302u
#define FLAGS_NEVER (~(uint64_t)(ARITHMETIC_FLAGS | DIRECTION_FLAG | CONTROL_FLAGS))

#define CR0_TASK_SWITCHED 0x8u /* FPU and SSE instructions raise #NM */

#define HFLAG_CPL_MASK 0x3u
#define HFLAG_CS32 (1u << 4)
#define HFLAG_SS32 (1u << 5)
#define HFLAG_ADDSEG (1u << 6)
#define HFLAG_CS64 (1u << 15)

/* Found by calibration: two pointers to follow, from the engine to its processor to the state. */
struct environment_location {
    uint32_t processor_pointer_offset;   /* in the engine's own structure */
    uint32_t environment_pointer_offset; /* in the processor's */
};

extern struct environment_location environment_location;

/* Only once the engine has memory: it makes its processor with the first mapping. */
static inline struct environment *environment_of(uc_engine *engine)
{
    const uint8_t *processor;
    struct environment *environment;
    __builtin_memcpy(&processor,
                     (const uint8_t *)engine + environment_location.processor_pointer_offset,
                     sizeof processor);
    __builtin_memcpy(&environment, processor + environment_location.environment_pointer_offset,
                     sizeof environment);
    return environment;
}

#endif
