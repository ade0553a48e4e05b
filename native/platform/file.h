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

// Where a file is looked for: a path, or a name in a folder that is open (Folder::At). What is
// opened by a name in an open folder stays there whatever happens to the folder's path.
class FileLocation {
 public:
  FileLocation() = default;
  FileLocation(std::string path);  // NOLINT: a path is a location
  FileLocation(const char* path) : FileLocation(std::string(path)) {}  // NOLINT
  FileLocation(int folder, const std::string& folder_path, const std::string& name);

  // For the system's ...at() calls.
  int folder() const { return folder_; }
  const char* name() const { return path_.c_str() + name_at_; }
  // For messages.
  const std::string& path() const { return path_; }
  // The same with `suffix` behind its name.
  FileLocation With(const char* suffix) const;
  // The folder that it is in, as something to open.
  FileLocation Above() const;

 private:
  int folder_ = kNoFolder;
  size_t name_at_ = 0;
  std::string path_;

  static const int kNoFolder;  // AT_FDCWD
};

// What a location names: the file or folder that is held, another one, or nothing.
enum class Named { kThis, kOther, kNothing };

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
  static Status Open(const FileLocation& location, OpenMode mode, File* out);

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  const std::string& path() const { return location_.path(); }

  // Exactly `size` bytes, or kFileCorrupt if the file ends before.
  Status ReadAt(uint64_t offset, void* data, size_t size) const;
  // Up to `size` bytes; *got is less only at the end of the file.
  Status ReadSome(uint64_t offset, void* data, size_t size, size_t* got) const;
  Status WriteAt(uint64_t offset, const void* data, size_t size);

  Status Size(uint64_t* out) const;
  // What the location that it was opened at names now.
  Status WhatLocationNames(Named* out) const;
  // Writes the first `size` bytes of this file to the beginning of `to`.
  Status CopyTo(uint64_t size, File* to) const;
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
  FileLocation location_;
};

// Makes renames and new files inside `folder` durable.
Status SyncFolder(const FileLocation& folder);
// Replaces `to` atomically and makes it durable (syncs the folder that holds `to`).
// The caller has synced the contents of `from`.
Status RenameDurable(const FileLocation& from, const FileLocation& to);
// Writes beside (".tmp" behind the name), syncs, renames, syncs the folder: after a crash the old
// or the new.
Status ReplaceFile(const FileLocation& location, const void* data, size_t size);
Status ReadWholeFile(const FileLocation& location, std::vector<unsigned char>* out);
// No error if it is not there.
Status RemoveFile(const FileLocation& location);
// With everything in it; no error if it is not there. Links are removed, not followed.
Status RemoveFolder(const FileLocation& location);
// kFileExists if there is something of that name. 0755, durable.
Status MakeFolder(const FileLocation& location);
// Makes the folder and its parents; no error if there. 0755.
Status MakeFolders(const std::string& path);
Status PathExists(const FileLocation& location, bool* out);
// Tells one state of a file from another, without holding it open: another file of that name, or
// the same one written to.
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
// What `location` names, seen from an open descriptor.
Status WhatIsNamed(const FileLocation& location, int descriptor, Named* out);

// Status of the current `errno`: "<action> <path>: <reason>".
Status ErrnoStatus(const char* action, const std::string& path);

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_FILE_H_
