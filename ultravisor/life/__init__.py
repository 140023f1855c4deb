# SPDX-License-Identifier: GPL-2.0-or-later
"""A host that lives: a process that runs it, a socket through which many clients reach it."""
