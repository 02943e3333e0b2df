/* SPDX-License-Identifier: MIT */
/*
 * The kernel and the devices of tests of tables: see tablekit.h. A table is never destroyed before
 * what is nested on it, and nothing is used after its end.
 */
#include "tablekit.h"
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#define OBJECTS 64

struct tablekit tablekit;

static struct object objects[OBJECTS];

static uint32_t new_object(uint32_t over)
{
	ck_assert_uint_lt(tablekit.objects, OBJECTS);
	objects[tablekit.objects] = (struct object){.alive = true,
		.over = over,
		.handles = UINT_MAX,
		.no_start = tablekit.no_start_of_new};
	return tablekit.objects++;
}

struct object *tablekit_object(uint32_t id)
{
	ck_assert_uint_lt(id, tablekit.objects);
	ck_assert_msg(objects[id].alive, "object %u is gone", id);
	return &objects[id];
}

bool tablekit_alive(uint32_t id)
{
	return id < tablekit.objects && objects[id].alive;
}

struct object *tablekit_table(int device)
{
	ck_assert_uint_ne(tablekit.led[device], 0);
	return tablekit_object(tablekit.led[device]);
}

static int kernel_invalidate(struct iommufd_hwpt_invalidate *call)
{
	struct object *table = tablekit_object(call->hwpt_id);
	unsigned int wanted = call->entry_num;

	table->calls++;
	call->entry_num = wanted < table->handles ? wanted : table->handles;
	table->handled += call->entry_num;
	if (table->handles != UINT_MAX)
		table->handles -= call->entry_num;
	return call->entry_num < wanted && !table->silent ? -ETIMEDOUT : 0;
}

static int kernel_track(const struct iommufd_hwpt_set_dirty_tracking *call)
{
	struct object *table = tablekit_object(call->hwpt_id);

	if (call->flags && table->no_start)
		return table->no_start;
	table->tracks = call->flags;
	return 0;
}

static int kernel_notes(const struct iommufd_hwpt_get_dirty_bitmap *call)
{
	struct object *table = tablekit_object(call->hwpt_id);

	ck_assert(table->tracks);
	ck_assert_uint_eq(call->page_size, PAGE);
	if (table->no_read)
		return table->no_read;
	*(uint64_t *)(uintptr_t)call->data |= table->notes;
	if (!(call->flags & IOMMUFD_DIRTY_NO_CLEAR))
		table->notes = 0;
	return 0;
}

static int kernel_destroy(const struct iommufd_destroy *call)
{
	for (uint32_t i = 0; i < tablekit.objects; i++)
		ck_assert_msg(!objects[i].alive || objects[i].over != call->id,
			"%u is destroyed before %u", call->id, i);
	tablekit_object(call->id)->alive = false;
	return 0;
}

static int kernel_ranges(struct iommufd_ioas_iova_ranges *call)
{
	struct iommufd_iova_range *range = (void *)(uintptr_t)call->allowed_iovas;
	uint32_t room = call->num_iovas;

	call->num_iovas = 1;
	call->out_iova_alignment = PAGE;
	if (!room)
		return -EMSGSIZE;
	*range = (struct iommufd_iova_range){0, UINT64_MAX};
	return 0;
}

static int kernel_call(unsigned long number, void *arg)
{
	if (*(uint32_t *)arg == 4)
		return -EINVAL; /* somebody asks whether there is such a call */
	switch (number) {
	case IOMMUFD_IOAS_ALLOC:
		((struct iommufd_ioas_alloc *)arg)->out_ioas_id = new_object(0);
		return 0;
	case IOMMUFD_IOAS_IOVA_RANGES:
		return kernel_ranges(arg);
	case IOMMUFD_HWPT_ALLOC:
		((struct iommufd_hwpt_alloc *)arg)->out_hwpt_id =
			new_object(((struct iommufd_hwpt_alloc *)arg)->pt_id);
		return 0;
	case IOMMUFD_HWPT_INVALIDATE:
		return kernel_invalidate(arg);
	case IOMMUFD_HWPT_SET_DIRTY_TRACKING:
		return kernel_track(arg);
	case IOMMUFD_HWPT_GET_DIRTY_BITMAP:
		return kernel_notes(arg);
	case IOMMUFD_DESTROY:
		return kernel_destroy(arg);
	default:
		return number == IOMMUFD_OPTION || number == IOMMUFD_IOAS_MAP ? 0 : -ENOTTY;
	}
}

int __wrap_ioctl(int fd, unsigned long number, ...);

int __wrap_ioctl(int fd, unsigned long number, ...)
{
	va_list more;
	int result;

	(void)fd;
	va_start(more, number);
	result = kernel_call(number, va_arg(more, void *));
	va_end(more);
	if (result < 0)
		errno = -result;
	return result < 0 ? -1 : result;
}

/* Devices that lead to a table of their own each. */

static int own_bind(struct iommufd_device_handle *handle, struct backend_device *is)
{
	handle->dev_id = new_object(0);
	is->group = handle->dev_id;
	is->group_size = 1;
	for (int i = 0; i < DEVICES && !handle->state; i++)
		if (tablekit.led[i] == UINT32_MAX)
			handle->state = &tablekit.led[i];
	*(uint32_t *)handle->state = 0;
	return 0;
}

static void own_unbind(struct iommufd_device_handle *handle)
{
	(void)handle;
}

static int own_attach(struct iommufd_device_handle *handle, uint32_t pasid, uint32_t *pt_id)
{
	ck_assert_uint_eq(pasid, IOASID_PASID_NONE);
	for (int i = 0; i < DEVICES; i++)
		if (&tablekit.led[i] != handle->state && tablekit.led[i] == *pt_id &&
			tablekit_object(*pt_id)->over)
			return -EINVAL;
	if (tablekit.stuck && handle->state == &tablekit.led[DEVICES - 1])
		return error_reason(tablekit.stuck, "it is stuck");
	*(uint32_t *)handle->state = *pt_id;
	return 0;
}

static int own_detach(struct iommufd_device_handle *handle, uint32_t pasid)
{
	(void)pasid;
	*(uint32_t *)handle->state = 0;
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
	ck_assert_uint_eq(table->addr, 0x3000);
	data->type = 1;
	data->entry_length = 32;
	memset(data->entries, 0, (size_t)n * 32);
	for (unsigned int i = 0; i < n; i++)
		if (list[i].addr == REFUSED)
			return error_reason(-EOPNOTSUPP, "no words for it");
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

static void open_context(struct scene *s)
{
	static const struct iommufd_provider *const providers[] = {&own_provider, NULL};
	struct backend *be;

	memset(objects, 0, sizeof(objects));
	memset(tablekit.led, 0xff, sizeof(tablekit.led));
	tablekit.objects = 1;
	ck_assert_int_eq(iommufd_new(dup(0), 0, providers, &be), 0);
	ck_assert_int_eq(ctx_new(be, &s->ctx), 0);
}

void scene_begin(struct scene *s, bool children)
{
	memset(s, 0, sizeof(*s));
	open_context(s);
	ok(ioasid_space_new(s->ctx,
		IOASID_OPTS(ioasid_space_opts,
			.flags = IOASID_SPACE_NEST_PARENT | IOASID_SPACE_DIRTY_TRACKING),
		&s->gpa));
	ok(ioasid_space_new_nested(s->gpa, NULL, &s->giova));
	for (int i = 0; i < DEVICES; i++) {
		ok(ioasid_device_bind(s->ctx, 0, NULL, &s->device[i]));
		ok(ioasid_device_attach(s->device[i], s->gpa, NULL, &s->below[i]));
		if (children)
			ok(ioasid_device_attach(s->device[i], s->giova, NULL, &s->above[i]));
	}
}

void scene_end(struct scene *s)
{
	unsigned int alive = 0;

	ioasid_close(s->ctx);
	for (int i = 0; i < DEVICES; i++) {
		ok(ioasid_attachment_detach(s->above[i]));
		ok(ioasid_attachment_detach(s->below[i]));
		ok(ioasid_device_unbind(s->device[i]));
	}
	ok(ioasid_space_destroy(s->giova));
	ok(ioasid_space_destroy(s->gpa));
	for (uint32_t i = 1; i < tablekit.objects; i++)
		alive += objects[i].alive;
	ck_assert_uint_eq(alive, DEVICES); /* which are not ours to destroy */
}
