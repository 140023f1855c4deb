/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ELF note by which the host knows a guest image: struct image_note of the
 * contract. Each guest says IMAGE(memory wanted) once. Written in assembler because
 * only there a section has the type of a note; the width follows the compiler's.
 */
#ifndef IMAGE_H
#define IMAGE_H

#include "abi.h"

#define IMAGE_TEXT_OF(value) #value
#define IMAGE_TEXT(value) IMAGE_TEXT_OF(value)

/* clang-format would fold the lines of assembler into one another. */
/* clang-format off */

/* The entry in eight bytes: 32-bit assembler has no relocation of that size. */
#define IMAGE_ADDRESS                                                                              \
    ".if " IMAGE_TEXT(__SIZEOF_POINTER__) " == 8\n.quad guest_entry\n"                             \
    ".else\n.long guest_entry, 0\n.endif\n"

/* The argument is a plain number or an expression of numbers, in bytes. */
#define IMAGE(memory_size_bytes)                                                                   \
    __asm__(".pushsection .note.ultravisor, \"a\", @note\n"                                        \
            ".balign 8\n"                                                                          \
            ".long 2f - 1f, 4f - 3f, " IMAGE_TEXT(NOTE_TYPE_IMAGE) "\n"                            \
            "1: .asciz \"Ultravisor\"\n"                                                           \
            "2: .balign 4\n"                                                                       \
            "3: .long " IMAGE_TEXT(ABI_VERSION) ", 8 * " IMAGE_TEXT(__SIZEOF_POINTER__) "\n"       \
            IMAGE_ADDRESS ".quad " IMAGE_TEXT(memory_size_bytes) "\n"                              \
            "4: .popsection\n")

/* clang-format on */

#endif
