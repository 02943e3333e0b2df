/* SPDX-License-Identifier: MIT */
/*
 * The ioctls of a program, counted: see ledger.h.
 */
#include "ledger.h"
#include "selftest-uapi.h"
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>

#define OBJECTS 4096

struct object {
	int fd;
	uint32_t id;
	unsigned int kind;
};

/* Programs of the kernel suite are one test after the other. */
static struct {
	pthread_mutex_t lock;
	struct object object[OBJECTS];
	unsigned int objects;
	int refused; /* the first errno of a destroy */
	uint32_t stdev, table;
} ledger = {.lock = PTHREAD_MUTEX_INITIALIZER};

int __real_ioctl(int fd, unsigned long number, void *arg);
int __wrap_ioctl(int fd, unsigned long number, ...);

void ledger_open(void)
{
	ledger.objects = 0;
	ledger.refused = 0;
	ledger.stdev = 0;
}

unsigned int ledger_alive(unsigned int kind)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < ledger.objects; i++)
		n += ledger.object[i].kind == kind;
	return n;
}

void ledger_close(void)
{
	ck_assert_msg(!ledger.refused, "a destroy was refused with errno %d", ledger.refused);
	for (unsigned int kind = 0; kind < LEDGER_KINDS; kind++)
		ck_assert_msg(!ledger_alive(kind), "%u objects of kind %u were left",
			ledger_alive(kind), kind);
}

void ledger_refuse(uint32_t stdev, uint32_t table)
{
	ledger.stdev = stdev;
	ledger.table = table;
}

static void born(int fd, uint32_t id, unsigned int kind)
{
	if (ledger.objects < OBJECTS)
		ledger.object[ledger.objects++] = (struct object){fd, id, kind};
	else
		ledger.refused = ENOSPC;
}

static void died(int fd, uint32_t id)
{
	for (unsigned int i = 0; i < ledger.objects; i++)
		if (ledger.object[i].fd == fd && ledger.object[i].id == id) {
			ledger.object[i] = ledger.object[--ledger.objects];
			return;
		}
}

static void selftest_worked(int fd, const struct selftest_cmd *cmd)
{
	if (cmd->op == SELFTEST_OP_MOCK_DOMAIN_FLAGS)
		born(fd, cmd->domain.out_stdev_id, LEDGER_DEVICE);
}

static void worked(int fd, unsigned long number, void *arg)
{
	switch (number) {
	case IOMMUFD_IOAS_ALLOC:
		born(fd, ((struct iommufd_ioas_alloc *)arg)->out_ioas_id, LEDGER_IOAS);
		break;
	case IOMMUFD_HWPT_ALLOC:
		born(fd, ((struct iommufd_hwpt_alloc *)arg)->out_hwpt_id, LEDGER_TABLE);
		break;
	case IOMMUFD_FAULT_QUEUE_ALLOC:
		born(fd, ((struct iommufd_fault_queue_alloc *)arg)->out_fault_id, LEDGER_FAULTS);
		break;
	case IOMMUFD_DESTROY:
		died(fd, ((struct iommufd_destroy *)arg)->id);
		break;
	case SELFTEST_CMD:
		selftest_worked(fd, arg);
		break;
	default:
		break;
	}
}

static bool is_refused(unsigned long number, const void *arg)
{
	const struct selftest_cmd *cmd = arg;

	return ledger.stdev && number == SELFTEST_CMD && cmd->op == SELFTEST_OP_DOMAIN_REPLACE &&
	       cmd->id == ledger.stdev && cmd->replace.pt_id == ledger.table;
}

int __wrap_ioctl(int fd, unsigned long number, ...)
{
	va_list list;
	void *arg;
	int r;

	va_start(list, number);
	arg = va_arg(list, void *);
	va_end(list);
	if (is_refused(number, arg)) {
		errno = EINVAL;
		return -1;
	}
	r = __real_ioctl(fd, number, arg);
	pthread_mutex_lock(&ledger.lock);
	if (!r)
		worked(fd, number, arg);
	else if (number == IOMMUFD_DESTROY && !ledger.refused)
		ledger.refused = errno;
	pthread_mutex_unlock(&ledger.lock);
	return r;
}
