/* SPDX-License-Identifier: MIT */
/*
 * A space of the mock that notes what its device writes: see noteskit.h.
 */
#include "noteskit.h"
#include <ioasid/pgtable.h>

struct rig_opts notes_opts(uint32_t space)
{
	return (struct rig_opts){
		.iommu = {.flags = IOASID_MOCK_IOMMU_DIRTY},
		.space = IOASID_SPACE_DIRTY_TRACKING | space,
	};
}

void notes_begin_with(struct notes *t, const struct rig_opts *opts)
{
	t->memory = support_memory(NOTES_PAGES * PAGE, 1);
	rig_begin(&t->rig, opts);
}

void notes_begin(struct notes *t, uint32_t space)
{
	struct rig_opts opts = notes_opts(space);

	notes_begin_with(t, &opts);
}

void notes_end(struct notes *t)
{
	rig_end(&t->rig);
	free(t->memory);
}

void notes_map(struct notes *t, unsigned int first, unsigned int pages, uint32_t flags)
{
	rig_map(t->rig.space, first * PAGE, t->memory + first * PAGE, pages * PAGE, flags);
}

void notes_write_byte(struct notes *t, uint64_t iova)
{
	unsigned char byte = 0x5a;

	ok(rig_write(&t->rig, iova, &byte, 1));
}

void notes_write_page(struct notes *t, unsigned int page)
{
	notes_write_byte(t, page * PAGE + 99);
}

uint64_t notes_look(struct ioasid_space *space, struct notes_look at)
{
	uint64_t bits[2] = {0, 0x7777};

	ok(ioasid_space_dirty_read(
		space, IOASID_OPTS(ioasid_dirty, .flags = at.flags, .iova = at.first * PAGE,
			       .length = (at.pages ? at.pages : NOTES_PAGES) * PAGE,
			       .granule = at.granule ? at.granule : PAGE, .bitmap = bits)));
	ck_assert_uint_eq(bits[1], 0x7777);
	return bits[0];
}
