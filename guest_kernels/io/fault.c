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
#include "poke.h"

#define LINE_LIMIT_BYTES 40u

static uint64_t crash_requests;
static uint64_t hang_requests;
static uint64_t break_requests;
static uint64_t request_count;
static char line[LINE_LIMIT_BYTES]; /* that is being typed */
static uint32_t line_size_bytes;

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

static int is_line(const char *expected)
{
    return text_length(expected) == line_size_bytes && memcmp(line, expected, line_size_bytes) == 0;
}

static void line_came(void)
{
    if (is_line("crash")) {
        crash();
    } else if (is_line("hang")) {
        hang();
    } else if (is_line("break")) {
        break_requests = request_count == 0 ? 1 : request_count;
    } else if (line_size_bytes > 0 && !poke_line(line, line_size_bytes)) {
        print("io: it can crash, hang, break or poke, and nothing else\n");
    }
}

static void console_came(uint32_t port)
{
    char byte;

    (void)port;
    while (CALL(hypercall_console_read(&byte, 1)) == 1) {
        if (byte == '\n' || byte == '\r') {
            line_came();
            line_size_bytes = 0;
        } else if (line_size_bytes < LINE_LIMIT_BYTES) {
            line[line_size_bytes++] = byte;
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
