#include "ledger.h"

#include <algorithm>
#include <cmath>

#include "core/rng.h"

namespace sightline::harness {

std::vector<float> VectorOf(uint64_t seed, size_t dim, int64_t key, uint32_t version) {
  Rng rng(seed ^ SplitMix64(static_cast<uint64_t>(key) * 64 + version));
  std::vector<float> vector(dim);
  double length = 0;
  for (float& value : vector) {
    value = static_cast<float>(rng.Normal());
    length += static_cast<double>(value) * value;
  }
  for (float& value : vector) value = static_cast<float>(value / std::sqrt(length));
  return vector;
}

std::vector<int64_t> Ledger::NewKeys(size_t n) {
  const size_t first = next_key_.fetch_add(n);
  std::vector<int64_t> keys;
  for (size_t key = first; key < first + n && key < entries_.size(); ++key) {
    keys.push_back(static_cast<int64_t>(key));
  }
  return keys;
}

void Ledger::Added(size_t owner, const std::vector<int64_t>& keys, uint64_t first_row) {
  for (size_t i = 0; i < keys.size(); ++i) At(keys[i]).row = first_row + i;
  owned_[owner].insert(owned_[owner].end(), keys.begin(), keys.end());
}

void Ledger::Updated(const std::vector<int64_t>& keys, uint64_t first_row) {
  for (size_t i = 0; i < keys.size(); ++i) {
    At(keys[i]).row = first_row + i;
    At(keys[i]).version.fetch_add(1);
  }
}

void Ledger::Removed(size_t owner, const std::vector<int64_t>& keys) {
  const uint64_t moment = clock_.fetch_add(1) + 1;
  for (const int64_t key : keys) At(key).removed = moment;
  if (!keys.empty()) last_removed_ = keys.back();
  std::erase_if(owned_[owner], [&](int64_t key) { return At(key).removed.load() != 0; });
}

void Ledger::RolledBack(uint64_t rows) {
  const uint64_t moment = clock_.fetch_add(1) + 1;
  for (std::vector<int64_t>& keys : owned_) {
    std::erase_if(keys, [&](int64_t key) {
      if (At(key).row < rows) return false;
      At(key).removed = moment;
      return true;
    });
  }
}

bool Ledger::Known(double key) const {
  return key >= 0 && key < static_cast<double>(std::min(next_key_.load(), entries_.size())) &&
         key == std::floor(key);
}

std::vector<int64_t> Ledger::AllLive() const {
  std::vector<int64_t> keys;
  for (const std::vector<int64_t>& owned : owned_)
    keys.insert(keys.end(), owned.begin(), owned.end());
  std::sort(keys.begin(), keys.end());
  return keys;
}

}  // namespace sightline::harness
