#include "platform/reserved_range.h"

#ifndef __wasm__
#include <sys/mman.h>
#include <sys/resource.h>
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
// The first capacity of an array, and the factor by which it grows.
constexpr size_t kFirst = kSmallStep;
constexpr size_t kTimes = 4;
// Memory left for the rest of the process, because JavaScript aborts when it has none: an eighth of
// the process's limit, at most this.
constexpr size_t kMostForOthers = size_t{1} << 30;
constexpr size_t kLeastForOthers = size_t{32} << 20;

size_t PageSize() {
  static const size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

size_t Up(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

size_t LimitOf(decltype(RLIMIT_AS) resource) {
  struct rlimit limit;
  if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  return static_cast<size_t>(limit.rlim_cur);
}

void* Anonymous(size_t bytes, int protection) {
  void* at = ::mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? nullptr : at;
}

// Whether `bytes` more can be allocated and leave room for others. Allocates nothing.
bool LeavesRoom(size_t bytes) {
  // Writable memory counts towards RLIMIT_DATA, address space alone does not.
  const size_t data_limit = LimitOf(RLIMIT_DATA);
  const size_t limit = std::min(LimitOf(RLIMIT_AS), data_limit);
  const size_t others = std::clamp(limit / 8, kLeastForOthers, kMostForOthers);
  const int protection = data_limit == SIZE_MAX ? PROT_NONE : PROT_READ | PROT_WRITE;
  if (bytes > SIZE_MAX - others) return false;
  void* at = Anonymous(bytes + others, protection);
  if (at != nullptr) ::munmap(at, bytes + others);
  return at != nullptr;
}

// Address space, aligned to huge pages if it is large; nullptr if there is none.
unsigned char* MapAligned(size_t bytes, int protection) {
  if (bytes < kHugePage) return static_cast<unsigned char*>(Anonymous(bytes, protection));
  const size_t more = Up(bytes, PageSize()) + kHugePage;
  void* at = Anonymous(more, protection);
  if (at == nullptr) return nullptr;
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

Status NoMore(size_t most) {
  return Status(StatusCode::kNoMemory,
                "an index cannot grow beyond " + std::to_string(most) + " bytes of one kind");
}

Status WasCut() {
  return Status(StatusCode::kFileCorrupt, "a mapped file was cut by another program");
}

// Word by word: readers may set marks meanwhile, which may be lost but not torn.
void CopyWords(unsigned char* to, const unsigned char* from, size_t bytes) {
  auto* out = reinterpret_cast<uint64_t*>(to);
  const auto* in = reinterpret_cast<const uint64_t*>(from);
  for (size_t i = 0; i < bytes / sizeof(uint64_t); ++i) {
    __atomic_store_n(&out[i], __atomic_load_n(&in[i], __ATOMIC_RELAXED), __ATOMIC_RELAXED);
  }
}

}  // namespace

ReservedRange::~ReservedRange() { Release(); }

ReservedRange::ReservedRange(ReservedRange&& other) noexcept { *this = std::move(other); }

ReservedRange& ReservedRange::operator=(ReservedRange&& other) noexcept {
  if (this != &other) {
    Release();
    data_ = other.data_.exchange(nullptr);
    guard_ = other.guard_.exchange(nullptr);
    committed_ = other.committed_.exchange(0);
    promoted_ = other.promoted_.exchange(0);
    capacity_ = std::exchange(other.capacity_, 0);
    most_ = std::exchange(other.most_, 0);
    shows_file_ = std::exchange(other.shows_file_, 0);
    end_ = std::exchange(other.end_, 0);
    writable_ = other.writable_;
    readers_ = other.readers_;
    region_ = std::exchange(other.region_, Region());
    left_ = std::move(other.left_);
  }
  return *this;
}

void ReservedRange::GiveBack(Region* region) {
  region->guard.reset();  // before its mapping
  if (region->data != nullptr) ::munmap(region->data, region->bytes);
  *region = Region();
}

void ReservedRange::Release() {
  data_ = nullptr;
  guard_ = nullptr;
  GiveBack(&region_);
  for (Region& region : left_) GiveBack(&region);
  left_.clear();
  capacity_ = 0;
  committed_ = 0;
  promoted_ = 0;
  shows_file_ = 0;
  end_ = 0;
}

// Address space for `bytes` and for growth; less growth if the system is short of it.
Status ReservedRange::Take(size_t bytes, Region* out) const {
  if (bytes > most_) return NoMore(most_);
  const size_t least = Up(std::max<size_t>(bytes, 1), bytes < kHugePage ? PageSize() : kHugePage);
  size_t wanted = bytes > kTakesMost ? most_ : std::min(most_, std::max(kFirst, bytes * kTimes));
  for (;; wanted /= 2) {
    wanted = std::max(least, Up(wanted, wanted < kHugePage ? PageSize() : kHugePage));
    if (LeavesRoom(wanted)) break;
    if (wanted == least) return NoRange(wanted);
  }
  // A small region is writable from the start: one mapping instead of two, which may be merged with
  // its neighbors. The number of mappings is limited.
  out->data = MapAligned(wanted, wanted < kHugePage ? PROT_READ | PROT_WRITE : PROT_NONE);
  if (out->data == nullptr) return NoRange(wanted);
  out->bytes = wanted;
  return Status::Ok();
}

// Makes [from, to) readable and writable.
Status ReservedRange::Open(unsigned char* data, size_t from, size_t to) const {
  if (::mprotect(data + from, to - from, PROT_READ | PROT_WRITE) != 0) {
    return Status(StatusCode::kNoMemory,
                  "the system refused " + std::to_string(to - from) + " bytes of memory");
  }
#ifdef MADV_HUGEPAGE
  const size_t huge = from / kHugePage * kHugePage;
  // A hint: an error means that the system has no huge pages.
  (void)::madvise(data + huge, to - huge, MADV_HUGEPAGE);
#endif
  return Status::Ok();
}

// New readers use `region` from here on; the old one is released when its readers have left.
void ReservedRange::Settle(Region region) {
  std::swap(region, region_);
  capacity_ = region_.bytes;
  guard_.store(region_.guard.get(), std::memory_order_release);
  data_.store(region_.data, std::memory_order_release);
  if (region.data == nullptr) return;
  if (readers_ == nullptr) {
    left_.push_back(std::move(region));
    return;
  }
  readers_->Wait();
  GiveBack(&region);
}

Status ReservedRange::Move(size_t bytes) {
  Region region;
  SL_RETURN_IF_ERROR(Take(bytes, &region));
  const size_t committed = committed_;
  Status moved;
  if (committed > 0 && region.bytes >= kHugePage) moved = Open(region.data, 0, committed);
  if (moved.ok() && committed > 0) CopyWords(region.data, data(), committed);
  // Zeros that stand for lost bytes must not become the truth.
  if (moved.ok() && Cut()) moved = WasCut();
  if (!moved.ok()) {
    GiveBack(&region);
    return moved;
  }
  shows_file_ = 0;
  promoted_ = 0;
  left_.reserve(left_.size() + 1);
  Settle(std::move(region));
  return Status::Ok();
}

Status ReservedRange::Reserve(uint64_t most, ReservedRange* out, Epoch* readers) {
  *out = ReservedRange();
  out->most_ = Up(std::max<size_t>(most, 1), PageSize());
  out->readers_ = readers;
  return Status::Ok();
}

Status ReservedRange::MapGrowing(const File& file, uint64_t most, ReservedRange* out,
                                 Epoch* readers) {
  ReservedRange range;
  SL_RETURN_IF_ERROR(Reserve(most, &range, readers));
  uint64_t size = 0;
  SL_RETURN_IF_ERROR(file.Size(&size));
  SL_RETURN_IF_ERROR(range.Reach(file, std::min<size_t>(range.most_, std::max<size_t>(size, 1))));
  *out = std::move(range);
  return Status::Ok();
}

Status ReservedRange::Reach(const File& file, uint64_t bytes) {
  if (bytes <= capacity_) return Status::Ok();
  if (Cut()) return WasCut();
  Region region;
  SL_RETURN_IF_ERROR(Take(bytes, &region));
  // A shared mapping may be longer than its file: pages appear as the file grows, as LMDB uses it.
  void* at = ::mmap(region.data, region.bytes, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
                    file.descriptor(), 0);
  Status mapped = at == MAP_FAILED ? NoRange(region.bytes) : Status::Ok();
  region.guard = std::make_unique<FaultGuard>();
  FaultGuard* guard = region.guard.get();
  if (mapped.ok()) mapped = FaultGuard::Watch(region.data, region.bytes, false, guard);
  if (!mapped.ok()) {
    GiveBack(&region);
    return mapped;
  }
  region.guard->SetEnd(region.data + end_, true);
  shows_file_ = region.bytes;
  promoted_ = 0;
  left_.reserve(left_.size() + 1);
  Settle(std::move(region));
  return Status::Ok();
}

void ReservedRange::Wrote(const void*, uint64_t, size_t) {}

void ReservedRange::SetEnd(size_t bytes) {
  end_ = bytes;
  if (region_.guard != nullptr) region_.guard->SetEnd(region_.data + bytes, true);
}

bool ReservedRange::Cut() const {
  const FaultGuard* guard = guard_.load(std::memory_order_acquire);
  return guard != nullptr && guard->Cut();
}

Status ReservedRange::Commit(uint64_t bytes) {
  const size_t committed = committed_;
  if (bytes <= committed) return Status::Ok();
  if (bytes > most_) return NoMore(most_);
  if (bytes > capacity_) SL_RETURN_IF_ERROR(Move(bytes));
  // An eighth more than requested, so that appending row by row makes few system calls; untouched
  // memory costs nothing.
  const size_t step = bytes < kHugePage ? kSmallStep : kHugePage;
  const size_t target = std::min(capacity_, Up(bytes + bytes / 8, step));
  if (region_.bytes >= kHugePage) {
    if (!LeavesRoom(target - committed)) return NoRange(target - committed);
    SL_RETURN_IF_ERROR(Open(region_.data, committed, target));
  }
  committed_ = target;
  return Status::Ok();
}

Status ReservedRange::MapFileCopy(const File& file, uint64_t offset, uint64_t bytes) {
  if (bytes == 0) return Status::Ok();
  if (committed_ != 0) return Status(StatusCode::kNoMemory, "no room to map " + file.path());
  if (offset % PageSize() != 0 || bytes % PageSize() != 0) {
    SL_RETURN_IF_ERROR(Commit(bytes));
    return file.ReadAt(offset, data(), bytes);
  }
  uint64_t size = 0;
  SL_RETURN_IF_ERROR(file.Size(&size));
  if (offset > size || bytes > size - offset) {
    return Status(StatusCode::kFileCorrupt, file.path() + " ends before its last section");
  }
  Region region;
  SL_RETURN_IF_ERROR(Take(bytes, &region));
  void* at =
      ::mmap(region.data, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
             file.descriptor(), static_cast<off_t>(offset));
  Status mapped = at == MAP_FAILED ? NoRange(bytes) : Status::Ok();
  region.guard = std::make_unique<FaultGuard>();
  if (mapped.ok()) mapped = FaultGuard::Watch(region.data, bytes, true, region.guard.get());
  if (!mapped.ok()) {
    GiveBack(&region);
    return mapped;
  }
  // Not constant: a writer of the copy may write a zero there.
  region.guard->SetEnd(region.data + bytes, false);
  committed_ = bytes;
  shows_file_ = bytes;
  writable_ = true;
  left_.reserve(left_.size() + 1);
  Settle(std::move(region));
  return Status::Ok();
}

Status ReservedRange::Promote(size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  const size_t from = promoted_;
  bytes = std::min(bytes, shows_file_);
  // Only aligned memory can be a huge page.
  if (region_.bytes < kHugePage || bytes < from + kHugePage) return Status::Ok();
  const size_t part = std::min(kPromoteStep, (bytes - from) / kHugePage * kHugePage);
  if (!LeavesRoom(part)) return NoRange(part);
  unsigned char* copy = MapAligned(part, PROT_READ | PROT_WRITE);
  if (copy == nullptr) return NoRange(part);
  (void)::madvise(copy, part, MADV_HUGEPAGE);
  std::memcpy(copy, data() + from, part);
  // Zeros that stand for lost bytes must not become the truth. Moving is one step for readers: they
  // find the old pages or the new ones.
  if (Cut() || (!writable_ && ::mprotect(copy, part, PROT_READ) != 0) ||
      ::mremap(copy, part, part, MREMAP_MAYMOVE | MREMAP_FIXED, data() + from) == MAP_FAILED) {
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
      ::mmap(data() + begin, promoted_ - begin, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
             file.descriptor(), static_cast<off_t>(begin));
  if (at == MAP_FAILED) return NoRange(promoted_ - begin);
  promoted_ = begin;
  return Status::Ok();
}

}  // namespace sightline
#endif
