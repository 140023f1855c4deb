/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A row of the table: one sensitive instruction, what it does deprivileged, and what a modified
 * kernel does instead. Both are tried at run time.
 */
#ifndef ROW_H
#define ROW_H

#include <stddef.h>

#include "format.h"

#define ROW_TEXT_LIMIT 30

struct row {
    const char *instruction;
    /* Executes it, says what happened, and whether that is the known misbehaviour. */
    int (*unmodified)(char *happened);
    const char *why; /* it matters */
    /* Whether the modified form does what the kernel wants. */
    int (*modified)(void);
    const char *form;
};

#define SAY(happened, ...) ((void)format_text(happened, ROW_TEXT_LIMIT, __VA_ARGS__))

/* In the order of the table; each ends with a row without an instruction. */
extern const struct row table_rows[];
extern const struct row flag_rows[];
extern const struct row segment_rows[];
extern const struct row transfer_rows[];

#endif
