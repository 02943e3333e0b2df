/* SPDX-License-Identifier: MIT */
/*
 * Pinned memory: see pages.h. Nothing is pinned for real, what is real is the accounting: who
 * shares, who is counted, who is refused. It must not know where the pages are mapped.
 */
#include "pages.h"
#include "../error.h"
#include "platform.h"
#include <errno.h>
#include <stdlib.h>

static int check_limit(const struct ioasid_mock *mock, uint64_t length)
{
	uint64_t limit = mock->opts.memlock;

	if (!limit || (mock->pinned <= limit && length <= limit - mock->pinned))
		return 0;
	return error_reason(-ENOMEM, "pinned %llu bytes, asked for %llu, limit %llu",
		(unsigned long long)mock->pinned, (unsigned long long)length,
		(unsigned long long)limit);
}

int pages_pin(struct ioasid_mock *mock, const struct mock_pages *wanted, struct mock_pages **pages)
{
	struct mock_pages *new;

	if (check_limit(mock, wanted->length))
		return -ENOMEM;
	new = malloc(sizeof(*new));
	if (!new)
		return -ENOMEM;
	*new = *wanted;
	new->refs = 1;
	if (table_put(&mock->pages, new, &new->number)) {
		free(new);
		return -ENOMEM;
	}
	mock->pinned += new->length;
	*pages = new;
	return 0;
}

struct mock_pages *pages_get(struct mock_pages *pages)
{
	pages->refs++;
	return pages;
}

void pages_put(struct ioasid_mock *mock, struct mock_pages *pages)
{
	if (--pages->refs)
		return;
	mock->pinned -= pages->length;
	table_drop(&mock->pages, pages->number);
	free(pages);
}
