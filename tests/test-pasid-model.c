/* SPDX-License-Identifier: MIT */
/*
 * What the seam promises of PASID tables, whatever the caller does: long random streams of attach,
 * detach, replace, bind and unbind, over a backend that keeps its own books of what it was told and
 * checks each call against the promise before it believes it; some calls it fails. Fixed seeds.
 */
#include "guestkit.h"

#define SPACES  7
#define DEVICES 3 /* the first two share an IOMMU group */
#define PASIDS  3 /* number 0 is none */
#define ROUTES  (DEVICES * PASIDS)
#define STACK   4
#define QUEUES  2
#define NOWHERE (-1)

static const int parent_of[SPACES] = {NOWHERE, 0, 0, 0, NOWHERE, 4, 1};
static const uint32_t flags_of[SPACES] = {
	[0] = IOASID_SPACE_NEST_PARENT, [4] = IOASID_SPACE_NEST_PARENT};

enum kind { NO_TABLE, PAGES_TABLE, PASID_TABLE };

struct model {
	struct fakeleaf *leaf;
	struct ioasid_ctx *ctx;
	struct ioasid_faultq queues[QUEUES];
	struct ioasid_space *space[SPACES];
	struct ioasid_device *device[DEVICES];
	struct ioasid_attachment *stack[ROUTES][STACK];
	int count[ROUTES];
	/* the backend's books */
	int led[DEVICES][PASIDS];
	enum kind table[SPACES];
	uint64_t random;
	unsigned long done, refused, tables, tracked;
};

static int draw(struct model *m, int below)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return (int)(m->random % (uint64_t)below);
}

static uint32_t pasid(int number)
{
	return number ? (uint32_t)number : IOASID_PASID_NONE;
}

/* ---- the backend's side ---- */

static int space_number(const struct model *m, uint32_t id)
{
	for (int i = 0; i < SPACES; i++)
		if (m->space[i]->id == id)
			return i;
	return NOWHERE;
}

static bool is_mate(const struct model *m, int one, int other)
{
	return one == other ||
	       (one + other == 1 && !backend_has(&m->leaf->base, IOASID_EXT_GROUP_STRICT));
}

/* Where a PASID table is, no answer to any queue is on its way. */
static void check_stopped(struct model *m)
{
	for (int i = 0; i < QUEUES; i++)
		ck_assert_int_eq(pthread_rwlock_tryrdlock(&m->queues[i].guard), EBUSY);
}

static bool any_pasid_table(const struct model *m)
{
	for (int i = 0; i < SPACES; i++)
		if (m->table[i] == PASID_TABLE)
			return true;
	return false;
}

/* Of the PASIDs of a device, and of those led with it: all lead to children of this parent. */
static void check_tracked(const struct model *m, int device, int parent)
{
	for (int mate = 0; mate < DEVICES; mate++)
		for (int i = 1; i < PASIDS && is_mate(m, device, mate); i++)
			ck_assert(m->led[mate][i] == NOWHERE ||
				  (parent_of[m->led[mate][i]] == parent &&
					  m->table[m->led[mate][i]] != PASID_TABLE));
}

static void check_books(struct model *m)
{
	for (int device = 0; device < DEVICES; device++) {
		int space = m->led[device][0];

		if (space != NOWHERE && m->table[space] == PASID_TABLE)
			check_tracked(m, device, parent_of[space]);
		for (int i = 1; i < PASIDS; i++)
			ck_assert(m->led[device][i] == NOWHERE ||
				  m->table[m->led[device][i]] != PASID_TABLE);
	}
}

static void moved(void *arg)
{
	struct model *m = arg;
	int device = 0,
	    route = m->leaf->route.pasid == IOASID_PASID_NONE ? 0 : (int)m->leaf->route.pasid;
	int space = m->leaf->led ? space_number(m, m->leaf->led) : NOWHERE;
	bool is_new;

	while (m->device[device]->is.id != m->leaf->route.device)
		device++;
	is_new = m->led[device][route] == NOWHERE;
	if (any_pasid_table(m) && !is_new)
		check_stopped(m);
	for (int mate = 0; mate < DEVICES && !is_new && space != NOWHERE; mate++)
		if (is_mate(m, device, mate) && m->led[mate][route] != NOWHERE)
			m->led[mate][route] = space;
	m->led[device][route] = space;
	check_books(m);
}

static void table_changes(void *arg)
{
	struct model *m = arg;
	int space = space_number(m, m->leaf->space);
	bool comes = m->table[space] == NO_TABLE;

	if (comes ? m->leaf->bind_fails : m->leaf->unbind_fails)
		return;
	if (any_pasid_table(m) || (comes && m->leaf->pasids))
		check_stopped(m);
	if (comes)
		ck_assert_int_eq(space_number(m, m->leaf->parent), parent_of[space]);
	m->table[space] = !comes ? NO_TABLE : m->leaf->pasids ? PASID_TABLE : PAGES_TABLE;
	check_books(m);
}

/* ---- the caller's side ---- */

/* Mostly one of the tree in which most happens. */
static struct ioasid_space *pick(struct model *m)
{
	return m->space[draw(m, draw(m, 8) ? 4 : SPACES)];
}

/* By default often to the parent of that tree, and over it to a child. */
static int attach(struct model *m, int route)
{
	struct ioasid_attachment **end = &m->stack[route][m->count[route]];
	bool on_purpose = !(route % PASIDS) && draw(m, 2);
	struct ioasid_space *space =
		on_purpose ? m->space[m->count[route] ? 1 + draw(m, 3) : 0] : pick(m);
	int err = guest_attach(m->device[route / PASIDS], space, pasid(route % PASIDS), end);

	m->count[route] += !err;
	return err;
}

static int detach(struct model *m, int route)
{
	int err = -ENOENT;

	if (m->count[route])
		err = ioasid_attachment_detach(m->stack[route][m->count[route] - 1]);
	m->count[route] -= !err;
	return err;
}

static int replace(struct model *m, int route)
{
	struct ioasid_space *space;

	if (!m->count[route])
		return -ENOENT;
	space = pick(m); /* drawn in an order that is no compiler's choice */
	return ioasid_attachment_replace(m->stack[route][draw(m, m->count[route])], space);
}

static int bind_pasids(struct model *m, int route)
{
	(void)route;
	return ioasid_space_bind_pasid_table(pick(m), &guest_pasids);
}

static int bind_pages(struct model *m, int route)
{
	(void)route;
	return ioasid_space_bind_pgtable(pick(m), &guest_vtd);
}

static int unbind(struct model *m, int route)
{
	struct ioasid_space *space = pick(m);

	return route % 2 ? ioasid_space_unbind_pgtable(space)
			 : ioasid_space_unbind_pasid_table(space);
}

static int (*const kinds[])(struct model *, int route) = {
	attach, attach, attach, detach, replace, bind_pasids, bind_pages, unbind, unbind};

/* The core's own view agrees with the backend's. */
static void check_core(struct model *m)
{
	unsigned int tables = 0;

	for (int i = 0; i < SPACES; i++) {
		tables += m->space[i]->pasids;
		ck_assert_int_eq(m->space[i]->pasids, m->table[i] == PASID_TABLE);
		ck_assert_int_eq(!m->space[i]->table.size, m->table[i] == NO_TABLE);
	}
	ck_assert_uint_eq(m->ctx->pasid_tables, tables);
	for (int route = 0; route < ROUTES; route++) {
		int led = m->led[route / PASIDS][route % PASIDS];

		ck_assert_int_eq(led == NOWHERE, m->count[route] == 0);
		if (!m->count[route])
			continue;
		ck_assert_ptr_eq(m->space[led],
			route_leads(m->device[route / PASIDS], pasid(route % PASIDS), NULL));
		m->tracked += pasid_is_tracked(m->stack[route][0]);
	}
	m->tables += tables;
	for (int i = 0; i < QUEUES; i++) {
		ck_assert_int_eq(pthread_rwlock_trywrlock(&m->queues[i].guard), 0);
		pthread_rwlock_unlock(&m->queues[i].guard);
	}
}

static void step(struct model *m)
{
	int route = draw(m, ROUTES), which = draw(m, sizeof(kinds) / sizeof(kinds[0])), err;
	int *failing[] = {&m->leaf->move_fails, &m->leaf->bind_fails, &m->leaf->unbind_fails};

	if (m->count[route] == STACK)
		which = 3;
	if (!draw(m, 10))
		*failing[draw(m, 3)] = -ENOMEM;
	err = kinds[which](m, route);
	ck_assert_msg(!err || err == -EBUSY || err == -EINVAL || err == -EEXIST || err == -ENOENT ||
			      err == -ENOMEM || err == -EDEADLK,
		"%d: %s", err, ioasid_last_error());
	for (int i = 0; i < 3; i++)
		*failing[i] = 0;
	m->done += !err;
	m->refused += err && err != -ENOENT;
	check_core(m);
}

static void begin(struct model *m, uint64_t extensions, uint64_t seed)
{
	memset(m, 0, sizeof(*m));
	m->random = seed;
	memset(m->led, 0xff, sizeof(m->led));
	m->leaf = fakeleaf_new(extensions);
	m->leaf->group_size = 2;
	ck_assert_int_eq(ctx_new(&m->leaf->base, &m->ctx), 0);
	for (int i = 0; i < QUEUES; i++) {
		writer_first(&m->queues[i].guard);
		list_append(&m->ctx->faultqs, &m->queues[i].link);
	}
	for (int i = 0; i < SPACES; i++) {
		const struct ioasid_space_opts *opts =
			IOASID_OPTS(ioasid_space_opts, .flags = flags_of[i]);

		ok(parent_of[i] == NOWHERE ? ioasid_space_new(m->ctx, opts, &m->space[i])
					   : ioasid_space_new_nested(
						     m->space[parent_of[i]], opts, &m->space[i]));
	}
	for (int i = 0; i < DEVICES; i++) {
		m->leaf->group = i < 2 ? 1 : 2;
		m->leaf->group_size = i < 2 ? 2 : 1;
		m->device[i] = guest_device(&(struct guest){.ctx = m->ctx}, NULL);
	}
	m->leaf->hook = table_changes;
	m->leaf->move_hook = moved;
	m->leaf->hook_arg = m;
}

/* Whatever is left, a close takes; then each handle goes. */
static void end(struct model *m)
{
	for (int i = 0; i < QUEUES; i++) {
		list_remove(&m->queues[i].link);
		pthread_rwlock_destroy(&m->queues[i].guard);
	}
	ioasid_close(m->ctx);
	for (int route = 0; route < ROUTES; route++)
		while (m->count[route])
			ok(ioasid_attachment_detach(m->stack[route][--m->count[route]]));
	for (int i = 0; i < DEVICES; i++)
		ok(ioasid_device_unbind(m->device[i]));
	for (int i = SPACES; i--;)
		ok(ioasid_space_destroy(m->space[i]));
}

static const uint64_t extensions[] = {0, UINT64_C(1) << IOASID_EXT_GROUP_STRICT};

START_TEST(the_backend_is_told_only_what_it_was_promised)
{
	static const uint64_t seeds[] = {0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f};
	struct model m;

	begin(&m, extensions[_i % 2], seeds[_i / 2]);
	for (unsigned long i = support_rounds(15000); i--;)
		step(&m);
	/* it was worth it, which a few rounds under slow tools do not tell */
	if (support_rounds(100) == 100) {
		ck_assert_uint_gt(m.done, m.refused / 20);
		ck_assert_uint_gt(m.tables, m.done / 20);
		ck_assert_uint_gt(m.tracked, 50);
	}
	end(&m);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pasid model");
	TCase *tcase = support_case(suite, "pasid model");

	tcase_add_loop_test(tcase, the_backend_is_told_only_what_it_was_promised, 0, 4);
	return support_run(suite);
}
