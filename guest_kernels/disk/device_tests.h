/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guest does with its device, by the words of its command line. Each ends the guest when
 * anything is otherwise than it must be.
 */
#ifndef DEVICE_TESTS_H
#define DEVICE_TESTS_H

#include "view.h"

/*
 * A network: peer=N sends frames=N to the card whose address ends in N, and expects each back with
 * its addresses turned round; without a peer it is the one that answers.
 */
void network_test(const char *command_line);

/*
 * A disk, which has been started: sectors=N are written, read back and compared; flush: and
 * flushed; fails: an error is expected of each write.
 */
void disk_test(const char *command_line);
/* stream=M: M MiB are written and read in order, in requests of kib=64: for who measures. */
void stream_test(uint64_t size_mib, uint64_t request_kib);
/* hostile: what a device and its registers must not be used for; foreign=F: others' registers. */
void hostile_test(const char *command_line, const struct view_device *device);
/* channel=F: DMA to and from the channel at a guest frame; writes only if its end may. */
void channel_test(uint64_t guest_frame);
/* code: executed, replaced by DMA and executed again, in each state in which DMA may write. */
void code_test(void);
/* registers: accesses of every form that a compiler or a string instruction makes. */
void register_test(void);

#endif
