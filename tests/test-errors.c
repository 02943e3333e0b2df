/* SPDX-License-Identifier: MIT */
/*
 * The error text: never NULL, each thread's own, at most 255 bytes whatever the names are, set by
 * failures and left alone by success. That every failure sets it is in the rows of bad input.
 */
#include "contract.h"
#include <stdlib.h>

#define MOST 255

static void *first_text(void *arg)
{
	const char **text = arg;

	*text = ioasid_last_error();
	/* in this thread, while its storage is there */
	if (*text)
		*text = **text ? "something" : "";
	return NULL;
}

START_TEST(a_new_thread_has_an_empty_text)
{
	const char *text = NULL;
	pthread_t thread;

	ck_assert_int_eq(ioasid_check_extension(NULL, 0), -EINVAL);
	ck_assert_int_eq(pthread_create(&thread, NULL, first_text, &text), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_str_eq(text, "");
}
END_TEST

static void *fail_here(void *arg)
{
	(void)arg;
	ck_assert_int_eq(ioasid_faultq_get_fd(NULL), -EINVAL);
	support_error_has("ioasid_faultq_get_fd", "ioasid_faultq_get_fd");
	return NULL;
}

START_TEST(a_thread_does_not_see_anothers_failure)
{
	pthread_t thread;

	fails(-EINVAL, "ctx", ioasid_check_extension(NULL, 0));
	ck_assert_int_eq(pthread_create(&thread, NULL, fail_here, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	support_error_has("ioasid_check_extension", "ioasid_check_extension");
}
END_TEST

START_TEST(success_leaves_the_text_alone)
{
	struct contract c;
	char before[MOST + 1];
	unsigned char *memory = support_memory(PAGE, 14);

	contract_begin(&c, _i);
	fails(-EINVAL, "ctx", ioasid_check_extension(NULL, 0));
	strcpy(before, ioasid_last_error());

	struct contract_nic *nic = contract_nic(&c, "nic0", (struct contract_wish){0});
	struct ioasid_space *space = contract_space(&c);
	struct ioasid_attachment *route = contract_attach(nic, space);

	ok(contract_map(space, 0x1000, memory, PAGE, IOASID_MAP_RW));
	ok(ioasid_space_unmap(space, 0, UINT64_MAX));
	free(contract_dump(c.ctx));
	ok(ioasid_attachment_detach(route));
	ok(ioasid_space_destroy(space));
	ck_assert_str_eq(ioasid_last_error(), before);
	contract_end(&c);
	ck_assert_str_eq(ioasid_last_error(), before);
	free(memory);
}
END_TEST

START_TEST(failures_replace_the_text)
{
	fails(-EINVAL, "ioasid_check_extension", ioasid_check_extension(NULL, 0));
	fails(-EINVAL, "ioasid_faultq_get_fd", ioasid_faultq_get_fd(NULL));
	ck_assert_ptr_null(strstr(ioasid_last_error(), "ioasid_check_extension"));
}
END_TEST

/* Two devices of one group, with the longest names there are. */
struct longest {
	struct contract c;
	struct contract_nic *nic[2];
	struct ioasid_space *space, *elsewhere;
	struct ioasid_attachment *route;
	char name[2][64];
};

static void longest_begin(struct longest *l, int platform)
{
	void *hw[2];

	contract_begin(&l->c, platform);
	for (int i = 0; i < 2; i++)
		hw[i] = contract_hw(&l->c, (struct contract_wish){.group = 9, .pasid_bits = 20});
	for (int i = 0; i < 2; i++) {
		memset(l->name[i], 'a' + i, 63);
		l->name[i][63] = '\0';
		l->nic[i] = contract_add(&l->c, l->name[i], hw[i]);
	}
	l->space = contract_space(&l->c);
	l->elsewhere = contract_space(&l->c);
	l->route = contract_attach(l->nic[0], l->space);
}

static void longest_end(struct longest *l)
{
	ok(ioasid_attachment_detach(l->route));
	ok(ioasid_space_destroy(l->space));
	ok(ioasid_space_destroy(l->elsewhere));
	contract_end(&l->c);
}

/* Not only short enough: it still says which call and who. */
static void expect_text(int result, int error, const char *call, const char *name)
{
	ck_assert_int_eq(result, error);
	ck_assert_uint_le(strnlen(ioasid_last_error(), 4096), MOST);
	support_error_has(call, call);
	support_error_has(name, call);
}

START_TEST(the_longest_names_fit)
{
	struct longest l;
	struct ioasid_attachment *route;
	struct ioasid_attach_opts opts = {
		.size = sizeof(opts), .flags = IOASID_ATTACH_PASID, .pasid = UINT32_MAX};

	longest_begin(&l, _i);
	expect_text(
		ioasid_device_unbind(l.nic[0]->device), -EBUSY, "ioasid_device_unbind", l.name[0]);
	expect_text(ioasid_space_destroy(l.space), -EBUSY, "ioasid_space_destroy", l.name[0]);
	expect_text(ioasid_device_attach(l.nic[0]->device, l.elsewhere, NULL, &route), -EBUSY,
		"ioasid_device_attach", l.name[0]);
	expect_text(ioasid_device_attach(l.nic[1]->device, l.space, &opts, &route), -EINVAL,
		"ioasid_device_attach", l.name[1]);
	if (contract_has(&l.c, IOASID_EXT_GROUP_STRICT))
		expect_text((int)ioasid_space_unmap(l.space, 0, UINT64_MAX), -EDEADLK,
			"ioasid_space_unmap", l.name[1]);
	longest_end(&l);
}
END_TEST

START_TEST(a_name_too_long_is_refused_and_its_text_fits)
{
	struct contract c;
	struct ioasid_device *device = NULL;
	char name[5001];

	contract_begin(&c, _i);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	expect_text(ioasid_device_bind(
			    c.ctx, -1, IOASID_OPTS(ioasid_device_opts, .name = name), &device),
		-EINVAL, "ioasid_device_bind", "63");
	name[64] = '\0';
	expect_text(ioasid_device_bind(
			    c.ctx, -1, IOASID_OPTS(ioasid_device_opts, .name = name), &device),
		-EINVAL, "ioasid_device_bind", "63");
	ck_assert_ptr_null(device);
	contract_end(&c);
}
END_TEST

START_TEST(the_largest_numbers_fit)
{
	struct contract c;
	struct ioasid_map map = {.addr = (void *)(uintptr_t)(UINT64_MAX - 1),
		.length = UINT64_MAX,
		.iova = UINT64_MAX,
		.flags = IOASID_MAP_RW | IOASID_MAP_FIXED};
	uint64_t id;

	contract_begin(&c, _i);
	struct ioasid_space *space = contract_space(&c);

	expect_text(
		ioasid_space_map(space, &map), -EINVAL, "ioasid_space_map", "0xffffffffffffffff");
	expect_text((int)ioasid_space_unmap(space, UINT64_MAX, UINT64_MAX), -EINVAL,
		"ioasid_space_unmap", "0xffffffffffffffff");
	if (contract_has(&c, IOASID_EXT_FAULT_QUEUE)) {
		struct ioasid_faultq *queue;

		ok(ioasid_faultq_new(c.ctx, NULL, &queue));
		expect_text(ioasid_faultq_find(queue, UINT64_MAX, UINT32_MAX, UINT32_MAX, &id),
			-ENOENT, "ioasid_faultq_find", "0xffffffffffffffff");
		ioasid_faultq_free(queue);
	}
	ok(ioasid_space_destroy(space));
	contract_end(&c);
}
END_TEST

START_TEST(errno_is_left_alone)
{
	struct contract c;
	struct ioasid_device *device;

	contract_begin(&c, _i);
	errno = 12345;
	ck_assert_int_eq(ioasid_check_extension(NULL, 0), -EINVAL);
	ck_assert_int_eq(errno, 12345);
	fails(-EBADF, "-1", ioasid_device_bind(c.ctx, -1, NULL, &device));
	ck_assert_ptr_null(strstr(ioasid_last_error(), "12345"));
	contract_end(&c);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("error texts");
	TCase *tcase = support_case(suite, "text");

	tcase_add_test(tcase, a_new_thread_has_an_empty_text);
	tcase_add_test(tcase, a_thread_does_not_see_anothers_failure);
	tcase_add_test(tcase, failures_replace_the_text);
	contract_test(tcase, success_leaves_the_text_alone);
	contract_test(tcase, the_longest_names_fit);
	contract_test(tcase, a_name_too_long_is_refused_and_its_text_fits);
	contract_test(tcase, the_largest_numbers_fit);
	contract_test(tcase, errno_is_left_alone);
	return support_run(suite);
}
