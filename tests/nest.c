/* SPDX-License-Identifier: MIT */
/*
 * The fixture of the tests of software nesting: see nest.h.
 */
#include "nest.h"
#include <stdlib.h>

void nest_begin(struct nest *n, int platform)
{
	contract_begin(&n->c, platform);
	n->nic = contract_nic(&n->c, "nic0", (struct contract_wish){0});
	n->parent = contract_space(&n->c);
	n->route = contract_attach(n->nic, n->parent);
	n->child = contract_child(n->parent);
	n->over = contract_attach(n->nic, n->child);
	n->memory = support_memory(NEST_PAGES * PAGE, 9);
}

void nest_end(struct nest *n)
{
	ok(ioasid_attachment_detach(n->over));
	ok(ioasid_attachment_detach(n->route));
	ok(ioasid_space_destroy(n->child));
	ok(ioasid_space_destroy(n->parent));
	contract_end(&n->c);
	free(n->memory);
}

const unsigned char *nest_page(const struct nest *n, uint64_t page)
{
	return n->memory + page * PAGE;
}

int nest_map_parent(struct nest *n, uint64_t gpa, uint64_t page, uint64_t pages, uint32_t flags)
{
	return contract_map(n->parent, NEST_AT(gpa), nest_page(n, page), pages * PAGE, flags);
}

int nest_map_child(struct nest *n, uint64_t iova, uint64_t gpa, uint64_t pages, uint32_t flags)
{
	return contract_nest(n->child, NEST_AT(iova), NEST_AT(gpa), pages * PAGE, flags);
}

int64_t nest_unmap(struct ioasid_space *space, uint64_t page, uint64_t pages)
{
	return ioasid_space_unmap(space, NEST_AT(page), pages * PAGE);
}
