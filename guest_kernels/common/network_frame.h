/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sizes of frames that both ends of a channel to a network check, beside the limit in io.h.
 */
#ifndef NETWORK_FRAME_H
#define NETWORK_FRAME_H

#define NETWORK_FRAME_MINIMUM_BYTES 14u /* two addresses and a type: no frame is shorter */
/* Of the limit of a network's frames: each carries a packet of 68 bytes (RFC 791, section 3.2). */
#define NETWORK_FRAME_LIMIT_MINIMUM_BYTES 82u

#endif
