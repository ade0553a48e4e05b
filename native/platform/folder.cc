// folder.h, and the part of file.h that works on names.
#include "platform/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "platform/file.h"
#include "platform/wasm_system.h"

// For folders that may be entered but not listed.
#if defined(O_PATH)
#define SL_LOOK_UP_ONLY O_PATH
#elif defined(O_SEARCH)
#define SL_LOOK_UP_ONLY O_SEARCH
#else
#define SL_LOOK_UP_ONLY O_RDONLY
#endif

namespace sightline {
namespace {

constexpr int kFolderFlags = O_DIRECTORY | O_CLOEXEC;

std::string FolderOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

#ifdef __wasm__
Status NamesIn(int descriptor, const std::string& path, std::vector<std::string>* names) {
  std::vector<char> bytes;
  for (int needed = 1; static_cast<size_t>(needed) > bytes.size();) {
    bytes.resize(static_cast<size_t>(needed));
    needed = sl_list(descriptor, bytes.data(), bytes.size());
    if (needed < 0) return Status(StatusCode::kIo, "list " + path);
    if (static_cast<size_t>(needed) > bytes.size()) continue;
    for (int at = 0; at < needed; at += static_cast<int>(names->back().size()) + 1) {
      names->emplace_back(bytes.data() + at);
    }
  }
  return Status::Ok();
}
#else
Status NamesIn(int descriptor, const std::string& path, std::vector<std::string>* names) {
  // The listing takes over its descriptor.
  const int own = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  DIR* folder = own < 0 ? nullptr : ::fdopendir(own);
  if (folder == nullptr) {
    const Status status = ErrnoStatus("list", path);
    if (own >= 0) ::close(own);
    return status;
  }
  while (const dirent* entry = ::readdir(folder)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names->push_back(name);
  }
  ::closedir(folder);
  return Status::Ok();
}
#endif

// Takes over the descriptor.
Status RemoveContents(int descriptor, const std::string& path) {
  // Names first: listing a folder while it changes is unspecified.
  std::vector<std::string> names;
  Status status = NamesIn(descriptor, path, &names);
  for (const std::string& name : names) {
    if (status.ok()) status = RemoveFolder(FileLocation(descriptor, path, name));
  }
  ::close(descriptor);
  return status;
}

}  // namespace

const int FileLocation::kNoFolder = AT_FDCWD;

FileLocation::FileLocation(std::string path) : path_(std::move(path)) {}

FileLocation::FileLocation(int folder, const std::string& folder_path, const std::string& name)
    : folder_(folder), name_at_(folder_path.size() + 1), path_(folder_path + "/" + name) {}

FileLocation FileLocation::With(const char* suffix) const {
  FileLocation location = *this;
  location.path_ += suffix;
  return location;
}

FileLocation FileLocation::Above() const {
  if (folder_ == kNoFolder) return FolderOf(path_);
  return FileLocation(folder_, path_.substr(0, name_at_ - 1), ".");
}

Folder::~Folder() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Folder::Folder(Folder&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

Folder& Folder::operator=(Folder&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

Status Folder::Open(const FileLocation& location, Folder* out) {
  Folder folder;
  folder.path_ = location.path();
  folder.descriptor_ = ::openat(location.folder(), location.name(), O_RDONLY | kFolderFlags);
  if (folder.descriptor_ < 0 && errno == EACCES) {
    folder.descriptor_ =
        ::openat(location.folder(), location.name(), SL_LOOK_UP_ONLY | kFolderFlags);
  }
  if (folder.descriptor_ < 0) return ErrnoStatus("open", location.path());
  *out = std::move(folder);
  return Status::Ok();
}

Status Folder::Duplicate(Folder* out) const {
  Folder folder;
  folder.path_ = path_;
  folder.descriptor_ = ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
  if (folder.descriptor_ < 0) return ErrnoStatus("open", path_);
  *out = std::move(folder);
  return Status::Ok();
}

FileLocation Folder::At(const std::string& name) const {
  return FileLocation(descriptor_, path_, name);
}

Status Folder::WhatPathNames(Named* out) const { return WhatIsNamed(path_, descriptor_, out); }

Status WhatIsNamed(const FileLocation& location, int descriptor, Named* out) {
  struct stat held;
  struct stat named;
  if (::fstat(descriptor, &held) != 0) return ErrnoStatus("stat", location.path());
  if (::fstatat(location.folder(), location.name(), &named, 0) != 0) {
    *out = Named::kNothing;
    return errno == ENOENT || errno == ENOTDIR ? Status::Ok()
                                               : ErrnoStatus("stat", location.path());
  }
  const bool same = held.st_dev == named.st_dev && held.st_ino == named.st_ino;
  *out = same ? Named::kThis : Named::kOther;
  return Status::Ok();
}

Status SyncFolder(const FileLocation& folder) {
  const int descriptor = ::openat(folder.folder(), folder.name(), O_RDONLY | kFolderFlags);
  if (descriptor < 0) return ErrnoStatus("open", folder.path());
  int result;
  do {
    result = fsync(descriptor);
  } while (result != 0 && errno == EINTR);
  Status status = result == 0 ? Status::Ok() : ErrnoStatus("sync", folder.path());
  ::close(descriptor);
  return status;
}

Status RenameDurable(const FileLocation& from, const FileLocation& to) {
  if (::renameat(from.folder(), from.name(), to.folder(), to.name()) != 0) {
    return ErrnoStatus("rename", from.path() + " to " + to.path());
  }
  return SyncFolder(to.Above());
}

Status ReplaceFile(const FileLocation& location, const void* data, size_t size) {
  const FileLocation beside = location.With(".tmp");
  File file;
  Status status = File::Open(beside, OpenMode::kTruncate, &file);
  if (status.ok()) status = file.WriteAt(0, data, size);
  if (status.ok()) status = file.Sync();
  if (status.ok()) status = file.Close();
  if (status.ok()) return RenameDurable(beside, location);
  // Reports the first failure.
  if (file.is_open()) {
    (void)file.Close();
    (void)RemoveFile(beside);
  }
  return status;
}

Status ReadWholeFile(const FileLocation& location, std::vector<unsigned char>* out) {
  File file;
  SL_RETURN_IF_ERROR(File::Open(location, OpenMode::kRead, &file));
  uint64_t size;
  SL_RETURN_IF_ERROR(file.Size(&size));
  out->resize(size);
  return file.ReadAt(0, out->data(), out->size());
}

Status RemoveFile(const FileLocation& location) {
  if (::unlinkat(location.folder(), location.name(), 0) == 0 || errno == ENOENT)
    return Status::Ok();
  return ErrnoStatus("remove", location.path());
}

Status RemoveFolder(const FileLocation& location) {
  const int descriptor =
      ::openat(location.folder(), location.name(), O_RDONLY | O_NOFOLLOW | kFolderFlags);
  if (descriptor < 0) {
    // A link to a folder is ELOOP or ENOTDIR, depending on the system.
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return RemoveFile(location);
    return ErrnoStatus("remove folder", location.path());
  }
  SL_RETURN_IF_ERROR(RemoveContents(descriptor, location.path()));
  if (::unlinkat(location.folder(), location.name(), AT_REMOVEDIR) == 0 || errno == ENOENT) {
    return Status::Ok();
  }
  return ErrnoStatus("remove folder", location.path());
}

Status MakeFolder(const FileLocation& location) {
  if (::mkdirat(location.folder(), location.name(), 0755) != 0) {
    return ErrnoStatus("make folder", location.path());
  }
  return SyncFolder(location.Above());
}

Status MakeFolders(const std::string& path) {
  // Each new name is made durable: else a power cut could remove a new folder with everything
  // synced in it.
  std::string at;
  for (size_t slash = 0; slash != std::string::npos;) {
    slash = path.find('/', slash + 1);
    at = path.substr(0, slash);
    if (at.empty() || at.back() == '/') continue;
    if (::mkdir(at.c_str(), 0755) == 0) {
      const Status synced = SyncFolder(FolderOf(at));
      // A folder that may be written but not read cannot be synced.
      if (!synced.ok() && synced.code() != StatusCode::kReadOnly) return synced;
      continue;
    }
    const int error = errno;
    struct stat info;
    if (::stat(at.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) continue;
    errno = error == EEXIST ? ENOTDIR : error;
    return ErrnoStatus("make folder", at);
  }
  return Status::Ok();
}

Status StampOf(const FileLocation& location, FileStamp* out) {
  *out = FileStamp();
  struct stat info;
  if (::fstatat(location.folder(), location.name(), &info, 0) != 0) {
    return errno == ENOENT ? Status::Ok() : ErrnoStatus("stat", location.path());
  }
#if defined(__APPLE__)
  const struct timespec& written = info.st_mtimespec;
#else
  const struct timespec& written = info.st_mtim;
#endif
  out->exists = true;
  out->device = static_cast<uint64_t>(info.st_dev);
  out->inode = static_cast<uint64_t>(info.st_ino);
  out->size = static_cast<uint64_t>(info.st_size);
  out->written_ns = int64_t{written.tv_sec} * 1'000'000'000 + written.tv_nsec;
  return Status::Ok();
}

Status PathExists(const FileLocation& location, bool* out) {
  struct stat info;
  *out = ::fstatat(location.folder(), location.name(), &info, 0) == 0;
  if (*out || errno == ENOENT || errno == ENOTDIR) return Status::Ok();
  return ErrnoStatus("look for", location.path());
}

}  // namespace sightline
