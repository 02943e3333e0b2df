/* SPDX-License-Identifier: MIT */
/*
 * The backends of the library: see backends.h. A program chooses between the kernel and the
 * simulation by the function that it opens a context with.
 */
#include "backends.h"
#include "../must.h"
#include "context.h"
#include <ioasid/mock.h>

static void show_kernel(struct out *out)
{
	struct ioasid_ctx *ctx;
	int err = ioasid_open(NULL, &ctx);

	out_open_item(out, "iommufd");
	out_text(out, "device_file", "/dev/iommu");
	out_yes(out, "usable", !err);
	if (err) {
		out_text(out, "why_not", "%s", ioasid_last_error());
	} else {
		context_show(out, ctx);
		ioasid_close(ctx);
	}
	out_close(out);
}

static void show_simulation(struct out *out)
{
	struct ioasid_mock *platform;
	struct ioasid_ctx *ctx;

	must(ioasid_mock_new(NULL, &platform));
	must(ioasid_mock_open(platform, &ctx));
	out_open_item(out, "mock");
	out_text(out, "device_file", "none: simulated in the process, for tests");
	out_yes(out, "usable", 1);
	context_show(out, ctx);
	out_close(out);
	ioasid_close(ctx);
	ioasid_mock_free(platform);
}

void backends_show(struct out *out)
{
	out_open_list(out, "backends");
	show_kernel(out);
	show_simulation(out);
	out_close(out);
}
