/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A capture of frames in pcap's format (nanoseconds, little-endian, Ethernet): its stamps are the
 * machine's cycles. For switch.c; each frame is in the file when it was sent.
 */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

/* The file, made or emptied; -1 and errno. */
int capture_open(const char *path);
/* False and errno: it could not be written whole. */
bool capture_write(int file, const uint8_t *frame, uint32_t size_bytes, uint64_t cycles,
                   uint64_t frequency_hz);

#endif
