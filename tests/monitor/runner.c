/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs the suites named on the command line, or all; `--list` names them. Exit code
 * 0: everything held, 1: something failed, 2: no such suite.
 */
#include "check.h"

extern const struct suite suite_start, suite_memory, suite_tables, suite_frames, suite_traps,
    suite_returns, suite_events, suite_schedule, suite_processors, suite_calls, suite_width_32,
    suite_traps_32, suite_tables_32, suite_descriptors, suite_contexts_32, suite_views,
    suite_view_rows, suite_view_channels, suite_view_devices, suite_watchdogs, suite_properties;

static const struct suite *const suites[] = {
    &suite_start,      &suite_memory,        &suite_tables,       &suite_frames,
    &suite_traps,      &suite_returns,       &suite_events,       &suite_schedule,
    &suite_processors, &suite_calls,         &suite_width_32,     &suite_traps_32,
    &suite_tables_32,  &suite_descriptors,   &suite_contexts_32,  &suite_views,
    &suite_view_rows,  &suite_view_channels, &suite_view_devices, &suite_watchdogs,
    &suite_properties,
};

#include "run_suites.h"
