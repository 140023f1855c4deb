/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a view gives; see grant.c. */
#ifndef GRANT_H
#define GRANT_H

#include "view_reader.h"

/* One step each; true: the stage is over. */
bool grant_extents(const struct view_body *body);
bool grant_channels(const struct view_body *body);
bool grant_devices(const struct view_body *body);

#endif
