/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the frame table says what the tables say; see books.c. */
#ifndef BOOKS_H
#define BOOKS_H

#include <stdint.h>

/* In how many places the two differ, and how many entries should not stand at all. */
uint32_t books_differences(void);

#endif
