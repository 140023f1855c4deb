/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest that `ultravisor bench switch` measures with: the first word of its command line
 * is a path, which it goes round after round without end.
 */
#include "console.h"
#include "image.h"
#include "paths.h"
#include "start.h"

IMAGE(4 * 1024 * 1024);

int guest_main(const struct start_page *start)
{
    path_run(start->command_line);
    print("paths: the command line must name a path, path_null for one; see paths.c\n");
    return 1;
}
