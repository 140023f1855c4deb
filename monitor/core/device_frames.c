/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of devices, as far as containment goes: who may map them. They are no memory: never
 * executable, never a table, never pinned, never read, written or scrubbed by the monitor. Called
 * by channel_frames.c, grant.c, revocation.c and generation.c. Knows nothing of what is in them.
 */
#include "device_frames.h"

#include "tables.h"

enum error device_entry_take(uint32_t partition, uint32_t level, uint64_t value)
{
    uint64_t number = entry_frame(value);
    bool writable = (value & ENTRY_WRITABLE) != 0;
    const struct device_record *device;
    enum error error;

    if (number >= monitor_state()->frame_count || !frame_is_devices(frame_get(number))) {
        return ERROR_not_owner;
    }
    device = device_of(frame_get(number));
    if (device->state != CHANNEL_MAPPED || device->partition != partition) {
        return ERROR_not_owner;
    }
    if (level != 1 || (value & ENTRY_NO_EXECUTE) == 0) {
        return ERROR_type_conflict;
    }
    error = frame_take(number, writable ? FRAME_WRITABLE : FRAME_NONE);
    MONITOR_ASSERT(error == ERROR_none); /* no register frame has another type */
    return ERROR_none;
}

bool device_is_lawful(const struct view_device *view)
{
    const struct monitor *monitor = monitor_state();

    return view->id != 0 && view->partition != 0 && view->partition < PARTITION_LIMIT &&
           view->machine_frame >= monitor->device_first_frame &&
           view->machine_frame <= monitor->frame_count && view->frame_count != 0 &&
           view->frame_count <= monitor->frame_count - view->machine_frame;
}

bool device_is_in_view(const struct device_record *record, const struct view_device *view)
{
    return device_is_lawful(view) && record->machine_frame == view->machine_frame &&
           record->frame_count == view->frame_count && record->partition == view->partition;
}
