/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The linker's --wrap leads the disks' calls here: counted, made to fail, or carried out. So a
 * flush is seen to reach the host, and what hosts do rarely is done as often as a test needs it.
 */
#define _GNU_SOURCE
#include "host_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct host_calls host_calls;

int __real_fdatasync(int file);
int __wrap_fdatasync(int file);
int __real_fallocate(int file, int mode, off_t offset, off_t size_bytes);
int __wrap_fallocate(int file, int mode, off_t offset, off_t size_bytes);
ssize_t __real_pread(int file, void *data, size_t size_bytes, off_t offset);
ssize_t __wrap_pread(int file, void *data, size_t size_bytes, off_t offset);
ssize_t __real_pwrite(int file, const void *data, size_t size_bytes, off_t offset);
ssize_t __wrap_pwrite(int file, const void *data, size_t size_bytes, off_t offset);

int __wrap_fdatasync(int file)
{
    host_calls.flush_count++;
    if (host_calls.flush_error != 0) {
        errno = host_calls.flush_error;
        host_calls.flush_error = 0;
        return -1;
    }
    return __real_fdatasync(file);
}

int __wrap_fallocate(int file, int mode, off_t offset, off_t size_bytes)
{
    if (host_calls.no_holes) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return __real_fallocate(file, mode, offset, size_bytes);
}

static bool interrupt(void)
{
    static bool now;
    now = host_calls.interrupted && !now;
    errno = now ? EINTR : errno;
    return now;
}

static size_t shortened(size_t size_bytes)
{
    bool cut = host_calls.short_bytes != 0 && host_calls.short_bytes < size_bytes;
    return cut ? host_calls.short_bytes : size_bytes;
}

ssize_t __wrap_pread(int file, void *data, size_t size_bytes, off_t offset)
{
    return interrupt() ? -1 : __real_pread(file, data, shortened(size_bytes), offset);
}

ssize_t __wrap_pwrite(int file, const void *data, size_t size_bytes, off_t offset)
{
    return interrupt() ? -1 : __real_pwrite(file, data, shortened(size_bytes), offset);
}
