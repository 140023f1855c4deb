# SPDX-License-Identifier: GPL-2.0-or-later
"""The cycle-level cores as tools: predictions, and their accuracy against measurements.

Owns nothing but the name; `ultravisor timing` uses the modules below it.
"""
