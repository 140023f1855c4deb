/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Marks by which whoever watches this guest learns what it asked and was told.
 */
#ifndef MARKS_H
#define MARKS_H

enum request_mark {
    MARK_request_begins = 1, /* request | operation << 32 | count << 40 | sector << 48 */
    MARK_request_ends = 2,   /* request | status << 32 */
    MARK_sector_read = 3,    /* before the end of a read, in order: request | number << 32 */
    MARK_phase = 4           /* of a measurement: 1 writes, 2 reads, 3 the end */
};

#endif
