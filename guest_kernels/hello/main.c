/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The first guest: it says where it runs and ends. A guest is an image note, a
 * guest_main, and whatever it needs of common/; docs shows this file.
 */
#include "console.h"
#include "hypercall.h"
#include "image.h"
#include "start.h"

/* Memory that the partition wants when the configuration does not say. */
IMAGE(4 * 1024 * 1024);

int guest_main(const struct start_page *start)
{
    unsigned memory_kib = (unsigned)(start->memory_size_bytes / 1024);

    print("Hello, I am partition %u, named %s.\n", start->partition, start->name);
    print("I have %u KiB of memory in %u extents and %u virtual processors.\n", memory_kib,
          start->extent_count, start->virtual_processor_count);
    print("The contract is version %u, the monitor says %u.\n", ABI_VERSION,
          (unsigned)hypercall_version());
    if (start->command_line[0] != '\0') {
        print("My command line: %s\n", start->command_line);
    }
    return 0;
}
