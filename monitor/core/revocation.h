/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a view takes away; see revocation.c. */
#ifndef REVOCATION_H
#define REVOCATION_H

#include "view_reader.h"

/*
 * One step each; true: the stage is over. Both know nothing but the view and the frame table, so
 * that a new generation may come between any two steps.
 */
bool revocation_sever(const struct view_body *body);
/* False with the stage changed: a partition refers to what it loses, and is to be severed. */
bool revocation_release(const struct view_body *body, const struct processor *processor);

#endif
