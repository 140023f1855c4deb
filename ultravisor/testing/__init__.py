# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of guests: scenarios run and judged, and what a pytest test can expect of a host.

Used by `ultravisor test` and, through the pytest plugin, by users' own tests. Builds on
ultravisor.host; nothing below it knows this package.
"""
