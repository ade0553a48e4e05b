// The part of file.h that works on names: durable renames, folders, whole files.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "platform/file.h"

namespace sightline {
namespace {

std::string FolderOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status FromErrorCode(const char* action, const std::string& path, const std::error_code& error) {
  errno = error.value();
  return ErrnoStatus(action, path);
}

}  // namespace

Status SyncFolder(const std::string& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return ErrnoStatus("open", folder);
  int result;
  do {
    result = fsync(descriptor);
  } while (result != 0 && errno == EINTR);
  Status status = result == 0 ? Status::Ok() : ErrnoStatus("sync", folder);
  ::close(descriptor);
  return status;
}

Status RenameDurable(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    return ErrnoStatus("rename", from + " to " + to);
  }
  return SyncFolder(FolderOf(to));
}

Status ReplaceFile(const std::string& path, const void* data, size_t size) {
  const std::string beside = path + ".tmp";
  File file;
  Status status = File::Open(beside, OpenMode::kTruncate, &file);
  if (status.ok()) status = file.WriteAt(0, data, size);
  if (status.ok()) status = file.Sync();
  if (status.ok()) status = file.Close();
  if (status.ok()) return RenameDurable(beside, path);
  // The first failure is the one to report.
  if (file.is_open()) {
    (void)file.Close();
    (void)RemoveFile(beside);
  }
  return status;
}

Status ReadWholeFile(const std::string& path, std::vector<unsigned char>* out) {
  File file;
  SL_RETURN_IF_ERROR(File::Open(path, OpenMode::kRead, &file));
  uint64_t size;
  SL_RETURN_IF_ERROR(file.Size(&size));
  out->resize(size);
  return file.ReadAt(0, out->data(), out->size());
}

Status RemoveFile(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return Status::Ok();
  return ErrnoStatus("remove", path);
}

Status MakeFolders(const std::string& path) {
  // From the first one that is missing down, and each name durable in the folder above it: else a
  // power cut could take a new folder away together with everything synced inside it.
  std::string at;
  for (size_t slash = 0; slash != std::string::npos;) {
    slash = path.find('/', slash + 1);
    at = path.substr(0, slash);
    if (at.empty() || at.back() == '/') continue;
    if (::mkdir(at.c_str(), 0755) == 0) {
      const Status synced = SyncFolder(FolderOf(at));
      // A folder we may add to but not read cannot be synced by us.
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

Status RemoveFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  return error ? FromErrorCode("remove folder", path, error) : Status::Ok();
}

Status PathExists(const std::string& path, bool* out) {
  std::error_code error;
  *out = std::filesystem::exists(path, error);
  return error ? FromErrorCode("look for", path, error) : Status::Ok();
}

}  // namespace sightline
