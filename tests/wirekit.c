/* SPDX-License-Identifier: MIT */
/*
 * Devices whose PASIDs on the wire differ: see wirekit.h. Knows the public API alone.
 */
#include "wirekit.h"
#include <unistd.h>

static const uint32_t kinds[DEVICES] = {
	[PDEV] = IOASID_MOCK_DEVICE_ENQCMD,
	[MDEV] = IOASID_MOCK_DEVICE_MDEV,
	[SHARED] = IOASID_MOCK_DEVICE_MDEV | IOASID_MOCK_DEVICE_ENQCMD | IOASID_MOCK_DEVICE_PRI,
	[SHARED2] = IOASID_MOCK_DEVICE_MDEV | IOASID_MOCK_DEVICE_ENQCMD | IOASID_MOCK_DEVICE_PRI,
	[SHARED3] = IOASID_MOCK_DEVICE_MDEV | IOASID_MOCK_DEVICE_ENQCMD,
};

static void bind(struct wires *w, int i)
{
	int fd = ok(ioasid_mock_device_fd(w->hw[i]));

	ok(ioasid_device_bind(w->ctx, fd,
		IOASID_OPTS(ioasid_device_opts, .label = LABEL + (unsigned int)i), &w->device[i]));
	close(fd);
}

void wires_begin(struct wires *w, uint32_t flags, uint32_t group)
{
	*w = (struct wires){.memory = support_memory(SPACES * PAGE, 1)};
	ok(ioasid_mock_new(IOASID_OPTS(ioasid_mock_opts, .flags = flags), &w->mock));
	ok(ioasid_mock_open(w->mock, &w->ctx));
	for (int i = 0; i < DEVICES; i++)
		ok(ioasid_mock_device_new(w->mock,
			IOASID_OPTS(ioasid_mock_device_opts, .flags = kinds[i], .group = group,
				.pasid_bits = PASID_BITS, .credits = 1),
			&w->hw[i]));
	for (int i = 0; i < DEVICES; i++)
		bind(w, i);
	for (int i = 0; i < SPACES; i++) {
		ok(ioasid_space_new(w->ctx, NULL, &w->space[i]));
		memset(w->memory + (unsigned int)i * PAGE, i, PAGE);
		if (!(flags & IOASID_MOCK_STRICT))
			rig_map(w->space[i], 0, w->memory + (unsigned int)i * PAGE, PAGE,
				IOASID_MAP_RW);
	}
}

void wires_end(struct wires *w)
{
	for (int i = 0; i < SPACES; i++)
		ok(ioasid_space_destroy(w->space[i]));
	for (int i = 0; i < DEVICES; i++)
		ok(ioasid_device_unbind(w->device[i]));
	ioasid_close(w->ctx);
	ioasid_mock_free(w->mock);
	free(w->memory);
}

int wires_try(struct wires *w, int device, int space, uint32_t pasid,
	struct ioasid_attachment **attachment)
{
	struct ioasid_attach_opts opts = {.size = sizeof(opts)};

	if (pasid != NOBODY) {
		opts.flags = IOASID_ATTACH_PASID;
		opts.pasid = pasid;
	}
	return ioasid_device_attach(w->device[device], w->space[space], &opts, attachment);
}

struct ioasid_attachment *wires_attach(struct wires *w, int device, int space, uint32_t pasid)
{
	struct ioasid_attachment *attachment;

	ok(wires_try(w, device, space, pasid, &attachment));
	return attachment;
}

uint32_t wires_of(struct wires *w, int device, uint32_t pasid)
{
	uint32_t wire = 0;

	ok(ioasid_mock_wire_pasid(w->hw[device], pasid, &wire));
	return wire;
}

void wires_none(struct wires *w, int device, uint32_t pasid)
{
	uint32_t wire = 0x1234;

	fails(-ENODEV, "leads to no space", ioasid_mock_wire_pasid(w->hw[device], pasid, &wire));
	ck_assert_uint_eq(wire, 0x1234);
}

int wires_space(struct wires *w, int device, uint32_t pasid)
{
	unsigned char byte = 0xee;
	struct ioasid_mock_dma dma = {.pasid = pasid, .buffer = &byte, .length = 1};
	int err = ioasid_mock_dma(w->hw[device], &dma);

	return err ? err : byte;
}

int wires_enqcmd_fault(struct wires *w, int device, int vm, uint32_t pasid, uint32_t *fault)
{
	unsigned char byte = 0xee;
	struct ioasid_mock_dma dma = {.pasid = pasid, .buffer = &byte, .length = 1};
	int err = ioasid_mock_enqcmd(w->hw[device], vm, &dma);

	ck_assert_uint_eq(dma.pasid, pasid);
	ck_assert_int_eq(dma.status, err);
	ck_assert_uint_eq(dma.done, !err);
	ck_assert_int_eq(byte == 0xee, !!err);
	*fault = dma.fault;
	return err ? err : byte;
}

int wires_enqcmd(struct wires *w, int device, int vm, uint32_t pasid)
{
	uint32_t fault;

	return wires_enqcmd_fault(w, device, vm, pasid, &fault);
}
