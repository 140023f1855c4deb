/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel of a hosted partition. It has no purpose of its own: it rings the machine's
 * doorbell, whereupon the partition's program takes its turn, makes the calls that the
 * program queued in the shared page, and waits for an event. The program may have written
 * anything there; what is wrong ends this partition and says what.
 */
#include "hosted.h"

#include "call_64.h"
#include "check.h"
#include "event.h"
#include "format.h"
#include "hypercall.h"
#include "image.h"
#include "memory.h"
#include "processor.h"
#include "start.h"
#include "tables.h"

#define HOSTED_EXIT_BROKEN 2 /* the page is not what the contract says */

IMAGE(2 * 1024 * 1024);

static _Noreturn void broken(const char *what, uint64_t value)
{
    char reason[EXIT_REASON_LIMIT];

    (void)format_text(reason, sizeof(reason), "hosted: %s: %llu", what, (unsigned long long)value);
    guest_exit(HOSTED_EXIT_BROKEN, reason);
}

/* Comes back when the program's turn is over. */
static void doorbell_ring(uint64_t page_address)
{
    __asm__ volatile("outb %%al, %0" : : "i"(HOSTED_PORT), "D"(page_address), "a"(0) : "memory");
}

/* Guest-physical address of what is mapped at a virtual one. */
static uint64_t address_behind(const struct start_page *start, const void *pointer)
{
    uint64_t root = frame_from_machine(start->kernel_root_frame);
    uint64_t entry = space_entry(root, (uintptr_t)pointer);

    return frame_from_machine((entry & ENTRY_FRAME_MASK) >> PAGE_SHIFT) << PAGE_SHIFT;
}

static uint64_t page_prepare(const struct start_page *start)
{
    uint64_t frame = frame_allocate();
    struct hosted_page *page = frame_pointer(frame);

    page->header.magic = PAGE_MAGIC_HOSTED;
    page->header.version = ABI_VERSION;
    page->header.size_bytes = sizeof(*page);
    page->direct_map_address = start->direct_map_address;
    page->start_page_address = address_behind(start, start);
    page->free_address = (frame + 1) << PAGE_SHIFT;
    page->memory_size_bytes = start->memory_size_bytes;
    return frame;
}

/* In one atomic step: the monitor sets bits at any moment. */
static uint64_t events_collect(void)
{
    struct shared_page *shared = processor_current()->shared;
    uint64_t disabled = shared->events_disabled;

    return __atomic_fetch_and(&shared->events_pending, disabled, __ATOMIC_SEQ_CST) & ~disabled;
}

static int64_t call_make(const struct hosted_call *call)
{
    const uint64_t *arguments = call->arguments;

    if (call->number >= HYPERCALL_COUNT) {
        return -ERROR_no_such_call;
    }
    return call_5((enum hypercall)call->number, arguments[0], arguments[1], arguments[2],
                  arguments[3], arguments[4]);
}

static void calls_make(struct hosted_page *page)
{
    uint32_t count = page->call_count;

    if (count > HOSTED_CALL_LIMIT) {
        broken("more calls than the page has room for", count);
    }
    for (uint32_t i = 0; i < count; i++) {
        page->calls[i].result = call_make(&page->calls[i]);
    }
    page->result_count = count;
    page->call_count = 0;
}

/* Returns the flags of the turn. */
static uint32_t turn_take(struct hosted_page *page, uint64_t page_address)
{
    uint32_t flags;

    page->events |= events_collect();
    page->turn_count++;
    page->flags = 0;
    doorbell_ring(page_address);
    flags = page->flags;
    if ((flags & ~(uint32_t)HOSTED_AGAIN) != 0) {
        broken("flags that mean nothing", flags);
    }
    calls_make(page);
    return flags;
}

/* Events need no callback: whatever comes while it is busy, `block` finds pending. */
int guest_main(const struct start_page *start)
{
    uint64_t frame = page_prepare(start);
    struct hosted_page *page = frame_pointer(frame);

    for (;;) {
        if ((turn_take(page, frame << PAGE_SHIFT) & HOSTED_AGAIN) == 0) {
            CALL(hypercall_block());
        }
    }
}
