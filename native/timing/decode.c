/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decoding of a block: see decode.h. */
#include "decode.h"

#include <stdlib.h>
#include <string.h>

#include "addresses.h"
#include "form.h"
#include "idioms.h"
#include "micro_ops.h"
#include "operands.h"
#include "system.h"
#include "x87.h"

struct building {
    struct timing_decoder *decoder;
    struct timing_code *code;
    uint32_t instruction_limit;
    uint32_t uop_limit;
    uint32_t form_limit;
    uint64_t offset; /* of the instruction in its block */
    bool code32;
    uint8_t x87_top;
    bool after_fused; /* the instruction was decoded with the one before */
};

struct timing_decoder *timing_decoder_open(const struct timing_parameters *core)
{
    struct timing_decoder *decoder = calloc(1, sizeof *decoder);
    if (decoder == NULL) {
        return NULL;
    }
    decoder->core = core;
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &decoder->handles[0]) != CS_ERR_OK ||
        cs_open(CS_ARCH_X86, CS_MODE_32, &decoder->handles[1]) != CS_ERR_OK) {
        timing_decoder_close(decoder);
        return NULL;
    }
    for (uint32_t i = 0; i < 2; i++) {
        (void)cs_option(decoder->handles[i], CS_OPT_DETAIL, CS_OPT_ON);
    }
    decoder->current = cs_malloc(decoder->handles[0]);
    decoder->next = cs_malloc(decoder->handles[0]);
    return decoder;
}

void timing_decoder_unlisted(struct timing_decoder *decoder, timing_unlisted_size *size_of)
{
    decoder->unlisted_size = size_of;
}

void timing_decoder_close(struct timing_decoder *decoder)
{
    if (decoder == NULL) {
        return;
    }
    for (uint32_t i = 0; i < 2; i++) {
        if (decoder->handles[i] != 0) {
            (void)cs_close(&decoder->handles[i]);
        }
    }
    if (decoder->current != NULL) {
        cs_free(decoder->current, 1);
    }
    if (decoder->next != NULL) {
        cs_free(decoder->next, 1);
    }
    free(decoder);
}

void timing_code_free(struct timing_code *code)
{
    if (code != NULL) {
        free(code->instructions);
        free(code->uops);
        free(code->forms);
        free(code);
    }
}

uint32_t timing_code_instruction_count(const struct timing_code *code)
{
    return code->instruction_count;
}

uint32_t timing_code_unknown_count(const struct timing_code *code)
{
    return code->unknown_count;
}

void timing_code_effects(const struct timing_code *code, uint32_t instruction, uint64_t *sources,
                         uint64_t *destinations)
{
    const uint64_t temporaries = ~0ull << SLOT_TEMPORARY;
    const struct instruction *row = &code->instructions[instruction];
    *sources = 0;
    *destinations = 0;
    for (uint32_t i = 0; i < row->uop_count; i++) {
        const struct uop *uop = &code->uops[row->first_uop + i];
        for (uint32_t k = 0; k < uop->source_count; k++) {
            *sources |= 1ull << uop->sources[k];
        }
        *destinations |= uop->destination_bits;
    }
    if ((row->flags & INSTRUCTION_STACK) != 0) {
        *sources |= 1ull << SLOT_STACK_POINTER;
        *destinations |= 1ull << SLOT_STACK_POINTER;
    }
    *sources &= ~temporaries;
    *destinations &= ~temporaries;
}

static bool grow(struct building *building)
{
    struct timing_code *code = building->code;
    if (code->instruction_count + 1 >= building->instruction_limit) {
        building->instruction_limit = building->instruction_limit * 2 + 16;
        void *more =
            realloc(code->instructions, building->instruction_limit * sizeof *code->instructions);
        if (more == NULL) {
            return false;
        }
        code->instructions = more;
    }
    if (code->uop_count + UOPS_PER_INSTRUCTION_LIMIT >= building->uop_limit) {
        building->uop_limit = building->uop_limit * 2 + 2 * UOPS_PER_INSTRUCTION_LIMIT;
        void *more = realloc(code->uops, building->uop_limit * sizeof *code->uops);
        if (more == NULL) {
            return false;
        }
        code->uops = more;
    }
    if (code->form_count + ADDRESS_FORMS_PER_INSTRUCTION >= building->form_limit) {
        building->form_limit = building->form_limit * 2 + 4 * ADDRESS_FORMS_PER_INSTRUCTION;
        void *more = realloc(code->forms, building->form_limit * sizeof *code->forms);
        if (more == NULL) {
            return false;
        }
        code->forms = more;
    }
    return true;
}

/* There is room: grow() made it. */
static void append_forms(struct building *building, const struct instruction *instruction,
                         const cs_insn *current)
{
    struct timing_code *code = building->code;
    struct address_forms forms;
    building->offset += current->size;
    addresses_read(&forms, current, instruction, building->offset, building->code32);
    for (uint32_t i = 0; i < forms.count; i++) {
        forms.forms[i].instruction = code->instruction_count;
        code->forms[code->form_count++] = forms.forms[i];
    }
}

/* LLVM's way to say that it does not know: one micro-op anywhere, of 100 cycles. */
static bool is_placeholder(const struct form_class *class)
{
    return class->latency_cycles == 100 && class->groups[0].count == 1 &&
           class->groups[1].count == 0;
}

static const struct form_class *find_class(const struct building *building,
                                           const struct encoding *encoding,
                                           const struct operands *operands, const cs_insn *current,
                                           struct instruction *instruction)
{
    const struct timing_parameters *core = building->decoder->core;
    if (idiom_is_slow_lea(current)) {
        return &core->slow_lea;
    }
    const struct form_class *class = fact_find(encoding, core->column);
    if (class == NULL) {
        class = form_find(encoding, core);
        class = class != NULL && is_placeholder(class) ? NULL : class;
    }
    if (class != NULL) {
        return class;
    }
    instruction->flags |= INSTRUCTION_UNKNOWN;
    building->code->unknown_count++;
    if (operands->is_store) {
        return &core->unknown_store;
    }
    return operands->is_load ? &core->unknown_load : &core->unknown_register;
}

/* push, pop, call, ret: the front end tracks the stack pointer (SOM E.2.2.1, FOG 9.8). */
static bool build_stack(struct uop_list *list, const struct shape *shape, const cs_insn *current,
                        struct instruction *instruction, struct operands *operands)
{
    enum stack_use use = STACK_NONE;
    bool jumps = false;
    switch (current->id) {
    case X86_INS_PUSH:
        use = STACK_PUSH;
        break;
    case X86_INS_POP:
        use = STACK_POP;
        break;
    case X86_INS_CALL:
        use = STACK_PUSH;
        jumps = true;
        break;
    case X86_INS_RET:
        use = STACK_POP;
        jumps = true;
        break;
    default:
        return false;
    }
    const cs_x86 *x86 = &current->detail->x86;
    bool has_operand = x86->op_count > 0 && x86->operands[0].type != X86_OP_IMM;
    bool is_register = has_operand && x86->operands[0].type == X86_OP_REG;
    bool named = is_register &&
                 (slot_contains(&operands->sources, SLOT_STACK_POINTER) &&
                  (x86->operands[0].reg == X86_REG_RSP || x86->operands[0].reg == X86_REG_ESP));
    if (!named) {
        struct slot_set *sets[2] = {&operands->sources, &operands->destinations};
        for (uint32_t i = 0; i < 2; i++) {
            struct slot_set kept = {0};
            for (uint8_t k = 0; k < sets[i]->count; k++) {
                if (sets[i]->slots[k] != SLOT_STACK_POINTER) {
                    slot_add(&kept, sets[i]->slots[k]);
                }
            }
            *sets[i] = kept;
        }
    }
    operands->is_load = operands->has_memory && use == STACK_PUSH;
    operands->is_store = operands->has_memory && use == STACK_POP;
    instruction->flags |= INSTRUCTION_STACK;
    if (named) {
        instruction->flags |= use == STACK_POP ? INSTRUCTION_STACK_WRITE : INSTRUCTION_STACK_READ;
    }
    if (slot_contains(&operands->address, SLOT_STACK_POINTER)) {
        instruction->flags |= INSTRUCTION_STACK_READ;
    }
    micro_ops_stack(list, shape, use, jumps);
    return true;
}

static void note_stack_pointer(struct instruction *instruction, const struct operands *operands)
{
    if (slot_contains(&operands->address, SLOT_STACK_POINTER) ||
        slot_contains(&operands->sources, SLOT_STACK_POINTER)) {
        instruction->flags |= INSTRUCTION_STACK_READ;
    } else if (slot_contains(&operands->destinations, SLOT_STACK_POINTER)) {
        instruction->flags |= INSTRUCTION_STACK_WRITE;
    }
}

static void note_branch(struct instruction *instruction, const cs_insn *current)
{
    bool indirect =
        current->detail->x86.op_count > 0 && current->detail->x86.operands[0].type != X86_OP_IMM;
    if (system_is_far_branch(current)) {
        return; /* nobody predicts it */
    }
    switch (current->id) {
    case X86_INS_JMP:
        instruction->flags |= INSTRUCTION_JUMP;
        break;
    case X86_INS_CALL:
        instruction->flags |= INSTRUCTION_JUMP | INSTRUCTION_CALL;
        break;
    case X86_INS_RET:
        instruction->flags |= INSTRUCTION_JUMP | INSTRUCTION_RETURN;
        return;
    case X86_INS_LOOP:
    case X86_INS_LOOPE:
    case X86_INS_LOOPNE:
    case X86_INS_JCXZ:
    case X86_INS_JECXZ:
    case X86_INS_JRCXZ:
        instruction->flags |= INSTRUCTION_CONDITIONAL;
        return;
    default:
        if (idiom_is_conditional(current)) {
            instruction->flags |= INSTRUCTION_CONDITIONAL;
        }
        return;
    }
    if (indirect) {
        instruction->flags |= INSTRUCTION_INDIRECT;
    }
}

static void forget_sources(struct operands *operands)
{
    operands->sources.count = 0;
}

static uint16_t load_cycles_of(const struct timing_parameters *core,
                               const struct operands *operands)
{
    bool vector = false;
    for (uint8_t i = 0; i < operands->destinations.count; i++) {
        uint8_t slot = operands->destinations.slots[i];
        vector = vector || (slot >= SLOT_VECTOR && slot < SLOT_MMX) ||
                 (core->complex_address_cycles != 0 && slot >= SLOT_MMX && slot < SLOT_X87_STATUS);
    }
    if (!vector) {
        return core->load_cycles;
    }
    return operands->size_bytes > 16 ? core->wide_load_cycles : core->vector_load_cycles;
}

static void build_uops(struct building *building, struct uop_list *list, const cs_insn *current,
                       const struct encoding *encoding, struct operands *operands,
                       struct instruction *instruction)
{
    const struct timing_parameters *core = building->decoder->core;
    if (idiom_is_exchange(encoding)) {
        micro_ops_exchange(list, core, operands);
        return;
    }
    if (idiom_is_nop(current, encoding)) {
        operands->sources.count = operands->destinations.count = 0;
        micro_ops_rename_only(list, operands, false);
        return;
    }
    instruction->system = (uint8_t)system_row_of(current);
    if (instruction->system != 0) {
        instruction->flags |= INSTRUCTION_SYSTEM;
        micro_ops_rename_only(list, operands, false);
        return;
    }
    if (idiom_is_zero(current, operands)) {
        micro_ops_rename_only(list, operands, false);
        return;
    }
    if (core->eliminates_moves && idiom_is_eliminated_move(current, operands, core)) {
        note_stack_pointer(instruction, operands);
        micro_ops_rename_only(list, operands, true);
        return;
    }
    if (idiom_is_ones(current, operands)) {
        forget_sources(operands);
    }
    if (idiom_waits_for_destination(current, core)) {
        slot_add(&operands->sources, operands->destinations.slots[0]);
    }
    struct shape shape = {
        .core = core,
        .operands = operands,
        .fast_address = core->complex_address_cycles == 0 && idiom_is_fast_address(operands),
        .complex_address = idiom_is_complex_address(current, operands),
        .late_destination = idiom_merges_late(current),
        .locked = idiom_is_locked(current, encoding),
        .load_cycles = load_cycles_of(core, operands),
    };
    if (build_stack(list, &shape, current, instruction, operands)) {
        return;
    }
    note_stack_pointer(instruction, operands);
    if (current->id == X86_INS_LEA) {
        for (uint8_t i = 0; i < operands->address.count; i++) {
            slot_add(&operands->sources, operands->address.slots[i]);
        }
    }
    shape.class = find_class(building, encoding, operands, current, instruction);
    if (operands->has_memory) {
        micro_ops_accesses(shape.class, core, &operands->is_load, &operands->is_store);
    }
    if (idiom_is_string(encoding)) {
        micro_ops_string(list, &shape);
        return;
    }
    shape.stays_fused = idiom_stays_fused(operands, encoding, core);
    micro_ops_build(list, &shape);
    if ((instruction->flags & (INSTRUCTION_CONDITIONAL | INSTRUCTION_JUMP)) != 0) {
        list->uops[list->count - 1].flags |= UOP_BRANCH;
    }
}

static void count_uops(const struct uop_list *list, struct instruction *instruction,
                       const struct timing_parameters *core)
{
    uint32_t slots = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        slots += (list->uops[i].flags & UOP_FUSED) == 0;
        bool loads = (list->uops[i].flags & UOP_LOAD) != 0;
        bool stores = (list->uops[i].flags & UOP_STORE_ADDRESS) != 0;
        instruction->load_count = (uint8_t)(instruction->load_count + loads);
        instruction->store_count = (uint8_t)(instruction->store_count + stores);
    }
    instruction->slot_count = (uint16_t)slots;
    instruction->decoded_uops = (uint16_t)(list->count - list->fused_pairs);
    if (instruction->decoded_uops > core->simple_uops) {
        instruction->flags |= INSTRUCTION_COMPLEX;
    }
    if (instruction->decoded_uops > core->complex_uops) {
        instruction->flags |= INSTRUCTION_MICROCODED;
    }
}

static bool append_instruction(struct building *building, const cs_insn *current,
                               const cs_insn *next)
{
    struct timing_code *code = building->code;
    if (!grow(building)) {
        return false;
    }
    struct instruction *instruction = &code->instructions[code->instruction_count];
    *instruction = (struct instruction){.size_bytes = (uint8_t)current->size};
    struct encoding encoding;
    struct operands operands;
    struct uop_list list;
    encoding_parse(&encoding, current->bytes, current->size, building->code32);
    operands_read(&operands, current, x87_is(&encoding));
    struct x87_effect x87 = x87_effect_of(&encoding);
    x87_add_operands(&x87, building->x87_top, &operands);
    instruction->x87_turn = x87.turn;
    building->x87_top = (uint8_t)(building->x87_top + x87.turn) % 8;
    code->turns_x87 = code->turns_x87 || x87.turn != 0;
    instruction->prefix_bytes = encoding.prefix_bytes;
    instruction->first_uop = (uint16_t)code->uop_count;
    note_branch(instruction, current);
    if (idiom_length_changes(&encoding)) {
        instruction->flags |= INSTRUCTION_LENGTH_CHANGE;
    }
    if (idiom_is_repeated(&encoding)) {
        instruction->flags |= INSTRUCTION_REPEATED;
    }
    build_uops(building, &list, current, &encoding, &operands, instruction);
    const struct timing_parameters *core = building->decoder->core;
    if (idiom_may_fuse(current, &operands, core)) {
        instruction->flags |= INSTRUCTION_MAY_FUSE;
    }
    bool fuses = next != NULL && idiom_fuses(current, &operands, next, core);
    if (fuses) {
        instruction->flags |= INSTRUCTION_FUSES;
        list.uops[list.count - 1].ports = core->fused_branch_ports;
        list.uops[list.count - 1].flags |= UOP_BRANCH;
    }
    count_uops(&list, instruction, core);
    if (building->after_fused) {
        list.count = 0;
        instruction->slot_count = 0;
        instruction->decoded_uops = 0;
    }
    building->after_fused = fuses;
    append_forms(building, instruction, current);
    code->flushes_translations |= system_flushes_translations(instruction->system);
    code->repeats = (instruction->flags & INSTRUCTION_REPEATED) != 0 && code->form_count > 0;
    micro_ops_finish(&list, core);
    code->load_count += instruction->load_count;
    code->store_count += instruction->store_count;
    memcpy(code->uops + code->uop_count, list.uops, list.count * sizeof *list.uops);
    instruction->uop_count = (uint16_t)list.count;
    code->uop_count += list.count;
    code->instruction_count++;
    return true;
}

/* Bytes that the library does not know: one instruction, timed by the default. */
static bool append_undecodable(struct building *building, size_t size_bytes)
{
    if (!grow(building)) {
        return false;
    }
    struct timing_code *code = building->code;
    struct operands none = {0};
    struct uop_list list;
    micro_ops_rename_only(&list, &none, false);
    micro_ops_finish(&list, building->decoder->core);
    code->uops[code->uop_count] = list.uops[0];
    code->instructions[code->instruction_count] =
        (struct instruction){.flags = INSTRUCTION_UNKNOWN,
                             .size_bytes = (uint8_t)(size_bytes < 15 ? size_bytes : 15),
                             .first_uop = (uint16_t)code->uop_count,
                             .uop_count = 1,
                             .slot_count = 1,
                             .decoded_uops = 1};
    code->uop_count++;
    code->instruction_count++;
    code->unknown_count++;
    building->offset += size_bytes;
    building->after_fused = false;
    return true;
}

struct code_cursor {
    csh handle;
    const uint8_t *bytes;
    size_t left;
    uint64_t address;
};

static bool take_instruction(struct code_cursor *cursor, cs_insn *instruction)
{
    return cursor->left > 0 && cs_disasm_iter(cursor->handle, &cursor->bytes, &cursor->left,
                                              &cursor->address, instruction);
}

/* What the library does not know, but whoever opened the decoder does; false: it is neither. */
static bool take_unlisted(struct building *building, struct code_cursor *cursor)
{
    timing_unlisted_size *size_of = building->decoder->unlisted_size;
    uint32_t size_bytes = size_of == NULL || cursor->left == 0
                              ? 0
                              : size_of(cursor->bytes, (uint32_t)cursor->left, !building->code32);
    cursor->bytes += size_bytes;
    cursor->left -= size_bytes;
    cursor->address += size_bytes;
    return size_bytes != 0 && append_undecodable(building, size_bytes);
}

/* What is left where even the length is not known counts as one instruction. */
static bool decode_all(struct building *building, const uint8_t *bytes, uint32_t size_bytes,
                       uint64_t address)
{
    struct timing_decoder *decoder = building->decoder;
    struct code_cursor cursor = {decoder->handles[building->code32], bytes, size_bytes, address};
    bool have = take_instruction(&cursor, decoder->current);
    while (have || take_unlisted(building, &cursor)) {
        if (!have) {
            have = take_instruction(&cursor, decoder->current);
            continue;
        }
        bool more = take_instruction(&cursor, decoder->next);
        if (!append_instruction(building, decoder->current, more ? decoder->next : NULL)) {
            return false;
        }
        cs_insn *swap = decoder->current;
        decoder->current = decoder->next;
        decoder->next = swap;
        have = more;
    }
    return cursor.left == 0 || append_undecodable(building, cursor.left);
}

struct timing_code *timing_decode(struct timing_decoder *decoder, const uint8_t *bytes,
                                  uint32_t size_bytes, uint64_t address, uint32_t width_bits)
{
    struct timing_code *code = calloc(1, sizeof *code);
    if (code == NULL) {
        return NULL;
    }
    struct building building = {.decoder = decoder, .code = code, .code32 = width_bits == 32};
    code->address = address;
    code->size_bytes = size_bytes;
    if (!decode_all(&building, bytes, size_bytes, address)) {
        timing_code_free(code);
        return NULL;
    }
    return code;
}
