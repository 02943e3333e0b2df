/* SPDX-License-Identifier: MIT */
/*
 * Who forgets a translation: see flush.h. It must not know why a translation goes, nor what a
 * table looks like.
 */
#include "flush.h"

/* What goes. */
struct flush {
	const struct mock_space *space;
	bool (*goes)(const struct iotlb_tag *, const void *flush); /* NULL: the addresses */
	uint32_t pasid;
	uint64_t first;
	uint64_t last;
};

/* Of a cache of translations that the IOMMU made. */
static void drop(struct iotlb *tlb, const struct mock_iommu *iommu, const struct flush *flush)
{
	struct iotlb_tag tag = {
		.space = flush->space,
		.pasid = flush->pasid,
		.shift = (uint16_t)mock_space_shift(flush->space, iommu),
	};

	if (flush->goes)
		iotlb_drop_if(tlb, flush->goes, flush);
	else
		iotlb_drop(tlb, &tag, flush->first, flush->last);
}

static void drop_in_device(struct ioasid_mock_device *device, const struct flush *flush)
{
	if (device->opts.flags & IOASID_MOCK_DEVICE_ATS)
		drop(&device->tlb, device->group->iommu, flush);
}

static void drop_on_route(const struct mock_route *route, const struct flush *flush)
{
	if (route->device) {
		drop_in_device(route->device, flush);
		return;
	}
	list_each(link, &route->group->devices)
		drop_in_device(list_entry(link, struct ioasid_mock_device, mate), flush);
}

static void drop_in_iommus(const struct flush *flush)
{
	const struct mock_space *space = flush->space;

	for (uint32_t i = 0; i < space->reach_count; i++)
		if (space->reach[i].routes)
			drop(&space->reach[i].iommu->tlb, space->reach[i].iommu, flush);
}

static void drop_everywhere(const struct flush *flush)
{
	drop_in_iommus(flush);
	list_each(link, &flush->space->routes)
		drop_on_route(list_entry(link, struct mock_route, link), flush);
}

static bool is_of_space(const struct iotlb_tag *tag, const void *flush)
{
	return tag->space == ((const struct flush *)flush)->space;
}

static bool is_of_pasid(const struct iotlb_tag *tag, const void *flush)
{
	return is_of_space(tag, flush) && tag->pasid == ((const struct flush *)flush)->pasid;
}

static bool is_nested(const struct iotlb_tag *tag, const void *flush)
{
	return !is_of_space(tag, flush) &&
	       space_is_under(tag->space, ((const struct flush *)flush)->space);
}

void mock_flush_range(const struct mock_space *space, uint32_t pasid, uint64_t first, uint64_t last)
{
	drop_everywhere(
		&(struct flush){.space = space, .pasid = pasid, .first = first, .last = last});
}

void mock_flush_pasid(const struct mock_space *space, uint32_t pasid)
{
	drop_everywhere(&(struct flush){.space = space, .goes = is_of_pasid, .pasid = pasid});
}

void mock_flush_space(const struct mock_space *space)
{
	drop_everywhere(&(struct flush){.space = space, .goes = is_of_space});
}

void mock_flush_nested(const struct mock_space *space)
{
	const struct flush flush = {.space = space, .goes = is_nested};
	struct ioasid_mock_device *device;
	uint32_t number = 0;

	drop_in_iommus(&flush);
	while ((device = table_next(&space->owner->devices, &number)))
		drop_in_device(device, &flush);
}

/* By one look at each entry, however many routes there are. */
static bool is_of_device(const struct iotlb_tag *tag, const void *arg)
{
	const struct ioasid_mock_device *device = arg;

	list_each(link, &tag->space->routes)
	{
		const struct mock_route *route = list_entry(link, struct mock_route, link);

		if (route->group == device->group && (!route->device || route->device == device))
			return true;
	}
	return false;
}

static bool is_any(const struct iotlb_tag *tag, const void *arg)
{
	(void)tag;
	(void)arg;
	return true;
}

void mock_flush_device(struct ioasid_mock_device *device)
{
	iotlb_drop_if(&device->group->iommu->tlb, is_of_device, device);
	if (device->opts.flags & IOASID_MOCK_DEVICE_ATS)
		iotlb_drop_if(&device->tlb, is_any, NULL);
}

void mock_flush_route(const struct mock_route *route)
{
	const struct flush flush = {.space = route->space, .goes = is_of_space};

	drop(&route->group->iommu->tlb, route->group->iommu, &flush);
	drop_on_route(route, &flush);
}
