/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Micro-ops of one instruction: see micro_ops.h. */
#include "micro_ops.h"

#include <string.h>

#define LOADED SLOT_TEMPORARY
#define STEP (SLOT_TEMPORARY + 1)
#define STORED (SLOT_TEMPORARY + 2)
#define LOADED_TOO (SLOT_TEMPORARY + 3) /* the other operand of CMPS */

struct split {
    uint32_t loads;
    uint32_t stores;
    uint32_t operations;
    uint16_t load_ports;
    uint16_t data_ports; /* of stores */
    uint16_t ports[UOPS_PER_INSTRUCTION_LIMIT];
};

static bool is_load_group(const struct timing_parameters *core, uint16_t ports)
{
    return ports != 0 && (ports == core->load_ports || ports == core->vector_load_ports);
}

static bool is_data_group(const struct timing_parameters *core, uint16_t ports)
{
    return ports != 0 && (ports & ~core->store_data_ports) == 0;
}

/* Counts what touches memory. */
static void split_accesses(struct split *split, const struct form_class *class,
                           const struct timing_parameters *core)
{
    uint32_t addresses = 0;
    *split = (struct split){.load_ports = core->load_ports, .data_ports = core->store_data_ports};
    for (uint32_t i = 0; i < FORM_GROUP_LIMIT; i++) {
        const struct port_group *group = &class->groups[i];
        if (is_load_group(core, group->ports)) {
            split->loads += group->count;
            split->load_ports = group->ports;
        } else if (is_data_group(core, group->ports)) {
            split->stores += group->count;
            split->data_ports = group->ports;
        } else if (group->ports == core->address_ports) {
            addresses += group->count;
        }
    }
    /* A store address takes a load's port where the core has no port of its own for it. */
    if (addresses == 0) {
        split->loads -= split->loads < split->stores ? split->loads : split->stores;
    }
}

void micro_ops_accesses(const struct form_class *class, const struct timing_parameters *core,
                        bool *loads, bool *stores)
{
    struct split split;
    split_accesses(&split, class, core);
    *loads = split.loads != 0;
    *stores = split.stores != 0;
}

static void split_class(struct split *split, const struct shape *shape)
{
    const struct form_class *class = shape->class;
    const struct timing_parameters *core = shape->core;
    split_accesses(split, class, core);
    for (uint32_t i = 0; i < FORM_GROUP_LIMIT; i++) {
        const struct port_group *group = &class->groups[i];
        if (is_data_group(core, group->ports) || is_load_group(core, group->ports) ||
            group->ports == core->address_ports) {
            continue;
        }
        for (uint32_t k = 0; k < group->count; k++) {
            if (split->operations < UOPS_PER_INSTRUCTION_LIMIT - 24) {
                split->ports[split->operations++] = group->ports;
            }
        }
    }
}

static struct uop *append(struct uop_list *list, uint16_t ports, uint32_t flags,
                          uint16_t latency_cycles)
{
    struct uop *uop = &list->uops[list->count++];
    *uop = (struct uop){.ports = ports, .flags = (uint16_t)flags, .latency_cycles = latency_cycles};
    uop->base = SLOT_NONE;
    return uop;
}

static void add_source(struct uop *uop, uint8_t slot)
{
    if (uop->source_count < UOP_SOURCE_LIMIT) {
        uop->sources[uop->source_count++] = slot;
    }
}

static void add_destination(struct uop *uop, uint8_t slot)
{
    if (uop->destination_count < UOP_DESTINATION_LIMIT) {
        uop->destinations[uop->destination_count++] = slot;
    }
}

static void add_sources(struct uop *uop, const struct slot_set *set)
{
    for (uint8_t i = 0; i < set->count; i++) {
        add_source(uop, set->slots[i]);
    }
}

static void add_destinations(struct uop *uop, const struct slot_set *set)
{
    for (uint8_t i = 0; i < set->count; i++) {
        add_destination(uop, set->slots[i]);
    }
}

static void append_loads(struct uop_list *list, const struct shape *shape,
                         const struct split *split, uint16_t latency_cycles, bool feeds)
{
    const struct operands *operands = shape->operands;
    for (uint32_t i = 0; i < split->loads && i < 16; i++) {
        uint32_t flags = UOP_LOAD | (shape->fast_address ? UOP_FAST_ADDRESS : 0u) |
                         (shape->locked ? UOP_LOCKED : 0u);
        struct uop *uop = append(list, split->load_ports, flags, latency_cycles);
        add_sources(uop, &operands->address);
        uop->base = operands->address.count > 0 ? operands->address.slots[0] : SLOT_NONE;
        if (feeds) {
            add_destination(uop, LOADED);
        } else {
            add_destinations(uop, &operands->destinations);
        }
    }
}

/*
 * The operations of a class are a chain as long as its latency allows: every one but the last
 * takes one cycle, and those for which no cycle is left run beside the chain. The last one
 * makes all results.
 */
static void append_operations(struct uop_list *list, const struct shape *shape,
                              const struct split *split, uint16_t latency_cycles)
{
    const struct operands *operands = shape->operands;
    uint32_t last = split->operations - 1;
    uint32_t chained = last < latency_cycles ? last : latency_cycles - 1u;
    for (uint32_t i = 0; i < split->operations; i++) {
        struct uop *uop = append(list, split->ports[i], 0, 1);
        if (i == 0 && split->loads > 0) {
            uop->flags |= (uint16_t)(shape->stays_fused ? UOP_FUSED : 0);
            list->fused_pairs++;
        }
        if (i > 0 && i <= chained) {
            add_source(uop, STEP);
        }
        if (split->loads > 0) {
            add_source(uop, LOADED);
        }
        for (uint8_t k = 0; k < operands->sources.count; k++) {
            uint8_t slot = operands->sources.slots[k];
            bool late = shape->late_destination && slot < SLOT_CARRY &&
                        slot_contains(&operands->destinations, slot);
            if (i == last || !late) {
                add_source(uop, slot);
            }
        }
        if (i < last) {
            if (i < chained) {
                add_destination(uop, STEP);
            }
            continue;
        }
        if (last > chained && chained > 0) {
            add_source(uop, STEP);
        }
        uop->latency_cycles = (uint16_t)(latency_cycles - chained);
        uop->divider_cycles = shape->class->divider_cycles;
        add_destinations(uop, &operands->destinations);
        if (split->stores > 0) {
            add_destination(uop, STORED);
        }
    }
}

static void append_stores(struct uop_list *list, const struct shape *shape,
                          const struct split *split)
{
    const struct operands *operands = shape->operands;
    uint16_t ports =
        operands->has_index ? shape->core->store_ports : shape->core->simple_store_ports;
    for (uint32_t i = 0; i < split->stores && i < 4; i++) {
        struct uop *address = append(list, ports, UOP_STORE_ADDRESS, 1);
        add_sources(address, &operands->address);
        uint32_t fused = shape->stays_fused ? UOP_FUSED : 0;
        struct uop *data = append(list, split->data_ports, UOP_STORE_DATA | fused, 1);
        list->fused_pairs++;
        if (split->operations > 0) {
            add_source(data, STORED);
        } else if (split->loads > 0) {
            add_source(data, LOADED);
        } else {
            add_sources(data, &operands->sources);
        }
    }
}

/* Makes the list issue in so many slots: what is too much joins the first, what lacks is idle. */
static void group_macro_ops(struct uop_list *list, uint32_t macro_ops)
{
    uint32_t joined = list->count > macro_ops ? list->count - macro_ops : 0;
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t fused = i > 0 && i <= joined ? UOP_FUSED : 0u;
        list->uops[i].flags = (uint16_t)((list->uops[i].flags & ~(uint32_t)UOP_FUSED) | fused);
    }
    while (list->count < macro_ops && list->count < UOPS_PER_INSTRUCTION_LIMIT) {
        (void)append(list, 0, UOP_NOT_EXECUTED, 0);
    }
    list->fused_pairs = joined;
}

/* What a string instruction moves without waiting for any data. */
static bool is_pointer(uint8_t slot)
{
    return slot == SLOT_COUNTER || slot == SLOT_SOURCE_INDEX || slot == SLOT_DESTINATION_INDEX;
}

static struct slot_set without_pointers(const struct slot_set *set)
{
    struct slot_set data = {0};
    for (uint8_t i = 0; i < set->count; i++) {
        if (!is_pointer(set->slots[i])) {
            data.slots[data.count++] = set->slots[i];
        }
    }
    return data;
}

static void append_string_loads(struct uop_list *list, const struct shape *shape,
                                const struct split *split, const struct slot_set *results)
{
    bool has_source = slot_contains(&shape->operands->destinations, SLOT_SOURCE_INDEX);
    for (uint32_t i = 0; i < split->loads && i < 2; i++) {
        uint32_t flags = UOP_LOAD | (shape->fast_address ? UOP_FAST_ADDRESS : 0u);
        struct uop *uop = append(list, split->load_ports, flags, shape->load_cycles);
        uop->base = has_source && i == 0 ? SLOT_SOURCE_INDEX : SLOT_DESTINATION_INDEX;
        add_source(uop, uop->base);
        if (results != NULL) {
            add_destinations(uop, results);
        } else {
            add_destination(uop, i == 0 ? LOADED : LOADED_TOO);
        }
    }
}

/* An operation a pointer; those for which there is none share the last. */
static uint32_t append_pointers(struct uop_list *list, const struct operands *operands,
                                const struct split *split)
{
    struct uop *uop = NULL;
    uint32_t used = 0;
    for (uint8_t i = 0; i < operands->destinations.count && split->operations > 0; i++) {
        uint8_t slot = operands->destinations.slots[i];
        if (is_pointer(slot)) {
            uop = used < split->operations ? append(list, split->ports[used++], 0, 1) : uop;
            add_source(uop, slot);
            add_destination(uop, slot);
        }
    }
    return used;
}

/*
 * FOG tables: an operation for each pointer, one that merges a byte or a word into rax, one that
 * compares; nothing fuses. Loads and addresses come first: they are made of the old pointers.
 */
void micro_ops_string(struct uop_list *list, const struct shape *shape)
{
    const struct operands *operands = shape->operands;
    struct slot_set sources = without_pointers(&operands->sources);
    struct slot_set results = without_pointers(&operands->destinations);
    struct split split;
    split_class(&split, shape);
    uint32_t pointers = operands->destinations.count - results.count;
    bool merges = split.loads > 0 && results.count > 0 && sources.count > 0;
    if (merges && split.operations == pointers) {
        split.ports[split.operations++] = split.ports[0]; /* LODSW where only LODSD is known */
    }
    bool computes = split.operations > pointers;
    list->count = 0;
    list->fused_pairs = 0;
    append_string_loads(list, shape, &split, computes || split.stores > 0 ? NULL : &results);
    if (split.stores > 0) {
        uint16_t ports = shape->core->simple_store_ports;
        add_source(append(list, ports, UOP_STORE_ADDRESS, 1), SLOT_DESTINATION_INDEX);
    }
    uint32_t used = append_pointers(list, operands, &split);
    for (uint32_t i = used; i < split.operations; i++) {
        struct uop *uop = append(list, split.ports[i], 0, 1);
        add_source(uop, LOADED);
        add_source(uop, split.loads > 1 ? LOADED_TOO : LOADED);
        add_sources(uop, &sources);
        add_destinations(uop, &results);
    }
    if (split.stores > 0) {
        struct uop *data = append(list, split.data_ports, UOP_STORE_DATA, 1);
        if (split.loads > 0) {
            add_source(data, LOADED);
        } else {
            add_sources(data, &sources);
        }
    }
    if (shape->class->macro_ops != 0) {
        group_macro_ops(list, shape->class->macro_ops);
    }
}

void micro_ops_build(struct uop_list *list, const struct shape *shape)
{
    struct split split;
    split_class(&split, shape);
    uint16_t latency = shape->class->latency_cycles;
    uint16_t operation = shape->class->register_latency_cycles;
    uint16_t load = latency;
    list->count = 0;
    list->fused_pairs = 0;
    if (split.loads > 0 && split.operations > 0) {
        load = latency > operation ? (uint16_t)(latency - operation) : shape->load_cycles;
        operation = (uint16_t)(latency > load ? latency - load : 1);
    } else if (split.loads > 0 && split.stores > 0) {
        load = shape->load_cycles;
    }
    if (shape->core->complex_address_cycles != 0 && split.loads > 0) {
        load = (uint16_t)(shape->load_cycles +
                          (shape->complex_address ? shape->core->complex_address_cycles : 0));
    }
    if (split.stores > 0 && operation > 1) {
        operation--; /* LLVM counts the store as one cycle of the latency. */
    }
    append_loads(list, shape, &split, load, split.operations > 0 || split.stores > 0);
    if (split.operations > 0) {
        append_operations(list, shape, &split, operation > 0 ? operation : 1);
    }
    append_stores(list, shape, &split);
    if (list->count == 0) {
        micro_ops_rename_only(list, shape->operands, shape->class->macro_ops != 0);
    }
    if (shape->class->macro_ops != 0) {
        group_macro_ops(list, shape->class->macro_ops);
    }
}

static void append_push(struct uop_list *list, const struct shape *shape)
{
    const struct timing_parameters *core = shape->core;
    (void)append(list, core->simple_store_ports, UOP_STORE_ADDRESS, 1);
    struct uop *data = append(list, core->store_data_ports, UOP_STORE_DATA | UOP_FUSED, 1);
    list->fused_pairs++;
    if (shape->operands->is_load) {
        add_source(data, LOADED);
    } else {
        add_sources(data, &shape->operands->sources);
    }
}

void micro_ops_stack(struct uop_list *list, const struct shape *shape, enum stack_use use,
                     bool jumps)
{
    const struct operands *operands = shape->operands;
    const struct timing_parameters *core = shape->core;
    const struct split one = {.loads = 1,
                              .stores = 1,
                              .load_ports = core->load_ports,
                              .data_ports = core->store_data_ports};
    list->count = 0;
    list->fused_pairs = 0;
    if (operands->is_load) {
        append_loads(list, shape, &one, core->load_cycles, true);
    }
    if (use == STACK_PUSH) {
        append_push(list, shape);
    } else {
        struct uop *load = append(list, core->load_ports, UOP_LOAD, core->load_cycles);
        if (operands->is_store) {
            add_destination(load, LOADED);
            append_stores(list, shape, &one);
            list->uops[list->count - 1].sources[0] = LOADED;
            list->uops[list->count - 1].source_count = 1;
        } else if (!jumps) {
            add_destinations(load, &operands->destinations);
        } else {
            add_destination(load, LOADED);
        }
    }
    if (jumps) {
        struct uop *jump = append(list, core->branch_ports, UOP_BRANCH, 1);
        bool waits = use == STACK_POP || operands->is_load;
        if (waits) {
            add_source(jump, LOADED);
            jump->flags |= (uint16_t)(use == STACK_POP ? UOP_FUSED : 0);
        } else {
            add_sources(jump, &operands->sources);
        }
        list->fused_pairs += use == STACK_POP ? 1 : 0;
    }
    if (core->family == FAMILY_ZEN) {
        /* FOG tables, Zen 4: push and pop of a register, ret are one, the others two. */
        bool is_call = jumps && use == STACK_PUSH;
        group_macro_ops(list, is_call || operands->is_load || operands->is_store ? 2 : 1);
    }
}

void micro_ops_rename_only(struct uop_list *list, const struct operands *operands, bool copies)
{
    list->count = 0;
    list->fused_pairs = 0;
    struct uop *uop = append(list, 0, UOP_NOT_EXECUTED, 0);
    if (copies) {
        uop->flags |= UOP_MOVE;
        add_sources(uop, &operands->sources);
    }
    add_destinations(uop, &operands->destinations);
}

static void append_copy(struct uop_list *list, uint8_t from, uint8_t to, uint32_t flags)
{
    struct uop *uop = append(list, 0, UOP_NOT_EXECUTED | UOP_MOVE | flags, 0);
    add_source(uop, from);
    add_destination(uop, to);
}

/*
 * INSTLAT: two a cycle on Intel's cores of four slots, four on Zen 4, and no latency, since an
 * addition and an exchange are as long as the addition.
 */
void micro_ops_exchange(struct uop_list *list, const struct timing_parameters *core,
                        const struct operands *operands)
{
    uint8_t top = operands->destinations.slots[0];
    uint8_t other = operands->destinations.slots[operands->destinations.count - 1];
    uint32_t joined = core->family == FAMILY_ZEN ? UOP_FUSED : 0;
    list->count = 0;
    append_copy(list, top, STEP, 0);
    append_copy(list, other, top, joined);
    append_copy(list, STEP, other, UOP_FUSED);
    list->fused_pairs = joined != 0 ? 2 : 1;
}

static void finish_ports(struct uop *uop, const struct timing_parameters *core)
{
    for (uint8_t port = 0; port < 16 && uop->port_count < UOP_PORT_LIMIT; port++) {
        if ((uop->ports >> port & 1) != 0) {
            uop->port_list[uop->port_count++] = port;
        }
    }
    if (core->balances_ports) {
        uop->flags |= UOP_BALANCED;
    } else if (uop->ports == core->load_ports) {
        uop->flags |= UOP_ALTERNATES;
    }
}

#define NOT_PLAIN                                                                                  \
    (UOP_LOAD | UOP_STORE_ADDRESS | UOP_STORE_DATA | UOP_NOT_EXECUTED | UOP_BRANCH | UOP_LOCKED)

void micro_ops_finish(struct uop_list *list, const struct timing_parameters *core)
{
    for (uint32_t i = 0; i < list->count; i++) {
        struct uop *uop = &list->uops[i];
        finish_ports(uop, core);
        if ((uop->flags & NOT_PLAIN) == 0 && uop->divider_cycles == 0) {
            uop->flags |= UOP_PLAIN;
        }
        for (uint32_t k = uop->source_count; k < UOP_FEW_SOURCES; k++) {
            uop->sources[k] = SLOT_READY;
        }
        for (uint32_t k = 0; k < uop->destination_count; k++) {
            uop->destination_bits |= 1ull << uop->destinations[k];
        }
        for (uint32_t k = uop->destination_count; k < UOP_FEW_DESTINATIONS; k++) {
            uop->destinations[k] = SLOT_UNUSED;
        }
    }
}
