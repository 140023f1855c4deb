/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The names under which values are waited for: architectural registers, the two halves of
 * the flags that are renamed apart, and temporaries within one instruction. Used by the
 * decoder and the core; knows no instruction.
 */
#ifndef TIMING_SLOTS_H
#define TIMING_SLOTS_H

enum slot {
    SLOT_GENERAL = 0, /* rax rcx rdx rbx rsp rbp rsi rdi r8..r15, in encoding order */
    SLOT_COUNTER = 1,
    SLOT_STACK_POINTER = 4,
    SLOT_SOURCE_INDEX = 6,
    SLOT_DESTINATION_INDEX = 7,
    SLOT_CARRY = 16,
    SLOT_FLAGS = 17, /* all but the carry */
    SLOT_VECTOR = 18,
    SLOT_MMX = 34,
    SLOT_X87 = 42, /* relative to the top of the stack at the block's start */
    SLOT_X87_STATUS = 50,
    SLOT_MXCSR = 51,
    SLOT_SYSTEM = 52, /* segment, control and descriptor registers */
    SLOT_DIRECTION = 53,
    SLOT_TEMPORARY = 54,
    SLOT_READY = 62, /* never written: stands for a source that there is not */
    SLOT_UNUSED = 63, /* never read: stands for a destination that there is not */
    SLOT_COUNT = 64,
    SLOT_NONE = 255,
};

#endif
