# SPDX-License-Identifier: GPL-2.0-or-later
"""The typed face of the native extension.

abi and interface hold the generated numbers of the contract and can be imported
without the extension; machine and native load it. Nothing here knows configurations,
consoles of people, or the command.
"""
