/* SPDX-License-Identifier: MIT */
/*
 * The scene of the tests of tables: see scene.h. Its provider is the self-test devices' own, but
 * for an attach that refuses what an incompatible IOMMU would, or what a test wants refused.
 */
#include "scene.h"
#include "core.h"
#include "ctx.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static struct {
	struct scene *scene;
	bool incompatible, apart;
	unsigned int fail, fails; /* the n-th, and how many */
} provider;

/* The parent's, if it is a nested one. */
static uint32_t root_of(uint32_t pt_id)
{
	list_each(link, &provider.scene->leaf->spaces)
	{
		struct iommufd_space *space = list_entry(link, struct iommufd_space, link);

		list_each(at, &space->tables)
		{
			struct iommufd_table *table =
				list_entry(at, struct iommufd_table, of_space);

			if (table->id == pt_id && table->parent)
				return table->parent->id;
		}
	}
	return pt_id;
}

static bool leads_another(const struct iommufd_device_handle *handle, uint32_t pt_id)
{
	for (int i = 0; i < SCENE_DEVICES; i++) {
		const struct selftest_device *hw = &provider.scene->hw[i];

		if (hw == handle->state)
			continue;
		if (hw->hwpt == pt_id || (provider.apart && root_of(hw->hwpt) == root_of(pt_id)))
			return true;
	}
	return false;
}

static bool fails_now(void)
{
	if (!provider.fail || --provider.fail)
		return false;
	provider.fail = --provider.fails ? 1 : 0;
	return true;
}

static int attach(struct iommufd_device_handle *handle, uint32_t pasid, uint32_t *pt_id)
{
	if (fails_now())
		return error_reason(-EIO, "the test said so");
	if ((provider.incompatible || provider.apart) && leads_another(handle, *pt_id))
		return -EINVAL;
	return selftest_provider.attach(handle, pasid, pt_id);
}

void scene_fail_attach(unsigned int n)
{
	scene_fail_attaches(n, 1);
}

void scene_fail_attaches(unsigned int n, unsigned int count)
{
	provider.fail = n;
	provider.fails = count;
}

static void open_context(struct scene *s)
{
	static struct iommufd_provider own;
	static const struct iommufd_provider *const providers[] = {&own, &iommufd_vfio, NULL};
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	struct backend *be;

	ck_assert_int_ge(fd, 0);
	own = selftest_provider;
	own.attach = attach;
	ck_assert_int_eq(iommufd_new(fd, 0, providers, &be), 0);
	ck_assert_int_eq(ctx_new(be, &s->ctx), 0);
	s->leaf = iommufd_of(be);
}

void scene_bind(struct scene *s, int i)
{
	int fd = selftest_fd(&s->hw[i]);

	ck_assert_int_ge(fd, 0);
	ok(ioasid_device_bind(s->ctx, fd,
		IOASID_OPTS(ioasid_device_opts, .label = (uint64_t)i, .name = i ? "two" : "one"),
		&s->device[i]));
	close(fd);
}

void scene_begin(struct scene *s, uint32_t flags)
{
	memset(s, 0, sizeof(*s));
	memset(&provider, 0, sizeof(provider));
	provider.scene = s;
	provider.incompatible = flags & SCENE_INCOMPATIBLE;
	provider.apart = flags & SCENE_APART;
	s->memory = support_memory(SCENE_PAGES * PAGE, 77);
	open_context(s);
	for (int i = 0; i < SCENE_DEVICES; i++)
		scene_bind(s, i);
}

void scene_end(struct scene *s)
{
	ioasid_close(s->ctx);
	for (int i = 0; i < SCENE_DEVICES; i++)
		ok(ioasid_device_unbind(s->device[i]));
	free(s->memory);
}

struct ioasid_attachment *scene_attach(struct scene *s, int device, struct ioasid_space *space)
{
	struct ioasid_attachment *attachment;

	ok(ioasid_device_attach(s->device[device], space, NULL, &attachment));
	return attachment;
}

void scene_map(struct scene *s, struct ioasid_space *space, uint64_t iova, unsigned int page,
	unsigned int pages)
{
	struct ioasid_map map = {
		.addr = s->memory + page * PAGE,
		.length = pages * PAGE,
		.iova = iova,
		.flags = IOASID_MAP_RW | IOASID_MAP_FIXED,
	};

	ok(ioasid_space_map(space, &map));
}

static struct iommufd_space *find(struct scene *s, const struct ioasid_space *space)
{
	struct iommufd_space *found = iommufd_space(s->leaf, ioasid_space_id(space));

	ck_assert_ptr_nonnull(found);
	return found;
}

unsigned int scene_tables(struct scene *s, const struct ioasid_space *space)
{
	return list_count(&find(s, space)->tables);
}

uint32_t scene_table(struct scene *s, const struct ioasid_space *space, unsigned int n)
{
	list_each(link, &find(s, space)->tables) if (!n--) return list_entry(
		link, struct iommufd_table, of_space)
		->id;
	ck_abort_msg("space %u has no such table", ioasid_space_id(space));
	return 0;
}
