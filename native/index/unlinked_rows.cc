#include "index/unlinked_rows.h"

#include <algorithm>

#include "index/live_copy.h"

namespace sightline {
namespace {

// Removed rows that Guess examines.
constexpr uint64_t kSample = 64;

}  // namespace

bool UnlinkedRows::Has(uint64_t row) const {
  return row / 64 < words_.size() && ((words_[row / 64] >> (row & 63)) & 1) != 0;
}

void UnlinkedRows::Add(uint64_t row) {
  if (words_.size() <= row / 64) words_.resize(static_cast<size_t>(row / 64 + 1));
  if (Has(row)) return;
  words_[row / 64] |= uint64_t{1} << (row & 63);
  count_.fetch_add(1, std::memory_order_relaxed);
}

void UnlinkedRows::Forget(uint64_t from) {
  uint64_t count = 0;
  words_.resize(std::min<size_t>(words_.size(), static_cast<size_t>((from + 63) / 64)));
  if (from % 64 != 0 && words_.size() == from / 64 + 1) {
    words_.back() &= (uint64_t{1} << (from % 64)) - 1;
  }
  for (const uint64_t word : words_) count += static_cast<uint64_t>(__builtin_popcountll(word));
  count_ = count;
  leaving_.clear();
}

void UnlinkedRows::Find(const Graph& graph, const KeyTable& keys) {
  Forget(0);
  const uint32_t nodes = graph.size();
  const LiveCopy now(keys, nodes);
  if (now.kept().words == nullptr) return;
  std::vector<bool> linked(nodes);
  if (nodes > 0) linked[graph.entry().node] = true;
  for (uint32_t node = 0; node < nodes; ++node) {
    for (uint32_t level = 0; level <= graph.LevelOf(node); ++level) {
      const LinkList list = graph.Links(node, level);
      for (uint32_t i = 0; i < list.capacity && list.ids[i] < nodes; ++i)
        linked[list.ids[i]] = true;
    }
  }
  for (uint32_t node = 0; node < nodes; ++node) {
    if (now.kept().Removed(node) && !linked[node]) Add(node);
  }
}

void UnlinkedRows::Guess(const Graph& graph, const KeyTable& keys) {
  const uint64_t removed = keys.rows() - keys.live();
  const uint64_t step = std::max<uint64_t>(1, removed / kSample);
  uint64_t seen = 0;
  uint64_t looked_at = 0;
  uint64_t empty = 0;
  for (uint64_t row = 0; removed > 0 && row < graph.size(); ++row) {
    if (keys.alive(row) || seen++ % step != 0) continue;
    const uint32_t node = static_cast<uint32_t>(row);
    ++looked_at;
    empty += graph.BaseOk(node) && LoadLink(graph.Links(node, 0).ids) == kNoRow;
  }
  if (looked_at > 0) count_ = removed * empty / looked_at;
}

void UnlinkedRows::Begin(uint32_t nodes, const LiveRows& kept) {
  leaving_.clear();
  for (uint32_t node = 0; node < nodes; ++node) {
    if (kept.Removed(node) && !Has(node)) leaving_.push_back(node);
  }
}

void UnlinkedRows::Done(uint32_t entry) {
  for (const uint32_t node : leaving_) {
    if (node != entry) Add(node);
  }
  leaving_.clear();
}

}  // namespace sightline
