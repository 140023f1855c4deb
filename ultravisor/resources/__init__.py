# SPDX-License-Identifier: GPL-2.0-or-later
"""The resource database: who owns what, as transactions, a journal and views of the past.

The partitions that decide ask it; it decides nothing. It knows neither the machine nor
channels: what it tracks are records (`records.py`), which others turn into views.
"""
