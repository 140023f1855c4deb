/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The system calls between user programs and the small kernels here: numbers for
 * both sides. The instruction and the registers are in user_64.h and user_32.h, and the
 * kernel's side of the registers in trap_state_64.h and trap_state_32.h.
 */
#ifndef USER_H
#define USER_H

enum system_call {
    SYSTEM_CALL_write = 0,  /* text, size in bytes */
    SYSTEM_CALL_yield = 1,  /* lets another process run */
    SYSTEM_CALL_exit = 2,   /* code; does not return */
    SYSTEM_CALL_id = 3,     /* returns the number of the process */
    SYSTEM_CALL_base = 4,   /* address: where the thread's own segment begins */
    SYSTEM_CALL_modify = 5, /* address, value: changes four bytes of the process's own code */
    SYSTEM_CALL_COUNT
};

#define SYSTEM_CALL_FAILED (-1)
#define SYSTEM_CALL_WRITE_LIMIT 160 /* bytes of one write */

#endif
