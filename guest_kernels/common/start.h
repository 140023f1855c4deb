/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a guest begins: the entry in start_64.S calls guest_start, which prepares the
 * library and calls the guest's own guest_main; what that returns is the exit code.
 */
#ifndef START_H
#define START_H

#include "abi.h"

/* The start page of this partition, for all of the guest's life. */
extern const struct start_page *start_page;

/* Every guest defines it. */
int guest_main(const struct start_page *start);

/* Called by the entry only. */
_Noreturn void guest_start(const struct start_page *start);

/* Ends the partition; what of the reason does not fit EXIT_REASON_LIMIT is cut off. */
_Noreturn void guest_exit(int code, const char *reason);

#endif
