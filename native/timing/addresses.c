/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses of accesses: see addresses.h. */
#include "addresses.h"

#define FLOATING_POINT_IMAGE_BYTES 512u
#define STACK_POINTER 4u
#define FRAME_POINTER 5u
#define INTERRUPT_FRAME_WORDS 5u

/* In encoding order, whatever the width that is named. */
static uint8_t register_number(x86_reg name)
{
    static const x86_reg names[16][2] = {
        {X86_REG_RAX, X86_REG_EAX},  {X86_REG_RCX, X86_REG_ECX},  {X86_REG_RDX, X86_REG_EDX},
        {X86_REG_RBX, X86_REG_EBX},  {X86_REG_RSP, X86_REG_ESP},  {X86_REG_RBP, X86_REG_EBP},
        {X86_REG_RSI, X86_REG_ESI},  {X86_REG_RDI, X86_REG_EDI},  {X86_REG_R8, X86_REG_R8D},
        {X86_REG_R9, X86_REG_R9D},   {X86_REG_R10, X86_REG_R10D}, {X86_REG_R11, X86_REG_R11D},
        {X86_REG_R12, X86_REG_R12D}, {X86_REG_R13, X86_REG_R13D}, {X86_REG_R14, X86_REG_R14D},
        {X86_REG_R15, X86_REG_R15D},
    };
    for (uint8_t i = 0; i < 16; i++) {
        if (names[i][0] == name || names[i][1] == name) {
            return i;
        }
    }
    return ADDRESS_NONE;
}

static uint8_t segment_number(x86_reg name)
{
    static const x86_reg names[] = {X86_REG_ES, X86_REG_CS, X86_REG_SS,
                                    X86_REG_DS, X86_REG_FS, X86_REG_GS};
    for (uint8_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i] == name) {
            return i;
        }
    }
    return ADDRESS_NONE;
}

/* In 64-bit code only FS and GS have a base; in 32-bit code the others say theirs. */
static uint8_t segment_of(const x86_op_mem *memory, bool code32)
{
    uint8_t named = segment_number(memory->segment);
    if (named >= ADDRESS_SEGMENT_FS && named != ADDRESS_NONE) {
        return named;
    }
    if (!code32) {
        return ADDRESS_NONE;
    }
    if (named != ADDRESS_NONE) {
        return named;
    }
    uint8_t base = register_number(memory->base);
    bool stack = base == STACK_POINTER || base == FRAME_POINTER;
    return stack ? ADDRESS_SEGMENT_SS : ADDRESS_SEGMENT_DS;
}

static void append(struct address_forms *forms, struct address_form form)
{
    if (forms->count < ADDRESS_FORMS_PER_INSTRUCTION) {
        forms->forms[forms->count++] = form;
    }
}

static struct address_form operand_form(const cs_x86_op *operand, uint64_t end_offset, bool code32)
{
    static const uint8_t shifts[9] = {0, 0, 1, 0, 2, 0, 0, 0, 3};
    const x86_op_mem *memory = &operand->mem;
    struct address_form form = {
        .displacement = memory->disp,
        .base = register_number(memory->base),
        .index = register_number(memory->index),
        .shift = memory->scale > 0 && memory->scale <= 8 ? shifts[memory->scale] : 0,
        .segment = segment_of(memory, code32),
        .narrow = code32,
        .size_bytes = operand->size,
    };
    if (memory->base == X86_REG_RIP) {
        form.base = ADDRESS_BLOCK;
        form.displacement += (int64_t)end_offset;
    }
    return form;
}

static struct address_form stack_form(int64_t displacement, uint16_t size_bytes, bool code32)
{
    return (struct address_form){.displacement = displacement,
                                 .base = STACK_POINTER,
                                 .index = ADDRESS_NONE,
                                 .segment = code32 ? ADDRESS_SEGMENT_SS : ADDRESS_NONE,
                                 .narrow = code32,
                                 .size_bytes = size_bytes};
}

/* The accesses that no operand names: of the engine's live stack pointer, before it moves. */
static void append_stack(struct address_forms *forms, const cs_insn *current, bool is_write,
                         bool code32)
{
    uint16_t word = code32 ? 4 : 8;
    uint16_t named = current->detail->x86.op_count > 0 ? current->detail->x86.operands[0].size : 0;
    uint16_t size = named == 2 ? 2 : word;
    struct address_form form = stack_form(0, size, code32);
    switch (current->id) {
    case X86_INS_PUSH:
    case X86_INS_CALL:
    case X86_INS_PUSHF:
    case X86_INS_PUSHFD:
    case X86_INS_PUSHFQ:
        if (is_write) {
            form.size_bytes = current->id == X86_INS_CALL ? word : size;
            form.displacement = -(int64_t)form.size_bytes;
            form.is_write = true;
            append(forms, form);
        }
        break;
    case X86_INS_LEAVE:
        form.base = FRAME_POINTER;
        form.size_bytes = word;
        goto load;
    case X86_INS_IRET:
    case X86_INS_IRETD:
    case X86_INS_IRETQ:
        form.size_bytes = (uint16_t)(word * INTERRUPT_FRAME_WORDS);
        goto load;
    case X86_INS_RET:
        form.size_bytes = word;
        goto load;
    case X86_INS_POP:
    case X86_INS_POPF:
    case X86_INS_POPFD:
    case X86_INS_POPFQ:
    load:
        if (!is_write) {
            append(forms, form);
        }
        break;
    default:
        break;
    }
}

/* The engine's memory image of floating-point state, in as many parts as it likes. */
static bool is_image(const cs_insn *current, bool is_write)
{
    switch (current->id) {
    case X86_INS_FXSAVE:
    case X86_INS_FXSAVE64:
        return is_write;
    case X86_INS_FXRSTOR:
    case X86_INS_FXRSTOR64:
        return !is_write;
    default:
        return false;
    }
}

static uint32_t memory_operand_count(const cs_x86 *x86)
{
    uint32_t count = 0;
    for (uint8_t i = 0; i < x86->op_count; i++) {
        count += x86->operands[i].type == X86_OP_MEM;
    }
    return count;
}

static void append_operands(struct address_forms *forms, const cs_insn *current, bool accesses,
                            bool is_write, uint64_t end_offset, bool code32)
{
    const cs_x86 *x86 = &current->detail->x86;
    bool image = is_image(current, is_write);
    /* With two of them the library's word must do; with one, the micro-ops say it. */
    bool several = memory_operand_count(x86) > 1;
    for (uint8_t i = 0; i < x86->op_count; i++) {
        const cs_x86_op *operand = &x86->operands[i];
        bool named = (operand->access & (is_write ? CS_AC_WRITE : CS_AC_READ)) != 0;
        if (operand->type == X86_OP_MEM && (image || (accesses && (!several || named)))) {
            struct address_form form = operand_form(operand, end_offset, code32);
            form.is_write = is_write;
            form.size_bytes = image ? FLOATING_POINT_IMAGE_BYTES : form.size_bytes;
            append(forms, form);
        }
    }
}

/* The page whose translation is dropped: an address without an access. */
static void append_page(struct address_forms *forms, const cs_insn *current, uint64_t end_offset,
                        bool code32)
{
    struct address_form form = operand_form(&current->detail->x86.operands[0], end_offset, code32);
    form.size_bytes = 0;
    append(forms, form);
}

void addresses_read(struct address_forms *forms, const cs_insn *current,
                    const struct instruction *instruction, uint64_t end_offset, bool code32)
{
    bool system = instruction->system != 0;
    bool pushes = current->id == X86_INS_PUSH || current->id == X86_INS_CALL;
    bool pops = current->id == X86_INS_POP;
    forms->count = 0;
    if (current->id == X86_INS_INVLPG) {
        append_page(forms, current, end_offset, code32);
        return;
    }
    append_operands(forms, current, instruction->load_count > 0 && !pops, false, end_offset,
                    code32);
    if (instruction->load_count > 0 || system) {
        append_stack(forms, current, false, code32);
    }
    append_operands(forms, current, instruction->store_count > 0 && !pushes, true, end_offset,
                    code32);
    if (instruction->store_count > 0) {
        append_stack(forms, current, true, code32);
    }
}
