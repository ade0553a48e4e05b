// The calls of POSIX that this folder uses, by wasm_system.h: so that the files which use them are
// the same in every build. They take the place of the C library's, which know no program around.
#include "platform/wasm_system.h"

#ifdef __wasm__
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <limits>
#include <string>

namespace sightline {
namespace {

// As ERRORS of lib/native/wasm/system.ts.
constexpr int kErrors[] = {0,      EIO,         ENOENT,  EEXIST,      ENOSPC,    EACCES,
                           EPERM,  EROFS,       ENOTDIR, EISDIR,      ENOTEMPTY, EMFILE,
                           ENFILE, EBADF,       EINVAL,  ENOMEM,      EFBIG,     ELOOP,
                           EDQUOT, EWOULDBLOCK, ENOTSUP, ENAMETOOLONG};

// What the system answered, as POSIX says it.
int Answer(int result) {
  if (result >= 0) return result;
  const size_t at = static_cast<size_t>(-result);
  errno = at < sizeof(kErrors) / sizeof(kErrors[0]) ? kErrors[at] : EIO;
  return -1;
}

int FolderOf(int descriptor) { return descriptor == AT_FDCWD ? -1 : descriptor; }

int Answer(int result, const WasmStat& from, struct stat* out) {
  if (Answer(result) < 0) return -1;
  *out = {};
  out->st_dev = static_cast<dev_t>(from.device);
  out->st_ino = static_cast<ino_t>(from.inode);
  out->st_mode = from.kind == 1 ? S_IFREG : from.kind == 2 ? S_IFDIR : S_IFIFO;
  out->st_size = from.size;
  constexpr int64_t kSecond = 1'000'000'000;
  out->st_mtim.tv_sec = static_cast<time_t>(from.written_ns / kSecond);
  out->st_mtim.tv_nsec = static_cast<long>(from.written_ns % kSecond);
  return 0;
}

int Open(int folder, const char* name, int flags, int mode) {
  int wanted = (flags & O_ACCMODE) == O_RDONLY ? 0 : 1;
  if ((flags & O_CREAT) != 0) wanted |= 2;
  if ((flags & O_EXCL) != 0) wanted |= 4;
  if ((flags & O_DIRECTORY) != 0) wanted |= 8;
  if ((flags & O_NOFOLLOW) != 0) wanted |= 16;
  return Answer(sl_open(FolderOf(folder), name, wanted, mode));
}

}  // namespace
}  // namespace sightline

using sightline::Answer;
using sightline::FolderOf;
using sightline::WasmStat;

extern "C" {

int openat(int folder, const char* name, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const int mode = (flags & O_CREAT) != 0 ? va_arg(more, int) : 0;
  va_end(more);
  return sightline::Open(folder, name, flags, mode);
}

int close(int descriptor) { return Answer(sightline::sl_close(descriptor)); }

// F_DUPFD_CLOEXEC alone.
int fcntl(int descriptor, int, ...) { return Answer(sightline::sl_duplicate(descriptor)); }

ssize_t pread(int descriptor, void* data, size_t size, off_t offset) {
  return Answer(sightline::sl_read(descriptor, data, size, static_cast<double>(offset)));
}

ssize_t pwrite(int descriptor, const void* data, size_t size, off_t offset) {
  return Answer(sightline::sl_write(descriptor, data, size, static_cast<double>(offset)));
}

int fstat(int descriptor, struct stat* out) {
  WasmStat from;
  return Answer(sightline::sl_stat_open(descriptor, &from), from, out);
}

int fstatat(int folder, const char* name, struct stat* out, int) {
  WasmStat from;
  return Answer(sightline::sl_stat(FolderOf(folder), name, &from), from, out);
}

int stat(const char* path, struct stat* out) { return fstatat(AT_FDCWD, path, out, 0); }

int ftruncate(int descriptor, off_t size) {
  return Answer(sightline::sl_truncate(descriptor, static_cast<double>(size)));
}

// Grows the file; blocks are not reserved, so that a full disk is an error when they are written.
int posix_fallocate(int descriptor, off_t, off_t size) {
  struct stat info;
  if (fstat(descriptor, &info) != 0) return errno;
  return info.st_size >= size || ftruncate(descriptor, size) == 0 ? 0 : errno;
}

int fsync(int descriptor) { return Answer(sightline::sl_sync(descriptor, 0)); }

int fdatasync(int descriptor) { return Answer(sightline::sl_sync(descriptor, 1)); }

int renameat(int from_folder, const char* from, int to_folder, const char* to) {
  return Answer(sightline::sl_rename(FolderOf(from_folder), from, FolderOf(to_folder), to));
}

int unlinkat(int folder, const char* name, int flags) {
  return Answer(sightline::sl_remove(FolderOf(folder), name, (flags & AT_REMOVEDIR) != 0));
}

int mkdirat(int folder, const char* name, mode_t mode) {
  return Answer(sightline::sl_make_folder(FolderOf(folder), name, static_cast<int>(mode)));
}

int mkdir(const char* path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int flock(int descriptor, int operation) {
  const int kind = (operation & LOCK_SH) != 0 ? 1 : (operation & LOCK_EX) != 0 ? 2 : 0;
  return Answer(sightline::sl_lock(descriptor, kind));
}

int getentropy(void* data, size_t size) {
  sightline::sl_random(data, size);
  return 0;
}

pid_t getpid() { return sightline::sl_process_id(); }

}  // extern "C"
#endif
