/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images that are tests: one scenario an image, which ends with a verdict or is stopped
 * as it expects. An image says SCENARIO or SCENARIO_STOPS once, in place of IMAGE, and
 * defines scenario_main. Traps and user mode are tried out from virtual processor 0.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include "image.h"

#define SCENARIO_MEMORY_SIZE_BYTES (4 * 1024 * 1024) /* of SCENARIO_STOPS */

/* What a scenario does; to return is to succeed. */
void scenario_main(const struct start_page *start);

/*
 * The other verdicts. The reason goes to the console and, as far as it fits, into the
 * partition's exit.
 */
_Noreturn void scenario_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void scenario_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void scenario_failure(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* EXPECT(condition, format, ...): a failure, naming file and line, unless the condition holds. */
#define EXPECT(condition, ...)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            scenario_expected(__FILE__, __LINE__, #condition, __VA_ARGS__);                        \
        }                                                                                          \
    } while (0)

/*
 * A failure unless the call of the monitor returns -ERROR_name; with `none`, unless it
 * succeeds. Has the call's result as its value.
 */
#define EXPECT_CALL(call, name)                                                                    \
    scenario_expected_call(__FILE__, __LINE__, #call, (call), ERROR_##name)

_Noreturn void scenario_expected(const char *file, int line, const char *condition,
                                 const char *format, ...) __attribute__((format(printf, 4, 5)));
int64_t scenario_expected_call(const char *file, int line, const char *call, int64_t result,
                               enum error expected);

/* What ended a function: an exception of the processor, or VECTOR_SYSTEM_CALL. */
struct trap_seen {
    uint64_t vector;
    uint64_t error_code;
    uint64_t fault_address; /* of page faults */
    uint64_t code_address;  /* RIP or EIP */
    uint64_t stack_address; /* RSP or ESP */
    uint64_t flags;         /* RFLAGS or EFLAGS */
    uint64_t state;         /* FRAME_STATE_* */
    uint64_t result;        /* RAX or EAX */
};

typedef void scenario_function(uintptr_t argument);

/*
 * Runs a function in kernel mode. Returns 1 when it ended in an exception, which is then in
 * *seen, and 0 when it returned. May be used within itself. While it runs, exceptions do
 * not reach the functions of trap.h.
 */
int scenario_trap(scenario_function *function, uintptr_t argument, struct trap_seen *seen);

/*
 * Runs a function in user mode until it ends in an exception or a system call: to return is
 * a system call too. User mode sees the image's code and constants, SCENARIO_USER_DATA and a
 * stack, so the function may use nothing else.
 */
void scenario_user(scenario_function *function, uintptr_t argument, struct trap_seen *seen);

/* In user mode only: the system call that leaves the value in trap_seen.result. */
_Noreturn void scenario_user_leave(uintptr_t value);

#define SCENARIO_USER_DATA 0x10000000u /* address of a writable page of user mode */
#define SCENARIO_USER_STACK 0x10010000u

/* The same page, where the kernel sees it. */
void *scenario_user_data(void);

/* The address space of user mode, for tables.h. */
uint64_t scenario_user_root(void);

/* clang-format would fold the lines of assembler into one another. */
/* clang-format off */

/* An image that ends with a verdict, and the memory it wants. */
#define SCENARIO(memory_size_bytes, sentence)                                                      \
    IMAGE(memory_size_bytes);                                                                      \
    SCENARIO_NOTE(STOP_none, 0, sentence)

/* An image that expects to be stopped: enum stop_reason, and the vector of the trap or 0. */
#define SCENARIO_STOPS(reason, vector, sentence)                                                   \
    IMAGE(SCENARIO_MEMORY_SIZE_BYTES);                                                             \
    SCENARIO_NOTE(reason, vector, sentence)

/*
 * struct scenario_note in an ELF note. It stands in a function that nothing calls because
 * only there assembler may name the compiler's constants; so a sentence has no percent sign.
 */
#define SCENARIO_NOTE(reason, vector, sentence)                                                    \
    _Static_assert(sizeof(sentence) <= SCENARIO_SENTENCE_LIMIT, "the sentence is too long");       \
    __attribute__((used, noinline)) static void scenario_note(void)                                \
    {                                                                                              \
        __asm__ volatile(                                                                          \
            ".pushsection .note.scenario, \"a\", @note\n"                                          \
            ".balign 8\n"                                                                          \
            ".long 2f - 1f, 4f - 3f, %c0\n"                                                        \
            "1: .asciz \"Ultravisor\"\n"                                                           \
            "2: .balign 4\n"                                                                       \
            "3: .long %c1, %c2, %c3, 0\n"                                                          \
            ".ascii " IMAGE_TEXT(sentence) "\n"                                                    \
            ".space %c4\n"                                                                         \
            "4: .popsection\n"                                                                     \
            : : "i"(NOTE_TYPE_SCENARIO), "i"(ABI_VERSION), "i"(reason), "i"(vector),               \
                "i"(SCENARIO_SENTENCE_LIMIT + 1 - sizeof(sentence)));                              \
    }                                                                                              \
    _Static_assert(1, "the macro ends in a semicolon")

/* clang-format on */

#endif
