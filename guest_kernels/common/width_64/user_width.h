/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The same for user programs: #include <user_width.h>.
 */
#ifndef USER_WIDTH_H
#define USER_WIDTH_H

#include "../paging_64.h"
#include "../user_64.h"

#endif
