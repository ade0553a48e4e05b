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

// A path, or a name in an open folder (Folder::At), which stays valid if the folder is renamed.
class FileLocation {
 public:
  FileLocation() = default;
  FileLocation(std::string path);  // NOLINT: a path is a location
  FileLocation(const char* path) : FileLocation(std::string(path)) {}  // NOLINT
  FileLocation(int folder, const std::string& folder_path, const std::string& name);

  // For openat() and the like.
  int folder() const { return folder_; }
  const char* name() const { return path_.c_str() + name_at_; }
  // For messages.
  const std::string& path() const { return path_; }
  // The same with `suffix` appended to the name.
  FileLocation With(const char* suffix) const;
  // The containing folder.
  FileLocation Above() const;

 private:
  int folder_ = kNoFolder;
  size_t name_at_ = 0;
  std::string path_;

  static const int kNoFolder;  // AT_FDCWD
};

// What a location names now: the file or folder that is open, another one, or nothing.
enum class Named { kThis, kOther, kNothing };

enum class OpenMode {
  kRead,        // must exist
  kReadWrite,   // must exist
  kCreateNew,   // read and write; kFileExists if it exists
  kOpenCreate,  // read and write; created if absent, contents kept
  kTruncate,    // read and write; created if absent, else emptied
};

// Threads  ReadAt and WriteAt may run concurrently (they use no shared position).
class File {
 public:
  File() = default;
  ~File();
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  // Regular files only: others are kIo. Never blocks. New files are 0644.
  static Status Open(const FileLocation& location, OpenMode mode, File* out);

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  const std::string& path() const { return location_.path(); }

  // Exactly `size` bytes, or kFileCorrupt if the file ends before.
  Status ReadAt(uint64_t offset, void* data, size_t size) const;
  // Up to `size` bytes; fewer only at the end of the file.
  Status ReadSome(uint64_t offset, void* data, size_t size, size_t* got) const;
  Status WriteAt(uint64_t offset, const void* data, size_t size);

  Status Size(uint64_t* out) const;
  // What the location it was opened by names now.
  Status WhatLocationNames(Named* out) const;
  // Writes the first `size` bytes of this file to the beginning of `to`.
  Status CopyTo(uint64_t size, File* to) const;
  Status Truncate(uint64_t size);
  // Reserves blocks for [0, size) and grows the file if it is shorter, so that a full disk is an
  // error now and not a SIGBUS in a mapping later.
  Status Allocate(uint64_t size);
  Status SyncData();  // contents and size
  Status Sync();      // also the other metadata
  // Reports errors of closing, unlike the destructor. Idempotent.
  Status Close();

 private:
  int descriptor_ = -1;
  FileLocation location_;
};

// Makes renames and new files inside `folder` durable.
Status SyncFolder(const FileLocation& folder);
// Replaces `to` atomically and durably. The caller has synced the contents of `from`.
Status RenameDurable(const FileLocation& from, const FileLocation& to);
// Writes a ".tmp" file, syncs, renames, syncs the folder: a crash leaves the old or the new file.
Status ReplaceFile(const FileLocation& location, const void* data, size_t size);
Status ReadWholeFile(const FileLocation& location, std::vector<unsigned char>* out);
// No error if absent.
Status RemoveFile(const FileLocation& location);
// With all contents; no error if absent. Links are removed, not followed.
Status RemoveFolder(const FileLocation& location);
// kFileExists if the name is taken. 0755, durable.
Status MakeFolder(const FileLocation& location);
// Creates the folder and its parents; no error if it exists. 0755.
Status MakeFolders(const std::string& path);
Status PathExists(const FileLocation& location, bool* out);
// Identifies a file and its state without holding it open.
struct FileStamp {
  bool exists = false;
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t written_ns = 0;

  bool operator==(const FileStamp& other) const {
    return exists == other.exists && device == other.device && inode == other.inode &&
           size == other.size && written_ns == other.written_ns;
  }
};
Status StampOf(const FileLocation& location, FileStamp* out);
// Compares what `location` names with an open descriptor.
Status WhatIsNamed(const FileLocation& location, int descriptor, Named* out);

// Status of the current `errno`: "<action> <path>: <reason>".
Status ErrnoStatus(const char* action, const std::string& path);

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_FILE_H_
