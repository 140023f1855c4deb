# SPDX-License-Identifier: GPL-2.0-or-later
"""The partitions that track and decide: ultravisor, command, operations, boot.

Each program is a state machine that is given turns and knows no machine, no socket and no clock;
ultravisor.host and the tests' fabric drive them. A program talks to another through a channel only.
"""
