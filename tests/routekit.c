/* SPDX-License-Identifier: MIT */
/*
 * The kernel and the devices of tests of routes: see routekit.h. One lock makes each call a step;
 * what breaks a rule that the library is to keep ends the test.
 */
#include "routekit.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define OBJECTS 16384

enum kind { NOTHING, IOAS, TABLE, DEVICE, QUEUE };

struct object {
	enum kind kind;
	uint32_t over;      /* of a table: its IOAS or its parent */
	unsigned int group; /* that a table was made for */
	bool pasids, tracks, mapped;
};

struct routekit routekit;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct object objects[OBJECTS];
static uint32_t made;             /* numbers are not given twice */
static uint32_t numbers[DEVICES]; /* of devices */
static int bound;

static uint32_t new_object(struct object object)
{
	ck_assert_uint_lt(++made, OBJECTS);
	objects[made] = object;
	return made;
}

static struct object *object_of(uint32_t id, enum kind kind)
{
	ck_assert_uint_le(id, made);
	ck_assert_msg(objects[id].kind == kind, "object %u is of kind %d", id, objects[id].kind);
	return &objects[id];
}

int routekit_device(uint32_t id)
{
	for (int i = 0; i < bound; i++)
		if (numbers[i] == id)
			return i;
	ck_abort_msg("%u is no device", id);
	return 0;
}

bool routekit_pasids(uint32_t table)
{
	return table && object_of(table, TABLE)->pasids;
}

bool routekit_tracks(uint32_t table)
{
	return object_of(table, TABLE)->tracks;
}

static unsigned int group_of(int device)
{
	return (unsigned int)device / (routekit.mates ? routekit.mates : 1);
}

/* 0, or the error that it fails with, whatever it was to do. */
static int refuse(void)
{
	routekit.seed = routekit.seed * 1103515245u + 12345u;
	if ((routekit.seed >> 16) % 1000 >= routekit.fails)
		return 0;
	routekit.failed++;
	return routekit.seed >> 30 & 1 ? -ENOMEM : -EINVAL;
}

/* What the kernel does. */

static int kernel_destroy(const struct iommufd_destroy *call)
{
	ck_assert_uint_le(call->id, made);
	ck_assert_msg(objects[call->id].kind != NOTHING, "%u is destroyed twice", call->id);
	for (int i = 0; i < DEVICES; i++)
		ck_assert_msg(routekit.led[i][0] != call->id && routekit.led[i][1] != call->id,
			"%u is destroyed, and device %d leads there", call->id, i);
	for (uint32_t i = 1; i <= made; i++)
		ck_assert_msg(objects[i].kind != TABLE || objects[i].over != call->id,
			"%u is destroyed before %u", call->id, i);
	objects[call->id].kind = NOTHING;
	return 0;
}

static int kernel_table(struct iommufd_hwpt_alloc *call)
{
	const struct object *over = object_of(call->pt_id, call->data_len ? TABLE : IOAS);
	struct object table = {.kind = TABLE, .over = call->pt_id};
	int err = refuse();

	table.group = call->data_len ? over->group : group_of(routekit_device(call->dev_id));
	table.pasids = call->flags & IOMMUFD_HWPT_PASID;
	if (table.pasids && (!routekit.pasid_bits || call->flags & routekit.no_pasids_with))
		return -EOPNOTSUPP;
	if (!err)
		call->out_hwpt_id = new_object(table);
	return err;
}

static int kernel_queue(struct iommufd_fault_queue_alloc *call)
{
	call->out_fault_id = new_object((struct object){.kind = QUEUE});
	call->out_fault_fd = (uint32_t)eventfd(0, EFD_CLOEXEC);
	return 0;
}

static int kernel_track(const struct iommufd_hwpt_set_dirty_tracking *call)
{
	struct object *table = object_of(call->hwpt_id, TABLE);
	int err = call->flags ? refuse() : 0;

	ck_assert_int_eq(objects[table->over].kind, IOAS);
	if (!err)
		table->tracks = call->flags;
	return err;
}

/* The device that reserves something has done so only where it is. */
static int kernel_ranges(struct iommufd_ioas_iova_ranges *call)
{
	struct iommufd_iova_range *range = (void *)(uintptr_t)call->allowed_iovas;
	uint32_t room = call->num_iovas;
	bool cut = routekit.reserves && routekit.led[routekit.reserves - 1][0] == call->ioas_id;

	call->num_iovas = 1;
	call->out_iova_alignment = PAGE;
	if (!room)
		return -EMSGSIZE;
	*range = (struct iommufd_iova_range){cut ? RESERVED : 0, UINT64_MAX};
	return 0;
}

static int kernel_map(const struct iommufd_ioas_map *call)
{
	object_of(call->ioas_id, IOAS)->mapped = true;
	return 0;
}

static int kernel_make(unsigned long number, void *arg)
{
	switch (number) {
	case IOMMUFD_IOAS_ALLOC:
		((struct iommufd_ioas_alloc *)arg)->out_ioas_id =
			new_object((struct object){.kind = IOAS});
		return 0;
	case IOMMUFD_HWPT_ALLOC:
		return kernel_table(arg);
	case IOMMUFD_FAULT_QUEUE_ALLOC:
		return kernel_queue(arg);
	case IOMMUFD_DESTROY:
		return kernel_destroy(arg);
	default:
		return number == IOMMUFD_OPTION || number == IOMMUFD_HWPT_INVALIDATE ||
				       number == IOMMUFD_HWPT_GET_DIRTY_BITMAP
			       ? 0
			       : -ENOTTY;
	}
}

static int kernel_call(unsigned long number, void *arg)
{
	if (*(uint32_t *)arg == 4)
		return -EINVAL; /* somebody asks whether there is such a call */
	switch (number) {
	case IOMMUFD_GET_HW_INFO:
		((struct iommufd_get_hw_info *)arg)->out_max_pasid_log2 =
			(uint8_t)routekit.pasid_bits;
		return 0;
	case IOMMUFD_HWPT_SET_DIRTY_TRACKING:
		return kernel_track(arg);
	case IOMMUFD_IOAS_IOVA_RANGES:
		return kernel_ranges(arg);
	case IOMMUFD_IOAS_MAP:
		return kernel_map(arg);
	default:
		return kernel_make(number, arg);
	}
}

static int meanwhile(unsigned long number)
{
	return routekit.meanwhile ? routekit.meanwhile(number) : 0;
}

int __wrap_ioctl(int fd, unsigned long number, ...);

int __wrap_ioctl(int fd, unsigned long number, ...)
{
	va_list more;
	void *arg;
	int err;

	(void)fd;
	va_start(more, number);
	arg = va_arg(more, void *);
	va_end(more);
	err = meanwhile(number);
	if (!err) {
		pthread_mutex_lock(&lock);
		err = kernel_call(number, arg);
		pthread_mutex_unlock(&lock);
	}
	if (err)
		errno = -err;
	return err ? -1 : 0;
}

/* Devices: handle->state is where one leads. */

static int own_bind(struct iommufd_device_handle *handle, struct backend_device *is)
{
	ck_assert_int_lt(bound, DEVICES);
	handle->dev_id = numbers[bound] = new_object((struct object){.kind = DEVICE});
	is->group = 1 + group_of(bound++);
	is->group_size = routekit.mates ? routekit.mates : 1;
	if (routekit.requests) {
		is->flags |= IOASID_DEVICE_PAGE_REQUESTS;
		is->credits = is->group_pages = 8;
	}
	return 0;
}

static void own_unbind(struct iommufd_device_handle *handle)
{
	(void)handle;
}

static bool is_mate(int device, int other)
{
	return group_of(device) == group_of(other);
}

/* Beside routes of PASIDs that by default leads to a table for them, too. */
static int check_pasids(int device, bool with_pasid, uint32_t pt_id)
{
	bool beside = false;

	for (int i = 0; i < DEVICES; i++)
		if (is_mate(i, device) && routekit.led[i][!with_pasid])
			beside |= !with_pasid || !objects[routekit.led[i][0]].pasids;
	return (with_pasid || beside) && (!objects[pt_id].pasids || (with_pasid && beside))
		       ? -EINVAL
		       : 0;
}

static int check_maps(int device, uint32_t pt_id)
{
	while (objects[pt_id].over)
		pt_id = objects[pt_id].over;
	return device + 1 == (int)routekit.reserves && objects[pt_id].mapped ? -EADDRINUSE : 0;
}

static int check_attach(int device, bool with_pasid, uint32_t pt_id)
{
	const struct object *to = &objects[pt_id];
	int err;

	ck_assert_msg(to->kind == IOAS || to->kind == TABLE, "a route to %u", pt_id);
	if (routekit.incompatible && to->kind == TABLE && to->group != group_of(device))
		return -EINVAL;
	for (int i = 0; i < DEVICES && !routekit.led[device][with_pasid]; i++)
		if (is_mate(i, device) && routekit.led[i][with_pasid] &&
			routekit.led[i][with_pasid] != pt_id)
			return -EINVAL; /* the group leads elsewhere */
	err = check_pasids(device, with_pasid, pt_id);
	if (!err)
		err = check_maps(device, pt_id);
	return err ? err : refuse();
}

/* One that is attached takes its mates along. */
static void lead(int device, bool with_pasid, uint32_t pt_id)
{
	for (int i = 0; i < DEVICES; i++)
		if (is_mate(i, device) && routekit.led[i][with_pasid])
			routekit.led[i][with_pasid] = pt_id;
	routekit.led[device][with_pasid] = pt_id;
}

static int own_attach(struct iommufd_device_handle *handle, uint32_t pasid, uint32_t *pt_id)
{
	int device = routekit_device(handle->dev_id), err = meanwhile(ATTACH);
	bool with_pasid = pasid != IOASID_PASID_NONE;

	if (err)
		return err;
	pthread_mutex_lock(&lock);
	err = check_attach(device, with_pasid, *pt_id);
	if (!err)
		lead(device, with_pasid, *pt_id);
	pthread_mutex_unlock(&lock);
	return err;
}

static int own_detach(struct iommufd_device_handle *handle, uint32_t pasid)
{
	pthread_mutex_lock(&lock);
	routekit.led[routekit_device(handle->dev_id)][pasid != IOASID_PASID_NONE] = 0;
	pthread_mutex_unlock(&lock);
	return 0;
}

static uint32_t own_formats(struct iommufd_device_handle *handle, uint32_t *addr_width)
{
	(void)handle;
	*addr_width = 48;
	return 1u << IOASID_PGTABLE_VTD_S1;
}

static int own_table(const struct ioasid_pgtable *table, struct iommufd_table_data *data)
{
	(void)table;
	*data = (struct iommufd_table_data){.type = 1, .length = 8};
	return 0;
}

static int own_invalidation(const struct ioasid_pgtable *table,
	const struct ioasid_invalidation *list, unsigned int n,
	struct iommufd_invalidation_data *data)
{
	(void)table;
	(void)list;
	data->type = 1;
	data->entry_length = 32;
	memset(data->entries, 0, (size_t)n * 32);
	return 0;
}

static const struct iommufd_provider own_provider = {
	.name = "own",
	.bind = own_bind,
	.unbind = own_unbind,
	.attach = own_attach,
	.detach = own_detach,
	.formats = own_formats,
	.table_data = own_table,
	.invalidation_data = own_invalidation,
};

void routekit_open(const struct routekit *kernel, struct ioasid_ctx **ctx)
{
	static const struct iommufd_provider *const providers[] = {&own_provider, NULL};
	struct backend *be;

	memset(objects, 0, sizeof(objects));
	made = 0;
	bound = 0;
	routekit = *kernel;
	ck_assert_int_eq(iommufd_new(dup(0), 0, providers, &be), 0);
	ck_assert_int_eq(ctx_new(be, ctx), 0);
}

struct ioasid_device *routekit_bind(struct ioasid_ctx *ctx)
{
	struct ioasid_device *device;

	ok(ioasid_device_bind(ctx, 0, NULL, &device));
	return device;
}

struct iommufd *routekit_leaf(const struct ioasid_ctx *ctx)
{
	return iommufd_of(ctx->be);
}

int routekit_bind_table(struct ioasid_space *space, uint64_t addr)
{
	return ioasid_space_bind_pgtable(
		space, IOASID_OPTS(ioasid_pgtable, .format = IOASID_PGTABLE_VTD_S1, .addr = addr,
			       .addr_width = 48));
}

void routekit_empty(void)
{
	for (uint32_t i = 1; i <= made; i++)
		ck_assert_msg(objects[i].kind == NOTHING || objects[i].kind == DEVICE,
			"object %u of kind %d is left", i, objects[i].kind);
}
