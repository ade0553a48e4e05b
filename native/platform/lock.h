// The kernel's lock on a file: one holder among all processes and handles, freed by the kernel when
// the holder dies, so there is never a stale one.
#ifndef SIGHTLINE_PLATFORM_LOCK_H_
#define SIGHTLINE_PLATFORM_LOCK_H_

#include <string>

#include "core/status.h"
#include "platform/file.h"

namespace sightline {

// Takes the lock of an open file at once or not at all, for as long as that descriptor is open; a
// shared one only keeps exclusive ones out. kFileLocked; its message has the holder's id if `path`
// begins with one, as FileLock and lib/native/lock.ts write it.
Status LockNow(int descriptor, const std::string& path, bool shared = false);

class FileLock {
 public:
  FileLock() = default;

  // Takes the exclusive lock at once or not at all; never waits. Makes the file if absent and
  // writes the process id into it, for people; the lock is the kernel's and the number is never
  // trusted. Returns  kFileLocked (its message has the holder's id if one was written), or
  // kReadOnly, kIo. A second lock on the same path in the same process is refused too.
  static Status Acquire(const FileLocation& location, FileLock* out);

  // Whether the file names itself, its inode and the time it was made, as Claim leaves it: then its
  // folder is no copy. own(): when it was acquired, or since.
  static bool IsOwn(const FileLocation& location);
  bool own() const { return own_; }
  // Not synced, and no error if it fails: the folder is taken for a copy then, which opens.
  void Claim();

  bool held() const { return file_.is_open(); }
  // Idempotent; the destructor does it too. The file stays: removing it would let two holders in.
  void Release();

 private:
  File file_;
  bool own_ = false;
};

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_LOCK_H_
