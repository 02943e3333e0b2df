/* SPDX-License-Identifier: MIT */
/*
 * What went wrong first: see trouble.h.
 */
#include "trouble.h"
#include <stdarg.h>
#include <stdio.h>

int trouble_add(struct trouble *trouble, const char *format, ...)
{
	va_list args;

	pthread_mutex_lock(&trouble->lock);
	if (!trouble->any) {
		va_start(args, format);
		vsnprintf(trouble->text, sizeof(trouble->text), format, args);
		va_end(args);
		trouble->any = true;
	}
	pthread_mutex_unlock(&trouble->lock);
	return -1;
}

bool trouble_any(struct trouble *trouble)
{
	return trouble->any;
}
