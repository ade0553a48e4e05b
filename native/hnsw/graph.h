// The links: lists of fixed capacity in growing memory.
//
//   base   node 0: 2M ids | node 1: 2M ids | ...        unused slots are kNoRow, at the end
//   upper  lists of M ids; node x owns lists upper_first(x) .. + level(x) - 1, for levels 1, 2, ...
#ifndef SIGHTLINE_HNSW_GRAPH_H_
#define SIGHTLINE_HNSW_GRAPH_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/lazy_check.h"
#include "core/status.h"
#include "format/graph_format.h"
#include "format/limits.h"
#include "hnsw/level.h"
#include "platform/growing_array.h"

namespace sightline {

// Links are read while they are written: each is atomic, and a node is written before links to it.
inline uint32_t LoadLink(const uint32_t* link) { return __atomic_load_n(link, __ATOMIC_ACQUIRE); }
inline void StoreLink(uint32_t* link, uint32_t id) { __atomic_store_n(link, id, __ATOMIC_RELEASE); }

struct LinkList {
  uint32_t* ids;
  uint32_t capacity;
  // For who holds the lock of the list: links that others write meanwhile are read with LoadLink.
  uint32_t Count() const {
    uint32_t count = 0;
    while (count < capacity && ids[count] != kNoRow) ++count;
    return count;
  }
};

struct EntryPoint {
  uint32_t node = kNoRow;
  uint32_t level = 0;
  bool exists() const { return node != kNoRow; }
};

// Threads  any number of readers; Prepare, Adopt and Truncate by one writer.
class Graph {
 public:
  Graph(uint32_t m, uint64_t seed) : m_(m), levels_(m, seed) {}

  // readers  waited for when links move, see ReservedRange.
  Status Reserve(uint64_t max_nodes, Epoch* readers = nullptr);
  // Uses a snapshot whose sections were mapped into base_range() and upper_range().
  // guard: checks base blocks before first use. kFileCorrupt if the header contradicts itself.
  Status Adopt(const GraphHeader& header, const LazyCheck& guard);
  // Creates nodes [size(), nodes) without links. Insert them before anything else.
  Status Prepare(uint32_t nodes);
  // Removes the nodes from `nodes` on and all links to them. No reader may be active.
  void Truncate(uint32_t nodes);

  uint32_t m() const { return m_; }
  uint32_t size() const { return size_.load(std::memory_order_acquire); }
  uint32_t LevelOf(uint32_t node) const { return levels_.Of(node); }
  EntryPoint entry() const {
    const uint64_t packed = entry_.load(std::memory_order_acquire);
    return {static_cast<uint32_t>(packed), static_cast<uint32_t>(packed >> 32)};
  }
  // Node and level change together: a reader never sees one without the other.
  void SetEntry(uint32_t node, uint32_t level) {
    entry_.store(uint64_t{level} << 32 | node, std::memory_order_release);
  }

  // level <= LevelOf(node), node < size().
  LinkList Links(uint32_t node, uint32_t level) const {
    if (level == 0) return {base_.data() + size_t{node} * 2 * m_, 2 * m_};
    return {upper_.data() + (size_t{upper_first_[node]} + level - 1) * m_, m_};
  }
  // Whether the level 0 list of `node` may be read; see LazyCheck.
  bool BaseOk(uint32_t node) const {
    if (guard_.words == nullptr) return true;
    const size_t first = size_t{node} * 8 * m_;
    return guard_.Ok(first / kGraphBlock) && guard_.Ok((first + size_t{8} * m_ - 1) / kGraphBlock);
  }
  // Makes Touch(node) clear bit node & 63 of word node >> 6, for all nodes below size(); nullptr
  // stops that.
  void Watch(std::atomic<uint64_t>* words) { watched_ = words; }
  // Call before the level 0 list of `node` changes: data derived from it becomes stale.
  void Touch(uint32_t node) {
    if (watched_ == nullptr) return;
    const uint64_t bit = uint64_t{1} << (node & 63);
    // Usually cleared already: a read keeps the cache line shared, a write would not.
    if ((watched_[node >> 6].load(std::memory_order_acquire) & bit) == 0) return;
    watched_[node >> 6].fetch_and(~bit, std::memory_order_acq_rel);
  }
  // Prefetches the level 0 list of `node`.
  void FetchBase(uint32_t node) const {
#ifdef __GNUC__
    const uint32_t* ids = base_.data() + size_t{node} * 2 * m_;
    __builtin_prefetch(ids);
    __builtin_prefetch(ids + 16);
#endif
  }
  // All blocks were checked. Needed before an insertion.
  void TrustAll() { guard_ = LazyCheck{}; }

  uint64_t upper_lists() const { return upper_lists_; }
  ReservedRange& base_range() { return base_.range(); }
  ReservedRange& upper_range() { return upper_.range(); }
  // Copies the next part of a mapped snapshot into private memory, see ReservedRange. No writer
  // meanwhile.
  Status PromoteBase() { return base_.range().Promote(size_t{size()} * 8 * m_); }
  size_t promoted_bytes() const { return base_.range().promoted(); }
  // Committed or mapped memory; more is reserved for level 0.
  size_t resident_bytes() const {
    return size_t{size()} * 8 * m_ + upper_.committed_bytes() + upper_first_.committed_bytes();
  }

 private:
  uint32_t m_;
  Levels levels_;
  GrowingArray<uint32_t> base_;
  GrowingArray<uint32_t> upper_;
  GrowingArray<uint32_t> upper_first_;
  uint64_t upper_lists_ = 0;
  std::atomic<uint32_t> size_{0};
  std::atomic<uint64_t> entry_{kNoRow};
  LazyCheck guard_;
  std::atomic<uint64_t>* watched_ = nullptr;
};

}  // namespace sightline

#endif  // SIGHTLINE_HNSW_GRAPH_H_
