/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns when this kernel fails.
 */
#include "fault.h"

#include "bytes.h"
#include "check.h"
#include "console.h"
#include "event.h"
#include "hypercall.h"

#define WORD_LIMIT_BYTES 16u

static uint64_t crash_requests;
static uint64_t hang_requests;
static uint64_t break_requests;
static uint64_t request_count;
static char word[WORD_LIMIT_BYTES]; /* of the line that is being typed */
static uint32_t word_size_bytes;

void fault_plan(uint64_t crash_after, uint64_t hang_after, uint64_t break_after)
{
    crash_requests = crash_after;
    hang_requests = hang_after;
    break_requests = break_after;
}

_Noreturn static void crash(void)
{
    print("io: crashes, as it was told to\n");
    __builtin_trap();
}

_Noreturn static void hang(void)
{
    print("io: hangs, as it was told to\n");
    for (;;) {
        __asm__ volatile("pause");
    }
}

static int is_word(const char *expected)
{
    return text_length(expected) == word_size_bytes && memcmp(word, expected, word_size_bytes) == 0;
}

static void line_came(void)
{
    if (is_word("crash")) {
        crash();
    } else if (is_word("hang")) {
        hang();
    } else if (is_word("break")) {
        break_requests = request_count == 0 ? 1 : request_count;
    } else if (word_size_bytes > 0) {
        print("io: it can crash, hang or break, and nothing else\n");
    }
}

static void console_came(uint32_t port)
{
    char byte;

    (void)port;
    while (CALL(hypercall_console_read(&byte, 1)) == 1) {
        if (byte == '\n' || byte == '\r') {
            line_came();
            word_size_bytes = 0;
        } else if (word_size_bytes < WORD_LIMIT_BYTES) {
            word[word_size_bytes++] = byte;
        }
    }
}

void fault_listen(void)
{
    event_function_set(PORT_CONSOLE, console_came);
}

int fault_request(void)
{
    request_count++;
    if (crash_requests != 0 && request_count > crash_requests) {
        crash();
    }
    if (hang_requests != 0 && request_count > hang_requests) {
        hang();
    }
    return break_requests != 0 && request_count == break_requests + 1;
}
