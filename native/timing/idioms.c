/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Idioms, fusion and addressing; SOM, FOG, INFO and UICA as in parameters.c: see idioms.h. */
#include "idioms.h"

bool idiom_is_nop(const cs_insn *instruction, const struct encoding *encoding)
{
    /* 90 with REX.B, or 66 90 with REX.B, is an exchange; F3 90 is pause. */
    if (encoding->map == 0 && encoding->opcode == 0x90) {
        return instruction->id == X86_INS_NOP;
    }
    return instruction->id == X86_INS_NOP || instruction->id == X86_INS_ENDBR64 ||
           instruction->id == X86_INS_ENDBR32;
}

bool idiom_is_exchange(const struct encoding *encoding)
{
    return encoding->map == 0 && !encoding->vex && encoding->opcode == 0xd9 &&
           encoding->memory == 0 && encoding->reg == 1;
}

/* SOM 3.5.1.7, INFO: the same register twice. */
bool idiom_is_zero(const cs_insn *instruction, const struct operands *operands)
{
    if (!operands->same_registers || operands->has_memory || operands->register_operands < 2) {
        return false;
    }
    switch (instruction->id) {
    case X86_INS_XOR:
    case X86_INS_SUB:
        return operands->size_bytes >= 4;
    case X86_INS_PXOR:
    case X86_INS_XORPS:
    case X86_INS_XORPD:
    case X86_INS_PSUBB:
    case X86_INS_PSUBW:
    case X86_INS_PSUBD:
    case X86_INS_PSUBQ:
    case X86_INS_PCMPGTB:
    case X86_INS_PCMPGTW:
    case X86_INS_PCMPGTD:
        return operands->size_bytes >= 16; /* not in MMX registers: INFO */
    default:
        break;
    }
    const cs_x86_op *all = instruction->detail->x86.operands;
    bool sources_same = instruction->detail->x86.op_count == 3 && all[1].type == X86_OP_REG &&
                        all[2].type == X86_OP_REG && all[1].reg == all[2].reg;
    switch (instruction->id) {
    case X86_INS_VPXOR:
    case X86_INS_VXORPS:
    case X86_INS_VXORPD:
    case X86_INS_VPSUBB:
    case X86_INS_VPSUBW:
    case X86_INS_VPSUBD:
    case X86_INS_VPSUBQ:
    case X86_INS_VPCMPGTB:
    case X86_INS_VPCMPGTW:
    case X86_INS_VPCMPGTD:
        return sources_same;
    default:
        return false;
    }
}

/* SOM 3.5.1.7. */
bool idiom_is_ones(const cs_insn *instruction, const struct operands *operands)
{
    if (!operands->same_registers || operands->has_memory) {
        return false;
    }
    switch (instruction->id) {
    case X86_INS_PCMPEQB:
    case X86_INS_PCMPEQW:
    case X86_INS_PCMPEQD:
    case X86_INS_PCMPEQQ:
    case X86_INS_VPCMPEQB:
    case X86_INS_VPCMPEQW:
    case X86_INS_VPCMPEQD:
    case X86_INS_VPCMPEQQ:
        return true;
    default:
        return false;
    }
}

/* SDM volume 3, 9.1.2: xchg with memory is locked without a prefix. */
bool idiom_is_locked(const cs_insn *instruction, const struct encoding *encoding)
{
    return encoding->lock_prefix || (instruction->id == X86_INS_XCHG && encoding->memory != 0);
}

static bool is_high_byte(x86_reg number)
{
    return number == X86_REG_AH || number == X86_REG_BH || number == X86_REG_CH ||
           number == X86_REG_DH;
}

/* SOM 3.5.1.13, UICA 4.1.4: 32 and 64 bits, zero extension of a low byte, vectors. */
bool idiom_is_eliminated_move(const cs_insn *instruction, const struct operands *operands,
                              const struct timing_parameters *core)
{
    const cs_x86 *x86 = &instruction->detail->x86;
    if (operands->has_memory || x86->op_count != 2 || operands->register_operands != 2 ||
        operands->sources.count != 1 || operands->destinations.count != 1 ||
        operands->sources.slots[0] == operands->destinations.slots[0]) {
        return false;
    }
    switch (instruction->id) {
    case X86_INS_MOV:
        return x86->operands[0].size >= 4 && operands->sources.slots[0] < SLOT_CARRY &&
               operands->destinations.slots[0] < SLOT_CARRY;
    case X86_INS_MOVZX:
        return core->eliminates_zero_extension && x86->operands[0].size >= 4 &&
               x86->operands[1].size == 1 && !is_high_byte(x86->operands[1].reg);
    case X86_INS_MOVAPS:
    case X86_INS_MOVAPD:
    case X86_INS_MOVUPS:
    case X86_INS_MOVUPD:
    case X86_INS_MOVDQA:
    case X86_INS_MOVDQU:
    case X86_INS_VMOVAPS:
    case X86_INS_VMOVAPD:
    case X86_INS_VMOVUPS:
    case X86_INS_VMOVUPD:
    case X86_INS_VMOVDQA:
    case X86_INS_VMOVDQU:
        return true;
    default:
        return false;
    }
}

/* SOM 3.5.1.2; base rbp or r13 always carries a displacement. */
bool idiom_is_slow_lea(const cs_insn *instruction)
{
    if (instruction->id != X86_INS_LEA) {
        return false;
    }
    const cs_x86 *x86 = &instruction->detail->x86;
    const x86_op_mem *memory = &x86->operands[1].mem;
    return memory->base != X86_REG_INVALID && memory->index != X86_REG_INVALID &&
           (memory->disp != 0 || x86->encoding.disp_offset != 0);
}

/* SOG 2.12: a scaled index, or an index beside a base and a displacement. */
bool idiom_is_complex_address(const cs_insn *instruction, const struct operands *operands)
{
    const cs_x86 *x86 = &instruction->detail->x86;
    for (uint8_t i = 0; i < x86->op_count && operands->has_index; i++) {
        const x86_op_mem *memory = &x86->operands[i].mem;
        if (x86->operands[i].type == X86_OP_MEM && memory->index != X86_REG_INVALID) {
            return memory->scale != 1 || (memory->base != X86_REG_INVALID && memory->disp != 0);
        }
    }
    return false;
}

/* SOM table 2-12: base, or base + displacement below 2048. */
bool idiom_is_fast_address(const struct operands *operands)
{
    return operands->address.count == 1 && !operands->has_index && operands->displacement >= 0 &&
           operands->displacement < 2048;
}

bool idiom_is_string(const struct encoding *encoding)
{
    uint8_t opcode = encoding->opcode;
    return encoding->map == 0 && !encoding->vex &&
           ((opcode >= 0xa4 && opcode <= 0xa7) || (opcode >= 0xaa && opcode <= 0xaf));
}

bool idiom_is_repeated(const struct encoding *encoding)
{
    return encoding->repeat_prefix && idiom_is_string(encoding);
}

/* INFO: one cycle from the destination's old value, for CMOVcc and SETcc on every core. */
bool idiom_merges_late(const cs_insn *instruction)
{
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
    case X86_INS_SETA:
    case X86_INS_SETAE:
    case X86_INS_SETB:
    case X86_INS_SETBE:
    case X86_INS_SETE:
    case X86_INS_SETG:
    case X86_INS_SETGE:
    case X86_INS_SETL:
    case X86_INS_SETLE:
    case X86_INS_SETNE:
    case X86_INS_SETNO:
    case X86_INS_SETNP:
    case X86_INS_SETNS:
    case X86_INS_SETO:
    case X86_INS_SETP:
    case X86_INS_SETS:
        return true;
    default:
        return false;
    }
}

/* SOM 3.4.2.3: an immediate that 66 makes two bytes instead of four. */
bool idiom_length_changes(const struct encoding *encoding)
{
    if (!encoding->operand_size_prefix || encoding->vex || encoding->map != 0 || encoding->wide) {
        return false;
    }
    switch (encoding->opcode) {
    case 0x05:
    case 0x0d:
    case 0x15:
    case 0x1d:
    case 0x25:
    case 0x2d:
    case 0x35:
    case 0x3d:
    case 0x68:
    case 0x69:
    case 0x81:
    case 0xa9:
    case 0xc7:
        return true;
    case 0xf7:
        return encoding->reg < 2;
    default:
        return encoding->opcode >= 0xb8 && encoding->opcode <= 0xbf;
    }
}

bool idiom_waits_for_destination(const cs_insn *instruction, const struct timing_parameters *core)
{
    switch (instruction->id) {
    case X86_INS_POPCNT:
        return core->false_count_dependency;
    case X86_INS_LZCNT:
    case X86_INS_TZCNT:
        return core->false_scan_dependency;
    default:
        return false;
    }
}

/* SOM E.1.5: two operands, the first of them read and written, flags counted as operands. */
bool idiom_stays_fused(const struct operands *operands, const struct encoding *encoding,
                       const struct timing_parameters *core)
{
    if (!operands->has_index || core->all_stays_fused) {
        return true;
    }
    if (!core->indexed_stays_fused) {
        return false;
    }
    if (operands->is_store) {
        return !operands->is_load;
    }
    bool reads_flags = slot_contains(&operands->sources, SLOT_CARRY) ||
                       slot_contains(&operands->sources, SLOT_FLAGS);
    bool writes_what_it_reads = true;
    for (uint8_t i = 0; i < operands->destinations.count; i++) {
        uint8_t slot = operands->destinations.slots[i];
        bool is_flag = slot == SLOT_CARRY || slot == SLOT_FLAGS;
        writes_what_it_reads =
            writes_what_it_reads && (is_flag || slot_contains(&operands->sources, slot));
    }
    return writes_what_it_reads && !reads_flags && encoding->vex == 0 &&
           operands->register_operands + operands->has_immediate < 2;
}

bool idiom_is_conditional(const cs_insn *instruction)
{
    switch (instruction->id) {
    case X86_INS_JO:
    case X86_INS_JNO:
    case X86_INS_JB:
    case X86_INS_JAE:
    case X86_INS_JE:
    case X86_INS_JNE:
    case X86_INS_JBE:
    case X86_INS_JA:
    case X86_INS_JS:
    case X86_INS_JNS:
    case X86_INS_JP:
    case X86_INS_JNP:
    case X86_INS_JL:
    case X86_INS_JGE:
    case X86_INS_JLE:
    case X86_INS_JG:
        return true;
    default:
        return false;
    }
}

/* Which conditions an instruction fuses with: SOM table 3-1 of 3.4.2.2. */
enum condition_class { CONDITION_OTHER, CONDITION_CARRY, CONDITION_SIGNED };

static enum condition_class condition_class_of(const cs_insn *jump)
{
    switch (jump->id) {
    case X86_INS_JB:
    case X86_INS_JAE:
    case X86_INS_JBE:
    case X86_INS_JA:
        return CONDITION_CARRY;
    case X86_INS_JE:
    case X86_INS_JNE:
    case X86_INS_JL:
    case X86_INS_JGE:
    case X86_INS_JLE:
    case X86_INS_JG:
        return CONDITION_SIGNED;
    default:
        return CONDITION_OTHER;
    }
}

bool idiom_may_fuse(const cs_insn *instruction, const struct operands *operands,
                    const struct timing_parameters *core)
{
    if (operands->is_store ||
        (operands->has_memory && (operands->has_immediate || operands->relative))) {
        return false;
    }
    switch (instruction->id) {
    case X86_INS_TEST:
    case X86_INS_AND:
    case X86_INS_CMP:
    case X86_INS_ADD:
    case X86_INS_SUB:
    case X86_INS_INC:
    case X86_INS_DEC:
        return true;
    case X86_INS_OR:
    case X86_INS_XOR:
        return core->fuses_all_arithmetic;
    default:
        return false;
    }
}

bool idiom_fuses(const cs_insn *first, const struct operands *operands, const cs_insn *second,
                 const struct timing_parameters *core)
{
    if (!idiom_is_conditional(second) || !idiom_may_fuse(first, operands, core)) {
        return false;
    }
    if (core->fuses_all_arithmetic) {
        return true; /* CORSIX: from Zen 3 on, with every condition */
    }
    enum condition_class class = condition_class_of(second);
    switch (first->id) {
    case X86_INS_TEST:
    case X86_INS_AND:
        return true;
    case X86_INS_CMP:
    case X86_INS_ADD:
    case X86_INS_SUB:
        return class != CONDITION_OTHER;
    default:
        return class == CONDITION_SIGNED;
    }
}
