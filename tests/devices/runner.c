/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs the suites named on the command line, or all; `--list` names them. Exit code
 * 0: everything held, 1: something failed, 2: no such suite.
 */
#include "check.h"

extern const struct suite suite_registers, suite_rings, suite_block, suite_disk, suite_network,
    suite_switch, suite_console, suite_life, suite_fuzz;

static const struct suite *const suites[] = {
    &suite_registers, &suite_rings,   &suite_block, &suite_disk, &suite_network,
    &suite_switch,    &suite_console, &suite_life,  &suite_fuzz,
};

#include "run_suites.h"
