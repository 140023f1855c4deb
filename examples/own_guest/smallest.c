/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest and a test without the library: two notes, an entry, and calls through the call
 * page. The entry gets the start page in RDI, as the first argument of a C function.
 */
#include "abi.h"

__asm__(".pushsection .note.ultravisor, \"a\", @note\n"
        ".balign 8\n"
        ".long 11, 24, 1\n" /* sizes of name and descriptor, NOTE_TYPE_IMAGE */
        ".asciz \"Ultravisor\"\n"
        ".balign 4\n"
        ".long 1, 64\n" /* ABI_VERSION, width */
        ".quad begin, 0x200000\n" /* entry, memory wanted */
        ".long 11, 144, 2\n" /* NOTE_TYPE_SCENARIO */
        ".asciz \"Ultravisor\"\n"
        ".balign 4\n"
        ".long 1, 0, 0, 0\n" /* ABI_VERSION; it ends with a verdict */
        "1: .asciz \"A call page is enough to be heard.\"\n"
        ".org 1b + 128\n"
        ".popsection\n");

static int64_t call(const struct start_page *start, enum hypercall number, uint64_t first,
                    uint64_t second, uint64_t third)
{
    uint64_t stub = start->hypercall_page_address + number * HYPERCALL_STUB_SIZE_BYTES;
    int64_t result;

    __asm__ volatile("call *%1"
                     : "=a"(result)
                     : "a"(stub), "D"(first), "S"(second), "d"(third)
                     : "rcx", "r11", "memory");
    return result;
}

_Noreturn void begin(const struct start_page *start)
{
    static const char text[] = "heard\n";
    uint64_t size_bytes = sizeof(text) - 1;
    int64_t taken = call(start, HC_console_write, (uintptr_t)text, size_bytes, 0);
    uint64_t verdict = taken == (int64_t)size_bytes ? VERDICT_success : VERDICT_failure;

    for (;;) {
        (void)call(start, HC_partition_exit, verdict, 0, 0);
    }
}
