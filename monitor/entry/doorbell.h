/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the simulated monitor asks of the machine around the processor, by one port: the
 * number in EAX, arguments in RDI, RSI, RBX, a result in RAX. It stands for the local timer,
 * the inter-processor interrupt, a broadcast invalidation and the console's device.
 */
#ifndef DOORBELL_H
#define DOORBELL_H

#define DOORBELL_PORT 0x5556

#define DOORBELL_DEADLINE_SET 1      /* cycles */
#define DOORBELL_CLOCK_REBATE 2      /* cycles */
#define DOORBELL_KICK 3              /* processor */
#define DOORBELL_TRANSLATION_FLUSH 4 /* partition: on the other processors */
#define DOORBELL_CODE_CHANGED 5      /* partition: an artefact of the engine, free on hardware */
#define DOORBELL_CONSOLE_WRITE 6     /* partition, machine address, bytes */
#define DOORBELL_CONSOLE_READ 7      /* partition, machine address, bytes; returns bytes */
#define DOORBELL_MARK 8              /* virtual processor, id, value */
#define DOORBELL_PANIC 9             /* machine address of a text that ends with zero */

/* Interrupt vectors by which the machine enters the monitor. */
#define INTERRUPT_TIMER 0xf0
#define INTERRUPT_KICK 0xf1

#endif
