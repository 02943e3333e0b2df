/* SPDX-License-Identifier: MIT */
/*
 * Groups out of the kernel's records: see batch.h. The kernel is trusted for isolation, not for
 * counts: whatever it gives, no index leaves the memory, and what makes no sense is refused.
 */
#include "batch.h"
#include <errno.h>
#include <ioasid/fault.h>
#include <stdlib.h>

#define PAGE_MASK 4095u

_Static_assert(IOMMUFD_FAULT_READ == IOASID_FAULT_READ, "the same bits");
_Static_assert(IOMMUFD_FAULT_WRITE == IOASID_FAULT_WRITE, "the same bits");
_Static_assert(IOMMUFD_FAULT_EXEC == IOASID_FAULT_EXEC, "the same bits");
_Static_assert(IOMMUFD_FAULT_PRIV == IOASID_FAULT_PRIV, "the same bits");

#define PERMISSIONS                                                                                \
	(IOMMUFD_FAULT_READ | IOMMUFD_FAULT_WRITE | IOMMUFD_FAULT_EXEC | IOMMUFD_FAULT_PRIV)

static int make(struct iommufd_batch *batch, unsigned int room)
{
	*batch = (struct iommufd_batch){
		.room = room,
		.ask = room,
		.raw = calloc(room, sizeof(*batch->raw)),
		.records = calloc(room, sizeof(*batch->records)),
		.groups = calloc(room, sizeof(*batch->groups)),
		.answers = calloc(room, sizeof(*batch->answers)),
	};
	if (batch->raw && batch->records && batch->groups && batch->answers)
		return 0;
	iommufd_batch_close(batch);
	return -ENOMEM;
}

int iommufd_batch_open(struct iommufd_batch *batch)
{
	return make(batch, IOMMUFD_BATCH_LEAST);
}

void iommufd_batch_close(struct iommufd_batch *batch)
{
	free(batch->raw);
	free(batch->records);
	free(batch->groups);
	free(batch->answers);
	*batch = (struct iommufd_batch){.room = 0};
}

/* Asks for more; memory that it has from a former time does again. */
int iommufd_batch_grow(struct iommufd_batch *batch)
{
	struct iommufd_batch larger;
	unsigned int ask = batch->ask * 2;
	int err;

	if (ask > IOMMUFD_BATCH_MOST)
		return -E2BIG;
	if (ask > batch->room) {
		err = make(&larger, ask);
		if (err)
			return err;
		iommufd_batch_close(batch);
		*batch = larger;
	}
	batch->ask = ask;
	return 0;
}

void iommufd_batch_clear(struct iommufd_batch *batch)
{
	batch->group_count = 0;
	batch->record_count = 0;
	batch->answer_count = 0;
}

static bool has_pasid(const struct iommufd_fault *raw)
{
	return raw->flags & IOMMUFD_FAULT_PASID_VALID;
}

/* All of one group came from one place, for one answer. */
static bool agree(const struct iommufd_fault *a, const struct iommufd_fault *b)
{
	if (a->dev_id != b->dev_id || a->grpid != b->grpid || has_pasid(a) != has_pasid(b))
		return false;
	return !has_pasid(a) || (a->pasid == b->pasid && a->pasid < 1u << IOASID_PASID_BITS);
}

unsigned int iommufd_batch_group(const struct iommufd_fault *first, unsigned int n, bool *whole)
{
	bool agreed = true;
	unsigned int i = 0;

	for (; i < n && first[i].cookie == first->cookie; i++) {
		agreed &= agree(first, &first[i]);
		if (!(first[i].flags & IOMMUFD_FAULT_LAST_PAGE))
			continue;
		*whole = agreed;
		return i + 1;
	}
	*whole = false;
	return i;
}

/* Flag bits from inside the kernel leak: only what is known is taken over. */
static void convert(const struct iommufd_fault *raw, const struct iommufd_origin *origin,
	struct ioasid_fault *record)
{
	bool valid = has_pasid(raw);

	*record = (struct ioasid_fault){
		.label = origin->label,
		.addr = raw->addr & ~(uint64_t)PAGE_MASK,
		.pages = 1,
		.flags = (raw->perm & PERMISSIONS) | origin->flags |
			 (valid ? IOASID_FAULT_PASID_VALID : 0),
		.space = origin->space,
		.pasid = valid ? raw->pasid : IOASID_PASID_NONE,
		.group = raw->grpid,
		.time = origin->time,
	};
}

void iommufd_batch_add(struct iommufd_batch *batch, const struct iommufd_fault *first,
	unsigned int count, const struct iommufd_origin *origin)
{
	struct ioasid_fault *records = &batch->records[batch->record_count];

	for (unsigned int i = 0; i < count; i++)
		convert(&first[i], origin, &records[i]);
	batch->record_count += count;
	batch->groups[batch->group_count++] = (struct producer_group){
		.records = records,
		.count = count,
		.device = origin->group,
		.route = origin->route_pasid,
		.cookie = first->cookie,
	};
}

void iommufd_batch_answer(struct iommufd_batch *batch, uint32_t cookie, uint32_t code)
{
	batch->answers[batch->answer_count++] =
		(struct iommufd_response){.cookie = cookie, .code = code};
}
