/* SPDX-License-Identifier: MIT */
/*
 * The leaf for /dev/iommu: its objects and what its files ask of each other. A space is an IOAS and
 * goes by the kernel's number for it, so does a device, so does a queue: a map needs no look-up.
 * It must not know a core object, nor what a device is besides its provider.
 *
 * Locks: the core's (backend.h) keep all that changes spaces, tables, devices and routes to one
 * thread. What reads them without the context's lock (pulls of faults, invalidations, dirty reads,
 * maps of registered memory) takes the leaf's lock, shared; who changes the lists takes it
 * exclusively for that moment, and never across an ioctl that could sleep for an answer.
 */
#ifndef IOMMUFD_H
#define IOMMUFD_H

#include "../backend.h"
#include "../error.h"
#include "../list.h"
#include "../lock.h"
#include "call.h"
#include "provider.h"
#include "uapi.h"
#include <pthread.h>

struct iommufd_queue;

/* What this kernel has, found by asking. */
#define IOMMUFD_HAS_HWPT_ALLOC (1u << 0)
#define IOMMUFD_HAS_DIRTY      (1u << 1)
#define IOMMUFD_HAS_INVALIDATE (1u << 2)
#define IOMMUFD_HAS_FAULTS     (1u << 3)
#define IOMMUFD_HAS_MAP_FILE   (1u << 4)

struct iommufd {
	struct backend base; /* first */
	int fd;
	uint32_t has;
	const struct iommufd_provider *const *providers; /* up to a NULL */
	pthread_rwlock_t reading; /* shared: dirty pages are read; before the leaf's */
	pthread_rwlock_t lock;
	struct list spaces;
	struct list devices;
	struct list queues;
	uint32_t memory; /* the IOAS of registered memory, 0: none is; atomic */
	uint32_t memory_ranges;
};

/* A page table that the kernel made for a space on our word. A space whose intent any table of the
 * kernel's own serves has none: its devices attach to the IOAS. */
struct iommufd_table {
	struct list of_space;
	struct iommufd_space *space;
	uint32_t id;
	uint32_t users;               /* routes, and tables nested on it */
	struct iommufd_table *parent; /* a nested one's */
	struct iommufd_queue *queue;
	struct ioasid_pgtable bound; /* what it was made for */
	bool pasids;                 /* the kernel lets PASIDs of its devices be attached too */
};

struct iommufd_space {
	struct list link;
	uint32_t id; /* of the IOAS */
	uint32_t flags;
	struct iommufd_queue *queue;
	struct list tables;
	struct iommufd_space *parent; /* while a table is bound */
	struct ioasid_pgtable bound;  /* size 0: none */
	bool dirty;                   /* dirty tracking is on */
};

struct iommufd_route {
	struct list of_device;
	uint32_t pasid;
	struct iommufd_space *space;
	struct iommufd_table *table; /* NULL: the IOAS itself */
};

struct iommufd_device {
	struct list link;
	struct iommufd_device_handle handle;
	struct backend_device is;
	uint64_t label;
	uint32_t formats; /* of page tables, 1 << IOASID_PGTABLE_* */
	uint32_t addr_width;
	bool pasids; /* its tables are made to go with PASIDs */
	struct list routes;
};

/* A route and the space that it is to lead to. */
struct iommufd_lead {
	struct iommufd_device *device;
	struct iommufd_space *space;
	uint32_t pasid;
	const struct iommufd_table_data *data; /* of a guest's table, while one is made */
};

static inline struct iommufd *iommufd_of(struct backend *be)
{
	return (struct iommufd *)be;
}

/* open.h, and with other providers: a backend over fd, which it owns on success. flags:
 * IOASID_OPEN_ACCOUNT_PROCESS. */
int iommufd_new(int fd, uint32_t flags, const struct iommufd_provider *const *providers,
	struct backend **be);

/* probe.c */
uint32_t iommufd_probe(int fd);

/* space.c */
struct iommufd_space *iommufd_space(struct iommufd *leaf, uint32_t id);
int iommufd_ioas_new(struct iommufd *leaf, uint32_t *id);
void iommufd_destroy_object(struct iommufd *leaf, uint32_t id);
void iommufd_space_drop_tables(struct iommufd *leaf, struct iommufd_space *space);
int iommufd_space_new(struct backend *be, const struct backend_space *wish, uint32_t *id);
void iommufd_space_destroy(struct backend *be, uint32_t id);
int iommufd_space_hardware(struct backend *be, uint32_t id, struct backend_hardware *hardware);
int iommufd_space_ranges(
	struct backend *be, uint32_t id, struct ioasid_range *ranges, unsigned int n);
int iommufd_space_allow(
	struct backend *be, uint32_t id, const struct ioasid_range *ranges, unsigned int n);

/* table.c */
/* The route leads to a table that serves the space, made if need be, of which it becomes a user;
 * or, *table NULL, to the IOAS itself. The table that it led to before is the caller's to drop. */
int iommufd_table_lead(
	struct iommufd *leaf, const struct iommufd_lead *lead, struct iommufd_table **table);
/* One user less; the last one takes the table with it, unless it notes dirty pages. NULL is fine.
 */
void iommufd_table_drop(struct iommufd *leaf, struct iommufd_table *table);
/* No user is left. */
void iommufd_table_free(struct iommufd *leaf, struct iommufd_table *table);

/* device.c */
struct iommufd_device *iommufd_device(struct iommufd *leaf, uint32_t id);
struct iommufd_route *iommufd_route(struct iommufd_device *device, uint32_t pasid);
int iommufd_device_bind(struct backend *be, int fd, uint64_t label, struct backend_device *device);
void iommufd_device_unbind(struct backend *be, uint32_t id);
int iommufd_device_ranges(
	struct backend *be, uint32_t id, struct ioasid_range *ranges, unsigned int n);

/* route.c */
int iommufd_attach(struct backend *be, struct backend_route route, uint32_t space);
int iommufd_detach(struct backend *be, struct backend_route route);
int iommufd_replace(struct backend *be, struct backend_route route, uint32_t space);
/* The route, and those of its group, move to what serves its space now, or stay on error. */
int iommufd_route_refresh(
	struct iommufd *leaf, struct iommufd_device *device, struct iommufd_route *route);
/* The route ends whatever the kernel says. */
void iommufd_route_end(
	struct iommufd *leaf, struct iommufd_device *device, struct iommufd_route *route);

/* map.c */
int iommufd_map(struct backend *be, uint32_t space, const struct backend_map *map);
int iommufd_map_file(struct backend *be, uint32_t space, const struct backend_map *map,
	const struct backend_file *file);
int iommufd_copy(struct backend *be, uint32_t space, const struct backend_copy *copy);
int iommufd_unmap(struct backend *be, uint32_t space, uint64_t first, uint64_t last);

/* memory.c */
int iommufd_memory_register(struct backend *be, uint64_t addr, uint64_t length);
int iommufd_memory_unregister(struct backend *be, uint64_t addr, uint64_t length);
void iommufd_memory_end(struct iommufd *leaf);

/* nested.c */
int iommufd_pgtable_bind(
	struct backend *be, uint32_t space, uint32_t parent, const struct ioasid_pgtable *table);
int iommufd_pasid_table_bind(
	struct backend *be, uint32_t space, uint32_t parent, const struct ioasid_pgtable *table);
int iommufd_pgtable_unbind(struct backend *be, uint32_t space);
int iommufd_invalidate(
	struct backend *be, uint32_t space, const struct ioasid_invalidation *list, unsigned int n);
int iommufd_device_invalidate(struct backend *be, uint32_t id);

/* dirty.c */
int iommufd_dirty_start(struct backend *be, uint32_t space);
int iommufd_dirty_stop(struct backend *be, uint32_t space);
int iommufd_dirty_read(struct backend *be, uint32_t space, const struct backend_dirty *dirty);
/* A table that was just made notes dirty pages if its space does. */
int iommufd_dirty_table(struct iommufd *leaf, uint32_t table);

/* queue.c */
struct iommufd_queue *iommufd_queue(struct iommufd *leaf, uint32_t id);
uint32_t iommufd_queue_id(const struct iommufd_queue *queue); /* the kernel's, for HWPT_ALLOC */
int iommufd_faultq_new(
	struct backend *be, const struct ioasid_faultq_opts *opts, struct backend_faultq *is);
void iommufd_faultq_detach(struct backend *be, uint32_t id);
void iommufd_faultq_free(struct backend *be, struct backend_faultq *is);
void iommufd_faultq_refill(struct backend *be, uint32_t id);
void iommufd_faultq_stats(struct backend *be, uint32_t id, struct ioasid_faultq_stats *stats);
int iommufd_answer(struct backend *be, uint32_t id, struct backend_answer *answers, unsigned int n);
unsigned int iommufd_faultq_expire(
	struct backend *be, uint32_t id, const struct backend_expiry *expiry, uint64_t *oldest);
/* A route was taken off a table of the queue: what the kernel answered INVALID with that is marked
 * CANCELLED. NULL is fine. */
void iommufd_queue_cancel(struct iommufd_queue *queue, uint32_t device, uint32_t pasid);
/* A table names the queue, or no more: the kernel's half of a queue outlives its last table only
 * until then. NULL is fine. */
void iommufd_queue_use(struct iommufd_queue *queue);
void iommufd_queue_unuse(struct iommufd *leaf, struct iommufd_queue *queue);
/* The kernel's half of all queues ends: sleepers are woken. */
void iommufd_queue_end_all(struct iommufd *leaf);

/* fill.c */
void iommufd_faultq_pull(struct backend *be, uint32_t id);

/* explain.c: what an errno of these means, said with error_reason(); they return err */
int iommufd_explain_map(const struct iommufd *leaf, int err, const struct backend_map *map);
int iommufd_explain_copy(int err, const struct backend_copy *copy);
int iommufd_explain_unmap(int err);
int iommufd_explain_attach(const struct iommufd *leaf, int err, const struct iommufd_lead *lead);
int iommufd_explain_table(const struct iommufd *leaf, int err, const struct iommufd_lead *lead);

#endif
