/* SPDX-License-Identifier: MIT */
/*
 * The emulated machine's edu devices over the library: seats for them in a context, and memory
 * whose first half is a file and whose second half is to become its copy. A test of real DMA is:
 * map, let the device carry bytes from one address to another, look at the memory.
 */
#ifndef PASSTHROUGHKIT_H
#define PASSTHROUGHKIT_H

#include "passthrough/edu.h"
#include "passthrough/find.h"
#include "support.h"
#include <stdbool.h>

#define PAGE      4096u
#define FILE_SIZE 65536u
/* What one transfer carries. */
#define CHUNK 4032u

/* Of the places: two devices that are alone, two that share a group. */
#define PLACES 4
#define ALONE  0
#define OTHER  1
#define MATE   2
#define MATE_2 3

/* Where the file and its copy are mapped, if nothing else is said. */
#define FILE_IOVA UINT64_C(0x00100000)
#define COPY_IOVA UINT64_C(0x08000000)

struct seat {
	int fd;
	struct ioasid_device *device;
	struct ioasid_attachment *route;
	struct edu edu;
};

struct kit {
	struct edu_place places[PLACES];
	struct ioasid_ctx *ctx;
	struct ioasid_space *space;
	unsigned char *file;
	unsigned char *copy; /* zero at first */
};

extern struct kit kit;

/* A case whose tests have the kit, with an empty space. */
TCase *kit_case(Suite *suite, const char *name);

/* A bound device, its registers mapped; led to a space unless that is NULL. The seat outlives the
 * test. */
void seat_take(struct seat *seat, unsigned int place, struct ioasid_space *space);
void seat_lead(struct seat *seat, struct ioasid_space *space);
void seat_detach(struct seat *seat);
/* Detached if it is attached, unbound, closed. */
void seat_leave(struct seat *seat);

void kit_map(
	struct ioasid_space *space, uint64_t iova, void *addr, uint64_t length, uint32_t flags);
/* The file, which may be read, and its copy. */
void kit_map_both(struct ioasid_space *space);
void kit_unmap_all(struct ioasid_space *space);

/* The device takes a chunk from one address and puts it to the other. */
void seat_carry(struct seat *seat, uint64_t from, uint64_t to);

/* A carry from FILE_IOVA to COPY_IOVA: the chunk arrived; or the copy is as empty as before. */
bool seat_copies(struct seat *seat);

bool copy_is_empty(void);

#endif
