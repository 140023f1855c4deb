/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hand-kept table: see system.h. */
#include "system.h"

#include <stddef.h>

const struct form_class *system_class(const struct encoding *encoding,
                                      const struct timing_parameters *core)
{
    (void)encoding;
    (void)core;
    return NULL;
}

uint32_t system_kind_of(const struct encoding *encoding, const cs_insn *current,
                        struct instruction *instruction)
{
    (void)encoding;
    (void)current;
    (void)instruction;
    return 0;
}

uint16_t system_branch_ports(const struct timing_parameters *core)
{
    return (uint16_t)(core->branch_ports | (core->port_count > 6 ? 1u : 0u));
}
