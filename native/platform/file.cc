#include "platform/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <system_error>
#include <utility>

#include "platform/transfer.h"

namespace sightline {
namespace {

constexpr mode_t kFileMode = 0644;

// The kernel may refuse or shorten larger calls.
constexpr size_t kMaxTransfer = size_t{1} << 30;

template <typename Call>
auto RetryInterrupted(const Call& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

int Flags(OpenMode mode) {
  // O_NONBLOCK: opening a pipe without a writer must not hang.
  constexpr int kCommon = O_CLOEXEC | O_NONBLOCK;
  switch (mode) {
    case OpenMode::kRead:
      return kCommon | O_RDONLY;
    case OpenMode::kReadWrite:
      return kCommon | O_RDWR;
    case OpenMode::kCreateNew:
      return kCommon | O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::kOpenCreate:
    case OpenMode::kTruncate:
      break;
  }
  return kCommon | O_RDWR | O_CREAT;
}

// As posix_fallocate: returns an error number.
int Reserve(int descriptor, uint64_t size) {
#if defined(__APPLE__)
  struct stat info;
  if (fstat(descriptor, &info) != 0) return errno;
  const uint64_t current = static_cast<uint64_t>(info.st_size);
  if (current >= size) return 0;
  fstore_t store = {F_ALLOCATEALL, F_PEOFPOSMODE, 0, static_cast<off_t>(size - current), 0};
  if (fcntl(descriptor, F_PREALLOCATE, &store) < 0) return errno;
  return ftruncate(descriptor, static_cast<off_t>(size)) == 0 ? 0 : errno;
#else
  int error;
  do {
    error = posix_fallocate(descriptor, 0, static_cast<off_t>(size));
  } while (error == EINTR);
  return error;
#endif
}

// On macOS, fsync leaves data in the drive's cache; F_FULLFSYNC flushes it.
int Flush(int descriptor, bool data_only) {
#if defined(__APPLE__)
  (void)data_only;
  return RetryInterrupted([=] { return fcntl(descriptor, F_FULLFSYNC); });
#else
  return RetryInterrupted([=] { return data_only ? fdatasync(descriptor) : fsync(descriptor); });
#endif
}

Status CheckRange(const char* action, const std::string& path, uint64_t offset, uint64_t size) {
  constexpr uint64_t kMax = static_cast<uint64_t>(std::numeric_limits<off_t>::max());
  if (offset <= kMax && size <= kMax - offset) return Status::Ok();
  return Status(StatusCode::kInvalidRange, std::string(action) + " " + path + ": offset " +
                                               std::to_string(offset) + " + " +
                                               std::to_string(size) + " bytes is out of range");
}

}  // namespace

Status ErrnoStatus(const char* action, const std::string& path) {
  const int error = errno;
  StatusCode code = StatusCode::kIo;
  switch (error) {
    case ENOENT:
      code = StatusCode::kFileMissing;
      break;
    case EEXIST:
      code = StatusCode::kFileExists;
      break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:  // the process's limit on file size
      code = StatusCode::kDiskFull;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      code = StatusCode::kReadOnly;
      break;
    case ENOMEM:
      code = StatusCode::kNoMemory;
      break;
    default:
      break;
  }
  // An open index has four: folder, lock, log and rows.
  const char* remedy =
      error == EMFILE || error == ENFILE ? " (an open index takes four files: see ulimit -n)" : "";
  // Not strerror, which is not thread safe.
  return Status(code, std::string(action) + " " + path + ": " +
                          std::generic_category().message(error) + remedy);
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

File::File(File&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), location_(std::move(other.location_)) {}

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = std::exchange(other.descriptor_, -1);
    location_ = std::move(other.location_);
  }
  return *this;
}

Status File::Open(const FileLocation& location, OpenMode mode, File* out) {
  File file;
  file.location_ = location;
  const std::string& path = location.path();
  const int flags = Flags(mode);
  file.descriptor_ = RetryInterrupted(
      [&] { return ::openat(location.folder(), location.name(), flags, kFileMode); });
  if (file.descriptor_ < 0) return ErrnoStatus("open", path);
  struct stat info;
  if (fstat(file.descriptor_, &info) != 0) return ErrnoStatus("open", path);
  if (!S_ISREG(info.st_mode)) {
    return Status(StatusCode::kIo, "open " + path + ": not a regular file");
  }
#ifdef __wasm__
  // So that whatever is bounded by a file's size fits its pointers.
  if (info.st_size > std::numeric_limits<int32_t>::max()) {
    return Status(StatusCode::kPortableEngine,
                  path + " has " + std::to_string(info.st_size) +
                      " bytes, more than the 2 GB of a file that the portable engine can read. "
                      "Build the native one: npm run build:native");
  }
#endif
  // Truncated only after the check that it is a regular file.
  if (mode == OpenMode::kTruncate) SL_RETURN_IF_ERROR(file.Truncate(0));
  *out = std::move(file);
  return Status::Ok();
}

Status File::ReadSome(uint64_t offset, void* data, size_t size, size_t* got) const {
  *got = 0;
  SL_RETURN_IF_ERROR(CheckRange("read", path(), offset, size));
  char* to = static_cast<char*>(data);
  const bool ok = TransferAll(size, got, [&](size_t done, size_t left) {
    return ::pread(descriptor_, to + done, std::min(left, kMaxTransfer),
                   static_cast<off_t>(offset + done));
  });
  return ok ? Status::Ok() : ErrnoStatus("read", path());
}

Status File::ReadAt(uint64_t offset, void* data, size_t size) const {
  size_t got;
  SL_RETURN_IF_ERROR(ReadSome(offset, data, size, &got));
  if (got == size) return Status::Ok();
  return Status(StatusCode::kFileCorrupt, "read " + path() + ": expected " + std::to_string(size) +
                                              " bytes at offset " + std::to_string(offset) +
                                              ", the file ends after " + std::to_string(got));
}

Status File::WriteAt(uint64_t offset, const void* data, size_t size) {
  SL_RETURN_IF_ERROR(CheckRange("write", path(), offset, size));
  const char* from = static_cast<const char*>(data);
  size_t done;
  const bool ok = TransferAll(size, &done, [&](size_t before, size_t left) {
    return ::pwrite(descriptor_, from + before, std::min(left, kMaxTransfer),
                    static_cast<off_t>(offset + before));
  });
  if (!ok) return ErrnoStatus("write", path());
  if (done == size) return Status::Ok();
  return Status(StatusCode::kIo, "write " + path() + ": only " + std::to_string(done) + " of " +
                                     std::to_string(size) + " bytes were taken");
}

Status File::Size(uint64_t* out) const {
  struct stat info;
  if (fstat(descriptor_, &info) != 0) return ErrnoStatus("stat", path());
  *out = static_cast<uint64_t>(info.st_size);
  return Status::Ok();
}

Status File::WhatLocationNames(Named* out) const {
  return WhatIsNamed(location_, descriptor_, out);
}

Status File::CopyTo(uint64_t size, File* to) const {
  constexpr uint64_t kStep = uint64_t{1} << 20;
  std::vector<unsigned char> buffer(static_cast<size_t>(std::min(size, kStep)));
  for (uint64_t done = 0; done < size;) {
    const size_t part = static_cast<size_t>(std::min(kStep, size - done));
    SL_RETURN_IF_ERROR(ReadAt(done, buffer.data(), part));
    SL_RETURN_IF_ERROR(to->WriteAt(done, buffer.data(), part));
    done += part;
  }
  return Status::Ok();
}

Status File::Truncate(uint64_t size) {
  SL_RETURN_IF_ERROR(CheckRange("truncate", path(), size, 0));
  if (RetryInterrupted([&] { return ftruncate(descriptor_, static_cast<off_t>(size)); }) != 0) {
    return ErrnoStatus("truncate", path());
  }
  return Status::Ok();
}

Status File::Allocate(uint64_t size) {
  if (size == 0) return Status::Ok();
  SL_RETURN_IF_ERROR(CheckRange("allocate", path(), size, 0));
  const int error = Reserve(descriptor_, size);
  if (error == 0) return Status::Ok();
  errno = error;
  return ErrnoStatus("allocate", path());
}

Status File::SyncData() {
  return Flush(descriptor_, true) == 0 ? Status::Ok() : ErrnoStatus("sync", path());
}

Status File::Sync() {
  return Flush(descriptor_, false) == 0 ? Status::Ok() : ErrnoStatus("sync", path());
}

Status File::Close() {
  if (descriptor_ < 0) return Status::Ok();
  // Not retried: on Linux the descriptor is closed even after EINTR, and its number may be reused.
  const int result = ::close(std::exchange(descriptor_, -1));
  if (result != 0 && errno != EINTR) return ErrnoStatus("close", path());
  return Status::Ok();
}

}  // namespace sightline
