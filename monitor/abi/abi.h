/* SPDX-License-Identifier: MIT */
/*
 * The contract between the monitor and its guests: numbers and layouts, no code.
 * Included by the monitor, by guests of both widths, by assembler, and read by
 * the generator of ultravisor/machine/abi.py. Rules of layout: fixed-width
 * types, 8-byte fields at 8-byte offsets, explicit padding; layout.c asserts
 * every offset at -m32 and -m64. A word of a shared page that the other side can
 * write is read once and checked, always.
 */
#ifndef ABI_H
#define ABI_H

#include "limits.h"

#define ABI_VERSION 1

#define PAGE_SHIFT 12
#define PAGE_SIZE_BYTES 4096
#define TABLE_ENTRY_COUNT 512
#define ROOT_ENTRY_COUNT_32 4 /* used entries of a 32-bit guest's root: the others are 0 */

/* L4 slots 256 to 271 of every address space are the monitor's. */
#define MONITOR_SLOT_FIRST 256
#define MONITOR_SLOT_COUNT 16

/* Page-table entry bits that a guest may set; all others but the frame must be 0. */
#define ENTRY_PRESENT 0x1
#define ENTRY_WRITABLE 0x2
#define ENTRY_USER 0x4 /* 64-bit guests: demanded at every level; 32-bit: user mode may too */
#define ENTRY_WRITE_THROUGH 0x8
#define ENTRY_CACHE_DISABLE 0x10
#define ENTRY_ACCESSED 0x20
#define ENTRY_DIRTY 0x40
#define ENTRY_LARGE 0x80 /* never accepted */
#define ENTRY_SOFTWARE 0xe00 /* free for the guest */

/*
 * Selectors of the monitor's descriptor table that guests run on. A 64-bit guest has its
 * kernel and its user mode in ring 3; a 32-bit guest has them in rings 1 and 3. Neither
 * finds the code selectors of the other width. From SELECTOR_GUEST_FIRST on, a 32-bit
 * guest's own DESCRIPTOR_LIMIT descriptors: data segments that descriptor_set has checked.
 */
#define SELECTOR_MONITOR_CODE 0x08
#define SELECTOR_MONITOR_DATA 0x10
#define SELECTOR_KERNEL_CODE_32 0x19
#define SELECTOR_USER_CODE_32 0x23
#define SELECTOR_GUEST_DATA 0x2b /* 64-bit: all data; 32-bit: user mode's */
#define SELECTOR_GUEST_CODE_64 0x33
#define SELECTOR_KERNEL_DATA_32 0x39
#define SELECTOR_GUEST_FIRST 0xc0 /* with the ring in the lowest two bits */

/* `int n` of 32-bit guests: kernel mode calls the monitor, user mode its kernel. */
#define HYPERCALL_VECTOR 0x82
#define SYSTEM_CALL_VECTOR 0x80

/* Vectors beyond the processor's 32 that appear in trap_frame.vector. */
#define VECTOR_EVENT 256
#define VECTOR_SYSTEM_CALL 257

/* Offset of the call with number N in the hypercall page. */
#define HYPERCALL_STUB_SIZE_BYTES 32

/* In trap_frame.state. */
#define FRAME_STATE_USER 0x1          /* user mode was interrupted */
#define FRAME_STATE_EVENTS_MASKED 0x2 /* events were masked */

/* In trap_handler.flags. */
#define TRAP_MASK_EVENTS 0x1 /* enter the handler with events masked */
#define TRAP_USER_ALLOWED 0x2 /* user mode may raise the vector with int n */

/* Event ports with a fixed meaning on every virtual processor; links use the others. */
#define PORT_TIMER 0
#define PORT_CONSOLE 1
#define PORT_LINK_FIRST 8

#define PAGE_MAGIC_START 0x54535655  /* "UVST" */
#define PAGE_MAGIC_SHARED 0x48535655 /* "UVSH" */
#define PAGE_MAGIC_TIME 0x49545655   /* "UVTI" */
#define NOTE_TYPE_IMAGE 1            /* ELF note, owner "Ultravisor" */
#define NOTE_TYPE_SCENARIO 2         /* the same owner; images that are tests have it too */

#ifdef __ASSEMBLER__

#define HYPERCALL(number, name, right, arguments, sentence) .set HC_##name, number;
#include "hypercalls.def"
#undef HYPERCALL

#else

#ifndef ABI_CDEF
#include <stdint.h>
/* Too wide for assembler and for cffi's parser. */
#define ENTRY_NO_EXECUTE 0x8000000000000000ull
#define ENTRY_FRAME_MASK 0x000ffffffffff000ull
#define TRANSLATION_ALL 0xffffffffffffffffull /* a 32-bit caller: 0xffffffff */
#define TIME_NEVER 0xffffffffffffffffull
#endif

enum hypercall {
#define HYPERCALL(number, name, right, arguments, sentence) HC_##name = number,
#include "hypercalls.def"
#undef HYPERCALL
    HYPERCALL_COUNT
};

enum error {
    ERROR_none = 0,
#define ERROR(number, name, sentence) ERROR_##name = number,
#include "errors.def"
#undef ERROR
    ERROR_COUNT
};

enum callback { CALLBACK_event = 0, CALLBACK_system_call = 1, CALLBACK_COUNT };
enum segment_base { BASE_fs = 0, BASE_gs_kernel = 1, BASE_gs_user = 2, BASE_COUNT };
enum view_record {
    VIEW_RECORD_partition = 0,
    VIEW_RECORD_extent = 1,
    VIEW_RECORD_link = 2,
    VIEW_RECORD_channel = 3,
    VIEW_RECORD_device = 4,
    VIEW_RECORD_COUNT
};

/* Why a partition is no longer running; the first reason is kept. */
enum stop_reason {
    STOP_none = 0,
    STOP_exit = 1,           /* it asked: exit code and text */
    STOP_unhandled_trap = 2, /* a trap without a handler */
    STOP_trap_in_delivery = 3, /* a trap whose frame could not be written */
    STOP_bad_return = 4,     /* iret through a frame that cannot be loaded */
    STOP_bad_start = 5,      /* its initial tables or records were refused */
    STOP_unsupported = 6,    /* code that the engine would execute wrongly */
    STOP_operator = 7,       /* stopped from outside, or by its view */
    STOP_revoked = 8,        /* its view took away what it still used */
    STOP_watchdog = 9        /* it let the deadline of its own watchdog pass */
};

/* The exit code of an image that is a test; any other end is a crash. */
enum verdict {
    VERDICT_success = 0,
    VERDICT_skip = 3,   /* what it needs is not there */
    VERDICT_error = 4,  /* it could not bring about what it wanted to test */
    VERDICT_failure = 5 /* what it tested is not as it should be */
};

/* Every shared page begins with this. */
struct page_header {
    uint32_t magic;
    uint16_t version;
    uint16_t reserved0;
    uint32_t size_bytes; /* of the structure, header included */
    uint32_t reserved1;
};

/* A run of memory: guest-physical frames to machine frames. */
struct extent {
    uint64_t guest_frame;
    uint64_t machine_frame;
    uint64_t frame_count;
};

/*
 * The page that RDI, or EBX of a 32-bit guest, points at when a partition starts; read-only
 * for the guest. Both widths have the same layout; a 32-bit guest's addresses fit 32 bits.
 */
struct start_page {
    struct page_header header;
    uint32_t partition;
    uint32_t virtual_processor_count;
    uint32_t extent_count;
    uint32_t reserved0;
    uint64_t memory_size_bytes;
    uint64_t random_seed;             /* derived from the host's seed and the partition's name */
    uint64_t clock_frequency_hz;      /* nominal: cycles in a second of guest time */
    uint64_t direct_map_address;      /* of guest-physical 0; writable where allowed */
    uint64_t hypercall_page_address;
    uint64_t time_page_address;
    uint64_t shared_pages_address;    /* struct shared_page of virtual processor 0, 1, ... */
    uint64_t image_address;           /* lowest address of the image */
    uint64_t image_end_address;
    uint64_t stack_top_address;       /* of virtual processor 0 */
    uint64_t kernel_root_frame;       /* machine frame of the initial root: level 4, or 3 */
    uint64_t first_free_guest_frame;  /* from here on, memory is the guest's to use */
    uint64_t control_channel_address; /* guest-physical; 0: none */
    char name[NAME_LIMIT];
    struct extent extents[PARTITION_EXTENT_LIMIT];
    char command_line[COMMAND_LINE_LIMIT];
};

/* One a virtual processor; both sides write it. Virtual interrupt flag: events_masked == 0. */
struct shared_page {
    struct page_header header;
    uint32_t events_masked;   /* non-zero: the event callback is not taken */
    uint32_t reserved0;
    uint64_t events_pending;  /* a bit a port; set by the monitor, cleared by the guest */
    uint64_t events_disabled; /* a bit a port; set ports neither wake nor call */
};

/* Read-only for the guest; the monitor writes it when the partition is switched in. */
struct time_page {
    struct page_header header;
    uint64_t sequence;           /* odd while being written */
    uint64_t time_cycles;        /* guest-visible clock at the last switch in */
    uint64_t clock_frequency_hz;
};

/*
 * What lies at the stack pointer when a handler or callback is entered, and what
 * iret consumes. All other registers are as they were. A handler may use RAX, RCX
 * and R11 at once: they are in the frame, and iret restores them from it.
 */
struct trap_frame {
    uint64_t rax;
    uint64_t rcx;
    uint64_t r11;
    uint64_t vector;
    uint64_t error_code;
    uint64_t fault_address; /* page faults; otherwise 0 */
    uint64_t state;         /* FRAME_STATE_* */
    uint64_t rip;
    uint64_t cs;
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};

/*
 * The same for a 32-bit guest. What follows `state` lies as its own processor pushes and
 * pops it, so that a kernel may also return to user mode by an `iret` of its own. A handler
 * may use EAX, ECX and EDX at once.
 */
struct trap_frame_32 {
    uint32_t eax;
    uint32_t ecx;
    uint32_t edx;
    uint32_t vector;
    uint32_t error_code;
    uint32_t fault_address; /* page faults; otherwise 0 */
    uint32_t state;         /* FRAME_STATE_* */
    uint32_t eip;
    uint32_t cs;
    uint32_t eflags;
    uint32_t esp;
    uint32_t ss;
};

struct trap_handler {
    uint32_t vector;
    uint32_t flags; /* TRAP_* */
    uint64_t address;
};

struct table_update {
    uint64_t entry_address; /* machine address of the entry, a multiple of 8 */
    uint64_t value;
};

/* Where a virtual processor begins; kernel mode, events masked. */
struct processor_context {
    uint64_t rip;
    uint64_t rsp;
    uint64_t rdi;
    uint64_t kernel_root_frame; /* a pinned level-4 table */
};

/*
 * The same for a 32-bit guest: all registers, all selectors. cs and ss are those of kernel
 * mode; the others are null, flat, or the new processor's own descriptors, of which it has none.
 */
struct processor_context_32 {
    uint32_t edi;
    uint32_t esi;
    uint32_t ebp;
    uint32_t esp;
    uint32_t ebx;
    uint32_t edx;
    uint32_t ecx;
    uint32_t eax;
    uint32_t eip;
    uint32_t eflags;
    uint32_t cs;
    uint32_t ss;
    uint32_t ds;
    uint32_t es;
    uint32_t fs;
    uint32_t gs;
    uint64_t kernel_root_frame; /* a pinned level-3 table */
};

/* Descriptor of an image's ELF note. */
struct image_note {
    uint32_t abi_version;
    uint32_t width; /* 32 or 64 */
    uint64_t entry_address;
    uint64_t memory_size_bytes;
};

/* Descriptor of the second ELF note of an image that is a test: what it tests and how it ends. */
struct scenario_note {
    uint32_t abi_version;
    uint32_t expected_stop;   /* enum stop_reason; STOP_none: it ends with a verdict */
    uint32_t expected_vector; /* of the trap that stops it; otherwise 0 */
    uint32_t reserved0;
    char sentence[SCENARIO_SENTENCE_LIMIT];
};

#endif
#endif
