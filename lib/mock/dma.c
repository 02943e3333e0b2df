/* SPDX-License-Identifier: MIT */
/*
 * DMA for the user: transfers that block their thread until they are done, and transfers that are
 * started and then moved by the pump. It must not know how a page is moved.
 */
#include "../error.h"
#include "transfer.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>

#define LATER_NS 20000

static struct mock_transfer *transfer_of(struct mock_request *request)
{
	return list_entry(request, struct mock_transfer, request);
}

/* One step; and if a credit woke this transfer, others may learn that some are left. */
static enum mock_step step(struct mock_transfer *transfer)
{
	bool baton = transfer->request.baton;
	enum mock_step step = mock_transfer_step(transfer);

	if (baton)
		mock_request_pass_on(&transfer->request);
	return step;
}

/* Blocking */

static void wake_thread(struct mock_request *request)
{
	pthread_cond_signal(&transfer_of(request)->woken);
}

static bool is_waiting(const struct mock_request *request)
{
	return request->state == REQUEST_WAITING || request->state == REQUEST_STARVED;
}

static void wait_for_wake(struct mock_transfer *transfer)
{
	pthread_mutex_t *faults = &transfer->device->mock->faults;

	pthread_mutex_lock(faults);
	while (is_waiting(&transfer->request))
		pthread_cond_wait(&transfer->woken, faults);
	pthread_mutex_unlock(faults);
	/* who found no room gives others the time to make some */
	if (transfer->request.late)
		nanosleep(&(struct timespec){.tv_nsec = LATER_NS}, NULL);
}

static int report(const struct mock_transfer *transfer)
{
	const struct ioasid_mock_dma *dma = transfer->dma;
	unsigned long long missed = transfer->missed;

	if (!transfer->status)
		return 0;
	if (transfer->wire == IOASID_PASID_NONE)
		return error_set(transfer->status,
			"ioasid_mock_dma: device %u, PASID 0x%x, IOVA 0x%llx: %s",
			transfer->device->number, dma->pasid, missed, transfer->why);
	return error_set(transfer->status,
		"ioasid_mock_enqcmd: device %u, PASID 0x%x, 0x%x on the wire, IOVA 0x%llx: %s",
		transfer->device->number, dma->pasid, transfer->wire, missed, transfer->why);
}

int mock_dma_run(struct ioasid_mock_device *device, struct ioasid_mock_dma *dma, uint32_t wire)
{
	struct mock_transfer transfer;
	enum mock_step now;

	mock_transfer_init(&transfer, device, dma, wake_thread);
	transfer.wire = wire;
	pthread_cond_init(&transfer.woken, NULL);
	while ((now = step(&transfer)) != STEP_ENDED)
		if (now == STEP_WAITS)
			wait_for_wake(&transfer);
	pthread_cond_destroy(&transfer.woken);
	mock_request_fini(&transfer.request);
	dma->status = transfer.status;
	return report(&transfer);
}

/* The arguments, which may be missing. */
static int check(
	const struct ioasid_mock_device *device, struct ioasid_mock_dma *dma, const char *call)
{
	if (!device || !dma)
		return error_set(-EINVAL, "%s: %s is NULL", call, device ? "dma" : "device");
	return mock_transfer_check(device, dma, device->opts.pasid_bits, call);
}

int ioasid_mock_dma(struct ioasid_mock_device *device, struct ioasid_mock_dma *dma)
{
	int err = check(device, dma, "ioasid_mock_dma");

	return err ? err : mock_dma_run(device, dma, IOASID_PASID_NONE);
}

/* Pumped */

static void make_ready(struct mock_request *request)
{
	struct mock_pump *pump = &request->device->mock->pump;

	if (request->late)
		mock_pump_later(pump, transfer_of(request));
	else
		mock_pump_ready(pump, transfer_of(request));
}

int ioasid_mock_dma_start(struct ioasid_mock_device *device, struct ioasid_mock_dma *dma)
{
	int err = check(device, dma, "ioasid_mock_dma_start");
	struct mock_transfer *transfer;

	if (err)
		return err;
	transfer = malloc(sizeof(*transfer));
	if (transfer) {
		mock_transfer_init(transfer, device, dma, make_ready);
		pthread_mutex_lock(&device->mock->faults);
		err = mock_pump_add(&device->mock->pump, transfer);
		pthread_mutex_unlock(&device->mock->faults);
	}
	if (transfer && !err)
		return 0;
	free(transfer);
	dma->status = -ENOMEM;
	return error_set(-ENOMEM, "ioasid_mock_dma_start: no memory for a transfer of device %u",
		device->number);
}

/* The caller may free its structure as soon as it sees the status. */
static void finish(struct mock_transfer *transfer, int status)
{
	/* Release: what was moved is seen by who acquires the status, on whatever thread. */
	__atomic_store_n(&transfer->dma->status, status, __ATOMIC_RELEASE);
	mock_request_fini(&transfer->request);
	free(transfer);
}

static void pump_one(struct ioasid_mock *mock, struct mock_transfer *transfer)
{
	enum mock_step now = step(transfer);

	if (now == STEP_WAITS)
		return; /* or is ready again, on account of another thread */
	pthread_mutex_lock(&mock->faults);
	if (now == STEP_MOVED)
		mock_pump_ready(&mock->pump, transfer);
	else
		mock_pump_remove(&mock->pump, transfer);
	pthread_mutex_unlock(&mock->faults);
	if (now == STEP_ENDED)
		finish(transfer, transfer->status);
}

int ioasid_mock_pump(struct ioasid_mock *mock)
{
	struct mock_transfer *transfer;
	uint32_t left;

	if (!mock)
		return error_set(-EINVAL, "ioasid_mock_pump: mock is NULL");
	pthread_mutex_lock(&mock->faults);
	mock_pump_begin(&mock->pump);
	pthread_mutex_unlock(&mock->faults);
	do {
		pthread_mutex_lock(&mock->faults);
		transfer = mock_pump_take(&mock->pump);
		left = mock->pump.total;
		pthread_mutex_unlock(&mock->faults);
		if (transfer)
			pump_one(mock, transfer);
	} while (transfer);
	return left > INT_MAX ? INT_MAX : (int)left;
}

void mock_dma_end_all(struct ioasid_mock *mock)
{
	struct list *started = &mock->pump.started;

	pthread_mutex_lock(&mock->faults);
	while (!list_empty(started)) {
		struct mock_transfer *transfer =
			list_entry(started->next, struct mock_transfer, link);

		mock_request_abort(&transfer->request);
		mock_pump_remove(&mock->pump, transfer);
		finish(transfer, -ENODEV);
	}
	mock->pump.count = 0;
	list_init(&mock->pump.later);
	pthread_mutex_unlock(&mock->faults);
}
