/* SPDX-License-Identifier: MIT */
/*
 * The text for a device whose reserved addresses a space has mapped: with the map, where the device
 * can be asked alone, and at least with the cause where its group leads elsewhere and it cannot.
 */
#include "routekit.h"

struct scene {
	struct ioasid_ctx *ctx;
	struct ioasid_space *space;
	struct ioasid_device *device[2];
	struct ioasid_attachment *route[2];
};

/* Device number 1 reserves where the map is. */
static void begin(struct scene *s, unsigned int mates)
{
	*s = (struct scene){.ctx = NULL};
	routekit_open(&(struct routekit){.mates = mates, .reserves = 2}, &s->ctx);
	ok(ioasid_space_new(s->ctx, NULL, &s->space));
	ok(ioasid_space_map(s->space, &(struct ioasid_map){.addr = (void *)(uintptr_t)PAGE,
					      .length = 2 * PAGE,
					      .iova = 4 * PAGE,
					      .flags = IOASID_MAP_RW | IOASID_MAP_FIXED}));
	for (int i = 0; i < 2; i++)
		s->device[i] = routekit_bind(s->ctx);
	ok(ioasid_device_attach(s->device[0], s->space, NULL, &s->route[0]));
}

static int attach_other(struct scene *s)
{
	return ioasid_device_attach(s->device[1], s->space, NULL, &s->route[1]);
}

static void end(struct scene *s)
{
	ok(ioasid_attachment_detach(s->route[1]));
	ok(ioasid_attachment_detach(s->route[0]));
	for (int i = 0; i < 2; i++)
		ok(ioasid_device_unbind(s->device[i]));
	ok(ioasid_space_destroy(s->space));
	routekit_empty();
	ioasid_close(s->ctx);
}

START_TEST(a_device_by_itself_is_told_of_the_map)
{
	struct scene s;

	begin(&s, 1);
	fails(-EADDRINUSE, "map 0x4000-0x5fff touches 0x0-0x3ffff", attach_other(&s));
	end(&s);
}
END_TEST

START_TEST(the_second_of_a_group_is_told_of_the_cause)
{
	struct scene s;

	begin(&s, 2);
	fails(-EADDRINUSE, "maps or allowed windows of the space lie in a reserved region",
		attach_other(&s));
	routekit.reserves = 0;
	ok(attach_other(&s));
	end(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("collide");
	TCase *tcase = support_case(suite, "collide");

	tcase_add_test(tcase, a_device_by_itself_is_told_of_the_map);
	tcase_add_test(tcase, the_second_of_a_group_is_told_of_the_cause);
	return support_run(suite);
}
