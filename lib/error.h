/* SPDX-License-Identifier: MIT */
/*
 * The error text of a thread: which call, which object, which value, what to do. The core sets
 * it on every failure; a leaf may say beforehand why its operation fails. Knows libc alone.
 */
#ifndef ERROR_H
#define ERROR_H

#define ERROR_TEXT_SIZE 256

/* Cold: what leads there is kept out of the way of what works. */
#define ERROR_FORMAT(f, a) __attribute__((format(printf, f, a), cold))

/* Sets the thread's text, forgets the reason, returns err (negative). errno stays as it was. */
int error_set(int err, const char *format, ...) ERROR_FORMAT(2, 3);

/* The same, with ": " and the leaf's reason appended, or else what errno err means. */
int error_from(int err, const char *format, ...) ERROR_FORMAT(2, 3);

/* For leaves: why the operation in progress is about to fail with err, which is returned. */
int error_reason(int err, const char *format, ...) ERROR_FORMAT(2, 3);

/* An error that nobody is told of leaves no reason behind. */
void error_forget(void);

#endif
