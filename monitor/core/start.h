/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a view to running partitions, once; see start.c. */
#ifndef START_H
#define START_H

#include "state.h"

/* Frame table, records and partitions, from the view's generation in force. */
void start_host(void);

#endif
