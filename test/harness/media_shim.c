// Preloaded into a whole process: calls on paths under FAULT_UNDER fail with FAULT_ERRNO, as those of a disk
// that breaks (EIO) or of a share whose server forgot it (ESTALE). FAULT_CALL says which: `list` folders,
// `open` files, or `read` what was opened.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { kMostFiles = 65536 };
static char faulty[kMostFiles];  // By descriptor: opened under FAULT_UNDER.

static int Fails(const char* call) {
  const char* wanted = getenv("FAULT_CALL");
  return wanted != NULL && strcmp(wanted, call) == 0;
}

static int IsUnder(const char* path) {
  const char* under = getenv("FAULT_UNDER");
  return under != NULL && path != NULL && strncmp(path, under, strlen(under)) == 0;
}

static int Fault(void) {
  errno = atoi(getenv("FAULT_ERRNO"));
  return -1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define LIST(name, entry)                                                          \
  int name(const char* path, struct entry*** list, int (*filter)(const struct entry*), \
           int (*compare)(const struct entry**, const struct entry**)) {          \
    if (Fails("list") && IsUnder(path)) return Fault();                           \
    return NEXT(name)(path, list, filter, compare);                               \
  }
LIST(scandir, dirent)
LIST(scandir64, dirent64)

#define OPEN(name)                                            \
  int name(const char* path, int flags, ...) {                \
    va_list more;                                             \
    va_start(more, flags);                                    \
    const int mode = va_arg(more, int);                       \
    va_end(more);                                             \
    const int under = IsUnder(path);                          \
    if (under && Fails("open")) return Fault();               \
    const int fd = NEXT(name)(path, flags, mode);             \
    if (fd >= 0 && fd < kMostFiles) faulty[fd] = (char)under; \
    return fd;                                                \
  }
OPEN(open)
OPEN(open64)

static int IsBroken(int fd) { return fd >= 0 && fd < kMostFiles && faulty[fd] && Fails("read"); }

ssize_t read(int fd, void* to, size_t size) {
  return IsBroken(fd) ? Fault() : NEXT(read)(fd, to, size);
}
ssize_t pread64(int fd, void* to, size_t size, off64_t at) {
  return IsBroken(fd) ? Fault() : NEXT(pread64)(fd, to, size, at);
}
ssize_t preadv64(int fd, const struct iovec* to, int count, off64_t at) {
  return IsBroken(fd) ? Fault() : NEXT(preadv64)(fd, to, count, at);
}
