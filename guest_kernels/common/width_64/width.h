/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 64-bit half of the library, chosen by include path: common code says
 * #include <width.h> and never asks which width it is built for.
 */
#ifndef WIDTH_H
#define WIDTH_H

#include "../call_64.h"
#include "../floating_64.h"
#include "../hypercall_64.h"
#include "../paging_64.h"
#include "../processor_64.h"
#include "../thread_64.h"
#include "../trap_state_64.h"

#endif
