# SPDX-License-Identifier: GPL-2.0-or-later
"""Measurements of the emulator itself; each module has a `command` for `ultravisor bench`."""
