#include "index/payload_table.h"

#include <algorithm>
#include <string>

#include "format/limits.h"

namespace sightline {
namespace {

constexpr unsigned kLengthBits = 21;
constexpr uint64_t kLengthMask = (uint64_t{1} << kLengthBits) - 1;
static_assert(kMaxPayloadBytes <= kLengthMask);
// The most bytes that the payloads of one index may have, replaced ones included.
constexpr uint64_t kArena = uint64_t{1} << 37;

}  // namespace

Status PayloadTable::Reserve(uint64_t max_rows, Epoch* readers) {
  SL_RETURN_IF_ERROR(places_.Reserve(max_rows, readers));
  return arena_.Reserve(kArena, readers);
}

Status PayloadTable::Prepare(uint64_t rows, const Payloads& payloads) {
  if (payloads.empty()) return Status::Ok();
  if (payloads.bytes.size() > kArena - used_) {
    return Status(StatusCode::kNoMemory, "the metadata of an index takes at most " +
                                             std::to_string(kArena >> 30) + " GiB");
  }
  SL_RETURN_IF_ERROR(places_.Grow(std::max(rows, rows_.load(std::memory_order_relaxed))));
  return arena_.Grow(used_ + payloads.bytes.size());
}

void PayloadTable::Put(uint64_t row, const unsigned char* from, uint32_t size) {
  if (size > 0) std::copy_n(from, size, arena_.data() + used_);
  const uint64_t old = places_[row].load(std::memory_order_relaxed);
  places_[row].store(used_ << kLengthBits | size, std::memory_order_release);
  used_ += size;
  bytes_.store(bytes() + size - (old & kLengthMask), std::memory_order_relaxed);
}

void PayloadTable::Append(uint64_t first, const Payloads& payloads) {
  if (payloads.empty()) return;
  const unsigned char* at = payloads.bytes.data();
  uint64_t row = first;
  for (const uint32_t length : payloads.lengths) {
    Put(row++, at, length);
    at += length;
  }
  rows_.store(std::max(row, rows_.load(std::memory_order_relaxed)), std::memory_order_release);
}

void PayloadTable::Set(const std::vector<uint32_t>& rows, const Payloads& payloads) {
  const unsigned char* at = payloads.bytes.data();
  uint64_t most = rows_.load(std::memory_order_relaxed);
  for (size_t i = 0; i < rows.size(); ++i) {
    Put(rows[i], at, payloads.lengths[i]);
    at += payloads.lengths[i];
    most = std::max<uint64_t>(most, uint64_t{rows[i]} + 1);
  }
  rows_.store(most, std::memory_order_release);
}

void PayloadTable::Truncate(uint64_t kept) {
  const uint64_t rows = rows_.load(std::memory_order_relaxed);
  for (uint64_t row = kept; row < rows; ++row) Put(row, nullptr, 0);
  rows_.store(std::min(rows, kept), std::memory_order_release);
}

void PayloadTable::Close() {
  rows_.store(0, std::memory_order_release);
  places_ = GrowingArray<std::atomic<uint64_t>>();
  arena_ = GrowingArray<unsigned char>();
}

PayloadTable::Span PayloadTable::Find(uint64_t row) const {
  if (row >= rows_.load(std::memory_order_acquire)) return {};
  const uint64_t place = places_[row].load(std::memory_order_acquire);
  const auto size = static_cast<uint32_t>(place & kLengthMask);
  if (size == 0) return {};
  return {arena_.data() + (place >> kLengthBits), size};
}

Payloads PayloadTable::Copy(const std::vector<uint32_t>& rows) const {
  Payloads out;
  out.lengths.reserve(rows.size());
  for (const uint32_t row : rows) {
    const Span payload = Find(row);
    out.lengths.push_back(payload.size);
    out.bytes.insert(out.bytes.end(), payload.data, payload.data + payload.size);
  }
  return out.bytes.empty() ? Payloads() : out;
}

}  // namespace sightline
