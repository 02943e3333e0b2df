/* SPDX-License-Identifier: MIT */
/*
 * The one file that must not stay behind if a signal ends the program. Knows its name and nothing
 * of what is in it. SIGKILL cannot be helped: then it stays.
 */
#ifndef LEFTOVER_H
#define LEFTOVER_H

#include <sys/types.h>

/* Creates the file, opens it for reading and writing, and has it removed by the signals that end
 * programs. Once, and while there is one thread. A descriptor; -1 with errno. */
int leftover_create(const char *path, mode_t mode);

/* Removes it, unless it was never created or has another name by now. */
void leftover_remove(void);

#endif
