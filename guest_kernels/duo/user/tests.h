/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pieces of work of a process. Each returns a checksum that depends on the seed
 * only, and ends the process with an exit code when something is not as it was.
 */
#ifndef TESTS_H
#define TESTS_H

#include <stdint.h>

/* Writes a line through the kernel. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the process if the condition does not hold. */
void expect(int condition, const char *what);

uint64_t memory_test(uint64_t seed);   /* heap, zeros, data and stack, on first touch */
uint64_t floating_test(uint64_t seed); /* SSE and x87 values that live through preemption */
uint64_t base_test(uint64_t seed);     /* a segment of its own */
uint64_t patch_test(uint64_t seed);    /* its own code, changed by the kernel */

#endif
