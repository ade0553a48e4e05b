#include "platform/lock.h"

#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace sightline {

namespace {

// The number that the holder of `file` wrote into it; empty if there is none.
std::string HolderOf(const File& file) {
  char holder[32] = {};
  size_t got = 0;
  if (!file.ReadSome(0, holder, sizeof(holder) - 1, &got).ok()) return "";
  const std::string text(holder, got);
  return text.substr(0, text.find_first_not_of("0123456789"));
}

}  // namespace

Status LockNow(const File& file) {
  int result;
  do {
    result = flock(file.descriptor(), LOCK_EX | LOCK_NB);
  } while (result != 0 && errno == EINTR);
  if (result == 0) return Status::Ok();
  if (errno != EWOULDBLOCK) return ErrnoStatus("lock", file.path());
  const std::string holder = HolderOf(file);
  return Status(StatusCode::kFileLocked, file.path() + " is held by another writer" +
                                             (holder.empty() ? "" : ", process " + holder));
}

Status FileLock::Acquire(const FilePlace& place, FileLock* out) {
  File file;
  SL_RETURN_IF_ERROR(File::Open(place, OpenMode::kOpenCreate, &file));
  SL_RETURN_IF_ERROR(LockNow(file));
  const std::string id = std::to_string(getpid()) + "\n";
  SL_RETURN_IF_ERROR(file.Truncate(0));
  SL_RETURN_IF_ERROR(file.WriteAt(0, id.data(), id.size()));
  out->file_ = std::move(file);
  return Status::Ok();
}

// Closing releases: the lock belongs to this open file, which no other descriptor shares.
void FileLock::Release() { (void)file_.Close(); }

}  // namespace sightline
