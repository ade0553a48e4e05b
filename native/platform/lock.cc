#include "platform/lock.h"

#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace sightline {

Status FileLock::Acquire(const std::string& path, FileLock* out) {
  File file;
  SL_RETURN_IF_ERROR(File::Open(path, OpenMode::kOpenCreate, &file));
  int result;
  do {
    result = flock(file.descriptor(), LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    if (errno != EWOULDBLOCK) return ErrnoStatus("lock", path);
    char holder[32] = {};
    size_t got = 0;
    std::string message = path + " is held by another writer";
    if (file.ReadSome(0, holder, sizeof(holder) - 1, &got).ok() && got > 0) {
      const std::string text(holder, got);
      message += ", process " + text.substr(0, text.find_first_not_of("0123456789"));
    }
    return Status(StatusCode::kFileLocked, message);
  }
  const std::string id = std::to_string(getpid()) + "\n";
  SL_RETURN_IF_ERROR(file.Truncate(0));
  SL_RETURN_IF_ERROR(file.WriteAt(0, id.data(), id.size()));
  out->file_ = std::move(file);
  return Status::Ok();
}

// Closing releases: the lock belongs to this open file, which no other descriptor shares.
void FileLock::Release() { (void)file_.Close(); }

}  // namespace sightline
