/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console of a partition: bytes between guest memory and the platform, a frame
 * at a time, never copied here. Called by the dispatcher.
 */
#include "guest_memory.h"
#include "hypercall.h"

int64_t hc_console_write(struct virtual_processor *caller)
{
    uint64_t address = argument(caller, 0);
    uint64_t size_bytes = argument(caller, 1);

    if (size_bytes > CONSOLE_LIMIT) {
        return -ERROR_limit;
    }
    if (!guest_memory_check(caller, address, size_bytes, GUEST_READ)) {
        return -ERROR_fault;
    }
    for (uint64_t done_bytes = 0; done_bytes < size_bytes;) {
        uint64_t piece_bytes = guest_memory_piece(address + done_bytes, size_bytes - done_bytes);

        platform_console_write(caller->partition,
                               guest_memory_address(caller, address + done_bytes, GUEST_READ),
                               (uint32_t)piece_bytes);
        done_bytes += piece_bytes;
    }
    return (int64_t)size_bytes;
}

int64_t hc_console_read(struct virtual_processor *caller)
{
    uint64_t address = argument(caller, 0);
    uint64_t size_bytes = argument(caller, 1);
    uint64_t done_bytes = 0;

    if (size_bytes > CONSOLE_LIMIT) {
        return -ERROR_limit;
    }
    if (!guest_memory_check(caller, address, size_bytes, GUEST_WRITE)) {
        return -ERROR_fault;
    }
    while (done_bytes < size_bytes) {
        uint64_t piece_bytes = guest_memory_piece(address + done_bytes, size_bytes - done_bytes);
        uint32_t read_bytes = platform_console_read(
            caller->partition, guest_memory_address(caller, address + done_bytes, GUEST_WRITE),
            (uint32_t)piece_bytes);

        done_bytes += read_bytes;
        if (read_bytes < piece_bytes) {
            break;
        }
    }
    return (int64_t)done_bytes;
}
