/* SPDX-License-Identifier: MIT */
/*
 * The whole tree of a context, for people or for dot(1): spaces, sums of their maps, devices,
 * routes and queues. It only looks; under the context's lock, and a space's for its sums.
 */
#include "core.h"
#include "pending.h"
#include <inttypes.h>

static struct ioasid_space *space_at(struct list *link)
{
	return list_entry(link, struct ioasid_space, link);
}

static struct ioasid_attachment *attachment_at(struct list *link)
{
	return list_entry(link, struct ioasid_attachment, of_device);
}

static size_t count_maps(struct ioasid_space *space, uint64_t *bytes)
{
	size_t maps;

	latch_take(&space->maps_lock);
	maps = maptree_count(&space->maps);
	*bytes = space->mapped;
	latch_release(&space->maps_lock);
	return maps;
}

static const char *format_name(uint32_t format)
{
	switch (format) {
	case IOASID_PGTABLE_VTD_S1:
		return "a VT-d first stage";
	case IOASID_PGTABLE_SMMUV3_S1:
		return "an SMMUv3 stage 1";
	default:
		return "an AMD v2";
	}
}

static void print_table(const struct ioasid_space *space, FILE *out)
{
	if (!space->table.size)
		return;
	fprintf(out, ", %s ", format_name(space->table.format));
	if (space->pasids)
		fputs("PASID table", out);
	else
		fprintf(out, "table at 0x%" PRIx64, space->table.addr);
}

static void print_space_line(struct ioasid_space *space, FILE *out)
{
	uint64_t bytes;
	size_t maps = count_maps(space, &bytes);

	fprintf(out, "space %u: %zu maps, 0x%" PRIx64 " bytes", space->id, maps, bytes);
	if (space->faults)
		fprintf(out, ", queue %u", space->faults->is.id);
	if (space->flags & IOASID_SPACE_NEST_PARENT)
		fputs(", nesting parent", out);
	if (space->flags & IOASID_SPACE_DIRTY_TRACKING)
		fprintf(out, ", dirty tracking%s", space->dirty ? " is on" : "");
	if (space->flags & IOASID_SPACE_SMALL_PAGES)
		fputs(", small pages", out);
	if (space->windows.count)
		fprintf(out, ", allowed windows: %u", space->windows.count);
	print_table(space, out);
	if (__atomic_load_n(&space->incomplete, __ATOMIC_RELAXED))
		fputs(", a device of a group is missing", out);
}

/* In the order of the tree, without recursion: down, else across, else up and across. */
static struct ioasid_space *next_space(struct ioasid_space *space, unsigned int *depth)
{
	if (!list_empty(&space->children)) {
		++*depth;
		return list_entry(space->children.next, struct ioasid_space, sibling);
	}
	while (space->parent && space->sibling.next == &space->parent->children) {
		space = space->parent;
		--*depth;
	}
	if (!space->parent)
		return NULL;
	return list_entry(space->sibling.next, struct ioasid_space, sibling);
}

static void print_tree(struct ioasid_space *root, FILE *out)
{
	unsigned int depth = 0;

	for (struct ioasid_space *space = root; space; space = next_space(space, &depth)) {
		fprintf(out, "%*s", 2 + 2 * (int)depth, "");
		print_space_line(space, out);
		fputc('\n', out);
	}
}

static void print_routes(struct ioasid_device *device, FILE *out)
{
	list_each(link, &device->attachments)
	{
		struct ioasid_attachment *attachment = attachment_at(link);
		bool top = route_top(device, attachment->pasid) == attachment;

		if (attachment->pasid == IOASID_PASID_NONE)
			fputs("    default route", out);
		else
			fprintf(out, "    PASID %u", attachment->pasid);
		fprintf(out, " -> space %u%s%s\n", attachment->space->id,
			top ? "" : " (under a child)",
			pasid_is_tracked(attachment) ? " (tracked)" : "");
	}
}

static void print_device(struct ioasid_device *device, FILE *out)
{
	uint32_t flags = device->is.flags;

	fprintf(out, "  %s: label 0x%" PRIx64 ", IOMMU group %u of %u, %u PASID bits%s%s%s%s%s\n",
		device->name, device->label, device->is.group, device->is.group_size,
		device->is.pasid_bits, flags & IOASID_DEVICE_MEDIATED ? ", mediated" : "",
		flags & IOASID_DEVICE_PAGE_REQUESTS ? ", page requests" : "",
		flags & IOASID_DEVICE_NESTING ? ", nesting" : "",
		flags & IOASID_DEVICE_DIRTY ? ", dirty tracking" : "",
		flags & IOASID_DEVICE_ENQCMD ? ", ENQCMD" : "");
	print_routes(device, out);
}

static void print_queue(struct ioasid_faultq *queue, FILE *out)
{
	fprintf(out, "  queue %u: %u records, %u of %u groups outstanding\n", queue->is.id,
		queue->opts.records, pending_count(queue->is.pending), queue->opts.max_outstanding);
}

static void print_text(struct ioasid_ctx *ctx, FILE *out)
{
	fprintf(out, "context on %s\n", ctx->be->ops->name);
	list_each(link, &ctx->spaces) if (!space_at(link)->parent) print_tree(space_at(link), out);
	list_each(link, &ctx->devices)
		print_device(list_entry(link, struct ioasid_device, link), out);
	list_each(link, &ctx->faultqs)
		print_queue(list_entry(link, struct ioasid_faultq, link), out);
}

/* A name inside the quotes of dot's language. */
static void print_quoted(const char *name, FILE *out)
{
	for (; *name; name++) {
		if (*name == '"' || *name == '\\')
			fputc('\\', out);
		fputc(*name, out);
	}
}

static void draw_space(struct ioasid_space *space, FILE *out)
{
	fprintf(out, "\tspace%u [shape=box label=\"", space->id);
	print_space_line(space, out);
	fputs("\"];\n", out);
	if (space->parent)
		fprintf(out, "\tspace%u -> space%u [label=\"nests on\"];\n", space->id,
			space->parent->id);
	if (space->faults)
		fprintf(out, "\tspace%u -> queue%u [style=dashed];\n", space->id,
			space->faults->is.id);
}

static void draw_route(struct ioasid_attachment *attachment, FILE *out)
{
	fprintf(out, "\tdevice%u -> space%u", attachment->device->is.id, attachment->space->id);
	if (attachment->pasid != IOASID_PASID_NONE)
		fprintf(out, " [label=\"PASID %u\"%s]", attachment->pasid,
			pasid_is_tracked(attachment) ? " style=dashed" : "");
	fputs(";\n", out);
}

static void draw_device(struct ioasid_device *device, FILE *out)
{
	fprintf(out, "\tdevice%u [label=\"", device->is.id);
	print_quoted(device->name, out);
	fprintf(out, "\\nlabel 0x%" PRIx64 "\\ngroup %u\"];\n", device->label, device->is.group);
	list_each(link, &device->attachments) draw_route(attachment_at(link), out);
}

static void draw(struct ioasid_ctx *ctx, FILE *out)
{
	fputs("digraph ioasid {\n", out);
	list_each(link, &ctx->spaces) draw_space(space_at(link), out);
	list_each(link, &ctx->devices)
		draw_device(list_entry(link, struct ioasid_device, link), out);
	list_each(link, &ctx->faultqs) fprintf(out, "\tqueue%u [shape=cylinder];\n",
		list_entry(link, struct ioasid_faultq, link)->is.id);
	fputs("}\n", out);
}

/* Into memory, so that a slow reader of out holds up nobody else. */
static int print_to_memory(
	struct ioasid_ctx *ctx, uint32_t format, char **text, size_t *size, const char *call)
{
	FILE *out = open_memstream(text, size);
	int err = out ? ctx_enter(ctx, call) : error_set(-ENOMEM, "%s: no memory", call);

	if (!err) {
		(format == IOASID_DUMP_TEXT ? print_text : draw)(ctx, out);
		ctx_leave(ctx);
	}
	if (out && fclose(out) && !err)
		err = error_set(-ENOMEM, "%s: no memory", call);
	return err;
}

int ioasid_dump(struct ioasid_ctx *ctx, uint32_t format, FILE *out)
{
	char *text = NULL;
	size_t size = 0;
	int err;

	if (!ctx || !out)
		return null_argument(__func__, ctx ? "out" : "ctx");
	if (format > IOASID_DUMP_GRAPHVIZ)
		return error_set(-EINVAL, "%s: no such format: %u", __func__, format);
	err = print_to_memory(ctx, format, &text, &size, __func__);
	if (!err && (fwrite(text, 1, size, out) < size || fflush(out)))
		err = error_set(-EIO, "%s: out took not all", __func__);
	free(text);
	return err;
}
