/* SPDX-License-Identifier: MIT */
/*
 * The latch's long ways, see latch.h: it is taken as wanted by whoever has waited, since others may
 * wait too, and who lets go of a wanted one wakes one sleeper. Knows libc, and the kernel's futex.
 */
#include "latch.h"
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

void latch_wait(struct latch *latch)
{
	/* acquire: pairs with the release of latch_release() */
	while (__atomic_exchange_n(&latch->state, LATCH_WANTED, __ATOMIC_ACQUIRE) != LATCH_FREE)
		/* returns at once if it is not wanted any more; whatever it says, look again */
		syscall(SYS_futex, &latch->state, FUTEX_WAIT_PRIVATE, LATCH_WANTED, NULL);
}

void latch_wake(struct latch *latch)
{
	syscall(SYS_futex, &latch->state, FUTEX_WAKE_PRIVATE, 1);
}
