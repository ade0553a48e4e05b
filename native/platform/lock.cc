#include "platform/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "platform/wasm_system.h"

namespace sightline {

namespace {

// The process id that the holder wrote into the file, or empty.
std::string HolderOf(int descriptor) {
  char holder[32];
  const ssize_t got = pread(descriptor, holder, sizeof(holder), 0);
  if (got < 0) return "";
  const std::string text(holder, static_cast<size_t>(got));
  return text.substr(0, text.find_first_not_of("0123456789"));
}

// Distinguishes `file` from its copies: inode and, if known, time of creation. Not the device,
// whose number may change at a restart. Empty if unknown.
std::string IdentityOf(const File& file) {
  struct stat info {};
  if (fstat(file.descriptor(), &info) != 0) return "";
  int64_t seconds = 0;
  int64_t nanoseconds = 0;
#if defined(__wasm__)
  WasmStat more;
  if (sl_stat_open(file.descriptor(), &more) == 0) {
    seconds = more.born_ns / 1'000'000'000;
    nanoseconds = more.born_ns % 1'000'000'000;
  }
#elif defined(__APPLE__)
  seconds = info.st_birthtimespec.tv_sec;
  nanoseconds = info.st_birthtimespec.tv_nsec;
#elif defined(STATX_BTIME)
  struct statx more {};
  if (statx(file.descriptor(), "", AT_EMPTY_PATH, STATX_BTIME, &more) == 0 &&
      (more.stx_mask & STATX_BTIME) != 0) {
    seconds = more.stx_btime.tv_sec;
    nanoseconds = more.stx_btime.tv_nsec;
  }
#endif
  return "inode " + std::to_string(info.st_ino) + " of " + std::to_string(seconds) + "." +
         std::to_string(nanoseconds) + "\n";
}

bool NamesItself(const File& file) {
  char bytes[160] = {};
  size_t got = 0;
  const std::string identity = IdentityOf(file);
  if (identity.empty() || !file.ReadSome(0, bytes, sizeof(bytes), &got).ok()) return false;
  const std::string text(bytes, got);
  const size_t line = text.find('\n');
  return line != std::string::npos && text.compare(line + 1, std::string::npos, identity) == 0;
}

}  // namespace

Status LockNow(int descriptor, const std::string& path, bool shared) {
  int result;
  do {
    result = flock(descriptor, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result == 0) return Status::Ok();
#ifdef __wasm__
  if (errno == ENOTSUP) {
    return Status(StatusCode::kPortableEngine,
                  path +
                      " cannot be locked: the portable engine asks the system's `flock` command "
                      "for that, which is not there. Open the index with readOnly, keep it in "
                      "memory, or build the native engine: npm run build:native");
  }
#endif
  if (errno != EWOULDBLOCK) return ErrnoStatus("lock", path);
  const std::string holder = HolderOf(descriptor);
  return Status(StatusCode::kFileLocked, path + " is held by another writer" +
                                             (holder.empty() ? "" : ", process " + holder));
}

Status FileLock::Acquire(const FileLocation& location, FileLock* out) {
  File file;
  SL_RETURN_IF_ERROR(File::Open(location, OpenMode::kOpenCreate, &file));
  SL_RETURN_IF_ERROR(LockNow(file.descriptor(), file.path()));
  const bool own = NamesItself(file);
  const std::string text = std::to_string(getpid()) + "\n" + (own ? IdentityOf(file) : "");
  SL_RETURN_IF_ERROR(file.Truncate(0));
  SL_RETURN_IF_ERROR(file.WriteAt(0, text.data(), text.size()));
  out->file_ = std::move(file);
  out->own_ = own;
  return Status::Ok();
}

bool FileLock::IsOwn(const FileLocation& location) {
  File file;
  return File::Open(location, OpenMode::kRead, &file).ok() && NamesItself(file);
}

void FileLock::Claim() {
  if (own_) return;
  const std::string text = std::to_string(getpid()) + "\n" + IdentityOf(file_);
  own_ = file_.WriteAt(0, text.data(), text.size()).ok();
}

// Closing releases the lock: no other descriptor shares this open file.
void FileLock::Release() { (void)file_.Close(); }

}  // namespace sightline
