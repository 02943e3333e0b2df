/* SPDX-License-Identifier: MIT */
/*
 * The consumer of the fault ring, fed with memory that obeys no contract: headers, indices and
 * records at random, in memory of exactly the size it was told, beside a plain model of what a read
 * must answer. A test with fixed seeds; built with -DFUZZ -fsanitize=fuzzer it is a libFuzzer
 * target.
 */
#include "fuzzcorpus.h"
#include "ring.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef FUZZ
#include "support.h"
#endif

#define COUNT_MAX 256

struct input {
	const uint8_t *data;
	size_t left;
};

struct scene {
	struct ring ring;
	struct ioasid_ring *shared;
	struct ioasid_fault *out; /* exactly as many as a read may write */
	bool broken;
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
	fprintf(stderr, "fuzz-ring: %s\n", what);
	abort();
}

/* ---- the model: one record at a time, over a single-threaded ring ---- */

static bool ends_group(const struct scene *scene, uint64_t at)
{
	return scene->ring.records[at % scene->ring.count].flags & IOASID_FAULT_LAST;
}

/* The records from head on that end with the last group that ends within n; 0: none does. */
static unsigned int whole_groups(const struct scene *scene, uint64_t head, uint64_t n)
{
	unsigned int whole = 0;

	for (unsigned int i = 0; i < n; i++)
		if (ends_group(scene, head + i))
			whole = i + 1;
	return whole;
}

static unsigned int first_group(const struct scene *scene, uint64_t head, uint64_t n)
{
	for (unsigned int i = 0; i < n; i++)
		if (ends_group(scene, head + i))
			return i + 1;
	return 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What is there as far as this consumer knows: one that is alone remembers both indices, and looks
 * at the tail only when what it remembers has no group for it. */
static uint64_t there(const struct scene *scene, unsigned int n)
{
	const struct ring *ring = &scene->ring;
	uint64_t known = ring->tail - ring->head;

	if (!ring->single)
		return scene->shared->tail - scene->shared->head;
	if (known >= n || whole_groups(scene, ring->head, known))
		return known;
	return scene->shared->tail - ring->head;
}

static int expected_read(const struct scene *scene, unsigned int n, unsigned int *needed)
{
	uint64_t head = scene->ring.single ? scene->ring.head : scene->shared->head;
	uint64_t records = there(scene, n);
	unsigned int whole;

	if (scene->broken)
		return -EBADMSG;
	if (!records)
		return 0;
	if (records > scene->ring.count)
		return -EBADMSG;
	whole = whole_groups(scene, head, least(n, records));
	if (whole)
		return (int)whole;
	*needed = first_group(scene, head, least(records, scene->ring.group_max));
	return *needed ? -EMSGSIZE : -EBADMSG;
}

/* ---- the steps ---- */

static void read_some(struct scene *scene, struct input *input)
{
	unsigned int n = (unsigned int)next(input, 1) % 80 + 1, needed = 0, want = 0;
	int expected, got;

	scene->out = realloc(scene->out, n * sizeof(*scene->out));
	require(scene->out, "no memory");
	expected = expected_read(scene, n, &want);
	got = ring_read(&scene->ring, scene->out, n, &needed);
	require(got == expected, "read and the model differ");
	require(got <= (int)n, "more than there is room for");
	require(got != -EMSGSIZE || (needed == want && needed > n), "needed is wrong");
	require(got <= 0 || (scene->out[got - 1].flags & IOASID_FAULT_LAST), "half a group");
	scene->broken = got == -EBADMSG;
}

static void write_record(struct scene *scene, struct input *input)
{
	uint32_t at = (uint32_t)next(input, 2) % scene->ring.count;
	struct ioasid_fault *records = (void *)((char *)scene->shared + IOASID_RING_RECORDS);

	records[at].flags = (uint32_t)next(input, 1);
	records[at].id = next(input, 2);
}

/* Groups as long as a byte says, all over the ring. */
static void write_groups(struct scene *scene, struct input *input)
{
	struct ioasid_fault *records = (void *)((char *)scene->shared + IOASID_RING_RECORDS);
	uint32_t length = (uint32_t)next(input, 1) + 1;

	for (uint32_t i = 0; i < scene->ring.count; i++)
		records[i].flags = (i + 1) % length ? 0 : IOASID_FAULT_LAST;
}

/* As a producer does that keeps the contract, but for group_max at times. */
static void push_group(struct scene *scene, struct input *input)
{
	struct ioasid_fault *records = (void *)((char *)scene->shared + IOASID_RING_RECORDS);
	uint64_t length = next(input, 1) % (scene->ring.group_max + UINT64_C(1)) + 1;
	uint64_t tail = scene->shared->tail;

	if (tail + length - scene->shared->head > scene->ring.count)
		return;
	for (uint64_t i = 0; i < length; i++)
		records[(tail + i) % scene->ring.count].flags =
			i + 1 == length ? IOASID_FAULT_LAST : 0;
	scene->shared->tail += length;
}

static void break_contract(struct scene *scene, struct input *input)
{
	struct ioasid_ring *shared = scene->shared;

	switch (next(input, 1) % 8) {
	case 0:
		shared->tail = next(input, 8);
		break;
	case 1:
		shared->head = next(input, 8);
		break;
	case 2:
		shared->count = (uint32_t)next(input, 4);
		break;
	case 3:
		shared->group_max = (uint32_t)next(input, 4);
		break;
	case 4:
		write_groups(scene, input);
		break;
	case 5:
		shared->tail += next(input, 1) % 80;
		break;
	default:
		write_record(scene, input);
	}
}

static void arm(struct scene *scene, struct input *input)
{
	scene->shared->flags = (uint32_t)next(input, 1);
	scene->shared->armed = (uint32_t)next(input, 4);
	ring_arm(&scene->ring);
	ring_disarm(&scene->ring);
}

static void step(struct scene *scene, struct input *input)
{
	uint64_t which = next(input, 1) % 32;

	if (which < 1)
		break_contract(scene, input);
	else if (which < 2)
		arm(scene, input);
	else if (which < 18)
		push_group(scene, input);
	else
		read_some(scene, input);
}

/* Mostly a header that opens: the rest of it is what would otherwise hardly be reached. */
static void write_header(struct ioasid_ring *shared, struct input *input)
{
	uint64_t start = next(input, 1) & 1 ? next(input, 8) : 0;
	uint32_t count = 64u << next(input, 1) % 3;

	*shared = (struct ioasid_ring){
		.magic = IOASID_RING_MAGIC,
		.version = IOASID_RING_VERSION,
		.record_size = IOASID_RING_RECORD_SIZE,
		.count = count,
		.group_max = (uint32_t)next(input, 1) % count + 1,
		.head = start,
		.tail = start,
	};
	if (next(input, 1) % 8)
		return;
	for (uint64_t n = next(input, 1) % 8; n; n--)
		((uint8_t *)shared)[next(input, 1) % sizeof(*shared)] = (uint8_t)next(input, 1);
}

static bool fits(const struct ioasid_ring *shared, size_t size)
{
	return shared->count <= COUNT_MAX &&
	       IOASID_RING_RECORDS + (uint64_t)shared->count * IOASID_RING_RECORD_SIZE <= size;
}

static void play(struct ioasid_ring *shared, size_t size, struct input *input)
{
	struct scene scene = {.shared = shared};
	bool single = next(input, 1) & 1;

	if (ring_open(&scene.ring, shared, size, -1, single))
		return;
	require(fits(shared, size), "a ring beyond its memory was opened");
	while (input->left && !scene.broken)
		step(&scene, input);
	if (scene.broken)
		read_some(&scene, input); /* for good */
	free(scene.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {.data = data, .left = size};
	size_t records = next(&input, 2) % (COUNT_MAX + 1);
	size_t bytes = IOASID_RING_RECORDS + records * IOASID_RING_RECORD_SIZE;
	void *memory = NULL;

	if (posix_memalign(&memory, IOASID_RING_RECORD_SIZE, bytes))
		return 0;
	memset(memory, 0, bytes);
	write_header(memory, &input);
	play(memory, bytes, &input);
	free(memory);
	return 0;
}

#ifndef FUZZ

#define INPUT_MAX 2048

static const uint64_t seeds[] = {1, 42, 20240229, 0x9e3779b97f4a7c15};

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A violation aborts, which check reports as this test's failure. */
START_TEST(hostile_memory_is_read_as_the_model_says)
{
	static uint8_t data[INPUT_MAX];
	uint64_t random = seeds[_i];
	size_t size;

	for (unsigned long round = support_rounds(40000); round; round--) {
		size = random_next(&random) % INPUT_MAX;
		for (size_t i = 0; i < size; i++)
			data[i] = (uint8_t)(random_next(&random) >> 32);
		LLVMFuzzerTestOneInput(data, size);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ring, hostile");

	tcase_add_loop_test(support_case(suite, "random"), hostile_memory_is_read_as_the_model_says,
		0, (int)(sizeof(seeds) / sizeof(seeds[0])));
	fuzzcorpus_suite(suite);
	return support_run(suite);
}

#endif
