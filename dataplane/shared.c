/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

/* Pages are taken now: later a missing one would be a SIGBUS. */
static int fill_and_seal(int fd, size_t bytes)
{
	if (ftruncate(fd, (off_t)bytes) < 0)
		return -errno;
	if (fallocate(fd, 0, 0, (off_t)bytes) < 0)
		return errno == ENOSPC ? -ENOMEM : -errno;
	if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return -errno;
	return 0;
}

int pk_shared_new(const char *name, size_t bytes, int *fd)
{
	int err, new;

	new = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (new < 0)
		return -errno;
	err = fill_and_seal(new, bytes);
	if (err) {
		close(new);
		return err;
	}
	*fd = new;
	return 0;
}

int pk_shared_size(int fd, size_t *bytes)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS)
		return -EINVAL;
	if (fstat(fd, &st) < 0 || st.st_size <= 0)
		return -EINVAL;
	*bytes = (size_t)st.st_size;
	return 0;
}

int pk_shared_map(int fd, size_t bytes, void **out)
{
	void *at;

	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	*out = at;
	return 0;
}
