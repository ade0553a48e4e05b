#include "index/key_table.h"

#include <algorithm>
#include <new>
#include <string>
#include <unordered_set>

#include "core/yield_point.h"
#include "format/limits.h"

namespace sightline {

Status KeyTable::Reserve(uint64_t max_rows, Epoch* readers) {
  SL_RETURN_IF_ERROR(keys_.Reserve(max_rows, readers));
  return alive_.Reserve(max_rows / 64 + 1, readers);
}

// The map can be made from the rows at any time: without memory for one more entry it goes, and a
// write that is committed does not fail.
void KeyTable::Enter(int64_t key, uint64_t row) {
  if (!has_map_) return;
  try {
    map_[key] = static_cast<uint32_t>(row);
  } catch (const std::bad_alloc&) {
    map_.clear();
    has_map_ = false;
  }
}

void KeyTable::BuildMap() const {
  if (has_map_) return;
  const uint64_t n = rows();
  map_.clear();  // what an attempt without memory left
  map_.reserve(live());
  for (uint64_t row = 0; row < n; ++row) {
    if (alive(row)) map_[keys_[row]] = static_cast<uint32_t>(row);
  }
  has_map_ = true;
}

uint32_t KeyTable::RowOf(int64_t key) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (rising_) {
    const int64_t* end = keys_.data() + rows();
    const int64_t* at = std::lower_bound(static_cast<const int64_t*>(keys_.data()), end, key);
    if (at == end || *at != key) return kNoRow;
    const uint64_t row = static_cast<uint64_t>(at - keys_.data());
    return alive(row) ? static_cast<uint32_t>(row) : kNoRow;
  }
  BuildMap();
  const auto found = map_.find(key);
  return found == map_.end() ? kNoRow : found->second;
}

Status KeyTable::CheckNew(const int64_t* keys, size_t n) const {
  const auto taken = [](int64_t key, const char* where) {
    return Status(StatusCode::kKeyExists, "key " + std::to_string(key) + where);
  };
  bool rising = true;
  for (size_t i = 0; i < n; ++i) {
    if (RowOf(keys[i]) != kNoRow) return taken(keys[i], " is in the index already");
    if (i > 0 && keys[i] <= keys[i - 1]) rising = false;
  }
  if (rising) return Status::Ok();
  std::unordered_set<int64_t> seen;
  for (size_t i = 0; i < n; ++i) {
    if (!seen.insert(keys[i]).second) return taken(keys[i], " is given twice");
  }
  return Status::Ok();
}

Status KeyTable::Append(const int64_t* keys, size_t n) {
  const uint64_t first = rows();
  SL_RETURN_IF_ERROR(keys_.Grow(first + n));
  SL_RETURN_IF_ERROR(alive_.Grow((first + n) / 64 + 1));
  const std::lock_guard<std::mutex> lock(mutex_);
  for (size_t i = 0; i < n; ++i) {
    const uint64_t row = first + i;
    if (row > 0 && keys[i] <= keys_[row - 1]) rising_ = false;
    keys_[row] = keys[i];
    alive_[row >> 6].fetch_or(uint64_t{1} << (row & 63), std::memory_order_release);
    Enter(keys[i], row);
  }
  SL_YIELD_POINT();
  // Rows before live ones: see live().
  rows_.store(first + n, std::memory_order_release);
  SL_YIELD_POINT();
  live_.fetch_add(n, std::memory_order_acq_rel);
  changes_.fetch_add(1, std::memory_order_acq_rel);
  return Status::Ok();
}

Status KeyTable::FindReplaced(const int64_t* keys, size_t n, bool missing_ok,
                              std::vector<uint32_t>* rows) const {
  rows->assign(n, kNoRow);
  std::unordered_set<int64_t> seen;
  for (size_t i = 0; i < n; ++i) {
    if (!seen.insert(keys[i]).second) {
      return Status(StatusCode::kKeyExists, "key " + std::to_string(keys[i]) + " is given twice");
    }
    (*rows)[i] = RowOf(keys[i]);
    if ((*rows)[i] == kNoRow && !missing_ok) {
      return Status(StatusCode::kNotFound, "key " + std::to_string(keys[i]) +
                                               " is not in the index, so it cannot be updated");
    }
  }
  return Status::Ok();
}

Status KeyTable::AppendDead(const int64_t* keys, size_t n) {
  const uint64_t first = rows();
  SL_RETURN_IF_ERROR(keys_.Grow(first + n));
  SL_RETURN_IF_ERROR(alive_.Grow((first + n) / 64 + 1));
  const std::lock_guard<std::mutex> lock(mutex_);
  for (size_t i = 0; i < n; ++i) {
    const uint64_t row = first + i;
    if (row > 0 && keys[i] <= keys_[row - 1]) rising_ = false;
    keys_[row] = keys[i];
  }
  rows_.store(first + n, std::memory_order_release);
  return Status::Ok();
}

void KeyTable::Swap(uint64_t first, const std::vector<uint32_t>& old) {
  const std::lock_guard<std::mutex> lock(mutex_);
  swaps_.fetch_add(1, std::memory_order_acq_rel);
  for (size_t i = 0; i < old.size(); ++i) {
    SL_YIELD_POINT();
    const uint64_t row = first + i;
    alive_[row >> 6].fetch_or(uint64_t{1} << (row & 63), std::memory_order_acq_rel);
    Enter(keys_[row], row);
    if (old[i] == kNoRow) {
      live_.fetch_add(1, std::memory_order_acq_rel);
    } else {
      alive_[old[i] >> 6].fetch_and(~(uint64_t{1} << (old[i] & 63)), std::memory_order_acq_rel);
    }
  }
  changes_.fetch_add(1, std::memory_order_acq_rel);
  swaps_.fetch_add(1, std::memory_order_acq_rel);
}

Status KeyTable::Remove(const std::vector<uint32_t>& removed) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const uint32_t row : removed) {
    if (row >= rows() || !alive(row)) {
      return Status(StatusCode::kFileCorrupt, "row " + std::to_string(row) +
                                                  " is removed but is not a live one of " +
                                                  std::to_string(rows()));
    }
    alive_[row >> 6].fetch_and(~(uint64_t{1} << (row & 63)), std::memory_order_acq_rel);
    SL_YIELD_POINT();
    live_.fetch_sub(1, std::memory_order_acq_rel);
    if (has_map_) map_.erase(keys_[row]);
  }
  changes_.fetch_add(1, std::memory_order_acq_rel);
  return Status::Ok();
}

void KeyTable::Truncate(uint64_t kept) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (uint64_t row = kept; row < rows(); ++row) {
    if (!alive(row)) continue;
    alive_[row >> 6].fetch_and(~(uint64_t{1} << (row & 63)), std::memory_order_acq_rel);
    live_.fetch_sub(1, std::memory_order_acq_rel);
    if (has_map_) map_.erase(keys_[row]);
  }
  rows_.store(kept, std::memory_order_release);
  changes_.fetch_add(1, std::memory_order_acq_rel);
}

void KeyTable::Close() {
  const std::lock_guard<std::mutex> lock(mutex_);
  keys_ = GrowingArray<int64_t>();
  alive_ = GrowingArray<std::atomic<uint64_t>>();
  map_.clear();
}

}  // namespace sightline
