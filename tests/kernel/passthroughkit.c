/* SPDX-License-Identifier: MIT */
/*
 * The edu devices over the library: see passthroughkit.h.
 */
#include "passthroughkit.h"
#include "guest.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct kit kit;

/* Seats in use: a test that fails leaves them to its end, or no later one would get its device. */
static struct seat *taken[PLACES];

static void note(struct seat *seat, struct seat *instead)
{
	unsigned int i = 0;

	while (i < PLACES && taken[i] != instead)
		i++;
	ck_assert_uint_lt(i, PLACES);
	taken[i] = seat;
}

/* After the context was closed: only the handles are left. */
static void clear(struct seat *seat)
{
	if (seat->edu.registers)
		edu_close(&seat->edu);
	ioasid_attachment_detach(seat->route);
	ioasid_device_unbind(seat->device);
	close(seat->fd);
}

static bool none_taken(void)
{
	for (unsigned int i = 0; i < PLACES; i++)
		if (taken[i])
			return false;
	return true;
}

static void set_up(void)
{
	ck_assert_uint_eq(edu_find(kit.places, PLACES), PLACES);
	kit.file = support_memory(FILE_SIZE, 7);
	kit.copy = support_memory(FILE_SIZE, 0);
	memset(kit.copy, 0, FILE_SIZE);
	ok(ioasid_open(NULL, &kit.ctx));
	ok(ioasid_space_new(kit.ctx, NULL, &kit.space));
}

static void tear_down(void)
{
	if (none_taken())
		ok(ioasid_space_destroy(kit.space));
	ioasid_close(kit.ctx);
	for (unsigned int i = 0; i < PLACES; i++)
		if (taken[i])
			clear(taken[i]);
	memset(taken, 0, sizeof(taken));
	free(kit.file);
	free(kit.copy);
}

TCase *kit_case(Suite *suite, const char *name)
{
	TCase *tcase = support_case(suite, name);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	return tcase;
}

void seat_take(struct seat *seat, unsigned int place, struct ioasid_space *space)
{
	const struct edu_place *at = &kit.places[place];

	*seat = (struct seat){.fd = open(at->file, O_RDWR | O_CLOEXEC)};
	ck_assert_int_ge(seat->fd, 0);
	note(seat, NULL);
	ok(ioasid_device_bind(kit.ctx, seat->fd,
		IOASID_OPTS(ioasid_device_opts, .label = place, .name = at->address),
		&seat->device));
	ck_assert_int_eq(edu_open(&seat->edu, seat->fd), 0);
	if (space)
		seat_lead(seat, space);
}

void seat_lead(struct seat *seat, struct ioasid_space *space)
{
	ok(ioasid_device_attach(seat->device, space, NULL, &seat->route));
}

void seat_detach(struct seat *seat)
{
	ok(ioasid_attachment_detach(seat->route));
	seat->route = NULL;
}

void seat_leave(struct seat *seat)
{
	edu_close(&seat->edu);
	ok(ioasid_attachment_detach(seat->route));
	ok(ioasid_device_unbind(seat->device));
	close(seat->fd);
	note(NULL, seat);
}

void kit_map(struct ioasid_space *space, uint64_t iova, void *addr, uint64_t length, uint32_t flags)
{
	struct ioasid_map map = {
		.addr = addr, .length = length, .iova = iova, .flags = flags | IOASID_MAP_FIXED};

	ok(ioasid_space_map(space, &map));
}

void kit_map_both(struct ioasid_space *space)
{
	kit_map(space, FILE_IOVA, kit.file, FILE_SIZE, IOASID_MAP_READ);
	kit_map(space, COPY_IOVA, kit.copy, FILE_SIZE, IOASID_MAP_RW);
}

void kit_unmap_all(struct ioasid_space *space)
{
	ok(ioasid_space_unmap(space, 0, UINT64_MAX));
}

void seat_carry(struct seat *seat, uint64_t from, uint64_t to)
{
	ck_assert_int_eq(edu_from_memory(&seat->edu, from, 0, CHUNK), 0);
	ck_assert_int_eq(edu_to_memory(&seat->edu, to, 0, CHUNK), 0);
}

bool copy_is_empty(void)
{
	for (size_t i = 0; i < FILE_SIZE; i++)
		if (kit.copy[i])
			return false;
	return true;
}

bool seat_copies(struct seat *seat)
{
	bool arrived;

	ck_assert(copy_is_empty());
	seat_carry(seat, FILE_IOVA, COPY_IOVA);
	arrived = !memcmp(kit.copy, kit.file, CHUNK);
	ck_assert(arrived || copy_is_empty());
	memset(kit.copy, 0, CHUNK);
	ck_assert(copy_is_empty());
	return arrived;
}
