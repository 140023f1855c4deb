# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory channels: building them, and either end of them.

Everything here works on a `ChannelMemory`, and therefore on a channel of a running machine and
on a plain buffer alike. It must not know who owns a channel, or why.
"""
