/* SPDX-License-Identifier: MIT */
/*
 * Random attaches, detaches, replaces, bound tables and notes of written pages, over a kernel that
 * refuses one call in ten, for two groups of two devices. After each step the leaf's routes are
 * those of the kernel, users of tables are counted right, and no table is left behind.
 */
#include "routekit.h"
#include <ioasid/pgtable.h>

#define SPACES   6
#define CHILDREN 3 /* the last of the spaces */
#define HANDLES  12

struct model {
	struct ioasid_ctx *ctx;
	struct iommufd *leaf;
	struct ioasid_space *space[SPACES];
	struct ioasid_device *device[DEVICES];
	struct ioasid_attachment *route[HANDLES]; /* NULL: none */
	unsigned int seed;
	const char *step;
	bool lost; /* a device could not go back: it may lead elsewhere than its space says */
};

static unsigned int roll(struct model *m, unsigned int below)
{
	m->seed = m->seed * 1103515245u + 12345u;
	return (m->seed >> 16) % below;
}

static struct ioasid_space *any_space(struct model *m)
{
	return m->space[roll(m, SPACES)];
}

static struct ioasid_space *any_child(struct model *m)
{
	return m->space[SPACES - 1 - roll(m, CHILDREN)];
}

/* ---- what must hold ---- */

static void check_route(struct model *m, int device, const struct iommufd_route *route)
{
	const struct iommufd_table *table = route->table;
	uint32_t leads = table ? table->id : route->space->id;

	ck_assert_msg(routekit.led[device][0] == leads, "%s: device %d leads to %u, not %u",
		m->step, device, routekit.led[device][0], leads);
	if (!m->lost)
		ck_assert_msg((table && table->parent) == !!route->space->bound.size,
			"%s: device %d, and what is bound", m->step, device);
}

static void check_device(struct model *m, struct iommufd_device *device)
{
	int number = routekit_device(device->is.id);
	struct iommufd_route *route = iommufd_route(device, IOASID_PASID_NONE);

	if (route)
		check_route(m, number, route);
	else
		ck_assert_uint_eq(routekit.led[number][0], 0);
}

static uint32_t routes_to(struct model *m, const struct iommufd_table *table)
{
	uint32_t n = 0;

	list_each(link, &m->leaf->devices)
	{
		struct iommufd_route *route = iommufd_route(
			list_entry(link, struct iommufd_device, link), IOASID_PASID_NONE);

		n += route && route->table == table;
	}
	return n;
}

static uint32_t tables_over(const struct iommufd_space *space, const struct iommufd_table *table)
{
	uint32_t n = 0;

	list_each(link, &space->tables)
	{
		n += list_entry(link, struct iommufd_table, of_space)->parent == table;
	}
	return n;
}

static void check_table(struct model *m, const struct iommufd_table *table)
{
	uint32_t users = routes_to(m, table);

	list_each(link, &m->leaf->spaces)
	{
		users += tables_over(list_entry(link, struct iommufd_space, link), table);
	}
	ck_assert_msg(users == table->users, "%s: table %u has %u users, not %u", m->step,
		table->id, users, table->users);
	ck_assert_msg(users || table->space->dirty, "%s: table %u is left", m->step, table->id);
	if (!table->parent)
		ck_assert_msg(routekit_tracks(table->id) == table->space->dirty,
			"%s: table %u notes, or not", m->step, table->id);
}

static void check_tables(struct model *m, const struct iommufd_space *space)
{
	list_each(link, &space->tables)
	{
		check_table(m, list_entry(link, struct iommufd_table, of_space));
	}
}

static void check_all(struct model *m)
{
	list_each(link, &m->leaf->devices)
	{
		check_device(m, list_entry(link, struct iommufd_device, link));
	}
	list_each(link, &m->leaf->spaces)
	{
		check_tables(m, list_entry(link, struct iommufd_space, link));
	}
}

/* ---- what is done ---- */

static int do_attach(struct model *m, struct ioasid_attachment **route)
{
	m->step = "attach";
	return *route ? 0
		      : ioasid_device_attach(
				m->device[roll(m, DEVICES)], any_space(m), NULL, route);
}

static int do_detach(struct model *m, struct ioasid_attachment **route)
{
	int err = ioasid_attachment_detach(*route);

	m->step = "detach";
	if (!err)
		*route = NULL;
	return err;
}

static int do_replace(struct model *m, struct ioasid_attachment **route)
{
	m->step = "replace";
	return *route ? ioasid_attachment_replace(*route, any_space(m)) : 0;
}

static int do_bind(struct model *m)
{
	m->step = "bind";
	return routekit_bind_table(any_child(m), roll(m, 2) ? 0x3000 : 0x4000);
}

static int do_unbind(struct model *m)
{
	m->step = "unbind";
	return ioasid_space_unbind_pgtable(any_child(m));
}

static int do_notes(struct model *m, bool start)
{
	m->step = start ? "start" : "stop";
	return start ? ioasid_space_dirty_start(any_space(m))
		     : ioasid_space_dirty_stop(any_space(m));
}

static int do_any(struct model *m)
{
	struct ioasid_attachment **route = &m->route[roll(m, HANDLES)];
	unsigned int what = roll(m, 9);

	if (what < 3)
		return do_attach(m, route);
	if (what == 3)
		return do_detach(m, route);
	if (what == 4)
		return do_replace(m, route);
	if (what == 5)
		return do_bind(m);
	return what == 6 ? do_unbind(m) : do_notes(m, what == 7);
}

static void model_begin(struct model *m, const struct routekit *kernel)
{
	const struct ioasid_space_opts *parent = IOASID_OPTS(
		ioasid_space_opts, .flags = IOASID_SPACE_NEST_PARENT | IOASID_SPACE_DIRTY_TRACKING);

	routekit_open(kernel, &m->ctx);
	m->leaf = routekit_leaf(m->ctx);
	ok(ioasid_space_new(m->ctx, parent, &m->space[0]));
	ok(ioasid_space_new(m->ctx, parent, &m->space[1]));
	ok(ioasid_space_new(m->ctx, NULL, &m->space[2]));
	ok(ioasid_space_new_nested(m->space[0], NULL, &m->space[3]));
	ok(ioasid_space_new_nested(m->space[0], NULL, &m->space[4]));
	ok(ioasid_space_new_nested(m->space[1],
		IOASID_OPTS(ioasid_space_opts, .flags = IOASID_SPACE_DIRTY_TRACKING),
		&m->space[5]));
	for (int i = 0; i < DEVICES; i++)
		m->device[i] = routekit_bind(m->ctx);
	routekit.fails = 100;
	routekit.seed = m->seed;
}

static void model_end(struct model *m)
{
	routekit.fails = 0;
	ioasid_close(m->ctx);
	for (int i = 0; i < HANDLES; i++)
		ok(ioasid_attachment_detach(m->route[i]));
	for (int i = 0; i < DEVICES; i++)
		ok(ioasid_device_unbind(m->device[i]));
	for (int i = SPACES - 1; i >= 0; i--)
		ok(ioasid_space_destroy(m->space[i]));
	routekit_empty();
}

static const struct routekit kernels[] = {
	{.mates = 2}, {.mates = 2, .incompatible = true}, {.mates = 2, .pasid_bits = 16}};

START_TEST(the_leaf_knows_where_devices_lead_whatever_fails)
{
	unsigned int failed = 0;

	for (unsigned long round = support_rounds(100); round; round--) {
		struct model m = {.seed = (unsigned int)round * 7919u};

		model_begin(&m, &kernels[_i]);
		for (int i = 0; i < 200; i++) {
			int err = do_any(&m);

			m.lost |= err == -EIO;
			check_all(&m);
		}
		failed += routekit.failed;
		model_end(&m);
	}
	ck_assert_uint_gt(failed, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lead model");
	TCase *tcase = support_case(suite, "model");

	tcase_add_loop_test(tcase, the_leaf_knows_where_devices_lead_whatever_fails, 0, 3);
	return support_run(suite);
}
