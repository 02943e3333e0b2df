/* SPDX-License-Identifier: MIT */
/*
 * A doubly linked list through its members. A link that is in no list is zero or points at
 * itself. No locks, no memory of its own; knows libc alone.
 */
#ifndef LIST_H
#define LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next;
	struct list *prev;
};

#define list_entry(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

#define list_each(link, head)                                                                      \
	for (struct list *link = (head)->next; link != (head); link = link->next)

static inline void list_init(struct list *head)
{
	head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
	return !head->next || head->next == head;
}

static inline void list_append(struct list *head, struct list *link)
{
	link->next = head;
	link->prev = head->prev;
	head->prev->next = link;
	head->prev = link;
}

static inline void list_remove(struct list *link)
{
	if (list_empty(link))
		return;
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

/* Takes all links out, so that they outlive the head. */
static inline void list_drain(struct list *head)
{
	while (!list_empty(head))
		list_remove(head->next);
}

static inline unsigned int list_count(const struct list *head)
{
	unsigned int n = 0;

	list_each(link, head) n++;
	return n;
}

#endif
