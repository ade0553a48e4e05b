// ReservedRange where there are no memory maps: plain memory, and a copy of what a file holds. It
// takes half as much again when it is full, because address space is memory here and 4 GB are all
// there is.
#include "platform/reserved_range.h"

#ifdef __wasm__
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

namespace sightline {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kFirst = size_t{16} << 10;
// No array may be longer: pointers of one subtract to a positive number.
constexpr uint64_t kMost = (uint64_t{1} << 31) - kAlignment;
// What stays free for everything else.
constexpr size_t kForOthers = size_t{8} << 20;

size_t Up(size_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }

Status NoRoom(uint64_t bytes) {
  return Status(StatusCode::kNoMemory,
                "no memory for " + std::to_string(bytes) +
                    " bytes: the portable engine has 4 GB in all and 2 GB for one array. The "
                    "native one has no such limit: npm run build:native");
}

bool LeavesRoom() {
  void* volatile others = std::malloc(kForOthers);
  const bool leaves = others != nullptr;
  std::free(others);
  return leaves;
}

}  // namespace

ReservedRange::~ReservedRange() { Release(); }

ReservedRange::ReservedRange(ReservedRange&& other) noexcept { *this = std::move(other); }

ReservedRange& ReservedRange::operator=(ReservedRange&& other) noexcept {
  if (this != &other) {
    Release();
    data_ = other.data_.exchange(nullptr);
    committed_ = other.committed_.exchange(0);
    promoted_ = other.promoted_.exchange(0);
    capacity_ = std::exchange(other.capacity_, 0);
    most_ = std::exchange(other.most_, 0);
    readers_ = other.readers_;
    region_ = std::exchange(other.region_, Region());
    left_ = std::move(other.left_);
  }
  return *this;
}

void ReservedRange::GiveBack(Region* region) {
  std::free(region->data);
  *region = Region();
}

void ReservedRange::Release() {
  data_ = nullptr;
  GiveBack(&region_);
  for (Region& region : left_) GiveBack(&region);
  left_.clear();
  capacity_ = 0;
  committed_ = 0;
  promoted_ = 0;
}

Status ReservedRange::Take(size_t bytes, Region* out) const {
  if (bytes > most_) return NoRoom(bytes);
  const size_t least = Up(std::max<size_t>(bytes, 1));
  // The first time exactly: most files are opened to be read.
  const size_t more = capacity_ == 0 ? std::max(least, kFirst) : least + least / 2;
  for (const size_t wanted : {std::min(Up(more), Up(most_)), least}) {
    out->data = static_cast<unsigned char*>(std::aligned_alloc(kAlignment, wanted));
    out->bytes = wanted;
    if (out->data != nullptr && LeavesRoom()) return Status::Ok();
    GiveBack(out);
  }
  return NoRoom(bytes);
}

void ReservedRange::Settle(Region region) {
  std::swap(region, region_);
  capacity_ = region_.bytes;
  data_.store(region_.data, std::memory_order_release);
  if (region.data == nullptr) return;
  if (readers_ == nullptr) {
    left_.push_back(std::move(region));
    return;
  }
  readers_->Wait();
  GiveBack(&region);
}

// What is committed, or shown of a file, comes along; the rest is zero.
Status ReservedRange::Move(size_t bytes) {
  left_.reserve(left_.size() + 1);
  Region region;
  SL_RETURN_IF_ERROR(Take(bytes, &region));
  const size_t kept = std::max<size_t>(committed_, promoted_);
  if (kept > 0) std::memcpy(region.data, data(), kept);
  std::memset(region.data + kept, 0, region.bytes - kept);
  Settle(std::move(region));
  return Status::Ok();
}

Status ReservedRange::Reserve(uint64_t most, ReservedRange* out, Epoch* readers) {
  *out = ReservedRange();
  out->most_ = Up(static_cast<size_t>(std::clamp<uint64_t>(most, 1, kMost)));
  out->readers_ = readers;
  return Status::Ok();
}

// Nothing is read before it is known how much counts.
Status ReservedRange::MapGrowing(const File&, uint64_t most, ReservedRange* out, Epoch* readers) {
  return Reserve(most, out, readers);
}

Status ReservedRange::Reach(const File& file, uint64_t bytes) {
  if (bytes > most_) return NoRoom(bytes);
  if (bytes > capacity_) SL_RETURN_IF_ERROR(Move(static_cast<size_t>(bytes)));
  const size_t from = promoted_;
  if (bytes <= from) return Status::Ok();
  size_t got = 0;
  SL_RETURN_IF_ERROR(file.ReadSome(from, data() + from, static_cast<size_t>(bytes) - from, &got));
  promoted_ = from + got;
  return Status::Ok();
}

void ReservedRange::Wrote(const void* bytes, uint64_t offset, size_t size) {
  std::memcpy(data() + offset, bytes, size);
  promoted_ = std::max<size_t>(promoted_, static_cast<size_t>(offset) + size);
}

void ReservedRange::SetEnd(size_t) {}

bool ReservedRange::Cut() const { return false; }

Status ReservedRange::Commit(uint64_t bytes) {
  if (bytes <= committed_) return Status::Ok();
  if (bytes > most_) return NoRoom(bytes);
  if (bytes > capacity_) SL_RETURN_IF_ERROR(Move(static_cast<size_t>(bytes)));
  // New memory is zero as soon as it is had.
  committed_ = capacity_;
  return Status::Ok();
}

Status ReservedRange::MapFileCopy(const File& file, uint64_t offset, uint64_t bytes) {
  if (bytes == 0) return Status::Ok();
  SL_RETURN_IF_ERROR(Commit(bytes));
  return file.ReadAt(offset, data(), static_cast<size_t>(bytes));
}

Status ReservedRange::Promote(size_t) { return Status::Ok(); }

Status ReservedRange::Demote(const File&, size_t) { return Status::Ok(); }

}  // namespace sightline
#endif
