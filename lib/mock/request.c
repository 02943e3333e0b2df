/* SPDX-License-Identifier: MIT */
/*
 * Page requests: see request.h. A request that finds no credit starves in the order of arrival;
 * each credit that comes back wakes one, which wakes the next if credits are left: so exactly as
 * many wake as can go on. It must not know what the DMA is for.
 */
#include "request.h"
#include <errno.h>
#include <stdlib.h>
#include <time.h>

void mock_request_init(struct mock_request *request, struct ioasid_mock_device *device,
	void (*wake)(struct mock_request *self))
{
	request->group.link = (struct list){0};
	request->group.records = NULL;
	request->link = (struct list){0};
	request->device = device;
	request->queue = NULL;
	request->state = REQUEST_IDLE;
	request->late = false;
	request->baton = false;
	request->why = NULL;
	request->many = NULL;
	request->wake = wake;
}

void mock_request_fini(struct mock_request *request)
{
	free(request->many);
}

/* Raise */

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Kept for the life of the request. Without memory it asks for one page at a time. */
static uint32_t record_room(struct mock_request *request)
{
	uint32_t most = request->device->opts.group_pages;

	if (most > 1 && !request->many)
		request->many = malloc(most * sizeof(*request->many));
	return request->many ? most : 1;
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void write_records(
	struct mock_request *request, const struct mock_miss *miss, uint32_t count)
{
	struct ioasid_fault *records = request->many ? request->many : &request->one;
	uint32_t valid = miss->pasid == IOASID_PASID_NONE ? 0 : IOASID_FAULT_PASID_VALID;
	uint32_t stage = miss->in_parent ? IOASID_FAULT_STAGE2 : 0;
	struct ioasid_fault record = {
		.label = request->device->label,
		.addr = miss->base,
		.pages = 1,
		.flags = miss->access | valid | stage,
		.space = miss->space->id,
		.pasid = miss->pasid,
		.group = request->prg - 1,
		.time = now(),
		.parent_addr = miss->parent_addr,
	};

	for (uint32_t i = 0; i < count; i++) {
		records[i] = record;
		record.addr += miss->page;
	}
	request->group.records = records;
	request->group.count = count;
}

static void starve(struct mock_request *request, const struct mock_miss *miss)
{
	request->queue = miss->space->queue;
	request->pasid = miss->pasid;
	request->state = REQUEST_STARVED;
	request->late = false;
	list_append(&request->device->starved, &request->link);
}

static void count_raised(struct ioasid_mock *mock, uint32_t pages)
{
	mock->requests += pages;
	mock->raised++;
}

static int refuse(struct mock_request *request, const char *why)
{
	request->why = why;
	return -EFAULT;
}

/* Nobody can be asked: the IOMMU answers INVALID by itself. */
static int answer_at_once(struct mock_request *request, uint32_t pages)
{
	struct ioasid_mock *mock = request->device->mock;

	count_raised(mock, pages);
	mock->answers++;
	return refuse(request, "no translation, and page requests reach nobody: INVALID");
}

/* It found no room. */
static void end_late(struct mock_request *request, uint32_t code)
{
	request->late = code == IOASID_RESPONSE_SUCCESS;
	mock_request_end(request, code);
}

static int ask(struct mock_request *request, const struct mock_miss *miss, uint32_t pages)
{
	struct ioasid_mock_device *device = request->device;
	struct mock_queue *queue = miss->space->queue;
	uint32_t cookie;

	if (table_put(&queue->cookies, request, &cookie))
		return answer_at_once(request, pages);
	/* there is room: an index for each credit was reserved */
	table_put(&device->prgs, request, &request->prg);
	request->queue = queue;
	request->pasid = miss->pasid;
	request->group.device = device->id;
	request->group.route = miss->pasid;
	request->group.cookie = cookie;
	write_records(request, miss, pages);
	device->credits -= pages;
	list_append(&device->in_flight, &request->link);
	request->state = REQUEST_WAITING;
	count_raised(device->mock, pages);
	request->late = false;
	if (!producer_push(&queue->producer, &request->group))
		end_late(request, producer_late_code(&queue->producer));
	return 0;
}

/* A mate of an attached device is translated as that one is, but its page requests are not
 * handled: no detach of its own would ever answer them. */
static bool has_listener(const struct ioasid_mock_device *device, const struct mock_miss *miss)
{
	if (!miss->space->queue)
		return false;
	/* by itself in its group, who is led anywhere is attached: one look less */
	return device->group->size == 1 || maptree_find(&device->attached, miss->route);
}

static int raise_locked(struct mock_request *request, const struct mock_miss *miss, uint32_t pages)
{
	struct ioasid_mock_device *device = request->device;

	if (device->halted)
		return refuse(request, "no translation, and no page requests since FAILURE: reset");
	if (!has_listener(device, miss))
		return answer_at_once(request, pages);
	pages = least(pages, device->credits);
	/* not only checked at attach: a mate may have led the route to a queue of smaller groups */
	if (pages)
		return ask(request, miss, least(pages, miss->space->queue->group_max));
	starve(request, miss);
	return 0;
}

int mock_request_raise(struct mock_request *request, const struct mock_miss *miss)
{
	struct ioasid_mock_device *device = request->device;
	uint32_t pages;
	int err;

	if (!(device->opts.flags & IOASID_MOCK_DEVICE_PRI))
		return refuse(request, "no translation");
	pages = least(miss->pages, record_room(request));
	pthread_mutex_lock(&device->mock->faults);
	err = raise_locked(request, miss, pages);
	pthread_mutex_unlock(&device->mock->faults);
	return err;
}

/* Credits */

static void let_go(struct mock_request *request)
{
	list_remove(&request->link);
	request->state = REQUEST_IDLE;
	request->wake(request);
}

static void wake_starved(struct ioasid_mock_device *device)
{
	struct mock_request *request;

	if (!device->credits || list_empty(&device->starved))
		return;
	request = list_entry(device->starved.next, struct mock_request, link);
	request->baton = true;
	let_go(request);
}

void mock_request_pass_on(struct mock_request *request)
{
	struct ioasid_mock_device *device = request->device;

	pthread_mutex_lock(&device->mock->faults);
	request->baton = false;
	wake_starved(device);
	pthread_mutex_unlock(&device->mock->faults);
}

/* Which of a device's requests: those on their way to a queue, of a PASID, or all. */
struct which {
	const struct mock_queue *queue; /* NULL: any */
	bool all;
	uint32_t pasid; /* unless all */
};

static bool picks(const struct which *which, const struct mock_request *request)
{
	if (which->queue && request->queue != which->queue)
		return false;
	return which->all || request->pasid == which->pasid;
}

static void let_starved_go(struct ioasid_mock_device *device, const struct which *which)
{
	struct list *link = device->starved.next, *next;

	for (; link != &device->starved; link = next) {
		struct mock_request *request = list_entry(link, struct mock_request, link);

		next = link->next;
		if (picks(which, request))
			let_go(request);
	}
}

void mock_request_let_go(struct ioasid_mock_device *device, const struct mock_queue *queue)
{
	let_starved_go(device, &(struct which){.queue = queue, .all = true});
}

/* Answers */

/* All that its being outstanding took. */
static void give_back(struct mock_request *request)
{
	struct ioasid_mock_device *device = request->device;

	table_drop(&request->queue->cookies, (uint32_t)request->group.cookie);
	table_drop(&device->prgs, request->prg);
	list_remove(&request->link);
	device->credits += request->group.count;
	device->mock->answers++;
}

void mock_request_end(struct mock_request *request, uint32_t code)
{
	struct ioasid_mock_device *device = request->device;

	give_back(request);
	if (code == IOASID_RESPONSE_FAILURE)
		device->halted = true;
	request->code = code;
	request->state = REQUEST_ANSWERED;
	request->wake(request);
	wake_starved(device);
}

/* Ends them, and lists those that were published. */
static void end_in_flight(
	struct ioasid_mock_device *device, const struct which *which, struct list *published)
{
	struct list *link = device->in_flight.next, *next;

	for (; link != &device->in_flight; link = next) {
		struct mock_request *request = list_entry(link, struct mock_request, link);
		bool kept;

		next = link->next;
		if (!picks(which, request))
			continue;
		kept = producer_drop(&request->queue->producer, &request->group);
		mock_request_end(request, IOASID_RESPONSE_INVALID);
		if (!kept) /* whoever waits for it goes on only without the lock */
			list_append(published, &request->link);
	}
}

/* Beside a PASID table, what a device asks for may be in several queues. No reader is told before
 * all have dropped what they keep: that would be published in the room that a queue gets. */
static void cancel(struct ioasid_mock_device *device, const struct which *which)
{
	struct list published;

	list_init(&published);
	pthread_mutex_lock(&device->mock->faults);
	end_in_flight(device, which, &published);
	while (!list_empty(&published)) {
		struct mock_request *request =
			list_entry(published.next, struct mock_request, link);

		list_remove(&request->link);
		producer_cancel(&request->queue->producer, device->id, request->pasid);
	}
	let_starved_go(device, which);
	pthread_mutex_unlock(&device->mock->faults);
}

void mock_request_cancel(struct ioasid_mock_device *device, uint32_t pasid)
{
	cancel(device, &(struct which){.pasid = pasid});
}

void mock_request_cancel_all(struct ioasid_mock_device *device)
{
	cancel(device, &(struct which){.all = true});
}

void mock_request_abort(struct mock_request *request)
{
	struct producer *producer;

	if (request->state == REQUEST_STARVED)
		list_remove(&request->link);
	if (request->state != REQUEST_WAITING)
		return;
	producer = &request->queue->producer;
	if (!producer_drop(producer, &request->group))
		producer_cancel(producer, request->group.device, request->pasid);
	give_back(request);
	request->state = REQUEST_IDLE;
}
