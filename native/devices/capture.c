/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing pcap files: a header, then a record and a frame at a time. Format: the IETF draft
 * "PCAP Capture File Format", with the magic number of nanosecond stamps.
 */
#define _DEFAULT_SOURCE
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#define PCAP_MAGIC_NANOSECONDS 0xa1b23c4du
#define PCAP_SNAPSHOT_LENGTH 65535u
#define PCAP_ETHERNET 1u
#define NANOSECONDS_PER_SECOND 1000000000ull
#define FILE_MODE 0644

struct file_header {
    uint32_t magic;
    uint16_t version_major, version_minor;
    uint32_t reserved0[2];
    uint32_t snapshot_length;
    uint32_t link_type;
};

struct record_header {
    uint32_t seconds;
    uint32_t nanoseconds;
    uint32_t captured_bytes;
    uint32_t original_bytes;
};

int capture_open(const char *path)
{
    struct file_header header = {
        .magic = PCAP_MAGIC_NANOSECONDS,
        .version_major = 2,
        .version_minor = 4,
        .snapshot_length = PCAP_SNAPSHOT_LENGTH,
        .link_type = PCAP_ETHERNET,
    };
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    if (file >= 0 && write(file, &header, sizeof header) != (ssize_t)sizeof header) {
        (void)close(file);
        errno = ENOSPC;
        return -1;
    }
    return file;
}

bool capture_write(int file, const uint8_t *frame, uint32_t size_bytes, uint64_t cycles,
                   uint64_t frequency_hz)
{
    /* A clock above 18 GHz times a billion does not fit in 64 bits. */
    unsigned __int128 rest = cycles % frequency_hz;
    struct record_header record = {
        .seconds = (uint32_t)(cycles / frequency_hz),
        .nanoseconds = (uint32_t)(rest * NANOSECONDS_PER_SECOND / frequency_hz),
        .captured_bytes = size_bytes,
        .original_bytes = size_bytes,
    };
    struct iovec parts[] = {
        {&record, sizeof record},
        {(void *)(uintptr_t)frame, size_bytes},
    };
    ssize_t written = writev(file, parts, 2);
    if (written >= 0 && (size_t)written != sizeof record + size_bytes) {
        errno = ENOSPC;
        return false;
    }
    return written >= 0;
}
