/* SPDX-License-Identifier: MIT */
/*
 * Moving a page: look up the route, translate one side or both, copy, or ask for what misses; see
 * transfer.h. It must not know who waits, nor how an answer comes.
 */
#include "transfer.h"
#include "../error.h"
#include "track.h"
#include "translate.h"
#include "wire.h"
#include <errno.h>
#include <string.h>

#define SOURCE      0u
#define DESTINATION 1u

/* One side of a page to move, as far as it is memory of a space. */
struct side {
	uint32_t which; /* SOURCE, DESTINATION */
	uint64_t iova;
	unsigned char *host;
	const struct mock_space *noted; /* NULL: the device's own buffer */
	uint64_t at;                    /* address there */
};

/* Arguments */

static bool wraps(uint64_t first, uint64_t length)
{
	return length && length - 1 > UINT64_MAX - first;
}

static const char *what_is_wrong(const struct ioasid_mock_dma *dma, uint32_t pasid_bits)
{
	bool copy = dma->kind == IOASID_MOCK_DMA_COPY;

	if (dma->kind > IOASID_MOCK_DMA_COPY)
		return "unknown kind";
	if (dma->flags & ~(IOASID_MOCK_DMA_EXEC | IOASID_MOCK_DMA_PRIV) || dma->reserved)
		return "unknown flags, or reserved is not zero";
	if (dma->flags & IOASID_MOCK_DMA_EXEC && dma->kind != IOASID_MOCK_DMA_READ)
		return "only a read fetches instructions: IOASID_MOCK_DMA_EXEC";
	if (dma->pasid != IOASID_PASID_NONE && !pasid_bits)
		return "the device has no PASIDs: set pasid to IOASID_PASID_NONE";
	if (dma->pasid != IOASID_PASID_NONE && dma->pasid >> pasid_bits)
		return "the PASID is wider than the device's";
	if (!copy && dma->length && !dma->buffer)
		return "buffer is NULL";
	if (wraps(dma->iova, dma->length))
		return "iova and length wrap";
	if (copy && wraps(dma->source, dma->length))
		return "source and length wrap";
	return NULL;
}

int mock_transfer_check(const struct ioasid_mock_device *device, struct ioasid_mock_dma *dma,
	uint32_t pasid_bits, const char *call)
{
	const char *wrong = what_is_wrong(dma, pasid_bits);

	dma->done = 0;
	dma->fault = IOASID_MOCK_FAULT_NONE;
	dma->status = wrong ? -EINVAL : -EINPROGRESS;
	if (!wrong)
		return 0;
	return error_set(-EINVAL,
		"%s: device %u, kind %u, PASID 0x%x, IOVA 0x%llx, source 0x%llx, length 0x%llx: %s",
		call, device->number, dma->kind, dma->pasid, (unsigned long long)dma->iova,
		(unsigned long long)dma->source, (unsigned long long)dma->length, wrong);
}

void mock_transfer_init(struct mock_transfer *transfer, struct ioasid_mock_device *device,
	struct ioasid_mock_dma *dma, void (*wake)(struct mock_request *self))
{
	mock_request_init(&transfer->request, device, wake);
	transfer->device = device;
	transfer->dma = dma;
	transfer->wire = IOASID_PASID_NONE;
	transfer->link = (struct list){0};
	transfer->later = (struct list){0};
	transfer->asked[SOURCE] = transfer->asked[DESTINATION] = 0;
	transfer->missed = dma->iova;
	transfer->status = -EINPROGRESS;
	transfer->why = NULL;
}

static enum mock_step end(struct mock_transfer *transfer)
{
	transfer->status = 0;
	return STEP_ENDED;
}

static enum mock_step fail(struct mock_transfer *transfer, int status, const char *why)
{
	transfer->status = status;
	transfer->why = why;
	return STEP_ENDED;
}

/* Misses */

/* What an access of this side wants. */
static uint32_t flags_of(const struct ioasid_mock_dma *dma, uint32_t side)
{
	uint32_t flags = side == SOURCE ? IOASID_FAULT_READ : IOASID_FAULT_WRITE;

	if (dma->flags & IOASID_MOCK_DMA_EXEC)
		flags |= IOASID_FAULT_EXEC;
	if (dma->flags & IOASID_MOCK_DMA_PRIV)
		flags |= IOASID_FAULT_PRIV;
	return flags;
}

/* The guest can bring the page, so to ask for it makes sense. */
static bool is_guests(uint32_t fault)
{
	return fault == IOASID_MOCK_FAULT_TRANSLATION || fault == IOASID_MOCK_FAULT_PERMISSION ||
	       fault == IOASID_MOCK_FAULT_ACCESS;
}

/* How many pages miss from here on, as far as the transfer goes and the device may ask at once; the
 * first one does. */
static uint32_t count_missing(const struct mock_transfer *transfer,
	const struct mock_access *access, const struct mock_miss *miss)
{
	const struct ioasid_mock_dma *dma = transfer->dma;
	uint64_t last = transfer->missed + (dma->length - dma->done - 1);
	uint64_t most = (last - miss->base) / miss->page + 1;
	struct mock_answer answer;
	uint32_t count = 1;

	if (most > transfer->device->opts.group_pages)
		most = transfer->device->opts.group_pages;
	for (; count < most; count++) {
		mock_translate_anew(access, miss->base + count * miss->page, &answer);
		if (!is_guests(answer.fault))
			break;
	}
	return count;
}

/* What nobody can bring. */
static const char *why_lost(uint32_t fault)
{
	switch (fault) {
	case IOASID_MOCK_FAULT_RESERVED:
		return "an entry of the guest's table is malformed";
	case IOASID_MOCK_FAULT_PASID:
		return "the guest's PASID table has no entry";
	case IOASID_MOCK_FAULT_CONTEXT:
		return "the entry in the guest's PASID table is malformed";
	default:
		return "no translation: out of the IOMMU's aperture, or of the table's width";
	}
}

static enum mock_step ask(struct mock_transfer *transfer, const struct mock_access *access,
	const struct mock_answer *answer)
{
	struct mock_miss miss = {
		.space = access->told,
		.pasid = access->pasid,
		.route = mock_track_by(access),
		.access = access->flags,
		.page = mock_translate_page(access),
		.pages = 1,
	};

	miss.base = transfer->missed & ~(miss.page - 1);
	miss.in_parent = answer->fault == IOASID_MOCK_FAULT_PARENT;
	if (miss.in_parent)
		miss.parent_addr = answer->parent_addr & ~(miss.page - 1);
	else
		miss.pages = count_missing(transfer, access, &miss);
	if (mock_request_raise(&transfer->request, &miss))
		return fail(transfer, -EFAULT, transfer->request.why);
	return STEP_WAITS;
}

static enum mock_step miss(struct mock_transfer *transfer, const struct mock_access *access,
	const struct side *side, const struct mock_answer *answer)
{
	transfer->missed = side->iova;
	transfer->dma->fault = answer->fault;
	if (transfer->asked[side->which] > transfer->device->opts.retries)
		return fail(transfer, -EFAULT,
			"no translation, however often SUCCESS was answered (retries)");
	if (!is_guests(answer->fault) && answer->fault != IOASID_MOCK_FAULT_PARENT)
		return fail(transfer, -EFAULT, why_lost(answer->fault));
	return ask(transfer, access, answer);
}

/* Moving */

static enum mock_step advance(struct mock_transfer *transfer, const struct side *sides, uint64_t n)
{
	const struct side *to = &sides[DESTINATION];
	struct ioasid_mock_dma *dma = transfer->dma;

	/* a copy's sides may be the same memory */
	memmove(to->host, sides[SOURCE].host, n);
	/* not before, or a reader of the note could miss the bytes */
	if (to->noted)
		mock_dirty_mark(to->noted, to->at, n);
	__atomic_fetch_add(&transfer->device->mock->dma_bytes, n, __ATOMIC_RELAXED);
	transfer->asked[SOURCE] = transfer->asked[DESTINATION] = 0;
	dma->done += n;
	return dma->done == dma->length ? end(transfer) : STEP_MOVED;
}

/* Finds the memory of a side: true, and no more than *n bytes from there on are of one page. */
static bool translate(const struct mock_access *access, struct side *side, uint64_t *n,
	struct mock_answer *answer)
{
	uint64_t page = mock_translate_page(access), offset = side->iova & (page - 1);

	mock_translate(access, side->iova - offset, answer);
	if (answer->fault)
		return false;
	side->host = answer->page.host + offset;
	side->noted = answer->page.noted;
	side->at = answer->page.at + offset;
	if (*n > page - offset)
		*n = page - offset;
	return true;
}

/* Where it leads; false: nowhere, and the transfer has failed. */
static bool find_lead(struct mock_transfer *transfer, struct mock_access *access)
{
	bool by_wire = transfer->wire != IOASID_PASID_NONE;
	struct ioasid_mock_dma *dma = transfer->dma;

	/* asked again for each page: who detaches does not mean what is still on its way */
	if (!by_wire || mock_wire_find(transfer->device, transfer->wire, &dma->pasid)) {
		*access = (struct mock_access){.device = transfer->device, .pasid = dma->pasid};
		if (mock_track_lead(access))
			return true;
	}
	if (!by_wire) {
		fail(transfer, -ENODEV, "it leads to no space");
		return false;
	}
	dma->fault = IOASID_MOCK_FAULT_PASID;
	fail(transfer, -EFAULT, "no route of the device has this on the wire");
	return false;
}

static enum mock_step move_page(struct mock_transfer *transfer)
{
	struct ioasid_mock_dma *dma = transfer->dma;
	struct mock_access access;
	bool copy = dma->kind == IOASID_MOCK_DMA_COPY;
	unsigned char *buffer = copy ? NULL : (unsigned char *)dma->buffer + dma->done;
	struct side sides[] = {
		{SOURCE, (copy ? dma->source : dma->iova) + dma->done, buffer, NULL, 0},
		{DESTINATION, dma->iova + dma->done, buffer, NULL, 0},
	};
	uint64_t n = dma->length - dma->done;

	dma->fault = IOASID_MOCK_FAULT_NONE;
	if (!find_lead(transfer, &access))
		return STEP_ENDED;
	for (uint32_t i = SOURCE; i <= DESTINATION; i++) {
		struct mock_answer answer;

		if (!copy && i != (dma->kind == IOASID_MOCK_DMA_READ ? SOURCE : DESTINATION))
			continue;
		access.flags = flags_of(dma, i);
		if (!translate(&access, &sides[i], &n, &answer))
			return miss(transfer, &access, &sides[i], &answer);
	}
	return advance(transfer, sides, n);
}

/* What the device makes of the answer: true, it goes on. */
static bool heed_answer(struct mock_transfer *transfer)
{
	struct mock_request *request = &transfer->request;
	bool reading = request->group.records && request->group.records->flags & IOASID_FAULT_READ;

	if (request->state != REQUEST_ANSWERED)
		return true;
	request->state = REQUEST_IDLE;
	transfer->asked[reading ? SOURCE : DESTINATION] += !request->late;
	if (request->code == IOASID_RESPONSE_FAILURE)
		fail(transfer, -EIO, "answered FAILURE");
	else if (request->code != IOASID_RESPONSE_SUCCESS)
		fail(transfer, -EFAULT, "answered INVALID");
	return request->code == IOASID_RESPONSE_SUCCESS;
}

enum mock_step mock_transfer_step(struct mock_transfer *transfer)
{
	struct ioasid_mock *mock = transfer->device->mock;
	enum mock_step step;

	if (!heed_answer(transfer))
		return STEP_ENDED;
	if (transfer->dma->done == transfer->dma->length)
		return end(transfer);
	pthread_rwlock_rdlock(&mock->world);
	step = move_page(transfer);
	pthread_rwlock_unlock(&mock->world);
	return step;
}
