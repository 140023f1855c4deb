/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 32-bit half of the library, chosen by include path: common code says
 * #include <width.h> and never asks which width it is built for.
 */
#ifndef WIDTH_H
#define WIDTH_H

#include "../call_32.h"
#include "../floating_32.h"
#include "../hypercall_32.h"
#include "../paging_32.h"
#include "../processor_32.h"
#include "../thread_32.h"
#include "../trap_state_32.h"

#endif
