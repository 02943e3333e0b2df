/* SPDX-License-Identifier: MIT */
/*
 * Page requests of the kernel that is none, and its fault descriptors: see fillkernel.h. Records
 * are given and answers taken by its rules, those of both generations.
 */
#include "fillkernel.h"
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size);
ssize_t __real_write(int fd, const void *buffer, size_t size);
ssize_t __wrap_write(int fd, const void *buffer, size_t size);

static struct group *next_group(uint32_t faults, int from)
{
	for (; from < fillkernel.groups; from++)
		if (fillkernel.group[from].fate == WAITS && fillkernel.group[from].faults == faults)
			return &fillkernel.group[from];
	return NULL;
}

void fillkernel_show(uint32_t faults)
{
	uint64_t count = 1;
	ssize_t done;

	while (fillkernel.oldest < fillkernel.groups &&
		fillkernel.group[fillkernel.oldest].fate != WAITS)
		fillkernel.oldest++;
	done = __real_read(fillkernel.object[faults].fd, &count, sizeof(count));
	count = 1;
	if (next_group(faults, fillkernel.oldest) || fillkernel.script)
		done = __real_write(fillkernel.object[faults].fd, &count, sizeof(count));
	(void)done;
}

static int raise_locked(const struct fillkit_group *is)
{
	struct handle *handle = fillkernel_handle(is->device, is->route);
	uint32_t faults = handle->table ? fillkernel.object[handle->table].faults : 0;
	struct group *group = &fillkernel.group[fillkernel.groups];

	if (!faults)
		return -1;
	if (fillkernel.groups == FILLKIT_GROUPS)
		abort();
	*group = (struct group){.is = *is, .faults = faults, .handle = handle};
	group->is.pages = is->pages ? is->pages : 1;
	group->is.perm = is->perm ? is->perm : IOMMUFD_FAULT_READ;
	fillkernel.groups++;
	fillkernel.open++;
	fillkernel_show(faults);
	return fillkernel.groups - 1;
}

int fillkit_raise(const struct fillkit_group *is)
{
	int number;

	fillkernel_lock();
	number = raise_locked(is);
	fillkernel_unlock();
	return number;
}

void fillkit_raise_many(uint32_t device, uint64_t first_page, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		fillkit_raise(&(struct fillkit_group){
			.device = device,
			.index = i,
			.addr = (first_page + i) * 4096,
		});
}

enum fillkit_fate fillkit_fate(int group)
{
	enum fillkit_fate fate;

	fillkernel_lock();
	fate = fillkernel.group[group].fate;
	fillkernel_unlock();
	return fate;
}

uint32_t fillkit_cookie(int group)
{
	return fillkernel.group[group].cookie;
}

unsigned int fillkit_count(enum fillkit_fate fate)
{
	unsigned int n = 0;

	fillkernel_lock();
	for (int i = 0; i < fillkernel.groups; i++)
		n += fillkernel.group[i].fate == fate;
	fillkernel_unlock();
	return n;
}

unsigned int fillkit_open(void)
{
	unsigned int n;

	fillkernel_lock();
	n = fillkernel.open;
	fillkernel_unlock();
	return n;
}

static void settle(struct group *group, enum fillkit_fate fate)
{
	if (group->fate == READ)
		fillkernel.cookie[group->cookie] = NULL;
	group->fate = fate;
	fillkernel.open--;
}

void fillkit_forget(int group)
{
	fillkernel_lock();
	settle(&fillkernel.group[group], ENDED);
	fillkernel_unlock();
}

void fillkernel_end(const struct handle *handle)
{
	for (int i = 0; i < fillkernel.groups; i++)
		if (fillkernel.group[i].handle == handle && fillkernel.group[i].fate <= READ)
			settle(&fillkernel.group[i], ENDED);
}

/* Lowest free first, from 1. */
static uint32_t new_cookie(struct group *group)
{
	uint32_t cookie = 1;

	while (fillkernel.cookie[cookie])
		cookie++;
	fillkernel.cookie[cookie] = group;
	return cookie;
}

static struct iommufd_fault record_of(const struct group *group, uint32_t page)
{
	bool last = page + 1 == group->is.pages;

	return (struct iommufd_fault){
		.flags = (group->is.pasid ? IOMMUFD_FAULT_PASID_VALID : 0) |
			 (last ? IOMMUFD_FAULT_LAST_PAGE : 0) | fillkit_kernel.leak,
		.dev_id = fillkernel.dev_id[group->handle->first],
		.pasid = group->is.pasid,
		.grpid = group->is.index,
		.perm = group->is.perm,
		.addr = group->is.addr + page * UINT64_C(4096),
		.cookie = group->cookie,
	};
}

static ssize_t give_script(struct iommufd_fault *to, size_t records)
{
	size_t size = records * sizeof(*to);

	size = size < fillkernel.script_size ? size : fillkernel.script_size;
	memcpy(to, fillkernel.script, size);
	fillkernel.script = NULL;
	return (ssize_t)size;
}

static ssize_t give(uint32_t faults, struct iommufd_fault *to, size_t records)
{
	size_t done = 0;
	struct group *group;

	if (fillkernel.script)
		return give_script(to, records);
	while ((group = next_group(faults, fillkernel.oldest))) {
		if (group->is.pages > records - done) {
			if (done)
				break;
			return fillkit_kernel.old ? 0 : -EINVAL;
		}
		group->fate = READ;
		group->cookie = new_cookie(group);
		for (uint32_t page = 0; page < group->is.pages; page++)
			to[done++] = record_of(group, page);
	}
	return (ssize_t)(done * sizeof(*to));
}

static uint32_t faults_of(int fd)
{
	for (uint32_t id = 1; id < FILLKERNEL_OBJECTS; id++)
		if (fillkernel.object[id].kind == FAULTS && fillkernel.object[id].fd == fd)
			return id;
	return 0;
}

void (*fillkit_while_reading)(void *arg);
void *fillkit_while_reading_arg;

static bool is_interrupted(void)
{
	if (!fillkit_kernel.interrupt)
		return false;
	fillkit_kernel.interrupt--;
	return true;
}

static ssize_t read_faults(uint32_t faults, void *buffer, size_t size)
{
	ssize_t got;

	if (is_interrupted())
		return -EINTR;
	if (size % sizeof(struct iommufd_fault))
		return -ESPIPE;
	fillkit_kernel.reads++;
	fillkit_kernel.asked = size;
	got = give(faults, buffer, size / sizeof(struct iommufd_fault));
	fillkernel_show(faults);
	return got;
}

/* Long enough for a second reader to come in, if there is one. */
static void linger(void)
{
	void (*call)(void *);

	fillkernel_lock();
	if (++fillkernel.reading > fillkit_kernel.together)
		fillkit_kernel.together = fillkernel.reading;
	fillkernel_unlock();
	call = fillkit_while_reading;
	fillkit_while_reading = NULL;
	if (call)
		call(fillkit_while_reading_arg);
	sched_yield();
	fillkernel_lock();
	fillkernel.reading--;
	fillkernel_unlock();
}

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	uint32_t faults;
	ssize_t got;

	fillkernel_lock();
	faults = faults_of(fd);
	got = faults ? read_faults(faults, buffer, size) : 0;
	fillkernel_unlock();
	if (!faults)
		return __real_read(fd, buffer, size);
	linger();
	errno = got < 0 ? (int)-got : 0;
	return got < 0 ? -1 : got;
}

static bool take_answer(const struct iommufd_response *response)
{
	struct group *group =
		response->cookie < FILLKIT_GROUPS ? fillkernel.cookie[response->cookie] : NULL;

	if (response->code > IOMMUFD_RESPONSE_INVALID || !group) {
		fillkit_kernel.unknown++;
		return false;
	}
	settle(group, response->code ? REFUSED : SUCCEEDED);
	return true;
}

static ssize_t write_answers(const struct iommufd_response *responses, size_t size)
{
	size_t n = size / sizeof(*responses), done = 0;

	if (is_interrupted())
		return -EINTR;
	if (size % sizeof(*responses))
		return -ESPIPE;
	fillkit_kernel.writes++;
	if (fillkit_kernel.at_most && n > fillkit_kernel.at_most)
		n = fillkit_kernel.at_most;
	while (done < n && take_answer(&responses[done]))
		done++;
	return done ? (ssize_t)(done * sizeof(*responses)) : -EINVAL;
}

ssize_t __wrap_write(int fd, const void *buffer, size_t size)
{
	bool faults;
	ssize_t got;

	fillkernel_lock();
	faults = faults_of(fd);
	got = faults ? write_answers(buffer, size) : 0;
	fillkernel_unlock();
	if (!faults)
		return __real_write(fd, buffer, size);
	errno = got < 0 ? (int)-got : 0;
	return got < 0 ? -1 : got;
}

void fillkit_script(const void *bytes, size_t size)
{
	fillkernel_lock();
	fillkernel.script = bytes;
	fillkernel.script_size = size;
	for (uint32_t id = 1; id < FILLKERNEL_OBJECTS; id++)
		if (fillkernel.object[id].kind == FAULTS)
			fillkernel_show(id);
	fillkernel_unlock();
}
