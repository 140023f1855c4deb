/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The descriptor table of each processor: the monitor's own entries never change, those
 * of guests follow who runs. No guest ever finds a code segment of the other width, a
 * gate, or anything of ring 0 that it could load: a 32-bit guest that got into 64-bit
 * mode could name addresses that its tables were not meant for. Called by schedule.c,
 * processor.c, native/engine and the dispatcher.
 */
#include "descriptors.h"

#include "hypercall.h"

#define INDEX(selector) ((selector) >> 3)
#define SELECTOR_TABLE 0x4 /* of a selector: the local table, of which there is none */
#define SELECTOR_LEVEL 0x3
#define NULL_SELECTOR_LAST 3

/* Flat: all 4 GiB from 0. The accessed bit is set, so that no processor ever writes here. */
#define CODE_64_RING_3 0x00affb000000ffffull
#define CODE_32_RING_1 0x00cfbb000000ffffull
#define CODE_32_RING_3 0x00cffb000000ffffull
#define DATA_RING_1 0x00cfb3000000ffffull
#define DATA_RING_3 0x00cff3000000ffffull

#define DESCRIPTOR_ACCESSED (1ull << 40)
#define DESCRIPTOR_EXECUTABLE (1ull << 43)
#define DESCRIPTOR_SEGMENT (1ull << 44) /* neither a gate nor any other system descriptor */
#define DESCRIPTOR_PRESENT (1ull << 47)
#define DESCRIPTOR_LONG (1ull << 53)

static uint64_t flat_descriptor(uint32_t width, uint32_t index)
{
    switch (index) {
    case INDEX(SELECTOR_KERNEL_CODE_32):
        return width == 32 ? CODE_32_RING_1 : 0;
    case INDEX(SELECTOR_USER_CODE_32):
        return width == 32 ? CODE_32_RING_3 : 0;
    case INDEX(SELECTOR_GUEST_DATA):
        return DATA_RING_3;
    case INDEX(SELECTOR_GUEST_CODE_64):
        return width == 32 ? 0 : CODE_64_RING_3;
    case INDEX(SELECTOR_KERNEL_DATA_32):
        return width == 32 ? DATA_RING_1 : 0;
    default:
        return 0;
    }
}

uint64_t descriptor_of(const struct virtual_processor *record, uint32_t selector)
{
    uint32_t index = INDEX(selector);

    if ((selector & SELECTOR_TABLE) != 0) {
        return 0;
    }
    if (index - INDEX(SELECTOR_GUEST_FIRST) < DESCRIPTOR_LIMIT) {
        return record->descriptors[index - INDEX(SELECTOR_GUEST_FIRST)];
    }
    return flat_descriptor(record->width, index);
}

static void descriptor_write(const struct processor *processor, uint32_t index, uint64_t value)
{
    uint64_t *table =
        machine_pointer(DESCRIPTOR_TABLES_ADDRESS + (uint64_t)processor->id * PAGE_SIZE_BYTES);

    table[index] = value;
}

/* From one 64-bit guest to another nothing changes: they have no descriptors of their own. */
void descriptors_load(struct processor *processor, const struct virtual_processor *record)
{
    if (LIKELY(record->width == 64 && processor->descriptors_width == 64)) {
        return;
    }
    processor->descriptors_width = record->width;
    for (uint32_t index = INDEX(SELECTOR_KERNEL_CODE_32); index <= INDEX(SELECTOR_KERNEL_DATA_32);
         index++) {
        descriptor_write(processor, index, flat_descriptor(record->width, index));
    }
    for (uint32_t index = 0; index < DESCRIPTOR_LIMIT; index++) {
        descriptor_write(processor, INDEX(SELECTOR_GUEST_FIRST) + index,
                         record->descriptors[index]);
    }
}

bool descriptor_selector_is_fresh(uint32_t selector)
{
    return selector <= NULL_SELECTOR_LAST || selector == SELECTOR_KERNEL_DATA_32 ||
           selector == SELECTOR_GUEST_DATA;
}

/* Data, present, of ring 1 or 3. */
static bool descriptor_is_good(uint64_t value)
{
    const uint64_t needed = DESCRIPTOR_SEGMENT | DESCRIPTOR_PRESENT;

    return (value & (needed | DESCRIPTOR_EXECUTABLE | DESCRIPTOR_LONG)) == needed &&
           descriptor_level(value) % 2 == 1;
}

/* A segment register whose descriptor is gone, or no longer for its selector's ring, is null. */
static void selectors_follow(struct virtual_processor *caller, uint32_t changed)
{
    for (uint32_t shift = 0; shift < 64; shift += 16) {
        uint32_t selector = caller->selectors >> shift & 0xffff;

        if (INDEX(selector) == changed && (selector & SELECTOR_TABLE) == 0) {
            uint64_t descriptor = descriptor_of(caller, selector);

            if (descriptor == 0 || descriptor_level(descriptor) < (selector & SELECTOR_LEVEL)) {
                caller->selectors &= ~(0xffffull << shift);
            }
        }
    }
}

int64_t hc_descriptor_set(struct virtual_processor *caller)
{
    uint64_t index = argument(caller, 0);
    uint64_t value = argument_wide(caller, 1);

    if (!record_is_32(caller)) {
        return -ERROR_no_such_call;
    }
    if (index >= DESCRIPTOR_LIMIT) {
        return -ERROR_limit;
    }
    if (value != 0 && !descriptor_is_good(value)) {
        return -ERROR_invalid_argument;
    }
    caller->descriptors[index] = value != 0 ? value | DESCRIPTOR_ACCESSED : 0;
    platform_selectors_save(caller);
    descriptors_load(processor_of(caller), caller);
    selectors_follow(caller, INDEX(SELECTOR_GUEST_FIRST) + (uint32_t)index);
    platform_selectors_load(caller);
    return 0;
}
