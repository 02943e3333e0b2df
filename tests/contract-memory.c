/* SPDX-License-Identifier: MIT */
/*
 * The contract of registered memory: what is registered is in use while a map leads there,
 * whichever way the map ends; once any is registered, maps lead to nothing else.
 */
#include "contract.h"
#include <stdlib.h>

#define WHERE AT(0x40000)

/* Two spaces of one device each, that see registered memory. */
struct lease {
	struct contract c;
	struct contract_nic *nic[2];
	struct ioasid_space *space[2];
	struct ioasid_attachment *route[2];
	unsigned char *memory; /* 4 pages, registered */
};

static void lease_begin(struct lease *l)
{
	static const char *const names[] = {"nic0", "nic1"};

	l->memory = support_memory(4 * PAGE, 50);
	for (int i = 0; i < 2; i++) {
		l->nic[i] = contract_nic(&l->c, names[i], (struct contract_wish){0});
		l->space[i] = contract_space(&l->c);
		l->route[i] = contract_attach(l->nic[i], l->space[i]);
	}
	ok(ioasid_memory_register(l->c.ctx, l->memory, 4 * PAGE));
}

static void end_space(struct lease *l, int i)
{
	ok(ioasid_attachment_detach(l->route[i]));
	ok(ioasid_space_destroy(l->space[i]));
	l->route[i] = NULL;
	l->space[i] = NULL;
}

static void lease_end(struct lease *l)
{
	for (int i = 0; i < 2; i++)
		end_space(l, i);
	contract_end(&l->c);
	free(l->memory);
}

#define LEASE(l, platform)                                                                         \
	do {                                                                                       \
		contract_begin(&(l)->c, platform);                                                 \
		NEEDS(&(l)->c, IOASID_EXT_REGISTER_MEMORY);                                        \
		lease_begin(l);                                                                    \
	} while (0)

static int unregister(struct lease *l)
{
	return ioasid_memory_unregister(l->c.ctx, l->memory, 4 * PAGE);
}

START_TEST(memory_is_in_use_until_its_last_map_ends)
{
	struct lease l;

	LEASE(&l, _i);
	ok(contract_map(l.space[0], WHERE, l.memory, PAGE, IOASID_MAP_RW));
	ok(contract_map(l.space[1], WHERE, l.memory, 2 * PAGE, IOASID_MAP_RW));
	fails(-EBUSY, "2 maps", unregister(&l));
	DMA_SEES(&l.c, l.nic[1], WHERE, l.memory, 2 * PAGE);
	ok(ioasid_space_unmap(l.space[0], WHERE, PAGE));
	fails(-EBUSY, "1 maps", unregister(&l));
	ok(ioasid_space_unmap(l.space[1], 0, UINT64_MAX));
	ok(unregister(&l));
	fails(-ENOENT, "ioasid_memory_unregister", unregister(&l));
	lease_end(&l);
}
END_TEST

START_TEST(a_space_that_ends_lets_go_of_the_memory_of_its_maps)
{
	struct lease l;

	LEASE(&l, _i);
	for (uint64_t i = 0; i < 4; i++)
		ok(contract_map(l.space[0], WHERE + 2 * i * PAGE, l.memory + i * PAGE, PAGE,
			IOASID_MAP_RW));
	fails(-EBUSY, "4 maps", unregister(&l));
	end_space(&l, 0);
	ok(unregister(&l));
	lease_end(&l);
}
END_TEST

START_TEST(maps_lead_to_registered_memory_alone_once_there_is_some)
{
	struct lease l;
	unsigned char *other = support_memory(PAGE, 51);

	LEASE(&l, _i);
	fails(-EINVAL, "register", contract_map(l.space[0], WHERE, other, PAGE, IOASID_MAP_READ));
	fails(-EINVAL, "register",
		contract_map(l.space[0], WHERE, l.memory + 3 * PAGE, 2 * PAGE, IOASID_MAP_READ));
	DMA_FAILS(&l.c, l.nic[0], WHERE);
	ok(ioasid_memory_register(l.c.ctx, other, PAGE));
	ok(contract_map(l.space[0], WHERE, other, PAGE, IOASID_MAP_READ));
	DMA_SEES(&l.c, l.nic[0], WHERE, other, PAGE);
	lease_end(&l);
	free(other);
}
END_TEST

void contract_add_memory(Suite *suite)
{
	TCase *tcase = support_case(suite, "registered memory");

	contract_test(tcase, memory_is_in_use_until_its_last_map_ends);
	contract_test(tcase, a_space_that_ends_lets_go_of_the_memory_of_its_maps);
	contract_test(tcase, maps_lead_to_registered_memory_alone_once_there_is_some);
}
