/* SPDX-License-Identifier: MIT */
/*
 * Asserts where every field of every shared structure lies. Compiled by the tests at -m32 and at
 * -m64, linked nowhere: a layout that depends on the width, or that moves, does not compile.
 * A new structure or field gets its line here, and an old line never changes within a version.
 */
#include <stddef.h>

#include "view.h"

#define SIZE(structure, size_bytes)                                                                \
    _Static_assert(sizeof(struct structure) == (size_bytes), #structure)
#define FIELD(structure, field, offset)                                                            \
    _Static_assert(offsetof(struct structure, field) == (offset), #structure "." #field)

SIZE(page_header, 16);
FIELD(page_header, magic, 0);
FIELD(page_header, version, 4);
FIELD(page_header, reserved0, 6);
FIELD(page_header, size_bytes, 8);
FIELD(page_header, reserved1, 12);

SIZE(extent, 24);
FIELD(extent, guest_frame, 0);
FIELD(extent, machine_frame, 8);
FIELD(extent, frame_count, 16);

SIZE(start_page, 1576);
FIELD(start_page, header, 0);
FIELD(start_page, partition, 16);
FIELD(start_page, virtual_processor_count, 20);
FIELD(start_page, extent_count, 24);
FIELD(start_page, reserved0, 28);
FIELD(start_page, memory_size_bytes, 32);
FIELD(start_page, random_seed, 40);
FIELD(start_page, clock_frequency_hz, 48);
FIELD(start_page, direct_map_address, 56);
FIELD(start_page, hypercall_page_address, 64);
FIELD(start_page, time_page_address, 72);
FIELD(start_page, shared_pages_address, 80);
FIELD(start_page, image_address, 88);
FIELD(start_page, image_end_address, 96);
FIELD(start_page, stack_top_address, 104);
FIELD(start_page, kernel_root_frame, 112);
FIELD(start_page, first_free_guest_frame, 120);
FIELD(start_page, control_channel_address, 128);
FIELD(start_page, name, 136);
FIELD(start_page, extents, 168);
FIELD(start_page, command_line, 552);

SIZE(shared_page, 40);
FIELD(shared_page, header, 0);
FIELD(shared_page, events_masked, 16);
FIELD(shared_page, reserved0, 20);
FIELD(shared_page, events_pending, 24);
FIELD(shared_page, events_disabled, 32);

SIZE(time_page, 40);
FIELD(time_page, header, 0);
FIELD(time_page, sequence, 16);
FIELD(time_page, time_cycles, 24);
FIELD(time_page, clock_frequency_hz, 32);

SIZE(trap_frame, 96);
FIELD(trap_frame, rax, 0);
FIELD(trap_frame, rcx, 8);
FIELD(trap_frame, r11, 16);
FIELD(trap_frame, vector, 24);
FIELD(trap_frame, error_code, 32);
FIELD(trap_frame, fault_address, 40);
FIELD(trap_frame, state, 48);
FIELD(trap_frame, rip, 56);
FIELD(trap_frame, cs, 64);
FIELD(trap_frame, rflags, 72);
FIELD(trap_frame, rsp, 80);
FIELD(trap_frame, ss, 88);

SIZE(trap_frame_32, 48);
FIELD(trap_frame_32, eax, 0);
FIELD(trap_frame_32, ecx, 4);
FIELD(trap_frame_32, edx, 8);
FIELD(trap_frame_32, vector, 12);
FIELD(trap_frame_32, error_code, 16);
FIELD(trap_frame_32, fault_address, 20);
FIELD(trap_frame_32, state, 24);
FIELD(trap_frame_32, eip, 28);
FIELD(trap_frame_32, cs, 32);
FIELD(trap_frame_32, eflags, 36);
FIELD(trap_frame_32, esp, 40);
FIELD(trap_frame_32, ss, 44);

SIZE(trap_handler, 16);
FIELD(trap_handler, vector, 0);
FIELD(trap_handler, flags, 4);
FIELD(trap_handler, address, 8);

SIZE(table_update, 16);
FIELD(table_update, entry_address, 0);
FIELD(table_update, value, 8);

SIZE(processor_context, 32);
FIELD(processor_context, rip, 0);
FIELD(processor_context, rsp, 8);
FIELD(processor_context, rdi, 16);
FIELD(processor_context, kernel_root_frame, 24);

SIZE(processor_context_32, 72);
FIELD(processor_context_32, edi, 0);
FIELD(processor_context_32, esi, 4);
FIELD(processor_context_32, ebp, 8);
FIELD(processor_context_32, esp, 12);
FIELD(processor_context_32, ebx, 16);
FIELD(processor_context_32, edx, 20);
FIELD(processor_context_32, ecx, 24);
FIELD(processor_context_32, eax, 28);
FIELD(processor_context_32, eip, 32);
FIELD(processor_context_32, eflags, 36);
FIELD(processor_context_32, cs, 40);
FIELD(processor_context_32, ss, 44);
FIELD(processor_context_32, ds, 48);
FIELD(processor_context_32, es, 52);
FIELD(processor_context_32, fs, 56);
FIELD(processor_context_32, gs, 60);
FIELD(processor_context_32, kernel_root_frame, 64);

SIZE(image_note, 24);
FIELD(image_note, abi_version, 0);
FIELD(image_note, width, 4);
FIELD(image_note, entry_address, 8);
FIELD(image_note, memory_size_bytes, 16);

SIZE(scenario_note, 144);
FIELD(scenario_note, abi_version, 0);
FIELD(scenario_note, expected_stop, 4);
FIELD(scenario_note, expected_vector, 8);
FIELD(scenario_note, reserved0, 12);
FIELD(scenario_note, sentence, 16);

SIZE(view_partition, 160);
FIELD(view_partition, id, 0);
FIELD(view_partition, kind, 4);
FIELD(view_partition, width, 8);
FIELD(view_partition, rights, 12);
FIELD(view_partition, first_extent, 16);
FIELD(view_partition, extent_count, 20);
FIELD(view_partition, first_virtual_processor, 24);
FIELD(view_partition, virtual_processor_count, 28);
FIELD(view_partition, entry_address, 32);
FIELD(view_partition, stack_top_address, 40);
FIELD(view_partition, start_page_address, 48);
FIELD(view_partition, hypercall_frame, 56);
FIELD(view_partition, time_frame, 64);
FIELD(view_partition, shared_first_frame, 72);
FIELD(view_partition, kernel_root_frame, 80);
FIELD(view_partition, table_first_frame, 88);
FIELD(view_partition, table_counts, 96);
FIELD(view_partition, name, 112);
FIELD(view_partition, state, 144);
FIELD(view_partition, incarnation, 148);
FIELD(view_partition, control_channel, 152);
FIELD(view_partition, reserved0, 156);

SIZE(view_virtual_processor, 16);
FIELD(view_virtual_processor, partition, 0);
FIELD(view_virtual_processor, index, 4);
FIELD(view_virtual_processor, processor, 8);
FIELD(view_virtual_processor, reserved0, 12);

SIZE(view_extent, 32);
FIELD(view_extent, partition, 0);
FIELD(view_extent, reserved0, 4);
FIELD(view_extent, guest_frame, 8);
FIELD(view_extent, machine_frame, 16);
FIELD(view_extent, frame_count, 24);

SIZE(view_channel_end, 24);
FIELD(view_channel_end, partition, 0);
FIELD(view_channel_end, port, 4);
FIELD(view_channel_end, guest_frame, 8);
FIELD(view_channel_end, flags, 16);
FIELD(view_channel_end, reserved0, 20);

SIZE(view_channel, 72);
FIELD(view_channel, id, 0);
FIELD(view_channel, state, 4);
FIELD(view_channel, machine_frame, 8);
FIELD(view_channel, frame_count, 16);
FIELD(view_channel, ends, 24);

SIZE(view_link, 24);
FIELD(view_link, partition, 0);
FIELD(view_link, port, 4);
FIELD(view_link, target_partition, 8);
FIELD(view_link, target_port, 12);
FIELD(view_link, target_processor, 16);
FIELD(view_link, reserved0, 20);

SIZE(view_slot, 24);
FIELD(view_slot, virtual_processor, 0);
FIELD(view_slot, flags, 4);
FIELD(view_slot, start_cycles, 8);
FIELD(view_slot, quantum_cycles, 16);

SIZE(view_processor, 3088);
FIELD(view_processor, slot_count, 0);
FIELD(view_processor, reserved0, 4);
FIELD(view_processor, period_cycles, 8);
FIELD(view_processor, slots, 16);

SIZE(view_body, 180384);
FIELD(view_body, processor_count, 0);
FIELD(view_body, virtual_processor_count, 4);
FIELD(view_body, extent_count, 8);
FIELD(view_body, link_count, 12);
FIELD(view_body, clock_frequency_hz, 16);
FIELD(view_body, channel_count, 24);
FIELD(view_body, reserved0, 28);
FIELD(view_body, partitions, 32);
FIELD(view_body, virtual_processors, 20512);
FIELD(view_body, extents, 24608);
FIELD(view_body, links, 57376);
FIELD(view_body, processors, 81952);
FIELD(view_body, channels, 106656);

SIZE(view_region, 360800);
FIELD(view_region, header, 0);
FIELD(view_region, generation, 16);
FIELD(view_region, reserved0, 24);
FIELD(view_region, bodies, 32);
