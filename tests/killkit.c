/* SPDX-License-Identifier: MIT */
/*
 * What tests of a reader that dies share, see killkit.h.
 */
#include "killkit.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- memory that a child shares: the ring's ---- */

int __real_posix_memalign(void **memory, size_t alignment, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size);
void __real_free(void *memory);
void __wrap_free(void *memory);

static void *ring_memory;
static size_t ring_size;

void *killkit_share(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	return memory;
}

int __wrap_posix_memalign(void **memory, size_t alignment, size_t size)
{
	if (ring_memory)
		return __real_posix_memalign(memory, alignment, size);
	ring_size = size;
	*memory = ring_memory = killkit_share(size);
	return 0;
}

void __wrap_free(void *memory)
{
	if (!memory || memory != ring_memory) {
		__real_free(memory);
		return;
	}
	munmap(memory, ring_size);
	ring_memory = NULL;
}

/* ---- the ring ---- */

void killkit_open(struct ringkit *kit, uint64_t start, bool single)
{
	const struct ringkit_plan plan = {.records = COUNT,
		.group_max = GROUPMAX,
		.outstanding = 1024,
		.stock = TOTAL,
		.start = start,
		.single = single};

	ringkit_open(kit, &plan);
}

void killkit_close(struct ringkit *kit)
{
	ringkit_close(kit);
	ck_assert_ptr_null(ring_memory);
}

int killkit_claim(struct ringkit *kit, unsigned int n, struct ioasid_fault *out)
{
	unsigned int needed;

	return ring_read(&kit->ring, out, n, &needed);
}

void killkit_detach(struct ringkit *kit)
{
	producer_cancel(&kit->producer, 1, 0);
}

uint64_t killkit_ended(struct ringkit *kit)
{
	struct pending_stats stats;

	pending_stats(kit->producer.pending, &stats);
	return stats.ended[PENDING_CANCELLED];
}

/* ---- the child ---- */

pid_t killkit_start(void (*run)(void))
{
	pid_t child = fork();

	ck_assert_int_ge(child, 0);
	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails does not bury it */
	run();
	_exit(1); /* it never comes back */
}

void killkit_bury(pid_t child)
{
	int status;

	ck_assert_int_eq(kill(child, SIGKILL), 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
