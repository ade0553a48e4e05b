// A kernel lock on a file: one holder among all processes and handles, released when the holder
// dies.
#ifndef SIGHTLINE_PLATFORM_LOCK_H_
#define SIGHTLINE_PLATFORM_LOCK_H_

#include <string>

#include "core/status.h"
#include "platform/file.h"

namespace sightline {

// Tries to lock an open file until its descriptor is closed; a shared lock excludes only exclusive
// ones. kFileLocked names the holder if the file begins with its process id, as FileLock and
// lib/native/lock.ts write it.
Status LockNow(int descriptor, const std::string& path, bool shared = false);

class FileLock {
 public:
  FileLock() = default;

  // Tries to take the exclusive lock; never waits. Creates the file if absent and writes the
  // process id into it, for messages only. Returns kFileLocked (also within one process), kReadOnly
  // or kIo.
  static Status Acquire(const FileLocation& location, FileLock* out);

  // Whether the file contains its own inode and time of creation, as Claim writes them: then its
  // folder is no copy. own(): when it was acquired, or since.
  static bool IsOwn(const FileLocation& location);
  bool own() const { return own_; }
  // Not synced, and a failure is ignored: the folder then counts as a copy, which opens too.
  void Claim();

  bool held() const { return file_.is_open(); }
  // Idempotent; also called by the destructor. The file stays: removing it would admit two holders.
  void Release();

 private:
  File file_;
  bool own_ = false;
};

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_LOCK_H_
