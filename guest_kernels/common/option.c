/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Owns the reading of command lines. Pure: it sees only the text it is given.
 */
#include "option.h"

#include "bytes.h"

static size_t word_length(const char *text)
{
    size_t length = 0;

    while (text[length] != '\0' && text[length] != ' ') {
        length++;
    }
    return length;
}

static const char *word_next(const char *text)
{
    text += word_length(text);
    while (*text == ' ') {
        text++;
    }
    return text;
}

int option_present(const char *command_line, const char *name)
{
    size_t length = text_length(name);

    for (const char *word = command_line; *word != '\0'; word = word_next(word)) {
        if (word_length(word) == length && memcmp(word, name, length) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Returns 0 where the digits are no number. */
static int number_read(const char *digits, size_t length, uint64_t *number)
{
    uint64_t value = 0;

    for (size_t i = 0; i < length; i++) {
        if (digits[i] < '0' || digits[i] > '9' || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(digits[i] - '0'), &value)) {
            return 0;
        }
    }
    *number = value;
    return length > 0;
}

uint64_t option_number(const char *command_line, const char *name, uint64_t otherwise)
{
    size_t length = text_length(name);

    for (const char *word = command_line; *word != '\0'; word = word_next(word)) {
        size_t size = word_length(word);
        uint64_t number;

        if (size > length && memcmp(word, name, length) == 0 && word[length] == '=' &&
            number_read(word + length + 1, size - length - 1, &number)) {
            return number;
        }
    }
    return otherwise;
}
