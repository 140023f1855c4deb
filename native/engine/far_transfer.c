/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Far transfers as the processor's manual defines them for guests, which never run in ring 0:
 * call, jump and return to a code segment, to the same ring or (returns) an outer one. There
 * are no gates, no tasks and no local table. Everything that can fail comes first; then the
 * engine's state changes, and memory with it. Limits of data segments are not checked, as the
 * engine checks them for no other instruction.
 */
#include "far_transfer.h"

#include <string.h>

#include "segment.h"
#include "instruction.h"
#include "guest_access.h"
#include "machine.h"

#define FLAG_TRAP (1u << 8)
#define FLAG_NESTED (1u << 14)
#define FLAG_RESUME (1u << 16)
/* CF PF AF ZF SF TF DF OF NT: what `iret` takes over in any ring. */
#define FLAGS_RETURNED 0x4dd5u
/* RF AC ID: these too, unless it pops 16 bits. IF stays: IOPL, which stays too, is 0. */
#define FLAGS_RETURNED_WIDE 0x250000u

#define ADDRESS_LIMIT_32 0xffffffffull
#define SELECTOR_SIZE_BYTES 2u
#define POINTER_LIMIT_BYTES 10u

/* One execution: where it has got to, without having changed anything. */
struct transfer {
    struct environment *environment;
    struct guest_rights rights;
    struct far_instruction instruction;
    bool long_mode; /* in 64-bit code */
    uint32_t level; /* CPL */
    uint32_t flags;
    uint64_t stack; /* the stack pointer, past what has been popped */
    struct trap_cause cause;
};

/* Where it goes, all checked. */
struct landing {
    uint64_t rip;
    uint32_t selector;
    struct descriptor code;
    bool loads_stack;
    uint64_t stack;
    uint32_t stack_selector;
    struct descriptor stack_segment;
};

static bool fail(struct transfer *transfer, uint32_t vector, uint32_t error_code)
{
    transfer->cause.vector = vector;
    transfer->cause.error_code = error_code;
    return false;
}

/* Error codes name a selector without its ring. */
static bool fail_selector(struct transfer *transfer, uint32_t vector, uint32_t selector)
{
    return fail(transfer, vector, selector & ~SELECTOR_LEVEL_MASK);
}

static bool is_canonical(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

/* Linear address of a segment's bytes; false: they lie where no address can. */
static bool linear_address(struct transfer *transfer, enum environment_segment segment,
                           uint64_t offset, uint32_t size_bytes, uint64_t *address)
{
    const struct environment_segment_cache *cache = &transfer->environment->segments[segment];
    uint32_t vector = segment == ENV_SS ? VECTOR_STACK : VECTOR_PROTECTION;
    if (transfer->long_mode) {
        bool has_base = segment == ENV_FS || segment == ENV_GS;
        *address = offset + (has_base ? cache->base : 0);
        bool valid = is_canonical(*address) && is_canonical(*address + size_bytes - 1);
        return valid || fail(transfer, vector, 0);
    }
    *address = (cache->base + offset) & ADDRESS_LIMIT_32;
    bool usable = (cache->selector & ~SELECTOR_LEVEL_MASK) != 0;
    bool valid = usable && *address + size_bytes - 1 <= ADDRESS_LIMIT_32;
    return valid || fail(transfer, vector, 0);
}

static bool may_access(struct transfer *transfer, uint64_t address, uint32_t size_bytes, bool write)
{
    struct guest_fault fault;
    if (guest_access_allowed(&transfer->rights, address, size_bytes, write, &fault)) {
        return true;
    }
    transfer->environment->cr[2] = fault.address;
    return fail(transfer, VECTOR_PAGE_FAULT, fault.error_code);
}

/* As much of a register as the stack's width uses. */
static uint64_t stack_mask(const struct transfer *transfer)
{
    if (transfer->long_mode) {
        return ~0ull;
    }
    return (transfer->environment->hflags & HFLAG_SS32) != 0 ? ADDRESS_LIMIT_32 : 0xffff;
}

static bool pop(struct transfer *transfer, uint64_t *value)
{
    uint32_t size_bytes = transfer->instruction.operand_size_bytes;
    uint64_t address;
    if (!linear_address(transfer, ENV_SS, transfer->stack, size_bytes, &address) ||
        !may_access(transfer, address, size_bytes, false)) {
        return false;
    }
    *value = 0;
    guest_access_read(&transfer->rights, address, value, size_bytes);
    transfer->stack = (transfer->stack + size_bytes) & stack_mask(transfer);
    return true;
}

static bool pop_selector(struct transfer *transfer, uint32_t *selector)
{
    uint64_t value;
    bool popped = pop(transfer, &value);
    *selector = popped ? value & 0xffff : 0;
    return popped;
}

static bool find_code(struct transfer *transfer, uint32_t selector, struct descriptor *code)
{
    const uint32_t kind = DESCRIPTOR_SEGMENT | DESCRIPTOR_CODE | DESCRIPTOR_CONFORMING;
    if (!descriptor_read(transfer->environment, transfer->rights.memory, selector, code) ||
        (code->flags & kind) != (DESCRIPTOR_SEGMENT | DESCRIPTOR_CODE)) {
        /* Gates and tasks too; conforming segments do not occur. */
        return fail_selector(transfer, VECTOR_PROTECTION, selector);
    }
    /* A guest keeps its width, whatever the table offers. */
    if (((code->flags & DESCRIPTOR_LONG) != 0) != transfer->long_mode ||
        (transfer->long_mode && (code->flags & DESCRIPTOR_WIDE) != 0)) {
        return fail_selector(transfer, VECTOR_PROTECTION, selector);
    }
    return true;
}

/* A code segment of that ring, and of the guest's own width. */
static bool check_code(struct transfer *transfer, uint32_t selector, uint32_t level,
                       struct descriptor *code)
{
    if ((selector & ~SELECTOR_LEVEL_MASK) == 0) {
        return fail(transfer, VECTOR_PROTECTION, 0);
    }
    if (!find_code(transfer, selector, code)) {
        return false;
    }
    if (segment_level(code->flags) != level) {
        return fail_selector(transfer, VECTOR_PROTECTION, selector);
    }
    if ((code->flags & DESCRIPTOR_PRESENT) == 0) {
        return fail_selector(transfer, VECTOR_NOT_PRESENT, selector);
    }
    return true;
}

static bool check_target(struct transfer *transfer, const struct landing *landing)
{
    bool valid =
        transfer->long_mode ? is_canonical(landing->rip) : landing->rip <= landing->code.limit;
    return valid || fail(transfer, VECTOR_PROTECTION, 0);
}

static void set_stack_pointer(struct environment *environment, uint64_t value)
{
    uint64_t *rsp = &environment->registers[ENV_RSP];
    if ((environment->hflags & HFLAG_CS64) != 0) {
        *rsp = value;
    } else if ((environment->hflags & HFLAG_SS32) != 0) {
        *rsp = value & ADDRESS_LIMIT_32;
    } else {
        *rsp = (*rsp & ~0xffffull) | (value & 0xffff);
    }
}

/* An outer ring keeps no data segment of the inner one's. */
static void drop_inner_segments(struct environment *environment, uint32_t level)
{
    static const enum environment_segment segments[] = {ENV_ES, ENV_FS, ENV_GS, ENV_DS};
    for (unsigned index = 0; index < sizeof segments / sizeof segments[0]; index++) {
        if (segment_level(environment->segments[segments[index]].flags) < level) {
            environment_unload_segment(environment, segments[index]);
        }
    }
}

/* Nothing can fail any more. */
static void land(struct transfer *transfer, const struct landing *landing)
{
    struct environment *environment = transfer->environment;
    uint32_t level = landing->selector & SELECTOR_LEVEL_MASK;
    environment_load_segment(environment, ENV_CS, landing->selector, &landing->code);
    environment->rip = landing->rip;
    if (landing->loads_stack) {
        environment_load_segment(environment, ENV_SS, landing->stack_selector,
                                 &landing->stack_segment);
    }
    set_stack_pointer(environment, landing->stack);
    if (level > transfer->level) {
        drop_inner_segments(environment, level);
    }
}

static uint64_t truncate(const struct transfer *transfer, uint64_t value)
{
    switch (transfer->instruction.operand_size_bytes) {
    case 2:
        return value & 0xffff;
    case 4:
        return value & ADDRESS_LIMIT_32;
    default:
        return value;
    }
}

static uint64_t register_value(const struct transfer *transfer, unsigned number)
{
    return number == FAR_NO_REGISTER ? 0 : transfer->environment->registers[number];
}

static bool read_pointer(struct transfer *transfer, uint64_t *offset, uint32_t *selector)
{
    const struct far_instruction *instruction = &transfer->instruction;
    const struct far_address *form = &instruction->address;
    uint8_t bytes[POINTER_LIMIT_BYTES];
    uint32_t size_bytes = instruction->operand_size_bytes + SELECTOR_SIZE_BYTES;
    uint64_t address = register_value(transfer, form->base) + (uint64_t)form->displacement +
                       (register_value(transfer, form->index) << form->scale_shift);
    if (form->rip_relative) {
        address += transfer->environment->rip + instruction->size_bytes;
    }
    if (form->size_bytes < 8) {
        address &= form->size_bytes == 4 ? ADDRESS_LIMIT_32 : 0xffff;
    }
    if (!linear_address(transfer, (enum environment_segment)form->segment, address, size_bytes,
                        &address) ||
        !may_access(transfer, address, size_bytes, false)) {
        return false;
    }
    guest_access_read(&transfer->rights, address, bytes, size_bytes);
    *offset = 0;
    *selector = 0;
    memcpy(offset, bytes, instruction->operand_size_bytes);
    memcpy(selector, bytes + instruction->operand_size_bytes, SELECTOR_SIZE_BYTES);
    return true;
}

/* What a call leaves on the stack: the selector, and below it where to return to. */
#define CALL_FRAME_WORDS 2u

static bool place_frame(struct transfer *transfer, uint64_t addresses[CALL_FRAME_WORDS])
{
    uint32_t size_bytes = transfer->instruction.operand_size_bytes;
    for (unsigned index = 0; index < CALL_FRAME_WORDS; index++) {
        transfer->stack = (transfer->stack - size_bytes) & stack_mask(transfer);
        if (!linear_address(transfer, ENV_SS, transfer->stack, size_bytes, &addresses[index])) {
            return false;
        }
    }
    return true;
}

static bool push_frame(struct transfer *transfer, const uint64_t addresses[CALL_FRAME_WORDS])
{
    const struct environment *environment = transfer->environment;
    uint32_t size_bytes = transfer->instruction.operand_size_bytes;
    const uint64_t words[CALL_FRAME_WORDS] = {
        environment->segments[ENV_CS].selector,
        environment->rip + transfer->instruction.size_bytes,
    };
    for (unsigned index = 0; index < CALL_FRAME_WORDS; index++) {
        if (!may_access(transfer, addresses[index], size_bytes, true)) {
            return false;
        }
    }
    for (unsigned index = 0; index < CALL_FRAME_WORDS; index++) {
        guest_access_write(&transfer->rights, addresses[index], &words[index], size_bytes);
    }
    return true;
}

static bool execute_branch(struct transfer *transfer)
{
    struct landing landing;
    uint64_t frame[CALL_FRAME_WORDS];
    uint64_t offset = transfer->instruction.offset;
    uint32_t selector = transfer->instruction.selector;
    bool call = transfer->instruction.kind == FAR_CALL;
    memset(&landing, 0, sizeof landing);
    if (transfer->instruction.in_memory && !read_pointer(transfer, &offset, &selector)) {
        return false;
    }
    if ((selector & SELECTOR_LEVEL_MASK) > transfer->level) {
        return fail_selector(transfer, VECTOR_PROTECTION, selector);
    }
    if (!check_code(transfer, selector, transfer->level, &landing.code)) {
        return false;
    }
    landing.rip = truncate(transfer, offset);
    landing.selector = (selector & ~SELECTOR_LEVEL_MASK) | transfer->level;
    if ((call && !place_frame(transfer, frame)) || !check_target(transfer, &landing) ||
        (call && !push_frame(transfer, frame))) {
        return false;
    }
    landing.stack = transfer->stack;
    land(transfer, &landing);
    return true;
}

static bool pop_stack(struct transfer *transfer, struct landing *landing)
{
    struct descriptor *segment = &landing->stack_segment;
    uint32_t level = landing->selector & SELECTOR_LEVEL_MASK;
    uint32_t selector;
    const uint32_t kind = DESCRIPTOR_SEGMENT | DESCRIPTOR_CODE | DESCRIPTOR_WRITABLE;
    if (!pop(transfer, &landing->stack) || !pop_selector(transfer, &selector)) {
        return false;
    }
    landing->loads_stack = true;
    landing->stack_selector = selector;
    /* A null one may be loaded in 64-bit code below ring 3, where no guest is. */
    if ((selector & ~SELECTOR_LEVEL_MASK) == 0) {
        return fail(transfer, VECTOR_PROTECTION, 0);
    }
    if (!descriptor_read(transfer->environment, transfer->rights.memory, selector, segment) ||
        (selector & SELECTOR_LEVEL_MASK) != level ||
        (segment->flags & kind) != (DESCRIPTOR_SEGMENT | DESCRIPTOR_WRITABLE) ||
        segment_level(segment->flags) != level) {
        return fail_selector(transfer, VECTOR_PROTECTION, selector);
    }
    if ((segment->flags & DESCRIPTOR_PRESENT) == 0) {
        return fail_selector(transfer, VECTOR_STACK, selector);
    }
    return true;
}

/* Both kinds of return, once what lies on the stack up to the stack's own pointer is popped. */
static bool finish_return(struct transfer *transfer, struct landing *landing)
{
    uint32_t level = landing->selector & SELECTOR_LEVEL_MASK;
    uint32_t released_bytes = transfer->instruction.released_bytes;
    bool interrupt = transfer->instruction.kind == FAR_INTERRUPT_RETURN;
    if (level < transfer->level) {
        return fail_selector(transfer, VECTOR_PROTECTION, landing->selector);
    }
    if (!check_code(transfer, landing->selector, level, &landing->code)) {
        return false;
    }
    transfer->stack = (transfer->stack + released_bytes) & stack_mask(transfer);
    landing->stack = transfer->stack;
    if (level > transfer->level || (interrupt && transfer->long_mode)) {
        if (!pop_stack(transfer, landing)) {
            return false;
        }
        landing->stack += released_bytes;
    }
    if (!check_target(transfer, landing)) {
        return false;
    }
    land(transfer, landing);
    return true;
}

static bool execute_return(struct transfer *transfer)
{
    struct landing landing;
    memset(&landing, 0, sizeof landing);
    return pop(transfer, &landing.rip) && pop_selector(transfer, &landing.selector) &&
           finish_return(transfer, &landing);
}

static bool execute_interrupt_return(struct transfer *transfer)
{
    struct landing landing;
    uint64_t popped;
    uint32_t returned = FLAGS_RETURNED;
    memset(&landing, 0, sizeof landing);
    if ((transfer->flags & FLAG_NESTED) != 0) {
        return fail(transfer, VECTOR_PROTECTION, 0); /* there are no tasks to return to */
    }
    if (!pop(transfer, &landing.rip) || !pop_selector(transfer, &landing.selector) ||
        !pop(transfer, &popped) || !finish_return(transfer, &landing)) {
        return false;
    }
    if (transfer->instruction.operand_size_bytes > 2) {
        returned |= FLAGS_RETURNED_WIDE;
    }
    transfer->flags = (transfer->flags & ~returned) | ((uint32_t)popped & returned);
    return true;
}

static bool execute(struct transfer *transfer)
{
    switch (transfer->instruction.kind) {
    case FAR_CALL:
    case FAR_JUMP:
        return execute_branch(transfer);
    case FAR_RETURN:
        return execute_return(transfer);
    case FAR_INTERRUPT_RETURN:
        return execute_interrupt_return(transfer);
    default:
        return fail(transfer, VECTOR_UNDEFINED, 0);
    }
}

/* The engine has fetched these bytes itself: what it could not fetch has ended in its fault. */
static void decode(struct engine *engine, struct transfer *transfer)
{
    const struct machine_memory *memory = &engine->machine->memory;
    uint8_t bytes[INSTRUCTION_LIMIT_BYTES];
    uint32_t size_bytes = 0;
    uint64_t address = transfer->environment->rip;
    while (size_bytes < sizeof bytes) {
        uint64_t at = memory_translate(memory, transfer->rights.root, address + size_bytes);
        if (at == 0 || at >= memory->size_bytes) {
            break;
        }
        bytes[size_bytes++] = memory->base[at];
    }
    transfer->instruction = far_instruction_decode(bytes, size_bytes, transfer->long_mode);
}

/* A block of one instruction, as if the engine had run it. */
static void charge(struct engine *engine, uint64_t rip, uint32_t size_bytes)
{
    engine->budget -= (int64_t)engine_begin_block(engine, rip, size_bytes);
    engine->block = 0;
    engine_settle(engine);
}

struct trap_cause far_transfer_execute(struct engine *engine)
{
    struct environment *environment = engine->environment;
    uint64_t rip = environment->rip;
    struct transfer transfer = {
        .environment = environment,
        .level = environment->hflags & HFLAG_CPL_MASK,
        .long_mode = (environment->hflags & HFLAG_CS64) != 0,
        .flags = (uint32_t)engine_rflags(engine),
        .cause = {NO_TRAP, 0},
    };
    bool stepping = (transfer.flags & FLAG_TRAP) != 0;
    transfer.rights =
        (struct guest_rights){&engine->machine->memory, environment->cr[3], transfer.level == 3};
    transfer.stack = environment->registers[ENV_RSP] & stack_mask(&transfer);
    decode(engine, &transfer);
    transfer.flags &= ~FLAG_RESUME; /* gone behind any instruction that does not load it */
    if (!execute(&transfer)) {
        return transfer.cause;
    }
    charge(engine, rip, transfer.instruction.size_bytes);
    (void)uc_reg_write(engine->uc, UC_X86_REG_EFLAGS, &transfer.flags);
    return (struct trap_cause){stepping ? VECTOR_DEBUG : NO_TRAP, 0};
}
