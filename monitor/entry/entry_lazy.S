/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The second image, monitor_lazy: entry.S, but FPU and SSE change hands when they are used. */
#define FLOATING_POINT_SCHEME "floating_point_lazy.S"
#include "entry.S"
