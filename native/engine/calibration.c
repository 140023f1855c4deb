/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Confirms that the engine is the one we know: finds the live register state behind an
 * engine, checks every field of struct environment that we use against the public
 * interface, and takes one page fault and one `int n` to see that the fields that the
 * public interface hides are where we think. Runs once, before any machine; a build
 * that does not match is refused, never guessed at.
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "calibration.h"
#include "environment.h"

#define SEARCH_SIZE_BYTES 0x40000u
#define PROCESSOR_SEARCH_SIZE_BYTES 0x10000u
#define FIRST_SALT 0x5eedull
#define SECOND_SALT 0xfeedull
#define SCRATCH_ADDRESS 0x10000u

struct environment_location environment_location;

static int refuse(struct engine_report *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(report->text, sizeof report->text, format, arguments);
    va_end(arguments);
    report->calibrated = 0;
    return NATIVE_ENGINE;
}

static uint64_t magic(unsigned index, uint64_t salt)
{
    return 0x9e3779b97f4a7c15ull * (index + 1u) ^ salt;
}

static const int general_registers[16] = {
    UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX, UC_X86_REG_RSP, UC_X86_REG_RBP,
    UC_X86_REG_RSI, UC_X86_REG_RDI, UC_X86_REG_R8,  UC_X86_REG_R9,  UC_X86_REG_R10, UC_X86_REG_R11,
    UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15};

static void write_magics(uc_engine *engine, uint64_t salt)
{
    for (unsigned index = 0; index < 16; index++) {
        uint64_t value = magic(index, salt);
        (void)uc_reg_write(engine, general_registers[index], &value);
    }
}

static int registers_match(const uint64_t *registers, uint64_t salt)
{
    for (unsigned index = 0; index < 16; index++) {
        if (registers[index] != magic(index, salt)) {
            return 0;
        }
    }
    return 1;
}

/* Copied by the kernel, so that no wrong guess can fault. Returns how many bytes arrived. */
static uint32_t read_behind(uint64_t pointer, void *buffer, uint32_t size_bytes)
{
    struct iovec local = {buffer, size_bytes};
    struct iovec remote = {(void *)(uintptr_t)pointer, size_bytes};
    if (pointer < 0x10000 || (pointer & 7) != 0 || pointer >> 47 != 0) {
        return 0;
    }
    ssize_t copied = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    return copied < 0 ? 0 : (uint32_t)copied;
}

/* Address of the sixteen magics, in memory that one of the engine's pointers leads to; or 0. */
static uint64_t find_registers(const uint64_t *words, size_t word_count, uint8_t *buffer,
                               uint64_t salt)
{
    for (size_t index = 0; index < word_count; index++) {
        uint32_t size_bytes = read_behind(words[index], buffer, SEARCH_SIZE_BYTES);
        for (uint32_t at = 0; at + 128 <= size_bytes; at += 8) {
            uint64_t registers[16];
            memcpy(registers, buffer + at, sizeof registers);
            if (registers_match(registers, salt)) {
                return words[index] + at;
            }
        }
    }
    return 0;
}

/* Follows a way in any engine without trusting it: true when it ends at that engine's magics. */
static int leads_to_registers(uc_engine *engine, const struct environment_location *location,
                              uint64_t salt)
{
    uint64_t processor;
    uint64_t environment;
    uint64_t registers[16];
    memcpy(&processor, (const uint8_t *)engine + location->processor_pointer_offset,
           sizeof processor);
    return read_behind(processor + location->environment_pointer_offset, &environment,
                       sizeof environment) == sizeof environment &&
           read_behind(environment, registers, sizeof registers) == sizeof registers &&
           registers_match(registers, salt);
}

/*
 * The way there that holds for every engine: the processor's structure keeps a pointer to
 * its state. A mere distance between two allocations, or a stray copy of the pointer in a
 * neighbouring one, does not hold in the second engine.
 */
static int find_way(const uint64_t *words, size_t word_count, uint8_t *buffer, uint64_t target,
                    uc_engine *second, struct environment_location *location)
{
    for (size_t index = 0; index < word_count; index++) {
        uint32_t size_bytes = read_behind(words[index], buffer, PROCESSOR_SEARCH_SIZE_BYTES);
        location->processor_pointer_offset = (uint32_t)index * 8;
        for (uint32_t at = 0; at + 8 <= size_bytes; at += 8) {
            uint64_t pointer;
            memcpy(&pointer, buffer + at, sizeof pointer);
            location->environment_pointer_offset = at;
            if (pointer == target && leads_to_registers(second, location, SECOND_SALT)) {
                return 1;
            }
        }
    }
    return 0;
}

static int find_environment(uc_engine *engine, uc_engine *second,
                            struct environment_location *location)
{
    size_t word_count = malloc_usable_size(engine) / sizeof(uint64_t);
    uint64_t *words = malloc(word_count * sizeof *words);
    uint8_t *buffer = malloc(SEARCH_SIZE_BYTES);
    int found = 0;
    write_magics(engine, FIRST_SALT);
    write_magics(second, SECOND_SALT);
    if (words != NULL && buffer != NULL) {
        memcpy(words, engine, word_count * sizeof *words);
        uint64_t registers = find_registers(words, word_count, buffer, FIRST_SALT);
        found = registers != 0 && find_way(words, word_count, buffer, registers, second, location);
    }
    free(words);
    free(buffer);
    return found;
}

/* Fields that the public interface can write: written there, read here. */
static const char *check_visible_fields(uc_engine *engine)
{
    struct environment *environment = environment_of(engine);
    uint64_t value = 0x123456789abcull;
    uc_x86_msr msr = {0xc0000082, 0xffff800000112233ull};
    write_magics(engine, 0xbeef);
    if (!registers_match(environment->registers, 0xbeef)) {
        return "general registers";
    }
    (void)uc_reg_write(engine, UC_X86_REG_RIP, &value);
    if (environment->rip != value) {
        return "rip";
    }
    (void)uc_reg_write(engine, UC_X86_REG_DR0, &value);
    if (environment->dr[0] != value) {
        return "dr0";
    }
    (void)uc_reg_write(engine, UC_X86_REG_FS_BASE, &value);
    if (environment->segments[ENV_FS].base != value) {
        return "fs base";
    }
    (void)uc_reg_write(engine, UC_X86_REG_MSR, &msr);
    if (environment->lstar != msr.value) {
        return "lstar";
    }
    msr.rid = 0xc0000102;
    msr.value = 0x77;
    (void)uc_reg_write(engine, UC_X86_REG_MSR, &msr);
    if (environment->kernel_gs_base != msr.value) {
        return "kernel gs base";
    }
    uc_x86_mmr table = {0, 0xffff800000445000ull, 0xfff, 0};
    (void)uc_reg_write(engine, UC_X86_REG_IDTR, &table);
    if (environment->idt.base != table.base) {
        return "idt base";
    }
    uint32_t flags = 0x202 | ARITHMETIC_FLAGS;
    (void)uc_reg_write(engine, UC_X86_REG_EFLAGS, &flags);
    if (environment->cc_op != CC_OP_EFLAGS || environment->cc_src != ARITHMETIC_FLAGS) {
        return "arithmetic flags";
    }
    uint64_t cr2 = 0x5000;
    (void)uc_reg_write(engine, UC_X86_REG_CR2, &cr2);
    if (environment->cr[2] != cr2 || (environment->hflags & HFLAG_CPL_MASK) != 0 ||
        (environment->hflags & HFLAG_CS64) == 0) {
        return "cr2 or hflags";
    }
    return NULL;
}

struct exception_seen {
    uint32_t vector;
    int32_t error_code, is_interrupt, old_exception;
    uint64_t rip;
};

static void on_exception(uc_engine *engine, uint32_t vector, void *user_data)
{
    struct exception_seen *seen = user_data;
    const struct environment *environment = environment_of(engine);
    seen->vector = vector;
    seen->error_code = environment->error_code;
    seen->is_interrupt = environment->exception_is_interrupt;
    seen->old_exception = environment->old_exception;
    seen->rip = environment->rip;
    (void)uc_emu_stop(engine);
}

/* Identity tables for 2 MiB at 0, all in the scratch memory itself. */
static void write_tables(uc_engine *engine)
{
    const uint64_t entries[][2] = {{0x1000, 0x2007}, {0x2000, 0x3007}, {0x3000, 0x4007}};
    for (unsigned index = 0; index < 3; index++) {
        (void)uc_mem_write(engine, entries[index][0], &entries[index][1], 8);
    }
    for (uint64_t page = 0; page < 0x20; page++) {
        uint64_t entry = page << 12 | 0x7;
        (void)uc_mem_write(engine, 0x4000 + page * 8, &entry, 8);
    }
    uint64_t root = 0x1000;
    (void)uc_reg_write(engine, UC_X86_REG_CR3, &root);
    uint64_t cr4 = 0x20, cr0 = 0x80010011;
    uc_x86_msr efer = {0xc0000080, 0xd01};
    (void)uc_reg_write(engine, UC_X86_REG_CR4, &cr4);
    (void)uc_reg_write(engine, UC_X86_REG_MSR, &efer);
    (void)uc_reg_write(engine, UC_X86_REG_CR0, &cr0);
}

/* Fields that only an exception shows: a write to an unmapped page, then `int 0x42`. */
static const char *check_hidden_fields(uc_engine *engine)
{
    static const uint8_t code[] = {0x48, 0x89, 0x04, 0x25,
                                   0x00, 0x00, 0x70, 0x00, /* mov %rax,0x700000 */
                                   0xcd, 0x42};            /* int $0x42 */
    struct exception_seen seen = {0};
    uc_hook hook;
    (void)uc_ctl_exits_enable(engine);
    write_tables(engine);
    (void)uc_mem_write(engine, SCRATCH_ADDRESS, code, sizeof code);
    if (uc_hook_add(engine, &hook, UC_HOOK_INTR, (void *)on_exception, &seen, 1, 0) != UC_ERR_OK) {
        return "hooks";
    }
    (void)uc_emu_start(engine, SCRATCH_ADDRESS, 0, 0, 0);
    if (seen.vector != 14 || seen.error_code != 2 || seen.is_interrupt != 0 ||
        seen.old_exception != 14 || seen.rip != SCRATCH_ADDRESS) {
        return "page fault fields";
    }
    environment_of(engine)->old_exception = -1;
    (void)uc_emu_start(engine, SCRATCH_ADDRESS + 8, 0, 0, 0);
    if (seen.vector != 0x42 || seen.is_interrupt != 1 || seen.rip != SCRATCH_ADDRESS + 10) {
        return "software interrupt fields";
    }
    return NULL;
}

static const char *check_fields(uc_engine *engine)
{
    const char *wrong = check_visible_fields(engine);
    return wrong != NULL ? wrong : check_hidden_fields(engine);
}

static int calibrate_with(uc_engine *engine, uc_engine *second, struct engine_report *report)
{
    struct environment_location location;
    if (!find_environment(engine, second, &location)) {
        return refuse(report, "the engine's live register state was not found");
    }
    environment_location = location;
    report->environment_offset = (int32_t)location.environment_pointer_offset;
    const char *wrong = check_fields(engine);
    if (wrong == NULL) {
        wrong = check_fields(second);
    }
    if (wrong != NULL) {
        return refuse(report, "the engine keeps its %s elsewhere than expected", wrong);
    }
    report->calibrated = 1;
    (void)snprintf(report->text, sizeof report->text,
                   "register state found by the pointers at %u and %u, all fields confirmed",
                   location.processor_pointer_offset, location.environment_pointer_offset);
    return NATIVE_OK;
}

static uc_engine *open_scratch(void)
{
    uc_engine *engine;
    if (uc_open(UC_ARCH_X86, UC_MODE_64, &engine) != UC_ERR_OK) {
        return NULL;
    }
    if (uc_mem_map(engine, 0, 0x20000, UC_PROT_ALL) != UC_ERR_OK) {
        (void)uc_close(engine);
        return NULL;
    }
    return engine;
}

int engine_calibrate(struct engine_report *report)
{
    memset(report, 0, sizeof *report);
    unsigned version = uc_version(NULL, NULL);
    report->version_major = version >> 24 & 0xff;
    report->version_minor = version >> 16 & 0xff;
    report->version_patch = version >> 8 & 0xff;
    uc_engine *engine = open_scratch();
    uc_engine *second = open_scratch();
    int result = engine == NULL || second == NULL ? refuse(report, "the engine does not open")
                                                  : calibrate_with(engine, second, report);
    if (engine != NULL) {
        (void)uc_close(engine);
    }
    if (second != NULL) {
        (void)uc_close(second);
    }
    return result;
}
