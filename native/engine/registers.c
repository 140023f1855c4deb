/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers and segments between an engine's live state and a record: what the entry
 * path pushes and the exit path pops, done by the host.
 */
#include "core/descriptors.h"
#include "machine.h"

/* Of the descriptors in view_writer.c. */
#define MONITOR_CODE_DESCRIPTOR 0x00af9b000000ffffull
#define MONITOR_DATA_DESCRIPTOR 0x00cf93000000ffffull
#define NULL_SELECTOR_LIMIT 4u

#define DATA_SEGMENT_FS 2u
static const unsigned data_segments[4] = {ENV_DS, ENV_ES, ENV_FS, ENV_GS};

/* `cmpxchg8b` can leave anything among the lazy ones, so only what they are for is taken. */
uint64_t engine_rflags(const struct engine *engine)
{
    const struct environment *environment = engine->environment;
    uint32_t flags = 0;
    (void)uc_reg_read(engine->uc, UC_X86_REG_EFLAGS, &flags); /* gathers them */
    return (flags & ARITHMETIC_FLAGS) | (environment->direction < 0 ? DIRECTION_FLAG : 0) |
           (environment->eflags & CONTROL_FLAGS);
}

uint64_t engine_settle_flags(const struct engine *engine)
{
    struct environment *environment = engine->environment;
    uint64_t flags = engine_rflags(engine);
    environment->eflags &= CONTROL_FLAGS;
    environment->cc_op = CC_OP_EFLAGS;
    environment->cc_src = flags & ARITHMETIC_FLAGS;
    environment->cc_dst = 0;
    environment->cc_src2 = 0;
    return flags;
}

/* Starting, the engine takes all flags from here. */
void engine_settle_flags_at_rest(const struct engine *engine)
{
    uint64_t flags = engine_settle_flags(engine);
    engine->environment->eflags = flags;
}

void engine_save_registers(const struct engine *engine, struct registers *to)
{
    const struct environment *environment = engine->environment;
    const uint64_t *from = environment->registers;
    to->rax = from[ENV_RAX];
    to->rcx = from[ENV_RCX];
    to->rdx = from[ENV_RDX];
    to->rbx = from[ENV_RBX];
    to->rsp = from[ENV_RSP];
    to->rbp = from[ENV_RBP];
    to->rsi = from[ENV_RSI];
    to->rdi = from[ENV_RDI];
    to->r8 = from[ENV_R8];
    to->r9 = from[ENV_R9];
    to->r10 = from[ENV_R10];
    to->r11 = from[ENV_R11];
    to->r12 = from[ENV_R12];
    to->r13 = from[ENV_R13];
    to->r14 = from[ENV_R14];
    to->r15 = from[ENV_R15];
    to->rip = environment->rip;
    to->rflags = engine_rflags(engine);
    to->cs = environment->segments[ENV_CS].selector;
    to->ss = environment->segments[ENV_SS].selector;
}

void engine_load_general(struct engine *engine, const struct registers *from)
{
    struct environment *environment = engine->environment;
    uint64_t *to = environment->registers;
    to[ENV_RAX] = from->rax;
    to[ENV_RCX] = from->rcx;
    to[ENV_RDX] = from->rdx;
    to[ENV_RBX] = from->rbx;
    to[ENV_RSP] = from->rsp;
    to[ENV_RBP] = from->rbp;
    to[ENV_RSI] = from->rsi;
    to[ENV_RDI] = from->rdi;
    to[ENV_R8] = from->r8;
    to[ENV_R9] = from->r9;
    to[ENV_R10] = from->r10;
    to[ENV_R11] = from->r11;
    to[ENV_R12] = from->r12;
    to[ENV_R13] = from->r13;
    to[ENV_R14] = from->r14;
    to[ENV_R15] = from->r15;
    environment->rip = from->rip;
}

/* As the processor caches a descriptor; limits are kept for show, the engine checks none. */
static void load_segment(struct environment_segment_cache *cache, uint32_t selector,
                         uint64_t descriptor)
{
    cache->selector = selector;
    cache->base = descriptor_base(descriptor);
    cache->limit = 0xffffffff;
    cache->flags = (uint32_t)(descriptor >> 32);
}

static uint32_t segment_level(const struct environment_segment_cache *cache)
{
    return cache->flags >> 13 & 3;
}

/* Privilege and width as the code segment says; in 64-bit mode no data segment has a base. */
static void set_mode(struct environment *environment, uint32_t level, bool narrow)
{
    const struct environment_segment_cache *segments = environment->segments;
    bool based = (segments[ENV_DS].base | segments[ENV_ES].base | segments[ENV_SS].base) != 0;
    environment->hflags &= ~(HFLAG_CPL_MASK | HFLAG_ADDSEG | HFLAG_CS64);
    environment->hflags |= level | HFLAG_CS32 | HFLAG_SS32;
    environment->hflags |= narrow ? (based ? HFLAG_ADDSEG : 0) : HFLAG_CS64;
}

void environment_enter_guest(struct environment *environment,
                             const struct virtual_processor *record)
{
    uint32_t code = (uint32_t)record->registers.cs;
    uint32_t stack = (uint32_t)record->registers.ss;
    uint32_t level = code & 3;
    load_segment(&environment->segments[ENV_CS], code, descriptor_of(record, code));
    load_segment(&environment->segments[ENV_SS], stack, descriptor_of(record, stack));
    set_mode(environment, level, record->width == 32);
}

/* Any null selector of DS and ES becomes 0, one of FS and GS stays: as the processor does it. */
void environment_return_outward(struct environment *environment)
{
    uint32_t level = environment->hflags & HFLAG_CPL_MASK;
    for (unsigned index = 0; index < 4; index++) {
        struct environment_segment_cache *cache = &environment->segments[data_segments[index]];
        bool null = cache->selector < NULL_SELECTOR_LIMIT;
        if (!(null && index >= DATA_SEGMENT_FS) && segment_level(cache) < level) {
            load_segment(cache, 0, 0);
        }
    }
    set_mode(environment, level, (environment->hflags & HFLAG_CS64) == 0);
}

/* As a gate or `syscall` leaves it: the stack segment is null, or as good as. */
void environment_enter_monitor(struct environment *environment)
{
    load_segment(&environment->segments[ENV_CS], SELECTOR_MONITOR_CODE, MONITOR_CODE_DESCRIPTOR);
    load_segment(&environment->segments[ENV_SS], 0, MONITOR_DATA_DESCRIPTOR);
    set_mode(environment, 0, false);
}

void environment_load_selectors(struct environment *environment,
                                const struct virtual_processor *record)
{
    for (unsigned index = 0; index < 4; index++) {
        uint32_t selector = (uint32_t)(record->selectors >> (16 * index) & 0xffff);
        struct environment_segment_cache *cache = &environment->segments[data_segments[index]];
        load_segment(cache, selector,
                     selector < NULL_SELECTOR_LIMIT ? 0 : descriptor_of(record, selector));
    }
    if ((environment->hflags & HFLAG_CS64) == 0) {
        set_mode(environment, environment->hflags & HFLAG_CPL_MASK, true);
    }
}
uint64_t environment_selectors(const struct environment *environment)
{
    uint64_t selectors = 0;
    for (unsigned index = 0; index < 4; index++) {
        uint64_t selector = environment->segments[data_segments[index]].selector & 0xffff;
        selectors |= selector << (16 * index);
    }
    return selectors;
}
