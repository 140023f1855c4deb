/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the formatter. What does not fit is cut off; an unknown conversion is written
 * out as it stands, so that a mistake is seen.
 */
#include "format.h"

#include "bytes.h"

#define DIGITS_LIMIT 20 /* of a 64-bit number in base ten */

struct output {
    char *buffer;
    size_t size_bytes;
    size_t length;
};

/* What stands between the percent sign and the conversion. */
struct conversion {
    unsigned width;
    unsigned longs; /* how many times l */
    char fill;
};

static void put(struct output *output, char character)
{
    if (output->length + 1 < output->size_bytes) {
        output->buffer[output->length++] = character;
    }
}

static void put_text(struct output *output, const char *text)
{
    while (*text != '\0') {
        put(output, *text++);
    }
}

static void put_number(struct output *output, const struct conversion *conversion,
                       unsigned long long value, unsigned base, int negative)
{
    char digits[DIGITS_LIMIT];
    unsigned count = 0;
    unsigned width = negative ? 1 : 0;

    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    if (negative && conversion->fill == '0') {
        put(output, '-');
    }
    for (width += count; width < conversion->width; width++) {
        put(output, conversion->fill);
    }
    if (negative && conversion->fill != '0') {
        put(output, '-');
    }
    while (count > 0) {
        put(output, digits[--count]);
    }
}

static const char *conversion_read(struct conversion *conversion, const char *format)
{
    *conversion = (struct conversion){.fill = ' '};
    if (*format == '0') {
        conversion->fill = '0';
    }
    while (*format >= '0' && *format <= '9') {
        conversion->width = conversion->width * 10 + (unsigned)(*format++ - '0');
    }
    while (*format == 'l') {
        conversion->longs++;
        format++;
    }
    return format;
}

static unsigned long long argument_unsigned(const struct conversion *conversion, va_list *arguments)
{
    switch (conversion->longs) {
    case 0:
        return va_arg(*arguments, unsigned);
    case 1:
        return va_arg(*arguments, unsigned long);
    default:
        return va_arg(*arguments, unsigned long long);
    }
}

static long long argument_signed(const struct conversion *conversion, va_list *arguments)
{
    switch (conversion->longs) {
    case 0:
        return va_arg(*arguments, int);
    case 1:
        return va_arg(*arguments, long);
    default:
        return va_arg(*arguments, long long);
    }
}

static void put_argument(struct output *output, const struct conversion *conversion, char kind,
                         va_list *arguments)
{
    switch (kind) {
    case 's':
        put_text(output, va_arg(*arguments, const char *));
        break;
    case 'c':
        put(output, (char)va_arg(*arguments, int));
        break;
    case 'u':
        put_number(output, conversion, argument_unsigned(conversion, arguments), 10, 0);
        break;
    case 'x':
        put_number(output, conversion, argument_unsigned(conversion, arguments), 16, 0);
        break;
    case 'd': {
        long long value = argument_signed(conversion, arguments);
        unsigned long long magnitude = (unsigned long long)value;

        put_number(output, conversion, value < 0 ? 0 - magnitude : magnitude, 10, value < 0);
        break;
    }
    case '%':
        put(output, '%');
        break;
    default:
        put(output, '%');
        put(output, kind);
        break;
    }
}

size_t format_list(char *buffer, size_t size_bytes, const char *format, va_list arguments)
{
    struct output output = {.buffer = buffer, .size_bytes = size_bytes};
    struct conversion conversion;
    va_list rest;

    va_copy(rest, arguments);
    while (*format != '\0') {
        if (*format != '%') {
            put(&output, *format++);
            continue;
        }
        format = conversion_read(&conversion, format + 1);
        if (*format == '\0') {
            break;
        }
        put_argument(&output, &conversion, *format++, &rest);
    }
    va_end(rest);
    if (size_bytes > 0) {
        buffer[output.length] = '\0';
    }
    return output.length;
}

size_t format_text(char *buffer, size_t size_bytes, const char *format, ...)
{
    va_list arguments;
    size_t length;

    va_start(arguments, format);
    length = format_list(buffer, size_bytes, format, arguments);
    va_end(arguments);
    return length;
}
