/* SPDX-License-Identifier: MIT */
/*
 * What a user breaks on purpose: operations that fail when they would have worked, and answers
 * that are stopped in mid-air. It must not know what the operations do.
 */
#include "../error.h"
#include "platform.h"
#include <errno.h>

#define ERROR_MAX 4095

/* Counts one operation; the error if it is the nth. */
static int count_down(struct ioasid_mock *mock, uint32_t op)
{
	struct mock_failure *failure = &mock->failures[op];

	if (!failure->nth || --failure->nth)
		return 0;
	__atomic_fetch_sub(&mock->armed, 1, __ATOMIC_RELAXED);
	return failure->error;
}

int mock_injected(struct ioasid_mock *mock, uint32_t op)
{
	int one, any;

	/* Relaxed: who arms and who runs the operation order themselves, or do not care. */
	if (!__atomic_load_n(&mock->armed, __ATOMIC_RELAXED))
		return 0;
	pthread_mutex_lock(&mock->control);
	one = count_down(mock, op);
	any = count_down(mock, IOASID_MOCK_OP_ANY);
	if (one || any)
		mock->failed++;
	pthread_mutex_unlock(&mock->control);
	if (!one && !any)
		return 0;
	return error_reason(one ? one : any, "injected");
}

int ioasid_mock_fail(struct ioasid_mock *mock, uint32_t op, uint32_t nth, int error)
{
	struct mock_failure *failure;

	if (!mock)
		return error_set(-EINVAL, "ioasid_mock_fail: mock is NULL");
	if (op >= IOASID_MOCK_OP_COUNT)
		return error_set(-EINVAL, "ioasid_mock_fail: no operation %u", op);
	if (nth && (error >= 0 || error < -ERROR_MAX))
		return error_set(
			-EINVAL, "ioasid_mock_fail: error %d: a negative errno is wanted", error);
	pthread_mutex_lock(&mock->control);
	failure = &mock->failures[op];
	if (failure->nth && !nth)
		__atomic_fetch_sub(&mock->armed, 1, __ATOMIC_RELAXED);
	if (!failure->nth && nth)
		__atomic_fetch_add(&mock->armed, 1, __ATOMIC_RELAXED);
	*failure = (struct mock_failure){.nth = nth, .error = error};
	pthread_mutex_unlock(&mock->control);
	return 0;
}

int ioasid_mock_on_answer(struct ioasid_mock *mock, void (*hook)(void *arg), void *arg)
{
	if (!mock)
		return error_set(-EINVAL, "ioasid_mock_on_answer: mock is NULL");
	pthread_mutex_lock(&mock->control);
	mock->hook = hook;
	mock->hook_arg = arg;
	pthread_mutex_unlock(&mock->control);
	return 0;
}

void mock_before_answer(struct ioasid_mock *mock)
{
	void (*hook)(void *arg);
	void *arg;

	pthread_mutex_lock(&mock->control);
	hook = mock->hook;
	arg = mock->hook_arg;
	pthread_mutex_unlock(&mock->control);
	if (hook)
		hook(arg);
}
