/* SPDX-License-Identifier: MIT */
/*
 * The fixture of the contract suite: a platform, a context, devices bound by name, transfers that
 * say what a device sees. Knows the public API and struct contract_platform, no platform.
 */
#include "contract.h"
#include <stdlib.h>
#include <unistd.h>

#define LABEL_FIRST UINT64_C(0xbdf0000100)

void contract_begin(struct contract *c, int platform)
{
	memset(c, 0, sizeof(*c));
	c->platform = &contract_platforms[platform];
	ok(c->platform->start(c->platform, &c->machine));
	ok(c->platform->open(c->machine, &c->ctx));
}

static void unbind_all(struct contract *c)
{
	for (unsigned int i = 0; i < c->nics; i++)
		ok(ioasid_device_unbind(c->nic[i].device));
	c->nics = 0;
}

void contract_close(struct contract *c)
{
	ioasid_close(c->ctx);
	c->ctx = NULL;
	unbind_all(c);
}

void contract_end(struct contract *c)
{
	unbind_all(c);
	ioasid_close(c->ctx);
	c->platform->stop(c->machine);
}

void contract_left_out(struct contract *c, const char *test)
{
	if (c->platform->left_out)
		c->platform->left_out(test);
	contract_end(c);
}

bool contract_can(struct contract *c, struct contract_wish wish)
{
	return c->platform->device(c->machine, &wish);
}

bool contract_has(struct contract *c, uint32_t extension)
{
	return ok(ioasid_check_extension(c->ctx, extension));
}

struct ioasid_device *contract_bind(struct contract *c, void *hw, uint64_t label, const char *name)
{
	struct ioasid_device *device;
	int fd = ok(c->platform->device_fd(hw));

	ok(ioasid_device_bind(c->ctx, fd,
		IOASID_OPTS(ioasid_device_opts, .label = label, .name = name), &device));
	ck_assert_int_eq(close(fd), 0);
	return device;
}

void *contract_hw(struct contract *c, struct contract_wish wish)
{
	return c->platform->device(c->machine, &wish);
}

struct contract_nic *contract_add(struct contract *c, const char *name, void *hw)
{
	struct contract_nic *nic = &c->nic[c->nics];

	ck_assert_uint_lt(c->nics, CONTRACT_NICS);
	nic->hw = hw;
	nic->label = LABEL_FIRST + c->nics;
	nic->device = contract_bind(c, hw, nic->label, name);
	c->nics++;
	return nic;
}

struct contract_nic *contract_nic(struct contract *c, const char *name, struct contract_wish wish)
{
	void *hw = contract_hw(c, wish);

	return hw ? contract_add(c, name, hw) : NULL;
}

struct ioasid_space *contract_space(struct contract *c)
{
	struct ioasid_space *space;

	ok(ioasid_space_new(c->ctx, NULL, &space));
	return space;
}

struct ioasid_space *contract_child(struct ioasid_space *parent)
{
	struct ioasid_space *space;

	ok(ioasid_space_new_nested(parent, NULL, &space));
	return space;
}

struct ioasid_space *contract_fault_space(struct contract *c, struct ioasid_faultq *faults)
{
	struct ioasid_space *space;

	ok(ioasid_space_new(c->ctx, IOASID_OPTS(ioasid_space_opts, .faults = faults), &space));
	return space;
}

struct ioasid_attachment *contract_attach(struct contract_nic *nic, struct ioasid_space *space)
{
	struct ioasid_attachment *attachment;

	ok(ioasid_device_attach(nic->device, space, NULL, &attachment));
	return attachment;
}

struct ioasid_attachment *contract_attach_pasid(
	struct contract_nic *nic, struct ioasid_space *space, uint32_t pasid)
{
	struct ioasid_attachment *attachment;

	ok(ioasid_device_attach(nic->device, space,
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = pasid),
		&attachment));
	return attachment;
}

int contract_map(
	struct ioasid_space *space, uint64_t iova, const void *to, uint64_t length, uint32_t flags)
{
	struct ioasid_map map = {.addr = (void *)(uintptr_t)to,
		.length = length,
		.iova = iova,
		.flags = flags | IOASID_MAP_FIXED};

	return ioasid_space_map(space, &map);
}

int contract_nest(
	struct ioasid_space *space, uint64_t iova, uint64_t to, uint64_t length, uint32_t flags)
{
	return contract_map(space, iova, (const void *)(uintptr_t)to, length, flags);
}

int contract_dma_read(
	struct contract *c, struct contract_nic *nic, uint64_t iova, void *buffer, size_t length)
{
	struct ioasid_mock_dma dma = {.kind = IOASID_MOCK_DMA_READ,
		.pasid = IOASID_PASID_NONE,
		.iova = iova,
		.buffer = buffer,
		.length = length};

	return c->platform->dma(nic->hw, &dma);
}

int contract_dma_write(struct contract *c, struct contract_nic *nic, uint64_t iova,
	const void *buffer, size_t length)
{
	struct ioasid_mock_dma dma = {.kind = IOASID_MOCK_DMA_WRITE,
		.pasid = IOASID_PASID_NONE,
		.iova = iova,
		.buffer = (void *)(uintptr_t)buffer,
		.length = length};

	return c->platform->dma(nic->hw, &dma);
}

bool contract_dma_compare(struct contract *c, struct contract_nic *nic, uint32_t pasid,
	uint64_t iova, const struct contract_bytes *bytes)
{
	unsigned char *buffer = calloc(1, bytes->length);
	struct ioasid_mock_dma dma = {.kind = IOASID_MOCK_DMA_READ,
		.pasid = pasid,
		.iova = iova,
		.buffer = buffer,
		.length = bytes->length};
	bool same;

	ck_assert_ptr_nonnull(buffer);
	same = !c->platform->dma(nic->hw, &dma) && !memcmp(buffer, bytes->start, bytes->length);
	free(buffer);
	return same;
}

bool contract_dma_misses(
	struct contract *c, struct contract_nic *nic, uint32_t pasid, uint64_t iova)
{
	unsigned char byte = 0x5a;
	struct ioasid_mock_dma dma = {.kind = IOASID_MOCK_DMA_READ,
		.pasid = pasid,
		.iova = iova,
		.buffer = &byte,
		.length = 1};
	int r = c->platform->dma(nic->hw, &dma);

	return (r == -EFAULT || r == -ENODEV) && byte == 0x5a;
}

static void *transfer(void *arg)
{
	struct contract_transfer *t = arg;

	t->contract->platform->dma(t->nic->hw, &t->dma);
	return NULL;
}

void contract_transfer_start(struct contract_transfer *t, struct contract *c,
	struct contract_nic *nic, uint32_t pasid, uint64_t iova)
{
	memset(t, 0, sizeof(*t));
	t->contract = c;
	t->nic = nic;
	t->dma = (struct ioasid_mock_dma){.kind = IOASID_MOCK_DMA_READ,
		.pasid = pasid,
		.iova = iova,
		.buffer = t->byte,
		.length = sizeof(t->byte)};
	ck_assert_int_eq(pthread_create(&t->thread, NULL, transfer, t), 0);
}

int contract_transfer_join(struct contract_transfer *t)
{
	ck_assert_int_eq(pthread_join(t->thread, NULL), 0);
	return t->dma.status;
}

char *contract_dump(struct ioasid_ctx *ctx)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	ok(ioasid_dump(ctx, IOASID_DUMP_TEXT, out));
	fclose(out);
	return text;
}
