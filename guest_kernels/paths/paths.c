/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns what each path needs beforehand, and the rounds. The paths themselves are in
 * paths_64.S and paths_32.S, the user program in user_64.S and user_32.S.
 */
#include "paths.h"

#include "bytes.h"
#include "check.h"
#include "hypercall.h"
#include "memory.h"
#include "option.h"
#include "processor.h"
#include "start.h"
#include "tables.h"
#include "trap.h"

#define PAGES_DEFAULT 16
#define UPDATE_COUNT 64
#define KERNEL_STACK_SIZE_BYTES 4096
#define DATA_FLAGS (ENTRY_PRESENT | ENTRY_WRITABLE | ENTRY_USER | ENTRY_NO_EXECUTE)
#define CODE_FLAGS (ENTRY_PRESENT | ENTRY_USER)

struct path {
    const char *name;
    void (*run)(void);
};

struct control *path_control;
uint64_t *path_pending;

static uint64_t control_frame;
static uint64_t data_frame;
static uintptr_t data;
static uintptr_t pages;
static int uses_vmcall;
static struct table_update updates[2][UPDATE_COUNT];
static uint8_t kernel_stack[KERNEL_STACK_SIZE_BYTES] __attribute__((aligned(16)));

static uintptr_t stub_of(enum hypercall number)
{
    if (uses_vmcall) {
        return (uintptr_t)path_vmcall_stubs + (uintptr_t)number * VMCALL_STUB_SIZE_BYTES;
    }
    return (uintptr_t)(hypercall_page + (uint64_t)number * HYPERCALL_STUB_SIZE_BYTES);
}

static uint64_t data_frame_count(void)
{
    return (pages * WORK_STEP_BYTES + PAGE_SIZE_BYTES - 1) / PAGE_SIZE_BYTES;
}

static void prepare(const char *command_line)
{
    pages = (uintptr_t)option_number(command_line, "pages", PAGES_DEFAULT);
    uses_vmcall = option_present(command_line, "vmcall");
    control_frame = frame_allocate();
    path_control = frame_pointer(control_frame);
    path_control->pages = pages;
    data_frame = frames_allocate(data_frame_count());
    data = (uintptr_t)frame_pointer(data_frame);
    path_pending = &processor_current()->shared->events_pending;
}

/* Arguments take turns, so that every round changes something. */
static void rounds(const char *target, enum hypercall number, const uint64_t first[2],
                   const uint64_t second[2])
{
    uintptr_t stub = stub_of(number);

    for (uint64_t round = 0;; round++) {
        path_work(data, pages);
        path_work(data, pages);
        CHECK(path_go((uintptr_t)target, stub, (uintptr_t)first[round % 2],
                      (uintptr_t)second[round % 2]) >= 0);
        path_work(data, pages);
    }
}

static void rounds_plain(const char *target, enum hypercall number, uint64_t argument)
{
    const uint64_t first[2] = {argument, argument};
    const uint64_t none[2] = {0, 0};

    rounds(target, number, first, none);
}

static void run_none(void)
{
    rounds_plain(path_none, HC_version, 0);
}

static void run_null(void)
{
    rounds_plain(path_call, HC_version, 0);
}

static void run_yield(void)
{
    rounds_plain(path_call, HC_yield, 0);
}

static void run_yield_partner(void)
{
    path_partner(stub_of(HC_yield), data, pages);
}

/* What the partner finds in FPU and SSE is this one's. */
static void run_yield_floating(void)
{
    for (;;) {
        path_work(data, pages);
        path_work(data, pages);
        path_floating();
        CHECK(path_go((uintptr_t)path_call, stub_of(HC_yield), 0, 0) >= 0);
        path_work(data, pages);
    }
}

static void run_yield_floating_partner(void)
{
    path_partner_floating(stub_of(HC_yield), data, pages);
}

static void events_begin(const char *entry)
{
    CALL(hypercall_callback_set(CALLBACK_event, (uintptr_t)entry));
    processor_current()->shared->events_masked = 0;
}

static void run_event(void)
{
    events_begin(path_client_entry);
    rounds_plain(path_call, HC_event_send, PORT_LINK_FIRST);
}

static void run_event_partner(void)
{
    events_begin(path_server_entry);
    path_partner(stub_of(HC_block), data, pages);
}

static void run_fault(void)
{
    const struct trap_handler handler = {
        .vector = VECTOR_PAGE_FAULT,
        .address = (uintptr_t)path_fault_entry,
    };

    CALL(hypercall_trap_handlers_set(&handler, 1));
    rounds_plain(path_fault, HC_version, 0);
}

static void run_preempt(void)
{
    path_control->rounds++;
    for (;;) {
        path_work(data, pages);
    }
}

/* A level-1 table that hangs nowhere: its entries change between two frames. */
static void rounds_update(uint64_t count)
{
    uint64_t table = frame_allocate();
    const uint64_t frames[2] = {frame_allocate(), frame_allocate()};
    const uint64_t arrays[2] = {(uintptr_t)updates[0], (uintptr_t)updates[1]};
    const uint64_t counts[2] = {count, count};

    frame_make_read_only(table);
    CALL(hypercall_table_pin(frame_to_machine(table), 1));
    for (uint32_t turn = 0; turn < 2; turn++) {
        for (uint32_t i = 0; i < UPDATE_COUNT; i++) {
            updates[turn][i].entry_address =
                (frame_to_machine(table) << PAGE_SHIFT) + i * sizeof(uint64_t);
            updates[turn][i].value = frame_to_machine(frames[turn]) << PAGE_SHIFT | DATA_FLAGS;
        }
    }
    rounds(path_call, HC_table_update, arrays, counts);
}

static void run_update_1(void)
{
    rounds_update(1);
}

static void run_update_64(void)
{
    rounds_update(UPDATE_COUNT);
}

/* 64-bit guests change the root of user mode, 32-bit guests their only one. */
static void run_space(void)
{
    const uint64_t spaces[2] = {frame_to_machine(space_create()), frame_to_machine(space_create())};
    const uint64_t kernels[2] = {start_page->kernel_root_frame, start_page->kernel_root_frame};
    const uint64_t none[2] = {0, 0};

    if (ROOT_LEVEL == 4) {
        rounds(path_call, HC_roots_set, kernels, spaces);
    } else {
        rounds(path_call, HC_roots_set, spaces, none);
    }
}

static void map(uint64_t root, uint64_t address, uint64_t frame, uint64_t flags)
{
    space_entry_set(root, address, frame_to_machine(frame) << PAGE_SHIFT | flags);
}

static uint64_t user_space_create(void)
{
    uint64_t root = space_create();
    uint64_t size_bytes = (uint64_t)(user_program_end - user_program);

    for (uint64_t at = 0; at < size_bytes; at += PAGE_SIZE_BYTES) {
        uint64_t frame = frame_allocate();

        memcpy(frame_pointer(frame), user_program + at, PAGE_SIZE_BYTES);
        frame_make_read_only(frame);
        map(root, USER_TEXT_ADDRESS + at, frame, CODE_FLAGS);
    }
    for (uint64_t i = 0; i < data_frame_count(); i++) {
        map(root, USER_DATA_ADDRESS + i * PAGE_SIZE_BYTES, data_frame + i, DATA_FLAGS);
    }
    map(root, USER_CONTROL_ADDRESS, control_frame, DATA_FLAGS);
    return root;
}

static void run_system_call(void)
{
    static struct trap_state state;
    uint64_t root = user_space_create();

    CALL(hypercall_callback_set(CALLBACK_system_call, (uintptr_t)path_system_call_entry));
    CALL(hypercall_kernel_stack_set((uintptr_t)kernel_stack + sizeof(kernel_stack)));
    CALL(thread_base_set(USER_DATA_ADDRESS));
    CALL(space_enter(root));
    trap_state_begin_user(&state, USER_TEXT_ADDRESS, USER_CONTROL_ADDRESS + PAGE_SIZE_BYTES, 0);
    trap_resume(&state);
}

static const struct path paths[] = {
    {"path_none", run_none},
    {"path_null", run_null},
    {"path_yield", run_yield},
    {"path_yield_partner", run_yield_partner},
    {"path_yield_floating", run_yield_floating},
    {"path_yield_floating_partner", run_yield_floating_partner},
    {"path_event", run_event},
    {"path_event_partner", run_event_partner},
    {"path_fault", run_fault},
    {"path_system_call", run_system_call},
    {"path_preempt", run_preempt},
    {"path_update_1", run_update_1},
    {"path_update_64", run_update_64},
    {"path_space", run_space},
};

void path_run(const char *command_line)
{
    for (uint32_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (option_present(command_line, paths[i].name)) {
            prepare(command_line);
            paths[i].run();
        }
    }
}
