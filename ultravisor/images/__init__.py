# SPDX-License-Identifier: GPL-2.0-or-later
"""Bundled images and configurations: data only, found by ultravisor.resolution."""
