/* SPDX-License-Identifier: MIT */
/*
 * What tests of deadlines share, see duekit.h.
 */
#include "duekit.h"
#include <time.h>

int __real_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now);

uint64_t duekit_now;
_Thread_local uint64_t duekit_slow;
struct faultq_transfer duekit_transfer[256];

int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
	uint64_t is = duekit_slow ? duekit_slow : duekit_now;

	if (!is)
		return __real_clock_gettime(id, now);
	*now = (struct timespec){.tv_sec = (time_t)(is / SECOND), .tv_nsec = (long)(is % SECOND)};
	return 0;
}

void duekit_at_second(uint64_t second)
{
	duekit_now = second * SECOND;
}

void duekit_begin(struct faultq *f, uint32_t code)
{
	duekit_at_second(100);
	faultq_begin(f, (struct faultq_wish){.devices = 2,
				.credits = 128,
				.opts = IOASID_OPTS(ioasid_faultq_opts, .records = 64,
					.deadline_ns = SECOND, .deadline_code = code)});
}

void duekit_end(struct faultq *f)
{
	faultq_end(f);
	duekit_now = 0;
}

void duekit_raise(struct faultq *f, unsigned int first, unsigned int n)
{
	for (unsigned int i = first; i < first + n; i++)
		faultq_start(f, &duekit_transfer[i], 0, i, 1);
	ok(ioasid_mock_pump(f->mock));
}
