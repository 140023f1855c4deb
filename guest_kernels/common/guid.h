/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The GUIDs of the contract, guid_control and so on, and their comparison. Pure.
 */
#ifndef GUID_H
#define GUID_H

#include "channel.h"

#define GUID(name, low, middle, high, clock, node, sentence) extern const struct guid guid_##name;
#include "guids.def"
#undef GUID

int guid_equal(const struct guid *left, const struct guid *right);

#endif
