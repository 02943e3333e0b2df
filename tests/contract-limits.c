/* SPDX-License-Identifier: MIT */
/*
 * The contract at its limits: how deep spaces nest, how much one unmap can remove, what a name may
 * be. What is beyond a limit is refused and leaves no trace.
 */
#include "contract.h"
#include <stdlib.h>
#include <unistd.h>

#define LEVELS 64
#define HALF   (UINT64_C(1) << 63)

START_TEST(spaces_nest_as_deep_as_they_may_and_no_deeper)
{
	struct contract c;
	struct ioasid_space *space[LEVELS + 1], *deeper = NULL;

	contract_begin(&c, _i);
	space[0] = contract_space(&c);
	for (int i = 1; i < LEVELS; i++)
		space[i] = contract_child(space[i - 1]);
	/* 64 levels, the root's included */
	fails(-EOPNOTSUPP, "64", ioasid_space_new_nested(space[LEVELS - 1], NULL, &deeper));
	ck_assert_ptr_null(deeper);
	ck_assert_int_eq(ok(ioasid_space_children(space[LEVELS - 1], NULL, 0)), 0);
	/* there is room beside it, and again where the deepest one was */
	deeper = contract_child(space[LEVELS - 2]);
	ok(ioasid_space_destroy(deeper));
	ok(ioasid_space_destroy(space[LEVELS - 1]));
	space[LEVELS - 1] = contract_child(space[LEVELS - 2]);
	for (int i = LEVELS - 1; i >= 0; i--)
		ok(ioasid_space_destroy(space[i]));
	contract_end(&c);
}
END_TEST

/* Every level leads to the next one's page of the same address. */
START_TEST(a_device_sees_through_all_levels)
{
	struct contract c;
	struct ioasid_space *space[LEVELS];
	struct ioasid_attachment *route[LEVELS];
	unsigned char *memory = support_memory(PAGE, 60);

	contract_begin(&c, _i);

	struct contract_nic *nic = contract_nic(&c, "nic0", (struct contract_wish){0});

	for (int i = 0; i < LEVELS; i++) {
		space[i] = i ? contract_child(space[i - 1]) : contract_space(&c);
		route[i] = contract_attach(nic, space[i]);
	}
	for (int i = LEVELS - 1; i > 0; i--)
		ok(contract_nest(space[i], AT(0x5000), AT(0x5000), PAGE, IOASID_MAP_READ));
	DMA_FAILS(&c, nic, AT(0x5000));
	ok(contract_map(space[0], AT(0x5000), memory, PAGE, IOASID_MAP_READ));
	DMA_SEES(&c, nic, AT(0x5000), memory, PAGE);
	ok(ioasid_space_unmap(space[LEVELS / 2], AT(0x5000), PAGE));
	DMA_FAILS(&c, nic, AT(0x5000));
	for (int i = LEVELS - 1; i >= 0; i--) {
		ok(ioasid_attachment_detach(route[i]));
		ok(ioasid_space_destroy(space[i]));
	}
	contract_end(&c);
	free(memory);
}
END_TEST

/* All addresses there are: 2^64 bytes are more than a call can return. */
START_TEST(two_halves_of_everything_are_unmapped_as_one)
{
	struct contract c;
	struct ioasid_space_info info = {.size = sizeof(info)};

	contract_begin(&c, _i);
	NEEDS(&c, IOASID_EXT_MAP_BEFORE_ATTACH);

	struct ioasid_space *parent = contract_space(&c), *child = contract_child(parent);

	for (int again = 0; again < 2; again++) {
		ok(contract_nest(child, 0, 0, HALF, IOASID_MAP_RW));
		ok(contract_nest(child, HALF, HALF, HALF, IOASID_MAP_RW));
		ok(ioasid_space_info(child, &info));
		ck_assert_uint_eq(info.maps, 2);
		ck_assert_int_eq(ioasid_space_unmap(child, 0, UINT64_MAX), INT64_MAX);
		ok(ioasid_space_info(child, &info));
		ck_assert_uint_eq(info.maps, 0);
		ck_assert_uint_eq(info.mapped, 0);
	}
	/* a single one that is as large */
	ok(contract_nest(child, 0, 0, HALF, IOASID_MAP_RW));
	ck_assert_int_eq(ioasid_space_unmap(child, 0, HALF), INT64_MAX);
	fails(-ENOENT, "ioasid_space_unmap", ioasid_space_unmap(child, 0, UINT64_MAX));
	ok(ioasid_space_destroy(child));
	ok(ioasid_space_destroy(parent));
	contract_end(&c);
}
END_TEST

static int bind_as(struct contract *c, void *hw, const char *name, struct ioasid_device **device)
{
	int fd = ok(c->platform->device_fd(hw));
	int r = ioasid_device_bind(
		c->ctx, fd, IOASID_OPTS(ioasid_device_opts, .name = name), device);

	close(fd);
	return r;
}

START_TEST(a_name_has_no_control_character)
{
	struct contract c;
	struct ioasid_device *device = NULL;
	char name[8] = "nic?0";
	char *before, *after;

	contract_begin(&c, _i);

	void *hw = contract_hw(&c, (struct contract_wish){0});

	before = contract_dump(c.ctx);
	for (int byte = 1; byte < 0x80; byte = byte == 0x1f ? 0x7f : byte + 1) {
		name[3] = (char)byte;
		fails(-EINVAL, "control character", bind_as(&c, hw, name, &device));
		ck_assert_ptr_null(device);
	}
	after = contract_dump(c.ctx);
	ck_assert_str_eq(after, before);
	free(before);
	free(after);
	contract_end(&c);
}
END_TEST

START_TEST(a_name_has_any_other_byte)
{
	struct contract c;
	struct ioasid_device_info info = {.size = sizeof(info)};
	struct ioasid_device *device;
	char name[8] = "nic?0";

	contract_begin(&c, _i);

	void *hw = contract_hw(&c, (struct contract_wish){0});

	for (int byte = ' '; byte < 0x100; byte = byte == 0x7e ? 0x80 : byte + 1) {
		name[3] = (char)byte;
		ok(bind_as(&c, hw, name, &device));
		ok(ioasid_device_info(device, &info));
		ck_assert_str_eq(info.name, name);
		ok(ioasid_device_unbind(device));
	}
	contract_end(&c);
}
END_TEST

void contract_add_limits(Suite *suite)
{
	TCase *tcase = support_case(suite, "limits");

	contract_test(tcase, spaces_nest_as_deep_as_they_may_and_no_deeper);
	contract_test(tcase, a_device_sees_through_all_levels);
	contract_test(tcase, two_halves_of_everything_are_unmapped_as_one);
	contract_test(tcase, a_name_has_no_control_character);
	contract_test(tcase, a_name_has_any_other_byte);
}
