/* SPDX-License-Identifier: MIT */
/*
 * Of the mock: written pages while devices go on writing. What is read, by however many, is exactly
 * what was written; and who copies each page that is noted ends with the same memory, as a
 * migration must.
 */
#include "mockkit.h"
#include <ioasid/pgtable.h>
#include <pthread.h>

#define WRITERS 4u
#define MAPS    16u /* of several lengths, with holes between */
#define PAGES   1024u
#define WORDS   (PAGES / 64)

/* Bit i: page i of the space. */
struct bitmap {
	uint64_t words[WORDS];
};

static void set(struct bitmap *bitmap, uint64_t page)
{
	bitmap->words[page / 64] |= UINT64_C(1) << page % 64;
}

static bool is_set(const struct bitmap *bitmap, uint64_t page)
{
	return bitmap->words[page / 64] >> page % 64 & 1;
}

/* A device, and the pages that it wrote. */
struct writer {
	struct rig *rig;
	struct ioasid_mock_device *hw;
	struct ioasid_device *device;
	struct ioasid_attachment *route;
	pthread_t thread;
	uint64_t random;
	unsigned int lane;
	unsigned int writes;
	struct bitmap wrote;
};

struct field {
	struct rig rig;
	unsigned char *memory; /* page i of the space, if it is mapped */
	struct writer writers[WRITERS];
};

static uint64_t roll(uint64_t *random, uint64_t below)
{
	*random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (*random >> 33) % below;
}

/* Of each 64 pages the first ones, more from map to map, are mapped. */
static bool is_mapped(uint64_t page)
{
	return page % 64 < 4 * (page / 64) + 4;
}

static void field_begin(struct field *f)
{
	struct rig_opts opts = {
		.iommu = {.flags = IOASID_MOCK_IOMMU_DIRTY}, .space = IOASID_SPACE_DIRTY_TRACKING};

	memset(f, 0, sizeof(*f));
	f->memory = support_memory(PAGES * PAGE, 1);
	rig_begin(&f->rig, &opts);
	for (uint64_t i = 0; i < MAPS; i++)
		rig_map(f->rig.space, i * 64 * PAGE, f->memory + i * 64 * PAGE, (4 * i + 4) * PAGE,
			IOASID_MAP_RW);
	for (unsigned int i = 0; i < WRITERS; i++) {
		struct writer *writer = &f->writers[i];

		writer->rig = &f->rig;
		writer->random = i + 1;
		writer->lane = i;
		ok(ioasid_mock_device_new(f->rig.mock, NULL, &writer->hw));
		writer->device = rig_bind(&f->rig, writer->hw, i);
		ok(ioasid_device_attach(writer->device, f->rig.space, NULL, &writer->route));
	}
	ok(ioasid_space_dirty_start(f->rig.space));
}

static void field_end(struct field *f)
{
	for (unsigned int i = 0; i < WRITERS; i++) {
		ok(ioasid_attachment_detach(f->writers[i].route));
		ok(ioasid_device_unbind(f->writers[i].device));
	}
	rig_end(&f->rig);
	free(f->memory);
}

/* In each page a part of its own, so that devices do not race for a byte; the first one's goes on
 * into the next page, which may not be there. */
static uint64_t lane_of(const struct writer *writer)
{
	return writer->lane ? writer->lane * 1024 - 512 : 3900;
}

static void write_somewhere(struct writer *writer)
{
	uint64_t page = roll(&writer->random, PAGES);
	uint64_t offset = lane_of(writer) + roll(&writer->random, 100);
	uint64_t length = 1 + roll(&writer->random, 400);
	unsigned char buffer[400];
	struct ioasid_mock_dma dma =
		rig_dma(writer->rig, IOASID_MOCK_DMA_WRITE, page * PAGE + offset, buffer, length);

	memset(buffer, (int)roll(&writer->random, 256), sizeof(buffer));
	ioasid_mock_dma(writer->hw, &dma);
	if (dma.done)
		set(&writer->wrote, page);
	if (offset + dma.done > PAGE)
		set(&writer->wrote, page + 1);
}

static void *write_on(void *arg)
{
	struct writer *writer = arg;

	for (unsigned int i = 0; i < writer->writes; i++)
		write_somewhere(writer);
	return NULL;
}

static void writers_start(struct field *f, unsigned int writes)
{
	for (unsigned int i = 0; i < WRITERS; i++) {
		f->writers[i].writes = writes;
		f->writers[i].wrote = (struct bitmap){{0}};
		ck_assert_int_eq(
			pthread_create(&f->writers[i].thread, NULL, write_on, &f->writers[i]), 0);
	}
}

static void writers_join(struct field *f)
{
	for (unsigned int i = 0; i < WRITERS; i++)
		ck_assert_int_eq(pthread_join(f->writers[i].thread, NULL), 0);
}

static void harvest(struct ioasid_space *space, struct bitmap *into)
{
	ok(ioasid_space_dirty_read(space, IOASID_OPTS(ioasid_dirty, .length = PAGES * PAGE,
						  .granule = PAGE, .bitmap = into->words)));
}

/* Reads all the time, until it is told to stop. */
struct reader {
	struct field *field;
	pthread_t thread;
	bool stop; /* atomic */
	struct bitmap found;
	unsigned char *copy; /* NULL: only the notes */
};

/* A page of memory that a device may be writing, byte by byte and whatever it is just now: torn, or
 * old, it is noted again, so that this race is none that matters. */
__attribute__((no_sanitize("thread"))) static void copy_page(
	unsigned char *to, const unsigned char *from)
{
	for (uint64_t i = 0; i < PAGE; i++)
		to[i] = *(const volatile unsigned char *)&from[i];
}

static void reader_read(struct reader *reader)
{
	struct bitmap found = {{0}};

	harvest(reader->field->rig.space, &found);
	for (uint64_t page = 0; page < PAGES; page++) {
		if (!is_set(&found, page))
			continue;
		set(&reader->found, page);
		if (reader->copy)
			copy_page(reader->copy + page * PAGE, reader->field->memory + page * PAGE);
	}
}

static void *read_on(void *arg)
{
	struct reader *reader = arg;

	while (!__atomic_load_n(&reader->stop, __ATOMIC_RELAXED))
		reader_read(reader);
	return NULL;
}

static void reader_start(struct reader *reader)
{
	__atomic_store_n(&reader->stop, false, __ATOMIC_RELAXED);
	reader->found = (struct bitmap){{0}};
	ck_assert_int_eq(pthread_create(&reader->thread, NULL, read_on, reader), 0);
}

static void reader_join(struct reader *reader)
{
	__atomic_store_n(&reader->stop, true, __ATOMIC_RELAXED);
	ck_assert_int_eq(pthread_join(reader->thread, NULL), 0);
}

START_TEST(what_several_read_is_exactly_what_devices_wrote)
{
	struct field f;
	struct reader readers[2] = {{.field = &f}, {.field = &f}};

	field_begin(&f);
	for (unsigned long round = support_rounds(200); round; round--) {
		struct bitmap last = {{0}};

		reader_start(&readers[0]);
		reader_start(&readers[1]);
		writers_start(&f, 60);
		writers_join(&f);
		reader_join(&readers[0]);
		reader_join(&readers[1]);
		harvest(f.rig.space, &last);
		for (uint64_t page = 0; page < PAGES; page++) {
			bool wrote = false, found = is_set(&last, page);

			for (unsigned int i = 0; i < WRITERS; i++)
				wrote |= is_set(&f.writers[i].wrote, page);
			for (unsigned int i = 0; i < 2; i++)
				found |= is_set(&readers[i].found, page);
			ck_assert_msg(found == wrote, "page %d is %s", (int)page,
				wrote ? "lost" : "noted, but nobody wrote it");
			ck_assert(!wrote || is_mapped(page));
		}
	}
	field_end(&f);
}
END_TEST

START_TEST(who_copies_what_is_noted_ends_with_the_same_memory)
{
	struct field f;
	struct reader reader = {.field = &f};

	field_begin(&f);
	reader.copy = support_memory(PAGES * PAGE, 1);
	ck_assert_mem_eq(reader.copy, f.memory, PAGES * PAGE);
	for (unsigned long round = support_rounds(60); round; round--) {
		reader_start(&reader);
		writers_start(&f, 400);
		writers_join(&f);
		reader_join(&reader);
		reader_read(&reader); /* the last round, when nothing moves any more */
		ck_assert_mem_eq(reader.copy, f.memory, PAGES * PAGE);
	}
	field_end(&f);
	free(reader.copy);
}
END_TEST

/* Maps that come and go while devices write: an unmap waits for who writes, and forgets. */
START_TEST(maps_come_and_go_meanwhile)
{
	struct field f;
	struct reader reader = {.field = &f};

	field_begin(&f);
	for (unsigned long round = support_rounds(60); round; round--) {
		reader_start(&reader);
		writers_start(&f, 60);
		for (uint64_t i = 0; i < MAPS; i++) {
			uint64_t at = i * 64 * PAGE, length = (4 * i + 4) * PAGE;

			ok(ioasid_space_unmap(f.rig.space, at, length));
			rig_map(f.rig.space, at, f.memory + at, length, IOASID_MAP_RW);
		}
		writers_join(&f);
		reader_join(&reader);
		reader_read(&reader);
		for (uint64_t page = 0; page < PAGES; page++) {
			bool wrote = false;

			for (unsigned int i = 0; i < WRITERS; i++)
				wrote |= is_set(&f.writers[i].wrote, page);
			ck_assert(wrote || !is_set(&reader.found, page));
		}
	}
	field_end(&f);
}
END_TEST

void add_dirty_thread_tests(Suite *suite)
{
	TCase *tcase = support_case(suite, "dirty threads");

	tcase_add_test(tcase, what_several_read_is_exactly_what_devices_wrote);
	tcase_add_test(tcase, who_copies_what_is_noted_ends_with_the_same_memory);
	tcase_add_test(tcase, maps_come_and_go_meanwhile);
}
