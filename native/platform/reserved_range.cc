#include "platform/reserved_range.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

namespace sightline {
namespace {

constexpr size_t kSmallStep = size_t{64} << 10;
constexpr size_t kHugePage = size_t{2} << 20;

size_t PageSize() {
  static const size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

size_t Up(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

Status NoRange(size_t bytes) {
  return Status(StatusCode::kNoMemory,
                "the system refused " + std::to_string(bytes) + " bytes of address space");
}

}  // namespace

ReservedRange::~ReservedRange() { Release(); }

ReservedRange::ReservedRange(ReservedRange&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      capacity_(std::exchange(other.capacity_, 0)),
      committed_(other.committed_.exchange(0)),
      guard_(std::move(other.guard_)) {}

ReservedRange& ReservedRange::operator=(ReservedRange&& other) noexcept {
  if (this != &other) {
    Release();
    data_ = std::exchange(other.data_, nullptr);
    capacity_ = std::exchange(other.capacity_, 0);
    committed_ = other.committed_.exchange(0);
    guard_ = std::move(other.guard_);
  }
  return *this;
}

void ReservedRange::Release() {
  guard_ = FaultGuard();
  if (data_ != nullptr) ::munmap(data_, capacity_);
  data_ = nullptr;
  capacity_ = 0;
  committed_ = 0;
}

Status ReservedRange::Reserve(size_t bytes, ReservedRange* out) {
  const size_t capacity = Up(std::max<size_t>(bytes, 1), kHugePage);
  void* at =
      ::mmap(nullptr, capacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return NoRange(capacity);
  ReservedRange range;
  range.data_ = static_cast<unsigned char*>(at);
  range.capacity_ = capacity;
  *out = std::move(range);
  return Status::Ok();
}

Status ReservedRange::MapGrowing(const File& file, size_t bytes, ReservedRange* out) {
  // A shared mapping may be longer than its file; pages appear as the file grows (LMDB lives on
  // this too). So one mapping serves for the life of the index and addresses never change.
  const size_t capacity = Up(std::max<size_t>(bytes, 1), PageSize());
  void* at = ::mmap(nullptr, capacity, PROT_READ, MAP_SHARED | MAP_NORESERVE, file.descriptor(), 0);
  if (at == MAP_FAILED) return NoRange(capacity);
  ReservedRange range;
  range.data_ = static_cast<unsigned char*>(at);
  range.capacity_ = capacity;
  SL_RETURN_IF_ERROR(FaultGuard::Watch(range.data_, capacity, false, &range.guard_));
  *out = std::move(range);
  return Status::Ok();
}

Status ReservedRange::Commit(size_t bytes) {
  if (bytes <= committed_) return Status::Ok();
  if (bytes > capacity_) {
    return Status(StatusCode::kNoMemory, "an index cannot grow beyond " +
                                             std::to_string(capacity_) + " bytes of one kind");
  }
  // An eighth more than asked, so that appending row by row asks the system rarely; memory that is
  // never touched costs nothing.
  const size_t step = bytes < kHugePage ? kSmallStep : kHugePage;
  const size_t target = std::min(capacity_, Up(bytes + bytes / 8, step));
  if (::mprotect(data_ + committed_, target - committed_, PROT_READ | PROT_WRITE) != 0) {
    return Status(StatusCode::kNoMemory,
                  "the system refused " + std::to_string(target - committed_) + " bytes of memory");
  }
#ifdef MADV_HUGEPAGE
  if (target >= kHugePage) {
    const size_t from = committed_ / kHugePage * kHugePage;
    // A hint: where the system has no huge pages the answer is an error that changes nothing.
    (void)::madvise(data_ + from, target - from, MADV_HUGEPAGE);
  }
#endif
  committed_ = target;
  return Status::Ok();
}

Status ReservedRange::MapFileCopy(const File& file, uint64_t offset, size_t bytes) {
  if (bytes == 0) return Status::Ok();
  if (bytes > capacity_ || committed_ != 0) {
    return Status(StatusCode::kNoMemory, "no room to map " + file.path());
  }
  if (offset % PageSize() != 0 || bytes % PageSize() != 0) {
    SL_RETURN_IF_ERROR(Commit(bytes));
    return file.ReadAt(offset, data_, bytes);
  }
  uint64_t size = 0;
  SL_RETURN_IF_ERROR(file.Size(&size));
  if (offset > size || bytes > size - offset) {
    return Status(StatusCode::kFileCorrupt, file.path() + " ends before its last section");
  }
  void* at = ::mmap(data_, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
                    file.descriptor(), static_cast<off_t>(offset));
  if (at == MAP_FAILED) return NoRange(bytes);
  committed_ = bytes;
  SL_RETURN_IF_ERROR(FaultGuard::Watch(data_, bytes, true, &guard_));
  // Not constant: whoever writes to the copy may write a zero there.
  guard_.SetEnd(data_ + bytes, false);
  return Status::Ok();
}

}  // namespace sightline
