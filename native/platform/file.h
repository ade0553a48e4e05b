// Files: one move-only descriptor, whole reads and writes, durability, atomic replace.
//
// Every call retries EINTR, finishes short transfers and returns a Status that names the path and
// the system's reason: kFileMissing (ENOENT), kFileExists (EEXIST), kDiskFull (ENOSPC, EDQUOT),
// kReadOnly (EACCES, EPERM, EROFS), kNoMemory (ENOMEM), kIo (everything else).
// Descriptors are close-on-exec: a child process never holds our files or locks.
#ifndef SIGHTLINE_PLATFORM_FILE_H_
#define SIGHTLINE_PLATFORM_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/status.h"

namespace sightline {

enum class OpenMode {
  kRead,        // must exist
  kReadWrite,   // must exist
  kCreateNew,   // read and write; kFileExists if there is one
  kOpenCreate,  // read and write; made if absent, contents kept
  kTruncate,    // read and write; made if absent, emptied if not
};

// Threads  ReadAt and WriteAt may run together on one File (they do not use a shared position).
class File {
 public:
  File() = default;
  ~File();
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // Regular files only: a folder, pipe or device is kIo, and never blocks. New files are 0644.
  static Status Open(const std::string& path, OpenMode mode, File* out);

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  const std::string& path() const { return path_; }

  // Exactly `size` bytes, or kFileCorrupt if the file ends before.
  Status ReadAt(uint64_t offset, void* data, size_t size) const;
  // Up to `size` bytes; *got is less only at the end of the file.
  Status ReadSome(uint64_t offset, void* data, size_t size, size_t* got) const;
  Status WriteAt(uint64_t offset, const void* data, size_t size);

  Status Size(uint64_t* out) const;
  // Whether path() still names this file.
  Status IsNamed(bool* out) const;
  Status Truncate(uint64_t size);
  // Reserves blocks for [0, size) and grows the file to it (never shrinks), so that a full disk is
  // an error now and not a SIGBUS in a mapping later.
  Status Allocate(uint64_t size);
  Status SyncData();  // contents and size durable
  Status Sync();      // and the rest of the metadata
  // Reports what the system says about closing; the destructor closes silently. Idempotent.
  Status Close();

 private:
  int descriptor_ = -1;
  std::string path_;
};

// Makes renames and new files inside `folder` durable.
Status SyncFolder(const std::string& folder);
// Replaces `to` atomically and makes it durable (syncs the folder that holds `to`).
// The caller has synced the contents of `from`.
Status RenameDurable(const std::string& from, const std::string& to);
// Writes beside (path + ".tmp"), syncs, renames, syncs the folder: after a crash the old or the
// new.
Status ReplaceFile(const std::string& path, const void* data, size_t size);
Status ReadWholeFile(const std::string& path, std::vector<unsigned char>* out);
// No error if it is not there.
Status RemoveFile(const std::string& path);
// With everything in it; no error if it is not there. Links are removed, not followed.
Status RemoveFolder(const std::string& path);
// Makes the folder and its parents; no error if there. 0755.
Status MakeFolders(const std::string& path);
Status PathExists(const std::string& path, bool* out);

// Status of the current `errno`: "<action> <path>: <reason>".
Status ErrnoStatus(const char* action, const std::string& path);

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_FILE_H_
