/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Marks by which whoever watches this guest learns what it asked and was told. Those of a request
 * have its number in their id, above four bits; id and value have 32 bits, at both widths.
 */
#ifndef MARKS_H
#define MARKS_H

#define MARK_REQUEST_SHIFT 4

enum request_mark {
    MARK_request_begins = 1, /* operation | sector count << 8 | sector << 16 */
    MARK_request_ends = 2,   /* its status */
    MARK_sector_read = 3,    /* before the end of a read, in order: what number a sector has */
    MARK_phase = 4           /* of a measurement: 1 writes, 2 reads, 3 the end */
};

#endif
