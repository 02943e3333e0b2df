/* SPDX-License-Identifier: MIT */
/*
 * The reader of the kernel's fault descriptor, fed with streams that obey no contract: records,
 * cut off or not, of devices and cookies at random, between calls of the user's. Whatever comes,
 * nothing is read beyond its memory, no call hangs, what is handed out are whole groups of at most
 * group_max records of a device that there is, and a queue that was fed nonsense still serves. A
 * test with fixed seeds; built with -DFUZZ -fsanitize=fuzzer it is a libFuzzer target.
 */
#include "fillkit.h"
#include "fuzzcorpus.h"
#include <stdio.h>
#include <stdlib.h>

#define RECORDS   64 /* of a script at most */
#define GROUP_MAX 5
#define DEVICES   3

struct input {
	const uint8_t *data;
	size_t left;
};

struct scene {
	struct fillkit f;
	uint64_t id[256]; /* that were read */
	unsigned int ids;
};

/* Zero when the input is used up. */
static uint64_t next(struct input *input, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes-- && input->left) {
		value = value << 8 | *input->data++;
		input->left--;
	}
	return value;
}

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz-fill: %s\n", what);
	abort();
}

/* Mostly one that could be: what is wrong with it is one thing or another. */
static struct iommufd_fault record(struct input *input)
{
	uint64_t shape = next(input, 2);
	struct iommufd_fault fault = {
		.flags = shape & 3,
		.dev_id = fillkit_device_id(shape >> 2 & 1),
		.grpid = shape >> 3 & 1,
		.pasid = shape >> 4 & 1,
		.perm = (uint32_t)(shape >> 5 & 15),
		.cookie = (uint32_t)(shape >> 9 & 7),
		.addr = next(input, 2) << 12,
	};

	if (shape >> 12 == 1)
		fault.dev_id = (uint32_t)next(input, 4);
	if (shape >> 12 == 2)
		fault.flags = (uint32_t)next(input, 4);
	if (shape >> 12 == 3)
		fault.pasid = fault.cookie = (uint32_t)next(input, 4);
	return fault;
}

/* What a group is made of, in the order of a kernel that keeps the contract. */
static void give_nonsense(struct scene *scene, struct input *input)
{
	static struct iommufd_fault script[RECORDS];
	unsigned int n = (unsigned int)next(input, 1) % RECORDS + 1;
	size_t cut = next(input, 1) % 8 ? 0 : next(input, 1) % sizeof(*script);

	(void)scene;
	for (unsigned int i = 0; i < n; i++) {
		script[i] = i && next(input, 1) & 1 ? script[i - 1] : record(input);
		if (next(input, 1) % 4 == 0)
			script[i].flags |= IOMMUFD_FAULT_LAST_PAGE;
	}
	fillkit_script(script, n * sizeof(*script) - cut);
}

/* Groups of the kernel's own, which know their cookies. */
static void raise_some(struct input *input)
{
	for (uint64_t n = next(input, 1) % 16; n; n--)
		fillkit_raise(&(struct fillkit_group){
			.device = (uint32_t)next(input, 1) % DEVICES,
			.pasid = (uint32_t)next(input, 1) % 3,
			.pages = (uint32_t)next(input, 1) % (GROUP_MAX + 2),
			.addr = next(input, 2) << 12,
		});
}

static unsigned int check_group(const struct ioasid_fault *fault, unsigned int left)
{
	unsigned int n = 0;

	do {
		require(n < left && n < GROUP_MAX, "a group without an end");
		require(fault[n].id == fault->id && fault[n].label == fault->label, "two in one");
		require(fault[n].label >= 0x100 && fault[n].label < 0x100 + DEVICES, "no device");
		require(!(fault[n].addr & 4095), "no page");
		if (fault[n].flags & IOASID_FAULT_PASID_VALID)
			require(fault[n].pasid < 1u << IOASID_PASID_BITS, "no PASID");
		else
			require(fault[n].pasid == NONE, "a PASID of nobody");
	} while (!(fault[n++].flags & IOASID_FAULT_LAST));
	return n;
}

static void read_some(struct scene *scene, struct input *input)
{
	struct ioasid_fault fault[GROUP_MAX + 8];
	unsigned int room = (unsigned int)next(input, 1) % 9 + GROUP_MAX, at = 0;
	int n = ioasid_faultq_read(scene->f.queue, fault, room);

	require(n >= 0 && n <= (int)room, "a read that fails");
	while (at < (unsigned int)n) {
		if (!(fault[at].flags & IOASID_FAULT_CANCELLED))
			scene->id[scene->ids++ % 256] = fault[at].id;
		at += check_group(&fault[at], (unsigned int)n - at);
	}
}

static void answer_some(struct scene *scene, struct input *input)
{
	struct ioasid_response answer[8];
	unsigned int n = (unsigned int)next(input, 1) % 9;

	for (unsigned int i = 0; i < n; i++)
		answer[i] = (struct ioasid_response){
			.id = scene->id[next(input, 1) % 256],
			.code = next(input, 1) % 2 ? IOASID_RESPONSE_SUCCESS
						   : IOASID_RESPONSE_FAILURE,
		};
	ioasid_faultq_complete(scene->f.queue, answer, n);
	for (unsigned int i = 0; i < n; i++)
		require(answer[i].status == 0 || answer[i].status == -ESTALE ||
				(answer[i].status == -EINVAL && !answer[i].id),
			"an answer that nobody can give");
}

static void move(struct scene *scene, struct input *input)
{
	struct fillkit *f = &scene->f;
	uint32_t i = (uint32_t)next(input, 1) % DEVICES;

	if (f->route[i]) {
		ok(ioasid_attachment_detach(f->route[i]));
		f->route[i] = NULL;
	} else {
		ok(ioasid_device_attach(f->device[i], f->space, NULL, &f->route[i]));
	}
}

static void step(struct scene *scene, struct input *input)
{
	uint64_t which = next(input, 1) % 16;

	if (which < 4)
		give_nonsense(scene, input);
	else if (which < 7)
		raise_some(input);
	else if (which < 12)
		read_some(scene, input);
	else if (which < 14)
		answer_some(scene, input);
	else if (which < 15)
		move(scene, input);
	else
		ioasid_faultq_wait(scene->f.queue, 0);
}

/* All groups of the kernel's own that it can still tell: it serves, and comes to an end. */
static void serve_the_rest(struct scene *scene)
{
	struct ioasid_fault fault[64];
	unsigned int rounds = 0;

	fillkit_script(NULL, 0);
	while (fillkit_polls(&scene->f)) {
		int n = ioasid_faultq_read(scene->f.queue, fault, 64);

		require(n >= 0 && ++rounds < 100000, "a poll that spins");
		for (int i = 0; i < n; i++)
			if (fault[i].flags & IOASID_FAULT_LAST)
				fillkit_answer(&scene->f, fault[i].id, IOASID_RESPONSE_SUCCESS);
	}
	require(!fillkit_count(WAITS) || fillkit_stats(&scene->f).waiting ||
			fillkit_stats(&scene->f).outstanding,
		"somebody waits, and nobody is told");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {.data = data, .left = size};
	struct scene scene = {.ids = 0};
	uint64_t shape = next(&input, 1);

	fillkit_begin(&scene.f,
		(struct fillkit_wish){.devices = DEVICES,
			.together = shape & 1,
			.opts = IOASID_OPTS(ioasid_faultq_opts, .records = 64,
				.group_max = GROUP_MAX, .max_outstanding = shape & 2 ? 8 : 0)});
	fillkit_kernel.old = shape & 4;
	while (input.left)
		step(&scene, &input);
	serve_the_rest(&scene);
	fillkit_script(NULL, 0);
	fillkit_end(&scene.f);
	return 0;
}

#ifndef FUZZ

#define INPUT_MAX 1024

static const uint64_t seeds[] = {1, 42, 20240229, 0x9e3779b97f4a7c15};

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A violation aborts, which check reports as this test's failure. */
START_TEST(streams_that_obey_no_contract_hurt_nobody)
{
	static uint8_t data[INPUT_MAX];
	uint64_t random = seeds[_i];
	size_t size;

	for (unsigned long round = support_rounds(2000); round; round--) {
		size = random_next(&random) % INPUT_MAX;
		for (size_t i = 0; i < size; i++)
			data[i] = (uint8_t)(random_next(&random) >> 32);
		LLVMFuzzerTestOneInput(data, size);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fault queue over iommufd, hostile");

	tcase_add_loop_test(support_case(suite, "random"),
		streams_that_obey_no_contract_hurt_nobody, 0,
		(int)(sizeof(seeds) / sizeof(seeds[0])));
	fuzzcorpus_suite(suite);
	return support_run(suite);
}

#endif
