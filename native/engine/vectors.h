/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processor's own numbers of exceptions; shared by the files of native/engine. */
#ifndef VECTORS_H
#define VECTORS_H

#define VECTOR_DEBUG 1u
#define VECTOR_BREAKPOINT 3u
#define VECTOR_OVERFLOW 4u
#define VECTOR_UNDEFINED 6u
#define VECTOR_DEVICE_NOT_AVAILABLE 7u
#define VECTOR_NOT_PRESENT 11u
#define VECTOR_STACK 12u
#define VECTOR_PROTECTION 13u
#define VECTOR_PAGE_FAULT 14u

#endif
