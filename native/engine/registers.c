/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers and segments between an engine's live state and a record: what the entry
 * path pushes and the exit path pops, done by the host.
 */
#include "machine.h"

/* Flags of the descriptors in view_writer.c, as the engine caches them: base, limit and type. */
#define GUEST_CODE_FLAGS 0x00affb00u
#define GUEST_DATA_FLAGS 0x00cff300u
#define MONITOR_CODE_FLAGS 0x00af9b00u
#define MONITOR_DATA_FLAGS 0x00cf9300u
#define NULL_SELECTOR_LIMIT 4u

uint64_t engine_rflags(const struct engine *engine)
{
    uint32_t flags = 0;
    (void)uc_reg_read(engine->uc, UC_X86_REG_EFLAGS, &flags); /* gathers the lazy ones */
    return flags;
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

static void load_segment(struct environment_segment_cache *cache, uint32_t selector, uint32_t flags)
{
    cache->selector = selector;
    cache->base = 0;
    cache->limit = 0xffffffff;
    cache->flags = flags;
}

static void set_level(struct environment *environment, uint32_t level)
{
    environment->hflags &= ~(HFLAG_CPL_MASK | HFLAG_ADDSEG);
    environment->hflags |= level | HFLAG_CS32 | HFLAG_SS32 | HFLAG_CS64;
}

void environment_enter_guest(struct environment *environment)
{
    load_segment(&environment->segments[ENV_CS], SELECTOR_GUEST_CODE_64, GUEST_CODE_FLAGS);
    load_segment(&environment->segments[ENV_SS], SELECTOR_GUEST_DATA, GUEST_DATA_FLAGS);
    set_level(environment, 3);
}

/* As a gate or `syscall` leaves it: the stack segment is null, or as good as. */
void environment_enter_monitor(struct environment *environment)
{
    load_segment(&environment->segments[ENV_CS], SELECTOR_MONITOR_CODE, MONITOR_CODE_FLAGS);
    load_segment(&environment->segments[ENV_SS], 0, MONITOR_DATA_FLAGS);
    set_level(environment, 0);
}

static const unsigned data_segments[4] = {ENV_DS, ENV_ES, ENV_FS, ENV_GS};

uint64_t environment_selectors(const struct environment *environment)
{
    uint64_t selectors = 0;
    for (unsigned index = 0; index < 4; index++) {
        uint64_t selector = environment->segments[data_segments[index]].selector & 0xffff;
        selectors |= selector << (16 * index);
    }
    return selectors;
}

/* Bases of FS and GS are the caller's to set afterwards. */
void environment_load_selectors(struct environment *environment, uint64_t selectors)
{
    for (unsigned index = 0; index < 4; index++) {
        uint32_t selector = (uint32_t)(selectors >> (16 * index) & 0xffff);
        struct environment_segment_cache *cache = &environment->segments[data_segments[index]];
        load_segment(cache, selector, selector < NULL_SELECTOR_LIMIT ? 0 : GUEST_DATA_FLAGS);
    }
}
