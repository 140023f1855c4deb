# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m ultravisor` is `ultravisor`."""

from ultravisor.cli import main

if __name__ == "__main__":
    main()
