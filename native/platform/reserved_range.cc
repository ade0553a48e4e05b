#include "platform/reserved_range.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
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

// Address space that begins at a huge page, so that memory in it can be huge pages. nullptr if the
// system has none.
unsigned char* MapAligned(size_t bytes, int protection) {
  const size_t more = Up(bytes, PageSize()) + kHugePage;
  void* at = ::mmap(nullptr, more, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return nullptr;
  unsigned char* begin = static_cast<unsigned char*>(at);
  const size_t before = (kHugePage - reinterpret_cast<uintptr_t>(begin) % kHugePage) % kHugePage;
  if (before > 0) ::munmap(begin, before);
  const size_t after = kHugePage - before;
  if (after > 0) ::munmap(begin + more - after, after);
  return begin + before;
}

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
      promoted_(other.promoted_.exchange(0)),
      shows_file_(std::exchange(other.shows_file_, 0)),
      writable_(other.writable_),
      guard_(std::move(other.guard_)) {}

ReservedRange& ReservedRange::operator=(ReservedRange&& other) noexcept {
  if (this != &other) {
    Release();
    data_ = std::exchange(other.data_, nullptr);
    capacity_ = std::exchange(other.capacity_, 0);
    committed_ = other.committed_.exchange(0);
    promoted_ = other.promoted_.exchange(0);
    shows_file_ = std::exchange(other.shows_file_, 0);
    writable_ = other.writable_;
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
  promoted_ = 0;
  shows_file_ = 0;
}

Status ReservedRange::Reserve(size_t bytes, ReservedRange* out) {
  const size_t capacity = Up(std::max<size_t>(bytes, 1), kHugePage);
  ReservedRange range;
  range.data_ = MapAligned(capacity, PROT_NONE);
  if (range.data_ == nullptr) return NoRange(capacity);
  range.capacity_ = capacity;
  *out = std::move(range);
  return Status::Ok();
}

Status ReservedRange::MapGrowing(const File& file, size_t bytes, ReservedRange* out) {
  // A shared mapping may be longer than its file; pages appear as the file grows (LMDB lives on
  // this too). So one mapping serves for the life of the index and addresses never change.
  const size_t capacity = Up(std::max<size_t>(bytes, 1), PageSize());
  ReservedRange range;
  range.data_ = MapAligned(capacity, PROT_NONE);
  if (range.data_ == nullptr) return NoRange(capacity);
  range.capacity_ = capacity;
  void* at = ::mmap(range.data_, capacity, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
                    file.descriptor(), 0);
  if (at == MAP_FAILED) return NoRange(capacity);
  range.shows_file_ = capacity;
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
  shows_file_ = bytes;
  writable_ = true;
  SL_RETURN_IF_ERROR(FaultGuard::Watch(data_, bytes, true, &guard_));
  // Not constant: whoever writes to the copy may write a zero there.
  guard_.SetEnd(data_ + bytes, false);
  return Status::Ok();
}

Status ReservedRange::Promote(size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  const size_t from = promoted_;
  bytes = std::min(bytes, shows_file_);
  if (bytes < from + kHugePage) return Status::Ok();
  const size_t part = std::min(kPromoteStep, (bytes - from) / kHugePage * kHugePage);
  unsigned char* copy = MapAligned(part, PROT_READ | PROT_WRITE);
  if (copy == nullptr) return NoRange(part);
  (void)::madvise(copy, part, MADV_HUGEPAGE);
  std::memcpy(copy, data_ + from, part);
  // Zeros that stand for lost bytes must not become the truth. Moving is one step for readers: they
  // find the old pages or the new ones.
  if (Cut() || (!writable_ && ::mprotect(copy, part, PROT_READ) != 0) ||
      ::mremap(copy, part, part, MREMAP_MAYMOVE | MREMAP_FIXED, data_ + from) == MAP_FAILED) {
    ::munmap(copy, part);
    return Status::Ok();
  }
  promoted_ = from + part;
#else
  (void)bytes;
#endif
  return Status::Ok();
}

Status ReservedRange::Demote(const File& file, size_t from) {
  const size_t begin = from / kHugePage * kHugePage;
  if (begin >= promoted_) return Status::Ok();
  void* at =
      ::mmap(data_ + begin, promoted_ - begin, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
             file.descriptor(), static_cast<off_t>(begin));
  if (at == MAP_FAILED) return NoRange(promoted_ - begin);
  promoted_ = begin;
  return Status::Ok();
}

}  // namespace sightline
