/* SPDX-License-Identifier: MIT */
/*
 * The fixture of the rows of bad input: three contexts on one platform, of which the last is
 * closed, and the comparison of all that can be seen before and after a row.
 */
#include "badinput.h"
#include <stdlib.h>
#include <unistd.h>

static struct ioasid_device *bind_new(struct badinput *b, struct ioasid_ctx *ctx, const char *name)
{
	struct ioasid_mock_device *hw;
	struct ioasid_device *device;
	int fd;

	ok(ioasid_mock_device_new(b->mock,
		IOASID_OPTS(ioasid_mock_device_opts, .flags = IOASID_MOCK_DEVICE_PRI,
			.pasid_bits = 8, .credits = 4),
		&hw));
	fd = ok(ioasid_mock_device_fd(hw));
	ok(ioasid_device_bind(
		ctx, fd, IOASID_OPTS(ioasid_device_opts, .label = 0xd15c, .name = name), &device));
	close(fd);
	return device;
}

static void set_begin(struct badinput *b, struct badinput_set *set)
{
	struct ioasid_map map = {.addr = b->memory,
		.length = 4 * PAGE,
		.iova = 0x10000,
		.flags = IOASID_MAP_RW | IOASID_MAP_FIXED};

	ok(ioasid_mock_open(b->mock, &set->ctx));
	ok(ioasid_faultq_new(set->ctx, NULL, &set->queue));
	ok(ioasid_space_new(
		set->ctx, IOASID_OPTS(ioasid_space_opts, .faults = set->queue), &set->space));
	ok(ioasid_space_new_nested(set->space, NULL, &set->child));
	set->device = bind_new(b, set->ctx, "disk0");
	set->idle = bind_new(b, set->ctx, "disk1");
	ok(ioasid_device_attach(set->device, set->space, NULL, &set->route));
	ok(ioasid_space_map(set->space, &map));
}

static void set_end(struct badinput_set *set)
{
	ok(ioasid_attachment_detach(set->route));
	ok(ioasid_device_unbind(set->device));
	ok(ioasid_device_unbind(set->idle));
	ok(ioasid_space_destroy(set->child));
	ok(ioasid_space_destroy(set->space));
	ioasid_faultq_free(set->queue);
	ioasid_close(set->ctx);
}

void badinput_begin(struct badinput *b, const char *symbol)
{
	memset(b, 0, sizeof(*b));
	b->symbol = symbol;
	b->memory = support_memory(8 * PAGE, 10);
	ok(ioasid_mock_new(NULL, &b->mock));
	set_begin(b, &b->here);
	set_begin(b, &b->other);
	set_begin(b, &b->gone);
	ioasid_close(b->gone.ctx);
	b->gone.ctx = NULL;
}

void badinput_end(struct badinput *b)
{
	set_end(&b->gone);
	set_end(&b->other);
	set_end(&b->here);
	ioasid_mock_free(b->mock);
	free(b->memory);
}

static char *dump(struct ioasid_ctx *ctx)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	ok(ioasid_dump(ctx, IOASID_DUMP_TEXT, out));
	fclose(out);
	return text;
}

static void look_at(struct badinput_set *set, char **text, struct ioasid_faultq_stats *stats)
{
	*text = dump(set->ctx);
	stats->size = sizeof(*stats);
	ok(ioasid_faultq_stats(set->queue, stats));
}

static void see(struct badinput *b, struct badinput_state *state)
{
	memset(state, 0, sizeof(*state));
	look_at(&b->here, &state->dump[0], &state->queue[0]);
	look_at(&b->other, &state->dump[1], &state->queue[1]);
	state->mock.size = sizeof(state->mock);
	ok(ioasid_mock_stats(b->mock, &state->mock));
	state->fds = support_open_fds();
}

void badinput_look(struct badinput *b, struct badinput_state *state)
{
	see(b, state);
	/* so that an error text of the row before is not taken for this one's */
	ck_assert_int_eq(ioasid_mock_stats(NULL, NULL), -EINVAL);
	ck_assert_ptr_null(strstr(ioasid_last_error(), b->symbol));
}

void badinput_unchanged(struct badinput *b, struct badinput_state *before, const char *call)
{
	struct badinput_state now;

	see(b, &now);
	for (int i = 0; i < 2; i++) {
		ck_assert_msg(!strcmp(now.dump[i], before->dump[i]), "%s changed:\n%s\nto:\n%s",
			call, before->dump[i], now.dump[i]);
		ck_assert_mem_eq(&now.queue[i], &before->queue[i], sizeof(now.queue[i]));
		free(now.dump[i]);
		free(before->dump[i]);
	}
	ck_assert_msg(!memcmp(&now.mock, &before->mock, sizeof(now.mock)),
		"%s changed the platform's counters", call);
	ck_assert_msg(now.fds == before->fds, "%s changed the open descriptors", call);
	b->rows++;
}

void badinput_row(
	struct badinput *b, struct badinput_state *before, const struct badinput_want *want)
{
	ck_assert_msg(want->result == want->error, "%s: %lld, not %lld: %s", want->call,
		want->result, want->error, ioasid_last_error());
	support_error_has(b->symbol, want->call);
	support_error_has(want->words, want->call);
	badinput_unchanged(b, before, want->call);
}
