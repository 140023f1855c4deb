/* SPDX-License-Identifier: MIT */
/*
 * Asserts where every field of every shared structure lies. Compiled by the tests at -m32 and at
 * -m64, linked nowhere: a layout that depends on the width, or that moves, does not compile.
 * A new structure or field gets its line here, and an old line never changes within a version.
 */
#include <stddef.h>

#include "channel.h"
#include "hosted.h"
#include "io.h"
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

SIZE(view_device, 40);
FIELD(view_device, id, 0);
FIELD(view_device, partition, 4);
FIELD(view_device, port, 8);
FIELD(view_device, flags, 12);
FIELD(view_device, machine_frame, 16);
FIELD(view_device, frame_count, 24);
FIELD(view_device, guest_frame, 32);

SIZE(view_body, 182944);
FIELD(view_body, processor_count, 0);
FIELD(view_body, virtual_processor_count, 4);
FIELD(view_body, extent_count, 8);
FIELD(view_body, link_count, 12);
FIELD(view_body, clock_frequency_hz, 16);
FIELD(view_body, channel_count, 24);
FIELD(view_body, device_count, 28);
FIELD(view_body, partitions, 32);
FIELD(view_body, virtual_processors, 20512);
FIELD(view_body, extents, 24608);
FIELD(view_body, links, 57376);
FIELD(view_body, processors, 81952);
FIELD(view_body, channels, 106656);
FIELD(view_body, devices, 180384);

SIZE(view_region, 365920);
FIELD(view_region, header, 0);
FIELD(view_region, generation, 16);
FIELD(view_region, reserved0, 24);
FIELD(view_region, bodies, 32);

SIZE(guid, 16);
FIELD(guid, time_low, 0);
FIELD(guid, time_middle, 4);
FIELD(guid, time_high, 6);
FIELD(guid, rest, 8);

SIZE(channel_header, 128);
FIELD(channel_header, signature, 0);
FIELD(channel_header, legacy_state, 8);
FIELD(channel_header, header_size_bytes, 12);
FIELD(channel_header, size_bytes, 16);
FIELD(channel_header, features, 24);
FIELD(channel_header, type, 32);
FIELD(channel_header, partition_handle, 48);
FIELD(channel_header, handle, 56);
FIELD(channel_header, queues_offset, 64);
FIELD(channel_header, version, 72);
FIELD(channel_header, partition_index, 76);
FIELD(channel_header, zone, 80);
FIELD(channel_header, client_string_offset, 96);
FIELD(channel_header, client_state_boot, 100);
FIELD(channel_header, client_command_state, 104);
FIELD(channel_header, client_state_system, 108);
FIELD(channel_header, characteristic, 112);
FIELD(channel_header, server_command_state, 116);
FIELD(channel_header, server_state, 120);
FIELD(channel_header, client_error_boot, 124);
FIELD(channel_header, client_error_system, 125);
FIELD(channel_header, filler, 126);
FIELD(channel_header, recover_channel, 127);

SIZE(signal_queue_header, 128);
FIELD(signal_queue_header, version, 0);
FIELD(signal_queue_header, type, 4);
FIELD(signal_queue_header, size_bytes, 8);
FIELD(signal_queue_header, slots_offset, 16);
FIELD(signal_queue_header, features, 24);
FIELD(signal_queue_header, sent_count, 32);
FIELD(signal_queue_header, overflow_count, 40);
FIELD(signal_queue_header, signal_size_bytes, 48);
FIELD(signal_queue_header, slot_count, 52);
FIELD(signal_queue_header, signal_limit, 56);
FIELD(signal_queue_header, head, 60);
FIELD(signal_queue_header, received_count, 64);
FIELD(signal_queue_header, tail, 72);
FIELD(signal_queue_header, reserved1, 76);
FIELD(signal_queue_header, reserved2, 80);
FIELD(signal_queue_header, client_queue, 88);
FIELD(signal_queue_header, interrupt_count, 96);
FIELD(signal_queue_header, empty_count, 104);
FIELD(signal_queue_header, error_flags, 112);
FIELD(signal_queue_header, filler, 116);

SIZE(control_message_header, 48);
FIELD(control_message_header, id, 0);
FIELD(control_message_header, message_size_bytes, 4);
FIELD(control_message_header, segment_index, 8);
FIELD(control_message_header, completion_status, 12);
FIELD(control_message_header, flags, 16);
FIELD(control_message_header, reserved, 20);
FIELD(control_message_header, message_handle, 24);
FIELD(control_message_header, payload_offset, 32);
FIELD(control_message_header, payload_limit_bytes, 40);
FIELD(control_message_header, payload_size_bytes, 44);

SIZE(control_message, 128);
FIELD(control_message, header, 0);
FIELD(control_message, packet, 48);

SIZE(control_create_bus, 56);
FIELD(control_create_bus, bus, 0);
FIELD(control_create_bus, device_count, 4);
FIELD(control_create_bus, channel_address, 8);
FIELD(control_create_bus, channel_size_bytes, 16);
FIELD(control_create_bus, device_type, 24);
FIELD(control_create_bus, instance, 40);

SIZE(control_destroy_bus, 8);
FIELD(control_destroy_bus, bus, 0);
FIELD(control_destroy_bus, reserved, 4);

SIZE(control_configure_bus, 24);
FIELD(control_configure_bus, bus, 0);
FIELD(control_configure_bus, reserved, 4);
FIELD(control_configure_bus, guest_handle, 8);
FIELD(control_configure_bus, interrupt_handle, 16);

SIZE(control_bus_change_state, 8);
FIELD(control_bus_change_state, bus, 0);
FIELD(control_bus_change_state, state, 4);
FIELD(control_bus_change_state, reserved, 6);

SIZE(control_interrupt, 24);
FIELD(control_interrupt, send_handle, 0);
FIELD(control_interrupt, receive_handle, 8);
FIELD(control_interrupt, vector, 16);
FIELD(control_interrupt, shared, 20);
FIELD(control_interrupt, reserved, 21);

SIZE(control_create_device, 80);
FIELD(control_create_device, bus, 0);
FIELD(control_create_device, device, 4);
FIELD(control_create_device, channel_address, 8);
FIELD(control_create_device, channel_size_bytes, 16);
FIELD(control_create_device, type, 24);
FIELD(control_create_device, instance, 40);
FIELD(control_create_device, interrupt, 56);

SIZE(control_device, 8);
FIELD(control_device, bus, 0);
FIELD(control_device, device, 4);

SIZE(control_device_change_state, 20);
FIELD(control_device_change_state, bus, 0);
FIELD(control_device_change_state, device, 4);
FIELD(control_device_change_state, state, 8);
FIELD(control_device_change_state, flags, 10);
FIELD(control_device_change_state, reserved, 18);

SIZE(control_init_chipset, 16);
FIELD(control_init_chipset, bus_count, 0);
FIELD(control_init_chipset, switch_count, 4);
FIELD(control_init_chipset, features, 8);
FIELD(control_init_chipset, platform, 12);

SIZE(control_selftest, 8);
FIELD(control_selftest, options, 0);
FIELD(control_selftest, test, 4);

SIZE(control_parameters, 72);
FIELD(control_parameters, total_size_bytes, 0);
FIELD(control_parameters, header_size_bytes, 4);
FIELD(control_parameters, connection_offset, 8);
FIELD(control_parameters, connection_size_bytes, 12);
FIELD(control_parameters, initiator_offset, 16);
FIELD(control_parameters, initiator_size_bytes, 20);
FIELD(control_parameters, target_offset, 24);
FIELD(control_parameters, target_size_bytes, 28);
FIELD(control_parameters, client_offset, 32);
FIELD(control_parameters, client_size_bytes, 36);
FIELD(control_parameters, name_offset, 40);
FIELD(control_parameters, name_size_bytes, 44);
FIELD(control_parameters, id, 48);
FIELD(control_parameters, revision, 64);
FIELD(control_parameters, reserved, 68);

SIZE(control_channel, 36608);
FIELD(control_channel, header, 0);
FIELD(control_channel, gp_control, 128);
FIELD(control_channel, gp_partition_tables, 136);
FIELD(control_channel, gp_diagnostics, 144);
FIELD(control_channel, gp_boot_romdisk, 152);
FIELD(control_channel, gp_boot_ramdisk, 160);
FIELD(control_channel, gp_acpi_table, 168);
FIELD(control_channel, gp_control_channel, 176);
FIELD(control_channel, gp_diagnostics_romdisk, 184);
FIELD(control_channel, gp_nvram, 192);
FIELD(control_channel, request_payload_offset, 200);
FIELD(control_channel, event_payload_offset, 208);
FIELD(control_channel, request_payload_size_bytes, 216);
FIELD(control_channel, event_payload_size_bytes, 220);
FIELD(control_channel, control_channel_size_bytes, 224);
FIELD(control_channel, nvram_channel_size_bytes, 228);
FIELD(control_channel, message_size_bytes, 232);
FIELD(control_channel, message_count, 236);
FIELD(control_channel, gp_smbios_table, 240);
FIELD(control_channel, gp_physical_smbios_table, 248);
FIELD(control_channel, gp_reserved, 256);
FIELD(control_channel, firmware_image_base, 2944);
FIELD(control_channel, firmware_entry_point, 2952);
FIELD(control_channel, firmware_image_size_bytes, 2960);
FIELD(control_channel, firmware_boot_base, 2968);
FIELD(control_channel, image_base, 2976);
FIELD(control_channel, image_size_bytes, 2984);
FIELD(control_channel, prototype_control_channel_offset, 2992);
FIELD(control_channel, partition_handle, 3000);
FIELD(control_channel, restore_action, 3008);
FIELD(control_channel, dump_action, 3010);
FIELD(control_channel, nvram_fail_count, 3012);
FIELD(control_channel, saved_crash_message_count, 3014);
FIELD(control_channel, saved_crash_message_offset, 3016);
FIELD(control_channel, installation_error, 3020);
FIELD(control_channel, installation_text, 3024);
FIELD(control_channel, installation_remaining_steps, 3028);
FIELD(control_channel, tool_action, 3030);
FIELD(control_channel, reserved1, 3031);
FIELD(control_channel, efi_visor_indication, 3032);
FIELD(control_channel, sp_reserved, 3040);
FIELD(control_channel, reserved2, 3044);
FIELD(control_channel, request_queue, 3072);
FIELD(control_channel, response_queue, 3200);
FIELD(control_channel, event_queue, 3328);
FIELD(control_channel, event_ack_queue, 3456);
FIELD(control_channel, request_messages, 3584);
FIELD(control_channel, response_messages, 11776);
FIELD(control_channel, event_messages, 19968);
FIELD(control_channel, event_ack_messages, 28160);
FIELD(control_channel, saved_crash_messages, 36352);

SIZE(vbus_device_information, 256);
FIELD(vbus_device_information, device_type, 0);
FIELD(vbus_device_information, driver_name, 16);
FIELD(vbus_device_information, strings, 32);
FIELD(vbus_device_information, reserved, 128);

SIZE(vbus_header_information, 128);
FIELD(vbus_header_information, size_bytes, 0);
FIELD(vbus_header_information, device_information_size_bytes, 4);
FIELD(vbus_header_information, device_information_count, 8);
FIELD(vbus_header_information, chipset_information_offset, 12);
FIELD(vbus_header_information, bus_information_offset, 16);
FIELD(vbus_header_information, device_information_offset, 20);
FIELD(vbus_header_information, reserved, 24);

SIZE(vbus_channel, 768);
FIELD(vbus_channel, header, 0);
FIELD(vbus_channel, header_information, 128);
FIELD(vbus_channel, chipset_information, 256);
FIELD(vbus_channel, bus_information, 512);

SIZE(command_channel, 448);
FIELD(command_channel, header, 0);
FIELD(command_channel, request_queue, 128);
FIELD(command_channel, response_queue, 256);
FIELD(command_channel, request_payload_offset, 384);
FIELD(command_channel, response_payload_offset, 392);
FIELD(command_channel, request_payload_size_bytes, 400);
FIELD(command_channel, response_payload_size_bytes, 404);
FIELD(command_channel, reserved, 408);

SIZE(command_signal, 32);
FIELD(command_signal, request, 0);
FIELD(command_signal, payload_offset, 8);
FIELD(command_signal, payload_size_bytes, 16);
FIELD(command_signal, kind, 20);
FIELD(command_signal, reserved, 24);
SIZE(hosted_call, 64);
FIELD(hosted_call, number, 0);
FIELD(hosted_call, arguments, 8);
FIELD(hosted_call, result, 48);
FIELD(hosted_call, reserved0, 56);

SIZE(hosted_page, 4096);
FIELD(hosted_page, header, 0);
FIELD(hosted_page, events, 16);
FIELD(hosted_page, result_count, 24);
FIELD(hosted_page, call_count, 28);
FIELD(hosted_page, flags, 32);
FIELD(hosted_page, reserved0, 36);
FIELD(hosted_page, turn_count, 40);
FIELD(hosted_page, direct_map_address, 48);
FIELD(hosted_page, start_page_address, 56);
FIELD(hosted_page, free_address, 64);
FIELD(hosted_page, memory_size_bytes, 72);
FIELD(hosted_page, reserved1, 80);
FIELD(hosted_page, text, 128);
FIELD(hosted_page, calls, 256);

SIZE(disk_signal, 64);
FIELD(disk_signal, request, 0);
FIELD(disk_signal, operation, 8);
FIELD(disk_signal, status, 12);
FIELD(disk_signal, sector, 16);
FIELD(disk_signal, sector_count, 24);
FIELD(disk_signal, payload_offset, 28);
FIELD(disk_signal, capacity_sectors, 32);
FIELD(disk_signal, transfer_limit_sectors, 40);
FIELD(disk_signal, flags, 44);
FIELD(disk_signal, reserved0, 48);

SIZE(network_signal, 64);
FIELD(network_signal, request, 0);
FIELD(network_signal, operation, 8);
FIELD(network_signal, status, 12);
FIELD(network_signal, payload_offset, 16);
FIELD(network_signal, size_bytes, 20);
FIELD(network_signal, flags, 24);
FIELD(network_signal, address, 28);
FIELD(network_signal, reserved0, 34);
FIELD(network_signal, reserved1, 40);
