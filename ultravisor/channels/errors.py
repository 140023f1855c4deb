# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong with a channel, or with what its other end wrote into it."""

from __future__ import annotations

from ultravisor.errors import UltravisorError


class ChannelError(UltravisorError):
    """A channel that cannot be used; the message names field, offset and value."""


class PeerError(ChannelError):
    """The other end of a channel wrote what no honest end writes."""
