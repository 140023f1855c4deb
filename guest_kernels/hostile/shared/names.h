/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers of the width's own size, for text of assembler that is the same in both. */
#ifndef NAMES_H
#define NAMES_H

#include "hostile.h"

#if __SIZEOF_POINTER__ == 8
#define STACK_POINTER "rsp"
#define ACCUMULATOR "rax"
#else
#define STACK_POINTER "esp"
#define ACCUMULATOR "eax"
#endif

#endif
