/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fake platform and the building of fake hosts; see fake.h. It writes what the
 * firmware and the view's writer write, and nothing that is the monitor's.
 */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_LIMIT 4096
#define ENTRY_LIMIT 5000u
#define HIGH_HALF 0xdeadbeef00000000ull

uint8_t *fake_memory;
uint64_t fake_times[FAKE_PROCESSOR_COUNT];
uint64_t fake_deadlines[FAKE_PROCESSOR_COUNT];
uint8_t fake_console_input[8192];
uint32_t fake_console_input_size;
uint8_t fake_console_output[8192];
uint32_t fake_console_output_size;
jmp_buf *fake_panic_return;
const char *fake_panic_text;
struct virtual_processor *fake_next;
struct fake_bases fake_bases[FAKE_PROCESSOR_COUNT];
uint64_t fake_selectors[FAKE_PROCESSOR_COUNT];

static struct fake_record log_records[LOG_LIMIT];
static uint32_t log_size;
static uint8_t *memory_before;

static void log_add(enum fake_call call, uint64_t first, uint64_t second, uint64_t third)
{
    if (log_size == LOG_LIMIT) {
        fake_misuse("the log of platform calls is full");
    }
    log_records[log_size++] = (struct fake_record){call, {first, second, third}};
}

void fake_log_clear(void)
{
    log_size = 0;
}

uint32_t fake_log_total(void)
{
    return log_size;
}

uint32_t fake_log_count(enum fake_call call)
{
    uint32_t count = 0;

    for (uint32_t index = 0; index < log_size; index++) {
        count += log_records[index].call == call;
    }
    return count;
}

struct fake_record fake_log_get(enum fake_call call, uint32_t number)
{
    for (uint32_t index = 0; index < log_size; index++) {
        if (log_records[index].call == call && number-- == 0) {
            return log_records[index];
        }
    }
    return (struct fake_record){call, {~0ull, ~0ull, ~0ull}};
}

_Noreturn void platform_panic(const char *where)
{
    fake_panic_text = where;
    if (fake_panic_return != NULL) {
        longjmp(*fake_panic_return, 1);
    }
    fprintf(stderr, "panic: %s\n", where);
    abort();
}

_Noreturn void fake_misuse(const char *what)
{
    platform_panic(what);
}

void platform_bases_save(struct virtual_processor *current)
{
    current->fs_base = fake_bases[current->processor].fs;
    current->gs_base = fake_bases[current->processor].gs;
}

void platform_bases_load(const struct virtual_processor *current)
{
    fake_bases[current->processor].fs = current->fs_base;
    fake_bases[current->processor].gs = current->gs_base;
}

void platform_selectors_save(struct virtual_processor *current)
{
    current->selectors = fake_selectors[current->processor];
}

void platform_selectors_load(struct virtual_processor *current)
{
    fake_selectors[current->processor] = current->selectors;
}

/* The exit path: who leaves is saved, who comes is loaded, and who stays is not touched. */
static struct virtual_processor *switch_to(struct virtual_processor *from,
                                           struct virtual_processor *to)
{
    if (from != to) {
        platform_bases_save(from);
        platform_bases_load(to);
        platform_selectors_save(from);
        platform_selectors_load(to);
    }
    return to;
}

void platform_deadline_set(uint32_t processor, uint64_t deadline_cycles)
{
    fake_deadlines[processor] = deadline_cycles;
    log_add(FAKE_DEADLINE, processor, deadline_cycles, 0);
}

void platform_clock_rebate(uint32_t processor, uint64_t cycles)
{
    fake_times[processor] -= cycles;
    log_add(FAKE_REBATE, processor, cycles, 0);
}

void platform_kick(uint32_t processor)
{
    log_add(FAKE_KICK, processor, 0, 0);
}

void platform_root_load(struct virtual_processor *current)
{
    log_add(FAKE_ROOT_LOAD, current->id,
            current->user_mode != 0 ? current->user_root_frame : current->kernel_root_frame, 0);
}

void platform_translation_flush(uint32_t partition, uint64_t address)
{
    log_add(FAKE_FLUSH, partition, address, 0);
}

void platform_code_changed(uint32_t partition, uint64_t frame)
{
    log_add(FAKE_CODE_CHANGED, partition, frame, 0);
}

void platform_context_reset(struct virtual_processor *record)
{
    memset(record->floating_point, 0x5a, sizeof(record->floating_point));
    log_add(FAKE_CONTEXT_RESET, record->id, 0, 0);
}

void platform_console_write(uint32_t partition, uint64_t machine_address, uint32_t size_bytes)
{
    memcpy(fake_console_output + fake_console_output_size, machine_pointer(machine_address),
           size_bytes);
    fake_console_output_size += size_bytes;
    log_add(FAKE_CONSOLE_WRITE, partition, machine_address, size_bytes);
}

uint32_t platform_console_read(uint32_t partition, uint64_t machine_address, uint32_t size_bytes)
{
    uint32_t taken = size_bytes < fake_console_input_size ? size_bytes : fake_console_input_size;

    memcpy(machine_pointer(machine_address), fake_console_input, taken);
    memmove(fake_console_input, fake_console_input + taken, fake_console_input_size - taken);
    fake_console_input_size -= taken;
    log_add(FAKE_CONSOLE_READ, partition, machine_address, size_bytes);
    return taken;
}

void platform_mark(uint32_t virtual_processor, uint64_t id, uint64_t value)
{
    log_add(FAKE_MARK, virtual_processor, id, value);
}

struct view_body *fake_view(void)
{
    struct view_region *region = machine_pointer(VIEW_REGION_ADDRESS);

    return &region->bodies[region->generation % VIEW_BODY_COUNT];
}

void fake_reset(uint32_t processor_count)
{
    size_t size_bytes = (size_t)FAKE_FRAME_COUNT * PAGE_SIZE_BYTES;
    struct view_region *region;

    if (fake_memory == NULL) {
        fake_memory = aligned_alloc(PAGE_SIZE_BYTES, size_bytes);
        memory_before = aligned_alloc(PAGE_SIZE_BYTES, size_bytes);
    }
    memset(fake_memory, 0, size_bytes);
    memset(fake_times, 0, sizeof(fake_times));
    memset(fake_deadlines, 0, sizeof(fake_deadlines));
    fake_console_input_size = 0;
    fake_console_output_size = 0;
    memset(fake_bases, 0, sizeof(fake_bases));
    memset(fake_selectors, 0, sizeof(fake_selectors));
    fake_log_clear();
    region = machine_pointer(VIEW_REGION_ADDRESS);
    region->header.magic = PAGE_MAGIC_VIEW;
    region->header.version = ABI_VERSION;
    region->header.size_bytes = sizeof(*region);
    region->generation = 1;
    fake_view()->processor_count = processor_count;
    fake_view()->clock_frequency_hz = 1000000000;
    monitor_state()->frame_count = FAKE_FRAME_COUNT;
    monitor_state()->device_first_frame = FAKE_FRAME_COUNT - FAKE_DEVICE_FRAME_COUNT;
    for (uint32_t slot = 0; slot < MONITOR_SLOT_COUNT; slot++) {
        monitor_state()->monitor_entries[slot] = ENTRY_OF(0x600 + slot, ENTRY_PRESENT);
    }
}

uint64_t fake_frame(uint32_t partition, uint32_t offset)
{
    return MONITOR_END_FRAME + (uint64_t)(partition - 1) * PARTITION_FRAME_COUNT + offset;
}

uint64_t *fake_words(uint32_t partition, uint32_t offset)
{
    return machine_pointer(fake_frame(partition, offset) << PAGE_SHIFT);
}

uint64_t *fake_entry(uint32_t partition, uint32_t offset)
{
    return &fake_words(partition, OFFSET_L1)[offset];
}

void *fake_guest(uint32_t partition, uint64_t address)
{
    return machine_pointer((fake_frame(partition, 0) << PAGE_SHIFT) + address - GUEST_BASE);
}

struct shared_page *fake_shared(uint32_t partition, uint32_t index)
{
    return machine_pointer(fake_frame(partition, OFFSET_SHARED + index) << PAGE_SHIFT);
}

struct partition *fake_partition(uint32_t id)
{
    return &monitor_state()->partitions[id];
}

static uint64_t initial_entry(uint32_t partition, uint32_t offset)
{
    uint64_t frame = fake_frame(partition, offset);

    if (offset <= OFFSET_L4 || offset == OFFSET_TIME) {
        return ENTRY_OF(frame, ENTRY_READ);
    }
    if (offset == OFFSET_CODE || offset == OFFSET_HYPERCALL) {
        return ENTRY_OF(frame, ENTRY_CODE);
    }
    if (offset >= OFFSET_SHARED && offset < OFFSET_HOLE &&
        (offset < OFFSET_SHARED + 8 || offset >= OFFSET_DATA)) {
        return ENTRY_OF(frame, ENTRY_DATA);
    }
    return 0;
}

void fake_tables_build(uint32_t partition)
{
    for (uint32_t offset = 0; offset < TABLE_ENTRY_COUNT; offset++) {
        *fake_entry(partition, offset) =
            offset < PARTITION_FRAME_COUNT ? initial_entry(partition, offset) : 0;
    }
    fake_words(partition, OFFSET_L2)[2] = ENTRY_OF(fake_frame(partition, OFFSET_L1), ENTRY_TABLE);
    fake_words(partition, OFFSET_L3)[0] = ENTRY_OF(fake_frame(partition, OFFSET_L2), ENTRY_TABLE);
    fake_words(partition, OFFSET_L4)[0] = ENTRY_OF(fake_frame(partition, OFFSET_L3), ENTRY_TABLE);
}

uint32_t fake_partition_add(uint32_t rights, uint32_t virtual_processor_count,
                            const uint32_t *processors)
{
    struct view_body *body = fake_view();
    uint32_t id = 1;
    struct view_partition *view;

    while (body->partitions[id].kind != PARTITION_unused) {
        id++;
    }
    view = &body->partitions[id];
    view->id = id;
    view->kind = PARTITION_guest;
    view->width = 64;
    view->state = VIEW_STATE_running;
    view->rights = rights;
    view->first_extent = body->extent_count;
    view->extent_count = 1;
    view->first_virtual_processor = body->virtual_processor_count;
    view->virtual_processor_count = virtual_processor_count;
    view->entry_address = GUEST_BASE + OFFSET_CODE * PAGE_SIZE_BYTES;
    view->stack_top_address = GUEST_STACK_TOP;
    view->start_page_address = GUEST_DATA;
    view->hypercall_frame = fake_frame(id, OFFSET_HYPERCALL);
    view->time_frame = fake_frame(id, OFFSET_TIME);
    view->shared_first_frame = fake_frame(id, OFFSET_SHARED);
    view->kernel_root_frame = fake_frame(id, OFFSET_L4);
    view->table_first_frame = fake_frame(id, OFFSET_L1);
    for (uint32_t level = 0; level < 4; level++) {
        view->table_counts[level] = 1;
    }
    (void)snprintf(view->name, sizeof(view->name), "partition-%u", id);
    body->extents[body->extent_count++] = (struct view_extent){
        .partition = id,
        .machine_frame = fake_frame(id, 0),
        .frame_count = PARTITION_FRAME_COUNT,
    };
    for (uint32_t index = 0; index < virtual_processor_count; index++) {
        body->virtual_processors[body->virtual_processor_count++] =
            (struct view_virtual_processor){id, index, processors[index], 0};
    }
    fake_tables_build(id);
    return id;
}

void fake_slot_add(uint32_t processor, uint32_t virtual_processor, uint64_t quantum_cycles,
                   uint32_t flags)
{
    struct view_processor *map = &fake_view()->processors[processor];

    map->slots[map->slot_count++] =
        (struct view_slot){virtual_processor, flags, map->period_cycles, quantum_cycles};
    map->period_cycles += quantum_cycles;
}

void fake_link_add(uint32_t partition, uint32_t port, uint32_t target_partition,
                   uint32_t target_port, uint32_t target_processor)
{
    struct view_body *body = fake_view();

    body->links[body->link_count++] =
        (struct view_link){partition, port, target_partition, target_port, target_processor, 0};
}

void fake_width_set(uint32_t partition, uint32_t width)
{
    struct view_partition *view = &fake_view()->partitions[partition];

    view->width = width;
    if (width == 32) {
        view->kernel_root_frame = fake_frame(partition, OFFSET_L3);
        view->table_counts[3] = 0;
        memset(fake_words(partition, OFFSET_L4), 0, PAGE_SIZE_BYTES);
    }
}

struct virtual_processor *fake_simple_of(uint32_t width)
{
    static const uint32_t processors[1] = {0};

    fake_reset(1);
    (void)fake_partition_add(RIGHT_ALL, 1, processors);
    fake_width_set(1, width);
    (void)fake_partition_add(RIGHT_ALL, 1, processors);
    fake_slot_add(0, 0, 1000, 0);
    fake_slot_add(0, 1, 1000, 0);
    fake_link_add(1, 8, 2, 9, 0);
    fake_link_add(2, 8, 1, 10, 0);
    monitor_start();
    fake_next = fake_first(0);
    fake_log_clear();
    return fake_next;
}

struct virtual_processor *fake_simple(void)
{
    return fake_simple_of(64);
}

struct virtual_processor *fake_smp_of(uint32_t width, uint32_t count)
{
    static const uint32_t processors[8] = {0, 1, 2, 3, 4, 5, 6, 7};

    fake_reset(count);
    (void)fake_partition_add(RIGHT_ALL, count, processors);
    fake_width_set(1, width);
    for (uint32_t processor = 0; processor < count; processor++) {
        fake_slot_add(processor, processor, 1000, 0);
    }
    monitor_start();
    for (uint32_t processor = count; processor-- > 0;) {
        fake_next = fake_first(processor);
    }
    fake_log_clear();
    return fake_next;
}

struct virtual_processor *fake_smp(uint32_t count)
{
    return fake_smp_of(64, count);
}

struct virtual_processor *fake_three(void)
{
    static const uint32_t both[2] = {0, 1}, first[1] = {0}, second[1] = {1};

    fake_reset(2);
    (void)fake_partition_add(RIGHT_ALL, 2, both);
    (void)fake_partition_add(RIGHT_ALL, 1, first);
    (void)fake_partition_add(RIGHT_ALL, 1, second);
    fake_slot_add(0, 0, 1000, 0);
    fake_slot_add(0, 2, 1000, 0);
    fake_slot_add(1, 1, 1000, 0);
    fake_slot_add(1, 3, 1000, 0);
    monitor_start();
    (void)fake_first(1);
    fake_next = fake_first(0);
    fake_log_clear();
    return fake_next;
}

struct virtual_processor *fake_first(uint32_t processor)
{
    return switch_to(record_get(IDLE_ID_FIRST + processor), monitor_first(processor));
}

struct view_body *fake_view_begin(void)
{
    struct view_region *region = machine_pointer(VIEW_REGION_ADDRESS);
    struct view_body *next = &region->bodies[(region->generation + 1) % VIEW_BODY_COUNT];

    memcpy(next, fake_view(), sizeof(*next));
    return next;
}

void fake_view_publish(void)
{
    struct view_region *region = machine_pointer(VIEW_REGION_ADDRESS);

    region->generation++;
}

struct virtual_processor *fake_processor_enter(uint32_t processor, uint64_t vector)
{
    return fake_enter(record_get(monitor_state()->processors[processor].current), vector, 0);
}

uint32_t fake_view_settle(void)
{
    const struct view_region *region = machine_pointer(VIEW_REGION_ADDRESS);
    const struct monitor *monitor = monitor_state();

    for (uint32_t count = 0; count < ENTRY_LIMIT; count++) {
        if (monitor->progress.acknowledged_generation == region->generation) {
            return count;
        }
        (void)fake_processor_enter(count % monitor->processor_count, ENTRY_TIMER);
        fake_log_clear();
    }
    return 0;
}

void fake_stop(struct virtual_processor *running, uint32_t partition)
{
    monitor_state()->stop_request = partition;
    (void)fake_enter(running, ENTRY_KICK, 0);
}

struct virtual_processor *fake_enter(struct virtual_processor *record, uint64_t vector,
                                     uint64_t error_code)
{
    record->registers.vector = vector;
    record->registers.error_code = error_code;
    fake_next = switch_to(record, monitor_enter(record));
    return fake_next;
}

static void call_prepare_64(struct registers *registers, uint64_t number,
                            const uint64_t arguments[4])
{
    registers->rax = number;
    registers->rdi = arguments[0];
    registers->rsi = arguments[1];
    registers->rdx = arguments[2];
    registers->r10 = arguments[3];
    registers->vector = ENTRY_SYSCALL;
    registers->rcx = registers->rip;
    registers->r11 = registers->rflags;
}

/* What a 32-bit guest cannot name may hold anything. */
static void call_prepare_32(struct registers *registers, uint64_t number,
                            const uint64_t arguments[4])
{
    registers->rax = HIGH_HALF | (uint32_t)number;
    registers->rbx = HIGH_HALF | (uint32_t)arguments[0];
    registers->rcx = HIGH_HALF | (uint32_t)arguments[1];
    registers->rdx = HIGH_HALF | (uint32_t)arguments[2];
    registers->rsi = HIGH_HALF | (uint32_t)arguments[3];
    registers->vector = ENTRY_SOFTWARE_INTERRUPT + HYPERCALL_VECTOR;
    registers->error_code = 0;
}

static void call_prepare(struct virtual_processor *record, uint64_t number,
                         const uint64_t arguments[4])
{
    if (record->width == 32) {
        call_prepare_32(&record->registers, number, arguments);
    } else {
        call_prepare_64(&record->registers, number, arguments);
    }
}

int64_t fake_result(const struct virtual_processor *record)
{
    const struct registers *registers = &record->registers;

    return (int64_t)(record->width == 32 ? registers->rax | registers->rdx << 32 : registers->rax);
}

int64_t fake_call(struct virtual_processor *record, uint64_t number, uint64_t argument0,
                  uint64_t argument1, uint64_t argument2, uint64_t argument3)
{
    const uint64_t arguments[4] = {argument0, argument1, argument2, argument3};

    call_prepare(record, number, arguments);
    fake_next = switch_to(record, monitor_enter(record));
    return fake_result(record);
}

bool fake_refused(struct virtual_processor *record, enum error error, uint64_t number,
                  uint64_t argument0, uint64_t argument1, uint64_t argument2, uint64_t argument3)
{
    const uint64_t arguments[4] = {argument0, argument1, argument2, argument3};
    size_t size_bytes = (size_t)FAKE_FRAME_COUNT * PAGE_SIZE_BYTES;
    struct registers before;
    int64_t result;

    call_prepare(record, number, arguments);
    before = record->registers;
    memcpy(memory_before, fake_memory, size_bytes);
    fake_log_clear();
    fake_next = switch_to(record, monitor_enter(record));
    result = fake_result(record);
    /* What may differ: the result, and the counter of calls. */
    record->registers.rax = before.rax;
    if (record->width == 32) {
        record->registers.rdx = before.rdx;
    }
    if (number < HYPERCALL_COUNT) {
        partition_of(record)->counters.hypercalls[number]--;
    }
    if (result != -(int64_t)error) {
        fprintf(stderr, "  call %llu returned %lld\n", (unsigned long long)number,
                (long long)result);
    }
    return result == -(int64_t)error && fake_next == record && fake_log_total() == 0 &&
           memcmp(memory_before, fake_memory, size_bytes) == 0;
}

uint64_t fake_user_root(struct virtual_processor *record)
{
    uint32_t offset = OFFSET_FREE + 100;
    uint64_t root = fake_frame(record->partition, offset);

    if (frame_get(root)->type == FRAME_NONE) {
        fake_words(record->partition, offset)[0] =
            ENTRY_OF(fake_frame(record->partition, OFFSET_L3), ENTRY_TABLE);
        if (fake_call(record, HC_table_pin, root, 4, 0, 0) != 0 ||
            fake_call(record, HC_roots_set, record->kernel_root_frame, root, 0, 0) != 0) {
            fake_misuse("the user root could not be set");
        }
    }
    return root;
}

void fake_user_mode_enter(struct virtual_processor *record, uint64_t rip, uint64_t rsp)
{
    struct trap_frame *frame = fake_guest(record->partition, GUEST_DATA + 0x800);

    (void)fake_user_root(record);
    memset(frame, 0, sizeof(*frame));
    frame->rip = rip;
    frame->rsp = rsp;
    frame->rflags = 0x202;
    frame->state = FRAME_STATE_USER;
    record->registers.rsp = GUEST_DATA + 0x800;
    (void)fake_call(record, HC_iret, 0, 0, 0, 0);
    fake_log_clear();
}
