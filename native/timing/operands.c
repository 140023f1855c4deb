/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads, writes and their corrections: see operands.h. */
#include "operands.h"

#include <stddef.h>
#include <string.h>

#define CARRY_CHANGES                                                                              \
    (X86_EFLAGS_MODIFY_CF | X86_EFLAGS_RESET_CF | X86_EFLAGS_SET_CF | X86_EFLAGS_UNDEFINED_CF |    \
     X86_EFLAGS_PRIOR_CF)
#define FLAGS_CHANGES                                                                              \
    (X86_EFLAGS_MODIFY_ZF | X86_EFLAGS_MODIFY_SF | X86_EFLAGS_MODIFY_PF | X86_EFLAGS_MODIFY_OF |   \
     X86_EFLAGS_RESET_OF | X86_EFLAGS_RESET_SF | X86_EFLAGS_RESET_ZF | X86_EFLAGS_RESET_PF)
#define FLAGS_TESTS                                                                                \
    (X86_EFLAGS_TEST_ZF | X86_EFLAGS_TEST_SF | X86_EFLAGS_TEST_PF | X86_EFLAGS_TEST_OF)

void slot_add(struct slot_set *set, uint8_t slot)
{
    if (slot != SLOT_NONE && !slot_contains(set, slot) && set->count < OPERAND_SLOT_LIMIT) {
        set->slots[set->count++] = slot;
    }
}

bool slot_contains(const struct slot_set *set, uint8_t slot)
{
    return memchr(set->slots, slot, set->count) != NULL;
}

struct register_name {
    uint16_t first; /* capstone's number of one register */
    uint8_t slot;
    uint8_t size_bytes;
};

/* The registers that are not in runs. */
static const struct register_name general[] = {
    {X86_REG_RAX, 0, 8},  {X86_REG_EAX, 0, 4},   {X86_REG_AX, 0, 2},    {X86_REG_AL, 0, 1},
    {X86_REG_AH, 0, 1},   {X86_REG_RCX, 1, 8},   {X86_REG_ECX, 1, 4},   {X86_REG_CX, 1, 2},
    {X86_REG_CL, 1, 1},   {X86_REG_CH, 1, 1},    {X86_REG_RDX, 2, 8},   {X86_REG_EDX, 2, 4},
    {X86_REG_DX, 2, 2},   {X86_REG_DL, 2, 1},    {X86_REG_DH, 2, 1},    {X86_REG_RBX, 3, 8},
    {X86_REG_EBX, 3, 4},  {X86_REG_BX, 3, 2},    {X86_REG_BL, 3, 1},    {X86_REG_BH, 3, 1},
    {X86_REG_RSP, 4, 8},  {X86_REG_ESP, 4, 4},   {X86_REG_SP, 4, 2},    {X86_REG_SPL, 4, 1},
    {X86_REG_RBP, 5, 8},  {X86_REG_EBP, 5, 4},   {X86_REG_BP, 5, 2},    {X86_REG_BPL, 5, 1},
    {X86_REG_RSI, 6, 8},  {X86_REG_ESI, 6, 4},   {X86_REG_SI, 6, 2},    {X86_REG_SIL, 6, 1},
    {X86_REG_RDI, 7, 8},  {X86_REG_EDI, 7, 4},   {X86_REG_DI, 7, 2},    {X86_REG_DIL, 7, 1},
    {X86_REG_R8, 8, 8},   {X86_REG_R8D, 8, 4},   {X86_REG_R8W, 8, 2},   {X86_REG_R8B, 8, 1},
    {X86_REG_R9, 9, 8},   {X86_REG_R9D, 9, 4},   {X86_REG_R9W, 9, 2},   {X86_REG_R9B, 9, 1},
    {X86_REG_R10, 10, 8}, {X86_REG_R10D, 10, 4}, {X86_REG_R10W, 10, 2}, {X86_REG_R10B, 10, 1},
    {X86_REG_R11, 11, 8}, {X86_REG_R11D, 11, 4}, {X86_REG_R11W, 11, 2}, {X86_REG_R11B, 11, 1},
    {X86_REG_R12, 12, 8}, {X86_REG_R12D, 12, 4}, {X86_REG_R12W, 12, 2}, {X86_REG_R12B, 12, 1},
    {X86_REG_R13, 13, 8}, {X86_REG_R13D, 13, 4}, {X86_REG_R13W, 13, 2}, {X86_REG_R13B, 13, 1},
    {X86_REG_R14, 14, 8}, {X86_REG_R14D, 14, 4}, {X86_REG_R14W, 14, 2}, {X86_REG_R14B, 14, 1},
    {X86_REG_R15, 15, 8}, {X86_REG_R15D, 15, 4}, {X86_REG_R15W, 15, 2}, {X86_REG_R15B, 15, 1},
};

static uint8_t slot_of(x86_reg number, uint8_t *size_bytes)
{
    *size_bytes = 8;
    for (size_t i = 0; i < sizeof general / sizeof *general; i++) {
        if (general[i].first == (uint16_t)number) {
            *size_bytes = general[i].size_bytes;
            return general[i].slot;
        }
    }
    *size_bytes = 16;
    if (number >= X86_REG_XMM0 && number <= X86_REG_XMM15) {
        return (uint8_t)(SLOT_VECTOR + (number - X86_REG_XMM0));
    }
    if (number >= X86_REG_YMM0 && number <= X86_REG_YMM15) {
        return (uint8_t)(SLOT_VECTOR + (number - X86_REG_YMM0));
    }
    if (number >= X86_REG_MM0 && number <= X86_REG_MM7) {
        return (uint8_t)(SLOT_MMX + (number - X86_REG_MM0));
    }
    return SLOT_NONE; /* of flags read_flags says which */
}

static void add_write(struct operands *operands, uint8_t slot, uint8_t size_bytes)
{
    slot_add(&operands->destinations, slot);
    /* A byte or a word is merged into the register: SOM 3.5.2.4. */
    if (slot < SLOT_CARRY && size_bytes < 4) {
        slot_add(&operands->sources, slot);
    }
}

static void read_implicit(struct operands *operands, const cs_insn *instruction)
{
    const cs_detail *detail = instruction->detail;
    uint8_t size_bytes = 0;
    for (uint32_t i = 0; i < detail->regs_read_count; i++) {
        slot_add(&operands->sources, slot_of((x86_reg)detail->regs_read[i], &size_bytes));
    }
    for (uint32_t i = 0; i < detail->regs_write_count; i++) {
        uint8_t slot = slot_of((x86_reg)detail->regs_write[i], &size_bytes);
        add_write(operands, slot, size_bytes);
    }
}

/* Instructions whose first operand is read too, or not, although the library says otherwise. */
static uint8_t corrected_access(const cs_insn *instruction, uint32_t place, uint8_t access)
{
    if (place != 0) {
        return access;
    }
    switch (instruction->id) {
    case X86_INS_CMOVA:
    case X86_INS_CMOVAE:
    case X86_INS_CMOVB:
    case X86_INS_CMOVBE:
    case X86_INS_CMOVE:
    case X86_INS_CMOVG:
    case X86_INS_CMOVGE:
    case X86_INS_CMOVL:
    case X86_INS_CMOVLE:
    case X86_INS_CMOVNE:
    case X86_INS_CMOVNO:
    case X86_INS_CMOVNP:
    case X86_INS_CMOVNS:
    case X86_INS_CMOVO:
    case X86_INS_CMOVP:
    case X86_INS_CMOVS:
    /* The upper part of the register stays: SOM 3.5.2.4 on partial writes. */
    case X86_INS_CVTSI2SD:
    case X86_INS_CVTSI2SS:
    case X86_INS_CVTSD2SS:
    case X86_INS_CVTSS2SD:
    case X86_INS_SQRTSD:
    case X86_INS_SQRTSS:
    case X86_INS_RSQRTSS:
    case X86_INS_RCPSS:
    case X86_INS_ROUNDSD:
    case X86_INS_ROUNDSS:
    /* A source of nothing leaves the destination: both wait for it. */
    case X86_INS_BSF:
    case X86_INS_BSR:
    case X86_INS_CMPXCHG:
    case X86_INS_PINSRB:
    case X86_INS_PINSRW:
    case X86_INS_PINSRD:
    case X86_INS_PINSRQ:
    case X86_INS_INSERTPS:
    case X86_INS_MOVLPS:
    case X86_INS_MOVLPD:
    case X86_INS_MOVHPS:
    case X86_INS_MOVHPD:
        return CS_AC_READ | CS_AC_WRITE;
    case X86_INS_TEST:
    case X86_INS_CMP:
    case X86_INS_BT:
        return CS_AC_READ;
    case X86_INS_MOVSS:
    case X86_INS_MOVSD:
        return instruction->detail->x86.operands[1].type == X86_OP_REG ? CS_AC_READ | CS_AC_WRITE
                                                                       : CS_AC_WRITE;
    default:
        return access == 0 ? (uint8_t)(CS_AC_READ | CS_AC_WRITE) : access;
    }
}

static void read_memory(struct operands *operands, const cs_x86_op *operand)
{
    uint8_t size_bytes = 0;
    operands->has_memory = true;
    operands->relative = operand->mem.base == X86_REG_RIP || operand->mem.base == X86_REG_EIP;
    slot_add(&operands->address, slot_of(operand->mem.base, &size_bytes));
    if (operand->mem.index != X86_REG_INVALID && operand->mem.index != X86_REG_RIZ &&
        operand->mem.index != X86_REG_EIZ) {
        slot_add(&operands->address, slot_of(operand->mem.index, &size_bytes));
        operands->has_index = true;
    }
    operands->displacement = operand->mem.disp;
    operands->size_bytes = operand->size;
}

static void read_explicit(struct operands *operands, const cs_insn *instruction)
{
    const cs_x86 *x86 = &instruction->detail->x86;
    x86_reg first = X86_REG_INVALID;
    operands->same_registers = true;
    for (uint32_t i = 0; i < x86->op_count; i++) {
        const cs_x86_op *operand = &x86->operands[i];
        uint8_t access = corrected_access(instruction, i, operand->access);
        uint8_t size_bytes = 0;
        if (operand->type == X86_OP_IMM) {
            operands->has_immediate = true;
        } else if (operand->type == X86_OP_MEM) {
            read_memory(operands, operand);
            operands->is_load = operands->is_load || (access & CS_AC_READ) != 0;
            operands->is_store = operands->is_store || (access & CS_AC_WRITE) != 0;
        } else if (operand->type == X86_OP_REG) {
            uint8_t slot = slot_of(operand->reg, &size_bytes);
            if ((access & CS_AC_READ) != 0) {
                slot_add(&operands->sources, slot);
            }
            if ((access & CS_AC_WRITE) != 0) {
                add_write(operands, slot, operand->size < 4 ? operand->size : size_bytes);
            }
            operands->same_registers =
                operands->same_registers && (first == X86_REG_INVALID || first == operand->reg);
            first = operand->reg;
            operands->register_operands++;
            operands->size_bytes = operands->has_memory ? operands->size_bytes : operand->size;
        }
    }
}

static bool writes_all_flags(const cs_insn *instruction)
{
    switch (instruction->id) {
    case X86_INS_VUCOMISD:
    case X86_INS_VUCOMISS:
    case X86_INS_VCOMISD:
    case X86_INS_VCOMISS:
    case X86_INS_UCOMISD:
    case X86_INS_UCOMISS:
    case X86_INS_COMISD:
    case X86_INS_COMISS:
    case X86_INS_PTEST:
    case X86_INS_VPTEST:
    case X86_INS_POPFQ:
    case X86_INS_POPFD:
    case X86_INS_POPF:
    case X86_INS_POPCNT:
    case X86_INS_LZCNT:
    case X86_INS_TZCNT:
        return true;
    default:
        return false;
    }
}

/* The carry is renamed apart from the other flags: SOM 3.5.2.6, FOG 9.9. */
static void read_flags(struct operands *operands, const cs_insn *instruction)
{
    uint64_t flags = instruction->detail->x86.eflags;
    bool all = writes_all_flags(instruction);
    bool carry = all || (flags & CARRY_CHANGES) != 0;
    bool others = all || (flags & FLAGS_CHANGES) != 0;
    if (instruction->id == X86_INS_INC || instruction->id == X86_INS_DEC) {
        carry = false;
    }
    if ((flags & X86_EFLAGS_TEST_CF) != 0) {
        slot_add(&operands->sources, SLOT_CARRY);
    }
    if ((flags & FLAGS_TESTS) != 0) {
        slot_add(&operands->sources, SLOT_FLAGS);
    }
    if (carry) {
        slot_add(&operands->destinations, SLOT_CARRY);
    }
    if (others) {
        slot_add(&operands->destinations, SLOT_FLAGS);
    }
}

/* What the library leaves out of the implicit operands; found by executing. */
static void add_forgotten(struct operands *operands, const cs_insn *instruction)
{
    switch (instruction->id) {
    case X86_INS_CMPXCHG:
        slot_add(&operands->sources, SLOT_GENERAL);
        slot_add(&operands->destinations, SLOT_GENERAL);
        slot_add(&operands->destinations, SLOT_CARRY);
        slot_add(&operands->destinations, SLOT_FLAGS);
        break;
    case X86_INS_CMPXCHG8B:
    case X86_INS_CMPXCHG16B:
        slot_add(&operands->destinations, SLOT_GENERAL);
        slot_add(&operands->destinations, SLOT_GENERAL + 2);
        slot_add(&operands->destinations, SLOT_FLAGS);
        break;
    default:
        break;
    }
}

void operands_read(struct operands *operands, const cs_insn *instruction, bool is_x87)
{
    memset(operands, 0, sizeof *operands);
    read_implicit(operands, instruction);
    read_explicit(operands, instruction);
    add_forgotten(operands, instruction);
    if (!is_x87) {
        read_flags(operands, instruction);
    }
}
