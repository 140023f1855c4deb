/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From bytes of code to a decoded block, once a block. Knows the instruction set and the
 * core's tables; knows no time.
 */
#ifndef TIMING_DECODE_H
#define TIMING_DECODE_H

#include <capstone/capstone.h>

#include "code.h"
#include "parameters.h"
#include "timing.h"

struct timing_decoder {
    const struct timing_parameters *core;
    csh handles[2]; /* 64-bit code, 32-bit code */
    cs_insn *current;
    cs_insn *next;
    timing_unlisted_size *unlisted_size; /* NULL: nobody knows more than the library */
};

#endif
