/* SPDX-License-Identifier: MIT */
/*
 * A driver of QEMU's "edu" device: see edu.h. Its registers are those of BAR 0, of 4 bytes below
 * 0x80 and of 8 from there.
 */
#include "edu.h"
#include <errno.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PCI_COMMAND        4
#define PCI_COMMAND_MEMORY 2u
#define PCI_COMMAND_MASTER 4u

#define REGISTER_ID          0x00u
#define REGISTER_SOURCE      0x80u
#define REGISTER_DESTINATION 0x88u
#define REGISTER_COUNT       0x90u
#define REGISTER_COMMAND     0x98u
#define COMMAND_RUN          1u
#define COMMAND_TO_MEMORY    2u
/* Where the device sees its own buffer. */
#define BUFFER 0x40000u

static int region_of(int file, uint32_t index, struct vfio_region_info *region)
{
	*region = (struct vfio_region_info){.argsz = sizeof(*region), .index = index};
	return ioctl(file, VFIO_DEVICE_GET_REGION_INFO, region) < 0 ? -errno : 0;
}

/* Lets it answer to its registers and do DMA. */
static int enable(int file)
{
	struct vfio_region_info config;
	uint16_t command;
	off_t at;
	int err = region_of(file, VFIO_PCI_CONFIG_REGION_INDEX, &config);

	if (err)
		return err;
	at = (off_t)config.offset + PCI_COMMAND;
	if (pread(file, &command, sizeof(command), at) != sizeof(command))
		return -EIO;
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	return pwrite(file, &command, sizeof(command), at) == sizeof(command) ? 0 : -EIO;
}

int edu_open(struct edu *edu, int file)
{
	struct vfio_region_info bar;
	int err = enable(file);
	void *at;

	if (!err)
		err = region_of(file, VFIO_PCI_BAR0_REGION_INDEX, &bar);
	if (err)
		return err;
	at = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)bar.offset);
	if (at == MAP_FAILED)
		return -errno;
	*edu = (struct edu){.registers = at, .length = bar.size};
	if ((*(volatile uint32_t *)(edu->registers + REGISTER_ID) & 0xffff) == 0x00ed)
		return 0;
	edu_close(edu);
	return -ENODEV;
}

void edu_close(struct edu *edu)
{
	munmap((void *)(uintptr_t)edu->registers, edu->length);
}

static volatile uint64_t *at(const struct edu *edu, size_t where)
{
	return (volatile uint64_t *)(edu->registers + where);
}

static int in_reach(uint64_t iova, size_t offset, size_t length)
{
	return length && offset < EDU_BUFFER && length < EDU_BUFFER - offset &&
	       iova <= EDU_IOVA_END - length;
}

static void transfer(const struct edu *edu, uint32_t command, size_t length)
{
	*at(edu, REGISTER_COUNT) = length;
	*at(edu, REGISTER_COMMAND) = command | COMMAND_RUN;
	while (*at(edu, REGISTER_COMMAND) & COMMAND_RUN)
		usleep(1000);
}

int edu_from_memory(struct edu *edu, uint64_t iova, size_t offset, size_t length)
{
	if (!in_reach(iova, offset, length))
		return -EINVAL;
	*at(edu, REGISTER_SOURCE) = iova;
	*at(edu, REGISTER_DESTINATION) = BUFFER + offset;
	transfer(edu, 0, length);
	return 0;
}

int edu_to_memory(struct edu *edu, uint64_t iova, size_t offset, size_t length)
{
	if (!in_reach(iova, offset, length))
		return -EINVAL;
	*at(edu, REGISTER_SOURCE) = BUFFER + offset;
	*at(edu, REGISTER_DESTINATION) = iova;
	transfer(edu, COMMAND_TO_MEMORY, length);
	return 0;
}
