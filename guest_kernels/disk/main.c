/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest with a device of its own: it finds the device in its view, maps its registers and drives
 * it. What it does with it is said by its command line: see device_tests.h.
 */
#include "device_tests.h"
#include "drive.h"
#include "event.h"
#include "image.h"
#include "option.h"
#include "own_device.h"
#include "start.h"

#define STREAM_KIB_DEFAULT 64

IMAGE(2 * 1024 * 1024);

static void drive_disk(const char *command_line, const struct view_device *device)
{
    uint64_t channel = option_number(command_line, "channel", 0);
    uint64_t stream_mib = option_number(command_line, "stream", 0);

    drive_start();
    if (stream_mib != 0) {
        stream_test(stream_mib, option_number(command_line, "kib", STREAM_KIB_DEFAULT));
        return;
    }
    if (option_present(command_line, "hostile")) {
        hostile_test(command_line, device);
    }
    if (option_present(command_line, "registers")) {
        register_test();
    }
    if (option_present(command_line, "code")) {
        code_test();
    }
    if (channel != 0) {
        channel_test(channel);
    }
    disk_test(command_line);
}

int guest_main(const struct start_page *start)
{
    struct view_device device;

    events_start();
    own_device_find(&device);
    if (virtio_kind(own_device()) == VIRTIO_KIND_network) {
        network_test(start->command_line);
    } else {
        drive_disk(start->command_line, &device);
    }
    return 0;
}
