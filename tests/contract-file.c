/* SPDX-License-Identifier: MIT */
/*
 * The contract of maps of files: devices see the file's pages and write them, wherever the file is
 * mapped on their behalf; nothing of that is left in the process when the map is gone, by whatever
 * way it went.
 */
#include "contract.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES 8
#define NAME  "ioasid-contract-file"

/* A space over a device, and a file to map in it. */
struct shelf {
	struct contract *c;
	struct contract_nic *nic;
	struct ioasid_space *space;
	struct ioasid_attachment *route;
	unsigned char *bytes; /* what is in the file */
	int fd;
	bool kept; /* the library keeps a view of it in the process */
};

static void shelf_begin(struct shelf *s, struct contract *c)
{
	s->c = c;
	s->kept = !contract_has(c, IOASID_EXT_MAP_FILE);
	s->nic = contract_nic(c, "nic0", (struct contract_wish){0});
	s->space = contract_space(c);
	s->route = contract_attach(s->nic, s->space);
	s->bytes = support_memory(PAGES * PAGE, 31);
	s->fd = memfd_create(NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(s->fd, 0);
	ck_assert_int_eq(write(s->fd, s->bytes, PAGES * PAGE), (int)(PAGES * PAGE));
}

static void shelf_end(struct shelf *s)
{
	ok(ioasid_attachment_detach(s->route));
	ok(ioasid_space_destroy(s->space));
	free(s->bytes);
	close(s->fd);
}

/* The bytes of a line of /proc/self/maps, if it is about our file. */
static uint64_t bytes_of(const char *line)
{
	char *end;
	uint64_t first = strtoull(line, &end, 16);

	return strstr(line, NAME) ? strtoull(end + 1, NULL, 16) - first : 0;
}

/* As much of the file is in the process, if the library keeps views; nothing otherwise. */
static void expect_view(const struct shelf *s, uint64_t pages)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uint64_t bytes = 0;
	char line[512];

	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps))
		bytes += bytes_of(line);
	fclose(maps);
	ck_assert_uint_eq(bytes, s->kept ? pages * PAGE : 0);
}

static int map_fd(const struct shelf *s, int fd, uint64_t page, struct ioasid_map map)
{
	map.length = map.length ? map.length : PAGE;
	map.flags |= IOASID_MAP_FIXED;
	return ioasid_space_map_file(s->space, fd, page * PAGE, &map);
}

/* So many pages of the file, from this one on, at this address. */
static int map_pages(const struct shelf *s, uint64_t iova, uint64_t page, uint64_t pages)
{
	return map_fd(s, s->fd, page,
		(struct ioasid_map){.iova = iova, .length = pages * PAGE, .flags = IOASID_MAP_RW});
}

START_TEST(devices_see_the_file_and_write_it)
{
	struct contract c;
	struct shelf s;
	unsigned char byte;

	contract_begin(&c, _i);
	shelf_begin(&s, &c);
	ok(map_pages(&s, AT(0), 0, PAGES));
	ok(map_pages(&s, AT(0x100000), 3, 2));
	DMA_SEES(&c, s.nic, AT(0), s.bytes, PAGES * PAGE);
	DMA_SEES(&c, s.nic, AT(0x100000), s.bytes + 3 * PAGE, 2 * PAGE);
	byte = (unsigned char)~s.bytes[4 * PAGE + 5];
	ck_assert_int_eq(contract_dma_write(&c, s.nic, AT(0x101005), &byte, 1), 0);
	s.bytes[4 * PAGE + 5] = byte;
	DMA_SEES(&c, s.nic, AT(0), s.bytes, PAGES * PAGE);
	ck_assert_int_eq(pread(s.fd, &byte, 1, 4 * PAGE + 5), 1);
	ck_assert_uint_eq(byte, s.bytes[4 * PAGE + 5]);
	byte = (unsigned char)~byte;
	ck_assert_int_eq(pwrite(s.fd, &byte, 1, 9), 1);
	s.bytes[9] = byte;
	DMA_SEES(&c, s.nic, AT(0), s.bytes, PAGE);
	shelf_end(&s);
	contract_end(&c);
}
END_TEST

START_TEST(the_descriptor_may_be_closed_once_it_is_mapped)
{
	struct contract c;
	struct shelf s;

	contract_begin(&c, _i);
	shelf_begin(&s, &c);
	ok(map_pages(&s, AT(0), 0, 2));
	close(s.fd);
	DMA_SEES(&c, s.nic, AT(0), s.bytes, 2 * PAGE);
	fails(-EBADF, "descriptor", map_pages(&s, AT(0x10000), 0, 2));
	s.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	shelf_end(&s);
	contract_end(&c);
}
END_TEST

START_TEST(permissions_of_the_map_are_honoured)
{
	struct contract c;
	struct shelf s;
	unsigned char byte;

	contract_begin(&c, _i);
	shelf_begin(&s, &c);
	byte = (unsigned char)~s.bytes[0];
	ok(map_fd(&s, s.fd, 0, (struct ioasid_map){.iova = AT(0), .flags = IOASID_MAP_READ}));
	ok(map_fd(&s, s.fd, 1, (struct ioasid_map){.iova = AT(PAGE), .flags = IOASID_MAP_WRITE}));
	ck_assert_int_eq(contract_dma_write(&c, s.nic, AT(0), &byte, 1), -EFAULT);
	DMA_SEES(&c, s.nic, AT(0), s.bytes, PAGE);
	ck_assert_int_eq(contract_dma_write(&c, s.nic, AT(PAGE), &byte, 1), 0);
	ck_assert_int_eq(pread(s.fd, &s.bytes[1], 1, PAGE), 1);
	ck_assert_uint_eq(s.bytes[1], byte);
	shelf_end(&s);
	contract_end(&c);
}
END_TEST

/* The same file, open in another way. */
static int reopen(const struct shelf *s, int how)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	fd = open(path, how | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(a_file_that_may_not_be_written_is_not_mapped_for_writing)
{
	struct contract c;
	struct shelf s;

	contract_begin(&c, _i);
	shelf_begin(&s, &c);

	int readable = reopen(&s, O_RDONLY), writable = reopen(&s, O_WRONLY);
	struct ioasid_map reads = {.iova = AT(0), .flags = IOASID_MAP_READ};
	struct ioasid_map writes = {.iova = AT(PAGE), .flags = IOASID_MAP_WRITE};

	fails(-EACCES, "reading only", map_fd(&s, readable, 0, writes));
	fails(-EACCES, "writing only", map_fd(&s, writable, 0, writes));
	fails(-EACCES, "writing only", map_fd(&s, writable, 0, reads));
	expect_view(&s, 0);
	ok(map_fd(&s, readable, 0, reads));
	DMA_SEES(&c, s.nic, AT(0), s.bytes, PAGE);
	ck_assert_int_eq(fcntl(s.fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
	fails(-EACCES, "sealed", map_fd(&s, s.fd, 0, writes));
	ok(ioasid_space_unmap(s.space, 0, UINT64_MAX));
	ok(map_fd(&s, s.fd, 0, reads));
	DMA_SEES(&c, s.nic, AT(0), s.bytes, PAGE);
	close(readable);
	close(writable);
	shelf_end(&s);
	contract_end(&c);
}
END_TEST

START_TEST(what_the_file_does_not_have_is_not_mapped)
{
	struct contract c;
	struct shelf s;
	int pipes[2];

	contract_begin(&c, _i);
	shelf_begin(&s, &c);
	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	fails(-EINVAL, "ftruncate", map_pages(&s, AT(0), PAGES, 1));
	fails(-EINVAL, "ftruncate", map_pages(&s, AT(0), PAGES - 1, 2));
	fails(-ENODEV, "descriptor",
		map_fd(&s, pipes[0], 0,
			(struct ioasid_map){.iova = AT(0), .flags = IOASID_MAP_READ}));
	expect_view(&s, 0);
	ok(map_pages(&s, AT(0), PAGES - 1, 1));
	DMA_SEES(&c, s.nic, AT(0), s.bytes + (PAGES - 1) * PAGE, PAGE);
	close(pipes[0]);
	close(pipes[1]);
	shelf_end(&s);
	contract_end(&c);
}
END_TEST

START_TEST(an_unmap_takes_files_and_memory_alike)
{
	struct contract c;
	struct shelf s;
	unsigned char *memory = support_memory(PAGE, 32);

	contract_begin(&c, _i);
	shelf_begin(&s, &c);
	/* side by side: file, memory, file, and one apart */
	ok(map_pages(&s, AT(0), 0, 2));
	ok(contract_map(s.space, AT(2 * PAGE), memory, PAGE, IOASID_MAP_READ));
	ok(map_pages(&s, AT(3 * PAGE), 3, 1));
	ok(map_pages(&s, AT(0x100000), 5, 1));
	expect_view(&s, 4);
	fails(-EINVAL, "0x40000000-0x40001fff", ioasid_space_unmap(s.space, AT(PAGE), 3 * PAGE));
	expect_view(&s, 4);
	ck_assert_int_eq(ok(ioasid_space_unmap(s.space, AT(0), 4 * PAGE)), 4 * (int64_t)PAGE);
	expect_view(&s, 1);
	for (uint64_t page = 0; page < 4; page++)
		DMA_FAILS(&c, s.nic, AT(page * PAGE));
	DMA_SEES(&c, s.nic, AT(0x100000), s.bytes + 5 * PAGE, PAGE);
	ok(map_pages(&s, AT(0), 0, 1));
	ck_assert_int_eq(ok(ioasid_space_unmap(s.space, 0, UINT64_MAX)), 2 * (int64_t)PAGE);
	expect_view(&s, 0);
	shelf_end(&s);
	contract_end(&c);
	free(memory);
}
END_TEST

START_TEST(a_refused_map_leaves_nothing_behind)
{
	struct contract c;
	struct shelf s;
	struct ioasid_map big = {.length = PAGES * PAGE, .flags = IOASID_MAP_READ, .iova = 0x77};
	const struct ioasid_range small = {AT(0), AT(PAGE - 1)};

	contract_begin(&c, _i);
	shelf_begin(&s, &c);
	ok(map_pages(&s, AT(0), 0, 1));
	fails(-EEXIST, "0x40000000-0x40000fff", map_pages(&s, AT(0), 0, PAGES));
	fails(-EINVAL, "0x40000800", map_pages(&s, AT(0x800), 0, PAGES));
	ok(ioasid_space_allow(s.space, &small, 1));
	fails(-ENOSPC, "allowed", ioasid_space_map_file(s.space, s.fd, 0, &big));
	ck_assert_uint_eq(big.iova, 0x77);
	ck_assert_ptr_null(big.addr);
	expect_view(&s, 1);
	shelf_end(&s);
	expect_view(&s, 0);
	contract_end(&c);
}
END_TEST

START_TEST(the_view_ends_with_the_space)
{
	struct contract c;
	struct shelf s;

	contract_begin(&c, _i);
	shelf_begin(&s, &c);
	ok(map_pages(&s, AT(0), 0, PAGES));
	ok(map_pages(&s, AT(0x100000), 0, 1));
	expect_view(&s, PAGES + 1);
	shelf_end(&s);
	expect_view(&s, 0);
	contract_end(&c);
}
END_TEST

START_TEST(the_view_ends_with_the_context)
{
	struct contract c;
	struct shelf s;

	contract_begin(&c, _i);
	shelf_begin(&s, &c);
	ok(map_pages(&s, AT(0), 0, PAGES));
	ok(map_pages(&s, AT(0x100000), 0, 1));
	contract_close(&c);
	expect_view(&s, 0);
	fails(-ENODEV, "closed", map_pages(&s, AT(0x200000), 0, 1));
	expect_view(&s, 0);
	shelf_end(&s);
	expect_view(&s, 0);
	contract_end(&c);
}
END_TEST

START_TEST(a_file_need_not_be_registered_and_is_in_nobodys_way)
{
	struct contract c;
	struct shelf s;
	unsigned char *memory;

	contract_begin(&c, _i);
	NEEDS(&c, IOASID_EXT_REGISTER_MEMORY);
	shelf_begin(&s, &c);
	memory = support_memory(2 * PAGE, 33);
	ok(map_pages(&s, AT(0), 0, 1));
	ok(ioasid_memory_register(c.ctx, memory, PAGE));
	ok(map_pages(&s, AT(0x10000), 1, 1));
	fails(-EINVAL, "registered",
		contract_map(s.space, AT(0x20000), memory + PAGE, PAGE, IOASID_MAP_READ));
	ok(contract_map(s.space, AT(0x20000), memory, PAGE, IOASID_MAP_READ));
	DMA_SEES(&c, s.nic, AT(0x10000), s.bytes + PAGE, PAGE);
	DMA_SEES(&c, s.nic, AT(0x20000), memory, PAGE);
	ok(ioasid_space_unmap(s.space, AT(0x20000), PAGE));
	ok(ioasid_memory_unregister(c.ctx, memory, PAGE));
	DMA_SEES(&c, s.nic, AT(0x10000), s.bytes + PAGE, PAGE);
	shelf_end(&s);
	contract_end(&c);
	free(memory);
}
END_TEST

START_TEST(a_child_leads_through_to_the_file_but_maps_none_itself)
{
	struct contract c;
	struct shelf s;
	struct ioasid_map map = {.length = PAGE, .flags = IOASID_MAP_READ};

	contract_begin(&c, _i);
	NEEDS(&c, IOASID_EXT_NEST_SOFTWARE);
	shelf_begin(&s, &c);

	struct ioasid_space *child = contract_child(s.space);
	struct ioasid_attachment *over = contract_attach(s.nic, child);

	fails(-EINVAL, "nested", ioasid_space_map_file(child, s.fd, 0, &map));
	expect_view(&s, 0);
	ok(contract_nest(child, AT(0x300000), AT(PAGE), 2 * PAGE, IOASID_MAP_READ));
	ok(map_pages(&s, AT(0), 0, PAGES));
	DMA_SEES(&c, s.nic, AT(0x300000), s.bytes + PAGE, 2 * PAGE);
	ok(ioasid_space_unmap(s.space, AT(0), PAGES * PAGE));
	DMA_FAILS(&c, s.nic, AT(0x300000));
	expect_view(&s, 0);
	ok(ioasid_attachment_detach(over));
	ok(ioasid_space_destroy(child));
	shelf_end(&s);
	contract_end(&c);
}
END_TEST

void contract_add_file(Suite *suite)
{
	TCase *tcase = support_case(suite, "maps of files");

	contract_test(tcase, devices_see_the_file_and_write_it);
	contract_test(tcase, the_descriptor_may_be_closed_once_it_is_mapped);
	contract_test(tcase, permissions_of_the_map_are_honoured);
	contract_test(tcase, a_file_that_may_not_be_written_is_not_mapped_for_writing);
	contract_test(tcase, what_the_file_does_not_have_is_not_mapped);
	contract_test(tcase, an_unmap_takes_files_and_memory_alike);
	contract_test(tcase, a_refused_map_leaves_nothing_behind);
	contract_test(tcase, the_view_ends_with_the_space);
	contract_test(tcase, the_view_ends_with_the_context);
	contract_test(tcase, a_file_need_not_be_registered_and_is_in_nobodys_way);
	contract_test(tcase, a_child_leads_through_to_the_file_but_maps_none_itself);
}
