# SPDX-License-Identifier: GPL-2.0-or-later
"""Traces of a host in Perfetto's protobuf format, written while the host runs.

The format is public (https://perfetto.dev/docs/reference/trace-packet-proto); the writer is
ours and needs no library. Used by ultravisor.host, which it does not know.
"""
