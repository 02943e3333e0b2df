/* SPDX-License-Identifier: MIT */
/*
 * The guest: see guest.h.
 */
#include "guest.h"
#include <stdlib.h>

uint64_t guest_memory(const struct machine *machine, unsigned int devices)
{
	return devices * pager_memory(machine);
}

int guest_open(struct guest *guest, struct machine *machine, struct files *files)
{
	struct pager *pager;

	guest->count = machine->count;
	guest->pagers = calloc(guest->count, sizeof(*guest->pagers));
	for (unsigned int i = 0; guest->pagers && i < guest->count; i++) {
		pager = &guest->pagers[i];
		*pager = (struct pager){
			.machine = machine,
			.files = files,
			.v_rid = machine->devices[i].v_rid,
			.v_pasid = machine->devices[i].v_pasid,
			.gpa = guest_memory(machine, i),
		};
		if (pager_open(pager))
			return -1;
	}
	return guest->pagers ? 0 : trouble_add(guest->trouble, "out of memory");
}

void guest_free(struct guest *guest)
{
	for (unsigned int i = 0; guest->pagers && i < guest->count; i++)
		pager_free(&guest->pagers[i]);
	free(guest->pagers);
}

static struct pager *find(struct guest *guest, const struct message *message)
{
	for (unsigned int i = 0; i < guest->count; i++)
		if (guest->pagers[i].v_rid == message->v_rid &&
			guest->pagers[i].v_pasid == message->v_pasid)
			return &guest->pagers[i];
	trouble_add(guest->trouble, "the guest heard of a device that it has not: %x.%u",
		message->v_rid, message->v_pasid);
	return NULL;
}

uint32_t guest_serve(void *arg, const struct message *message)
{
	struct pager_request request = {message->addr, message->pages, message->write};
	struct pager *pager = find(arg, message);

	return pager ? pager_serve(pager, &request) : IOASID_RESPONSE_INVALID;
}

int guest_flush(struct guest *guest)
{
	for (unsigned int i = 0; i < guest->count; i++)
		if (pager_flush(&guest->pagers[i]))
			return -1;
	return 0;
}
