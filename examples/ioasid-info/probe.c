/* SPDX-License-Identifier: MIT */
/*
 * What one device can do: see probe.h. It is bound, led to a space and asked; nothing is mapped, so
 * that its DMA reaches nothing meanwhile.
 */
#include "probe.h"
#include "../must.h"
#include "context.h"
#include <errno.h>
#include <fcntl.h>
#include <ioasid/pgtable.h>
#include <string.h>
#include <unistd.h>

static void show_device(struct out *out, struct ioasid_device *device)
{
	struct ioasid_device_info info = {.size = sizeof(info)};

	must(ioasid_device_info(device, &info));
	out_number(out, "group", info.group);
	out_number(out, "group_size", info.group_size);
	out_yes(out, "mediated", info.flags & IOASID_DEVICE_MEDIATED);
	out_yes(out, "nests_in_hardware", info.flags & IOASID_DEVICE_NESTING);
	out_yes(out, "tracks_dirty_pages", info.flags & IOASID_DEVICE_DIRTY);
	out_yes(out, "raises_page_requests", info.flags & IOASID_DEVICE_PAGE_REQUESTS);
	out_number(out, "page_request_credits", info.credits);
	out_number(out, "pasid_bits", info.pasid_bits);
}

static void show_formats(struct out *out, uint32_t formats)
{
	static const char *const names[] = {
		[IOASID_PGTABLE_VTD_S1] = "VT-d first stage",
		[IOASID_PGTABLE_SMMUV3_S1] = "SMMUv3 stage 1",
		[IOASID_PGTABLE_AMD_V2] = "AMD v2",
	};

	out_open_list(out, "guest_page_tables");
	for (unsigned int i = 1; i < sizeof(names) / sizeof(names[0]); i++)
		if (formats >> i & 1) {
			out_open_item(out, names[i]);
			out_close(out);
		}
	if (!formats)
		out_none(out, "none");
	out_close(out);
}

static void show_space(struct out *out, struct ioasid_space *space)
{
	struct ioasid_space_info info = {.size = sizeof(info)};

	must(ioasid_space_info(space, &info));
	out_number(out, "least_page", info.page_sizes & -info.page_sizes);
	out_yes(out, "attach_moves_group", info.flags & IOASID_SPACE_INFO_MOVES_GROUP);
	show_formats(out, info.pgtable_formats);
	context_show_ranges(out, space);
}

static int attach_and_show(struct out *out, struct ioasid_ctx *ctx, struct ioasid_device *device)
{
	struct ioasid_attachment *route;
	struct ioasid_space *space;
	int err;

	must(ioasid_space_new(ctx, NULL, &space));
	err = ioasid_device_attach(device, space, NULL, &route);
	if (!err) {
		show_space(out, space);
		must(ioasid_attachment_detach(route));
	}
	must(ioasid_space_destroy(space));
	return err;
}

static int bind_and_show(struct out *out, int fd)
{
	struct ioasid_device *device;
	struct ioasid_ctx *ctx;
	int err = ioasid_open(NULL, &ctx);

	if (err)
		return err;
	err = ioasid_device_bind(ctx, fd, NULL, &device);
	if (!err) {
		show_device(out, device);
		err = attach_and_show(out, ctx, device);
		must(ioasid_device_unbind(device));
	}
	ioasid_close(ctx);
	return err;
}

int probe_show(struct out *out, const char *file)
{
	int fd = open(file, O_RDWR | O_CLOEXEC);
	int err = 0;

	out_open(out, "probed");
	out_text(out, "device_file", "%s", file);
	if (fd < 0)
		out_text(out, "why_not", "%s", strerror(errno));
	else
		err = bind_and_show(out, fd);
	if (err)
		out_text(out, "why_not", "%s", ioasid_last_error());
	if (fd >= 0)
		close(fd);
	out_close(out);
	return fd < 0 || err ? -1 : 0;
}
