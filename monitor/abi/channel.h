/* SPDX-License-Identifier: MIT */
/*
 * Memory channels: the published layout of header, queues and control messages, byte for byte,
 * and our own command channel. Comments behind fields give the published name where it differs.
 * Everything is little-endian; no structure needs packing. Whatever the other end can write is
 * read once and checked, always: docs/channels.md says who owns which field.
 */
#ifndef ABI_CHANNEL_H
#define ABI_CHANNEL_H

#include "abi.h"

#define CHANNEL_SIGNATURE 0x4c4e4345 /* "ECNL", as 64 bits */
#define CHANNEL_HEADER_SIZE_BYTES 128
#define QUEUE_HEADER_SIZE_BYTES 128

/* In channel_header.version, by type. */
#define CHANNEL_VERSION_CONTROL 1
#define CHANNEL_VERSION_VBUS 1
#define CHANNEL_VERSION_COMMAND 1

#define CONTROL_CHANNEL_SIZE_BYTES 36608 /* without the areas of payload */
#define CONTROL_QUEUE_COUNT 4
#define CONTROL_MESSAGE_SIZE_BYTES 128
#define CONTROL_PACKET_SIZE_BYTES 80
#define COMMAND_SIGNAL_SIZE_BYTES 32
#define COMMAND_QUEUE_COUNT 2

/* A control channel's queues. The published code, not its comment, says who sends where. */
#define CONTROL_QUEUE_REQUEST 0   /* the partition's answers, and its own messages */
#define CONTROL_QUEUE_RESPONSE 1 /* replies to the partition's own messages; it only drains them */
#define CONTROL_QUEUE_EVENT 2 /* messages to the partition */
#define CONTROL_QUEUE_EVENT_ACK 3 /* the partition's acknowledgements, sent before it acts */

/* The queues of a command channel, and of every channel of data. */
#define CHANNEL_QUEUE_TO_SERVER 0 /* the client sends */
#define CHANNEL_QUEUE_TO_CLIENT 1 /* the server sends */

enum server_state { SERVER_STATE_uninitialized = 0, SERVER_STATE_ready = 1 };

enum client_state {
    CLIENT_STATE_detached = 0,
    CLIENT_STATE_disabled = 1, /* the server's end refuses it */
    CLIENT_STATE_attaching = 2, /* it looks at the channel */
    CLIENT_STATE_attached = 3,
    CLIENT_STATE_busy = 4, /* it uses the channel at this moment */
    CLIENT_STATE_owned = 5 /* it uses the channel and nobody else will */
};

/* Bits of channel_header.client_error_*: an acquisition that the state of the client refuses. */
enum client_error {
    CLIENT_ERROR_disabled = 0x1,
    CLIENT_ERROR_not_attached = 0x2,
    CLIENT_ERROR_busy = 0x4
};

/* Bits of the features of a channel and of a queue; changed by interlocked operations only. */
enum channel_feature {
    CHANNEL_FEATURE_interrupts = 0x1, /* ENABLE_INTS */
    CHANNEL_FEATURE_client_enables_interrupts = 0x2, /* DRIVER_ENABLES_INTS */
    CHANNEL_FEATURE_polling = 0x8, /* CHANNEL_IS_POLLING: nobody waits for events */
    CHANNEL_FEATURE_client_may_disable = 0x10, /* IOVM_OK_DRIVER_DISABLING_INTS */
    CHANNEL_FEATURE_client_disables_interrupts = 0x20, /* DRIVER_DISABLES_INTS */
    CHANNEL_FEATURE_checks_receive_buffers = 0x40 /* ENHANCED_RCVBUF_CHECKING */
};

/* Bits of signal_queue_header.error_flags; the numbers are ours, none is published. */
enum queue_error {
    QUEUE_ERROR_head = 0x1, /* the consumer found a head that is no slot */
    QUEUE_ERROR_tail = 0x2 /* the producer found a tail that is no slot */
};

enum control_message_id {
    CONTROL_bus_create = 0x101,
    CONTROL_bus_destroy = 0x102,
    CONTROL_bus_configure = 0x104,
    CONTROL_bus_change_state = 0x105,
    CONTROL_bus_change_state_event = 0x106,
    CONTROL_device_create = 0x201,
    CONTROL_device_destroy = 0x202,
    CONTROL_device_configure = 0x203,
    CONTROL_device_change_state = 0x204,
    CONTROL_device_change_state_event = 0x205, /* from the partition */
    CONTROL_device_reconfigure = 0x206,
    CONTROL_chipset_init = 0x301,
    CONTROL_chipset_stop = 0x302,
    CONTROL_chipset_shutdown = 0x303,
    CONTROL_chipset_ready = 0x304,
    CONTROL_chipset_selftest = 0x305
};

/* Bits of control_message_header.flags. */
enum control_flag {
    CONTROL_FLAG_failed = 0x1,
    CONTROL_FLAG_response_expected = 0x2,
    CONTROL_FLAG_server = 0x4, /* the partition is the serving end of this bus or device */
    CONTROL_FLAG_test_message = 0x8,
    CONTROL_FLAG_partial_completion = 0x10,
    CONTROL_FLAG_preserve = 0x20,
    CONTROL_FLAG_writer_in_diagnostics = 0x40
};

/* In control_message_header.completion_status. */
enum completion_status {
    COMPLETION_success = 0,
    COMPLETION_already_done = 1,
    COMPLETION_map_failed = 2,
    COMPLETION_memory_exhausted = 3,
    COMPLETION_id_unknown = 4,
    COMPLETION_id_invalid_for_client = 5,
    COMPLETION_switch_count_nonzero = 100,
    COMPLETION_expected_chipset_init = 101,
    COMPLETION_buses_exhausted = 201,
    COMPLETION_devices_exhausted = 202,
    COMPLETION_payload_invalid = 400,
    COMPLETION_initiator_invalid = 401,
    COMPLETION_target_invalid = 402,
    COMPLETION_client_invalid = 403,
    COMPLETION_bus_invalid = 500,
    COMPLETION_device_invalid = 501,
    COMPLETION_channel_invalid = 502,
    COMPLETION_driver_failure = 604,
    COMPLETION_driver_callback_failure = 605,
    COMPLETION_generic_callback_failure = 606,
    COMPLETION_device_attached = 700,
    COMPLETION_type_unknown = 800,
    COMPLETION_channel_too_small = 801,
    COMPLETION_shutdown_failed = 1000,
    COMPLETION_shutdown_active = 1001,
    COMPLETION_stop_failed_bus = 1100,
    COMPLETION_stop_failed_switch = 1101,
    COMPLETION_device_timeout = 1400
};

/* Bits of the states of buses and devices in control messages. */
enum segment_state {
    SEGMENT_STATE_enabled = 0x1,
    SEGMENT_STATE_active = 0x2,
    SEGMENT_STATE_alive = 0x4,
    SEGMENT_STATE_revoked = 0x8,
    SEGMENT_STATE_allocated = 0x10,
    SEGMENT_STATE_known = 0x20,
    SEGMENT_STATE_ready = 0x40,
    SEGMENT_STATE_operating = 0x80
};
#define SEGMENT_STATE_RUNNING 0xf7
#define SEGMENT_STATE_PAUSED 0x77
#define SEGMENT_STATE_STANDBY 0x73

/* In control_device_change_state.flags[0]. */
#define CONTROL_PHYSICAL_DEVICE 0x1

/* Bits of control_init_chipset.features. */
enum chipset_feature { CHIPSET_FEATURE_reply = 0x1, CHIPSET_FEATURE_hot_plug = 0x2 };

/* In command_signal.kind. */
enum command_kind { COMMAND_request = 1, COMMAND_answer = 2 };

struct guid {
    uint32_t time_low;
    uint16_t time_middle;
    uint16_t time_high;
    uint8_t rest[8];
};

/* How a channel begins. */
struct channel_header {
    uint64_t signature;
    uint32_t legacy_state;
    uint32_t header_size_bytes; /* header_size */
    uint64_t size_bytes; /* size: of the whole channel */
    uint64_t features; /* enum channel_feature */
    struct guid type; /* chtype; written last */
    uint64_t partition_handle; /* of the client */
    uint64_t handle; /* number of the device at the client */
    uint64_t queues_offset; /* ch_space_offset: of the first queue header */
    uint32_t version; /* version_id */
    uint32_t partition_index; /* of the client */
    struct guid zone; /* zone_guid */
    uint32_t client_string_offset; /* cli_str_offset */
    uint32_t client_state_boot; /* cli_state_boot */
    uint32_t client_command_state; /* cmd_state_cli */
    uint32_t client_state_system; /* cli_state_os */
    uint32_t characteristic; /* ch_characteristic */
    uint32_t server_command_state; /* cmd_state_srv */
    uint32_t server_state; /* srv_state */
    uint8_t client_error_boot; /* cli_error_boot */
    uint8_t client_error_system; /* cli_error_os */
    uint8_t filler;
    uint8_t recover_channel;
};

/* One direction of a channel; the producer's fields, then the consumer's. */
struct signal_queue_header {
    uint32_t version;
    uint32_t type; /* chtype */
    uint64_t size_bytes; /* size: of all slots */
    uint64_t slots_offset; /* sig_base_offset: of slot 0, from this header */
    uint64_t features; /* enum channel_feature */
    uint64_t sent_count; /* num_sent */
    uint64_t overflow_count; /* num_overflows */
    uint32_t signal_size_bytes; /* signal_size: of a slot */
    uint32_t slot_count; /* max_slots */
    uint32_t signal_limit; /* max_signals: one slot stays empty */
    uint32_t head; /* the slot written last */
    uint64_t received_count; /* num_received */
    uint32_t tail; /* the slot read last */
    uint32_t reserved1;
    uint64_t reserved2;
    uint64_t client_queue;
    uint64_t interrupt_count; /* num_irq_received */
    uint64_t empty_count; /* num_empty: removals that found nothing */
    uint32_t error_flags; /* errorflags: enum queue_error */
    uint8_t filler[12];
};

struct control_message_header {
    uint32_t id; /* enum control_message_id */
    uint32_t message_size_bytes; /* message_size */
    uint32_t segment_index;
    uint32_t completion_status; /* enum completion_status */
    uint32_t flags; /* enum control_flag */
    uint32_t reserved;
    uint64_t message_handle; /* of the sender's choice; the answer carries it */
    uint64_t payload_offset; /* payload_vm_offset: from the channel's start */
    uint32_t payload_limit_bytes; /* payload_max_bytes */
    uint32_t payload_size_bytes; /* payload_bytes */
};

/* Every packet is one of those below, filled up with zeros. */
struct control_message {
    struct control_message_header header;
    uint8_t packet[CONTROL_PACKET_SIZE_BYTES];
};

struct control_create_bus {
    uint32_t bus; /* bus_no */
    uint32_t device_count; /* dev_count */
    uint64_t channel_address; /* channel_addr: guest-physical */
    uint64_t channel_size_bytes; /* channel_bytes */
    struct guid device_type; /* bus_data_type_guid */
    struct guid instance; /* bus_inst_guid */
};

struct control_destroy_bus {
    uint32_t bus; /* bus_no */
    uint32_t reserved;
};

struct control_configure_bus {
    uint32_t bus; /* bus_no */
    uint32_t reserved;
    uint64_t guest_handle;
    uint64_t interrupt_handle; /* recv_bus_irq_handle */
};

struct control_bus_change_state {
    uint32_t bus; /* bus_no */
    uint16_t state; /* enum segment_state */
    uint16_t reserved;
};

struct control_interrupt {
    uint64_t send_handle; /* reserved1, once sendInterruptHandle: here the port to signal */
    uint64_t receive_handle; /* recv_irq_handle: here the port that is signalled */
    uint32_t vector; /* recv_irq_vector */
    uint8_t shared; /* recv_irq_shared */
    uint8_t reserved[3];
};

struct control_create_device {
    uint32_t bus; /* bus_no */
    uint32_t device; /* dev_no */
    uint64_t channel_address; /* channel_addr: guest-physical */
    uint64_t channel_size_bytes; /* channel_bytes */
    struct guid type; /* data_type_guid */
    struct guid instance; /* dev_inst_guid */
    struct control_interrupt interrupt; /* intr */
};

/* Of messages to destroy, configure and reconfigure a device. */
struct control_device {
    uint32_t bus; /* bus_no */
    uint32_t device; /* dev_no */
};

struct control_device_change_state {
    uint32_t bus; /* bus_no */
    uint32_t device; /* dev_no */
    uint16_t state; /* enum segment_state */
    uint16_t flags[4]; /* CONTROL_PHYSICAL_DEVICE, lowest bits first */
    uint16_t reserved;
};

struct control_init_chipset {
    uint32_t bus_count;
    uint32_t switch_count;
    uint32_t features; /* enum chipset_feature */
    uint32_t platform; /* platform_number: of the node */
};

struct control_selftest {
    uint32_t options;
    uint32_t test;
};

/* How a payload begins; strings are UTF-8, offsets count from here. */
struct control_parameters {
    uint32_t total_size_bytes; /* total_length */
    uint32_t header_size_bytes; /* header_length */
    uint32_t connection_offset;
    uint32_t connection_size_bytes; /* connection_length */
    uint32_t initiator_offset;
    uint32_t initiator_size_bytes; /* initiator_length */
    uint32_t target_offset;
    uint32_t target_size_bytes; /* target_length */
    uint32_t client_offset;
    uint32_t client_size_bytes; /* client_length */
    uint32_t name_offset;
    uint32_t name_size_bytes; /* name_length */
    struct guid id;
    uint32_t revision;
    uint32_t reserved;
};

/* By which a partition learns of its buses and devices. gp: guest-physical addresses. */
struct control_channel {
    struct channel_header header;
    uint64_t gp_control; /* gp_controlvm */
    uint64_t gp_partition_tables;
    uint64_t gp_diagnostics; /* gp_diag_guest */
    uint64_t gp_boot_romdisk;
    uint64_t gp_boot_ramdisk;
    uint64_t gp_acpi_table;
    uint64_t gp_control_channel;
    uint64_t gp_diagnostics_romdisk; /* gp_diag_romdisk */
    uint64_t gp_nvram;
    uint64_t request_payload_offset; /* from the channel's start; the partition writes it */
    uint64_t event_payload_offset; /* from the channel's start; the server writes it */
    uint32_t request_payload_size_bytes; /* request_payload_bytes */
    uint32_t event_payload_size_bytes; /* event_payload_bytes */
    uint32_t control_channel_size_bytes; /* control_channel_bytes */
    uint32_t nvram_channel_size_bytes; /* nvram_channel_bytes */
    uint32_t message_size_bytes; /* message_bytes */
    uint32_t message_count;
    uint64_t gp_smbios_table;
    uint64_t gp_physical_smbios_table;
    uint8_t gp_reserved[2688];
    uint64_t firmware_image_base; /* virtual_guest_firmware_image_base */
    uint64_t firmware_entry_point; /* virtual_guest_firmware_entry_point */
    uint64_t firmware_image_size_bytes; /* virtual_guest_firmware_image_size */
    uint64_t firmware_boot_base; /* virtual_guest_firmware_boot_base */
    uint64_t image_base; /* virtual_guest_image_base */
    uint64_t image_size_bytes; /* virtual_guest_image_size */
    uint64_t prototype_control_channel_offset;
    uint64_t partition_handle; /* virtual_guest_partition_handle */
    uint16_t restore_action;
    uint16_t dump_action;
    uint16_t nvram_fail_count;
    uint16_t saved_crash_message_count;
    uint32_t saved_crash_message_offset;
    uint32_t installation_error;
    uint32_t installation_text; /* installation_text_id */
    uint16_t installation_remaining_steps;
    uint8_t tool_action;
    uint8_t reserved1; /* reserved */
    uint64_t efi_visor_indication; /* efi_visor_ind */
    uint32_t sp_reserved;
    uint8_t reserved2[28];
    struct signal_queue_header request_queue;
    struct signal_queue_header response_queue;
    struct signal_queue_header event_queue;
    struct signal_queue_header event_ack_queue;
    struct control_message request_messages[CONTROL_MESSAGE_COUNT]; /* request_msg */
    struct control_message response_messages[CONTROL_MESSAGE_COUNT]; /* response_msg */
    struct control_message event_messages[CONTROL_MESSAGE_COUNT]; /* event_msg */
    struct control_message event_ack_messages[CONTROL_MESSAGE_COUNT]; /* event_ack_msg */
    struct control_message saved_crash_messages[CONTROL_CRASH_MESSAGE_COUNT]; /* saved_crash_msg */
};

/* What a client says of itself, of a bus and of its devices' drivers; text filled up with zeros. */
struct vbus_device_information {
    char device_type[16]; /* devtype */
    char driver_name[16]; /* drvname */
    char strings[96]; /* infostrs */
    uint8_t reserved[128];
};

struct vbus_header_information {
    uint32_t size_bytes; /* struct_bytes */
    uint32_t device_information_size_bytes; /* device_info_struct_bytes */
    uint32_t device_information_count; /* dev_info_count */
    uint32_t chipset_information_offset; /* chp_info_offset: from this structure */
    uint32_t bus_information_offset; /* bus_info_offset: from this structure */
    uint32_t device_information_offset; /* dev_info_offset: from this structure */
    uint8_t reserved[104];
};

/* A bus; device_information_count records of its devices follow. The client writes all records. */
struct vbus_channel {
    struct channel_header header;
    struct vbus_header_information header_information; /* hdr_info */
    struct vbus_device_information chipset_information; /* chp_info */
    struct vbus_device_information bus_information; /* bus_info */
};

/*
 * Ours: how the command partition asks the ultravisor. Slots of both queues follow, then the two
 * areas of payload, each written by the sender of the queue and free again when the signal that
 * names it has been removed.
 */
struct command_channel {
    struct channel_header header;
    struct signal_queue_header request_queue;
    struct signal_queue_header response_queue;
    uint64_t request_payload_offset; /* from the channel's start */
    uint64_t response_payload_offset; /* from the channel's start */
    uint32_t request_payload_size_bytes;
    uint32_t response_payload_size_bytes;
    uint8_t reserved[40];
};

struct command_signal {
    uint64_t request; /* the asker's number of its request; the answer carries it */
    uint64_t payload_offset; /* from the start of the area */
    uint32_t payload_size_bytes;
    uint32_t kind; /* enum command_kind */
    uint64_t reserved;
};

#endif
