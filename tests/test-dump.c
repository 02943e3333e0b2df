/* SPDX-License-Identifier: MIT */
/*
 * What a dump tells: every space with the sums of its maps, every device with its routes, every
 * queue; as text for people, line by line, and as a graph that dot(1) would take: the test reads it
 * by dot's grammar, as far as a dump uses it.
 */
#include "support.h"
#include <ctype.h>
#include <ioasid/fault.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE UINT64_C(4096)

/* A parent with a child, a device with three routes, a mediated one with none, a queue in use. */
struct scene {
	struct ioasid_mock *mock;
	struct ioasid_ctx *ctx;
	struct ioasid_faultq *queue;
	struct ioasid_space *parent, *child, *alone;
	struct ioasid_mock_device *hw[2];
	struct ioasid_device *device[2];
	struct ioasid_attachment *route[3];
	unsigned char *memory;
};

static const char odd_name[] = "nic \"zero\" \\ 0 -> {x}; [y]\\n";

static void add_device(struct scene *s, int i, uint32_t flags, const char *name)
{
	int fd;

	ok(ioasid_mock_device_new(s->mock,
		IOASID_OPTS(ioasid_mock_device_opts, .flags = flags, .group = 40 + (uint32_t)i,
			.pasid_bits = 8),
		&s->hw[i]));
	fd = ok(ioasid_mock_device_fd(s->hw[i]));
	ok(ioasid_device_bind(s->ctx, fd,
		IOASID_OPTS(ioasid_device_opts, .label = 0xab0 + (uint64_t)i, .name = name),
		&s->device[i]));
	close(fd);
}

static void map(struct ioasid_space *space, uint64_t iova, void *to, uint64_t length)
{
	ok(ioasid_space_map(space, &(struct ioasid_map){.addr = to,
					   .length = length,
					   .iova = iova,
					   .flags = IOASID_MAP_RW | IOASID_MAP_FIXED}));
}

static void make_spaces(struct scene *s)
{
	const struct ioasid_space_opts *opts = IOASID_OPTS(ioasid_space_opts, .faults = s->queue);

	ok(ioasid_space_new(s->ctx, NULL, &s->parent));
	ok(ioasid_space_new(s->ctx, NULL, &s->alone));
	ok(ioasid_space_new_nested(s->parent, opts, &s->child));
	map(s->parent, 0x10000, s->memory, 2 * PAGE);
	map(s->parent, 0x20000, s->memory + 2 * PAGE, PAGE);
	map(s->child, 0x1000, (void *)(uintptr_t)0x10000, PAGE);
}

static void scene_begin(struct scene *s, uint32_t flags)
{
	memset(s, 0, sizeof(*s));
	s->memory = support_memory(3 * PAGE, 40);
	ok(ioasid_mock_new(IOASID_OPTS(ioasid_mock_opts, .flags = flags), &s->mock));
	ok(ioasid_mock_open(s->mock, &s->ctx));
	ok(ioasid_faultq_new(s->ctx,
		IOASID_OPTS(ioasid_faultq_opts, .records = 128, .max_outstanding = 99), &s->queue));
	make_spaces(s);
	add_device(s, 0, IOASID_MOCK_DEVICE_PRI, odd_name);
	add_device(s, 1, IOASID_MOCK_DEVICE_MDEV, "mdev");
	ok(ioasid_device_attach(s->device[0], s->parent, NULL, &s->route[0]));
	ok(ioasid_device_attach(s->device[0], s->child, NULL, &s->route[1]));
	ok(ioasid_device_attach(s->device[0], s->alone,
		IOASID_OPTS(ioasid_attach_opts, .flags = IOASID_ATTACH_PASID, .pasid = 17),
		&s->route[2]));
}

static void scene_end(struct scene *s)
{
	for (int i = 2; i >= 0; i--)
		ok(ioasid_attachment_detach(s->route[i]));
	for (int i = 0; i < 2; i++)
		ok(ioasid_device_unbind(s->device[i]));
	ok(ioasid_space_destroy(s->child));
	ok(ioasid_space_destroy(s->parent));
	ok(ioasid_space_destroy(s->alone));
	ioasid_faultq_free(s->queue);
	ioasid_close(s->ctx);
	ioasid_mock_free(s->mock);
	free(s->memory);
}

static char *dump(struct scene *s, uint32_t format)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	ok(ioasid_dump(s->ctx, format, out));
	fclose(out);
	ck_assert_uint_eq(strlen(text), size);
	return text;
}

/* Where a line begins that is indented so far and reads like this; it must be there once. */
__attribute__((format(printf, 3, 4))) static const char *line_at(
	const char *text, int indent, const char *format, ...)
{
	char wanted[256];
	const char *found;
	va_list args;
	int n = snprintf(wanted, sizeof(wanted), "\n%*s", indent, "");

	va_start(args, format);
	n += vsnprintf(wanted + n, sizeof(wanted) - (size_t)n, format, args);
	va_end(args);
	strcat(wanted, "\n");
	found = strstr(text, wanted);
	ck_assert_msg(found, "no line \"%s\" in:\n%s", wanted + 1, text);
	ck_assert_msg(!strstr(found + n, wanted), "\"%s\" twice in:\n%s", wanted + 1, text);
	return found;
}

static bool comes_after(const char *one, const char *other)
{
	return one > other;
}

static const uint32_t nestings[] = {0, IOASID_MOCK_NEST_COPY};

START_TEST(the_text_has_each_space_with_its_sums_its_queue_and_its_place_in_the_tree)
{
	struct scene s;
	char *text;
	const char *parent, *child;

	scene_begin(&s, nestings[_i]);
	text = dump(&s, IOASID_DUMP_TEXT);
	ck_assert_int_eq(strncmp(text, "context on mock", 15), 0);
	parent = line_at(text, 2, "space %u: 2 maps, 0x3000 bytes", ioasid_space_id(s.parent));
	child = line_at(
		text, 4, "space %u: 1 maps, 0x1000 bytes, queue 1", ioasid_space_id(s.child));
	ck_assert(comes_after(child, parent));
	line_at(text, 2, "space %u: 0 maps, 0x0 bytes", ioasid_space_id(s.alone));
	free(text);
	scene_end(&s);
}
END_TEST

START_TEST(the_text_has_each_device_with_its_routes_also_those_under_a_child)
{
	struct scene s;
	char *text;
	const char *device, *under, *over, *other;

	scene_begin(&s, nestings[_i]);
	text = dump(&s, IOASID_DUMP_TEXT);
	device = line_at(text, 2,
		"%s: label 0xab0, IOMMU group 40 of 1, 8 PASID bits, page requests", odd_name);
	under = line_at(
		text, 4, "default route -> space %u (under a child)", ioasid_space_id(s.parent));
	over = line_at(text, 4, "default route -> space %u", ioasid_space_id(s.child));
	line_at(text, 4, "PASID 17 -> space %u", ioasid_space_id(s.alone));
	other = line_at(text, 2, "mdev: label 0xab1, IOMMU group 41 of 1, 8 PASID bits, mediated");
	ck_assert(comes_after(under, device) && comes_after(over, under));
	ck_assert(comes_after(other, over));
	free(text);
	scene_end(&s);
}
END_TEST

START_TEST(the_text_has_each_queue_with_what_is_outstanding)
{
	struct scene s;
	unsigned char byte;
	struct ioasid_mock_dma dma = {.kind = IOASID_MOCK_DMA_READ,
		.pasid = IOASID_PASID_NONE,
		.iova = 0x7000,
		.buffer = &byte,
		.length = 1};
	char *text;

	scene_begin(&s, nestings[_i]);
	ok(ioasid_mock_dma_start(s.hw[0], &dma));
	ck_assert_int_eq(ok(ioasid_mock_pump(s.mock)), 1);
	text = dump(&s, IOASID_DUMP_TEXT);
	line_at(text, 2, "queue 1: 128 records, 1 of 99 groups outstanding");
	free(text);
	scene_end(&s);
}
END_TEST

START_TEST(the_text_follows_what_changes)
{
	struct scene s;
	char *text;

	scene_begin(&s, nestings[_i]);
	ok(ioasid_space_unmap(s.parent, 0x20000, PAGE));
	ok(ioasid_attachment_detach(s.route[1]));
	s.route[1] = NULL;
	text = dump(&s, IOASID_DUMP_TEXT);
	line_at(text, 2, "space %u: 1 maps, 0x2000 bytes", ioasid_space_id(s.parent));
	line_at(text, 4, "default route -> space %u", ioasid_space_id(s.parent));
	ck_assert_ptr_null(strstr(text, "under a child"));
	free(text);
	scene_end(&s);
}
END_TEST

/* ---- the graph, read as dot reads it ---- */

struct reader {
	const char *at;
	unsigned int nodes, edges;
	char node[16][32]; /* declared */
	char end[32][32];  /* of edges */
};

static void skip_space(struct reader *r)
{
	while (isspace((unsigned char)*r->at))
		r->at++;
}

static bool take(struct reader *r, const char *token)
{
	skip_space(r);
	if (strncmp(r->at, token, strlen(token)))
		return false;
	r->at += strlen(token);
	return true;
}

static void expect(struct reader *r, const char *token)
{
	ck_assert_msg(take(r, token), "dot wants %s here: %s", token, r->at);
}

static void take_word(struct reader *r, char word[32])
{
	size_t n = 0;

	skip_space(r);
	while (isalnum((unsigned char)*r->at) || *r->at == '_') {
		ck_assert_uint_lt(n, 31);
		word[n++] = *r->at++;
	}
	word[n] = '\0';
	ck_assert_msg(n, "dot wants a name here: %s", r->at);
}

/* In quotes a backslash takes the next character with it; a line may not end in them. */
static void take_value(struct reader *r)
{
	char word[32];

	if (!take(r, "\"")) {
		take_word(r, word);
		return;
	}
	for (; *r->at != '"'; r->at++) {
		ck_assert_msg(*r->at && *r->at != '\n', "quotes that never end");
		r->at += *r->at == '\\';
	}
	r->at++;
}

static void take_attributes(struct reader *r)
{
	char word[32];

	if (!take(r, "["))
		return;
	while (!take(r, "]")) {
		take_word(r, word);
		expect(r, "=");
		take_value(r);
		take(r, ",");
	}
}

static void take_statement(struct reader *r)
{
	char word[32];

	take_word(r, word);
	if (take(r, "->")) {
		ck_assert_uint_lt(r->edges, 16);
		memcpy(r->end[2 * r->edges], word, sizeof(word));
		take_word(r, r->end[2 * r->edges++ + 1]);
	} else {
		ck_assert_uint_lt(r->nodes, 16);
		memcpy(r->node[r->nodes++], word, sizeof(word));
	}
	take_attributes(r);
	expect(r, ";");
}

static void read_graph(struct reader *r, const char *text)
{
	*r = (struct reader){.at = text};
	expect(r, "digraph");
	expect(r, "ioasid");
	expect(r, "{");
	while (!take(r, "}"))
		take_statement(r);
	skip_space(r);
	ck_assert_msg(!*r->at, "after the graph: %s", r->at);
}

static bool has_node(const struct reader *r, const char *name)
{
	for (unsigned int i = 0; i < r->nodes; i++)
		if (!strcmp(r->node[i], name))
			return true;
	return false;
}

static bool has_edge(const struct reader *r, const char *from, unsigned int to)
{
	char name[32];

	snprintf(name, sizeof(name), "space%u", to);
	for (unsigned int i = 0; i < r->edges; i++)
		if (!strcmp(r->end[2 * i], from) && !strcmp(r->end[2 * i + 1], name))
			return true;
	return false;
}

START_TEST(the_graph_is_well_formed_whatever_the_names)
{
	struct scene s;
	struct reader r;
	char *text, child[32];

	scene_begin(&s, nestings[_i]);
	text = dump(&s, IOASID_DUMP_GRAPHVIZ);
	read_graph(&r, text);
	ck_assert_uint_eq(r.nodes, 3 + 2 + 1);
	ck_assert_uint_eq(r.edges, 1 + 1 + 3); /* nests, faults, routes */
	for (unsigned int i = 0; i < 2 * r.edges; i++)
		ck_assert_msg(
			has_node(&r, r.end[i]), "an edge to %s, which is not there", r.end[i]);
	snprintf(child, sizeof(child), "space%u", ioasid_space_id(s.child));
	ck_assert(has_edge(&r, child, ioasid_space_id(s.parent)));
	ck_assert_ptr_nonnull(strstr(text, "\"nic \\\"zero\\\" \\\\ 0 -> {x}; [y]\\\\n\\n"));
	ck_assert_ptr_nonnull(strstr(text, "[label=\"PASID 17\"]"));
	free(text);
	scene_end(&s);
}
END_TEST

START_TEST(the_graph_has_every_route)
{
	struct scene s;
	struct reader r;
	char *text;
	const char *device = "";

	scene_begin(&s, nestings[_i]);
	text = dump(&s, IOASID_DUMP_GRAPHVIZ);
	read_graph(&r, text);
	for (unsigned int i = 0; i < r.edges; i++)
		if (!strncmp(r.end[2 * i], "device", 6))
			device = r.end[2 * i];
	ck_assert(has_edge(&r, device, ioasid_space_id(s.parent)));
	ck_assert(has_edge(&r, device, ioasid_space_id(s.child)));
	ck_assert(has_edge(&r, device, ioasid_space_id(s.alone)));
	free(text);
	scene_end(&s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dump");
	TCase *text = support_case(suite, "text"), *graph = support_case(suite, "graph");

	tcase_add_loop_test(text,
		the_text_has_each_space_with_its_sums_its_queue_and_its_place_in_the_tree, 0, 2);
	tcase_add_loop_test(
		text, the_text_has_each_device_with_its_routes_also_those_under_a_child, 0, 2);
	tcase_add_loop_test(text, the_text_has_each_queue_with_what_is_outstanding, 0, 2);
	tcase_add_loop_test(text, the_text_follows_what_changes, 0, 2);
	tcase_add_loop_test(graph, the_graph_is_well_formed_whatever_the_names, 0, 2);
	tcase_add_loop_test(graph, the_graph_has_every_route, 0, 2);
	return support_run(suite);
}
