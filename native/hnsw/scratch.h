// Reusable memory of one search or insertion.
#ifndef SIGHTLINE_HNSW_SCRATCH_H_
#define SIGHTLINE_HNSW_SCRATCH_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "codes/inline_codes.h"
#include "codes/row_codes.h"
#include "core/top_k.h"
#include "format/limits.h"

namespace sightline {

// Nodes visited by the current search: a tag per node, so that clearing is one addition.
class Visited {
 public:
  void Begin(size_t nodes) {
    if (tags_.size() < nodes) {
      tags_.assign(nodes + nodes / 8, 0);
      epoch_ = 0;
    }
    if (++epoch_ == 0) {
      std::fill(tags_.begin(), tags_.end(), 0);
      epoch_ = 1;
    }
  }
  // True if `node` < nodes was not visited before.
  bool Add(uint32_t node) {
    if (tags_[node] == epoch_) return false;
    tags_[node] = epoch_;
    return true;
  }

 private:
  std::vector<uint16_t> tags_;
  uint16_t epoch_ = 0;
};

// A small hash set that is cleared often. Unlike a tag per node it fits the L1 cache.
class SmallSet {
 public:
  // expected: the usual maximum of members; more are allowed.
  void Begin(size_t expected) {
    size_t size = 256;
    while (size < 4 * expected) size *= 2;
    // Shrinks again after one large search.
    slots_.assign(size, kNoRow);
    SetShift();
    count_ = 0;
  }
  bool Has(uint32_t id) const { return slots_[Find(id)] == id; }
  // True if `id` was not a member.
  bool Add(uint32_t id) {
    const size_t at = Find(id);
    if (slots_[at] == id) return false;
    slots_[at] = id;
    if (++count_ * 2 > slots_.size()) Double();
    return true;
  }

 private:
  size_t Find(uint32_t id) const {
    size_t at = (id * 0x9e3779b1u) >> shift_;
    while (slots_[at] != kNoRow && slots_[at] != id) at = (at + 1) & (slots_.size() - 1);
    return at;
  }
  void SetShift() { shift_ = 32 - static_cast<unsigned>(__builtin_ctzll(slots_.size())); }
  void Double() {
    std::vector<uint32_t> old(2 * slots_.size(), kNoRow);
    old.swap(slots_);
    SetShift();
    for (const uint32_t id : old) {
      if (id != kNoRow) slots_[Find(id)] = id;
    }
  }

  std::vector<uint32_t> slots_;
  unsigned shift_ = 0;
  size_t count_ = 0;
};

struct InlineWalk {
  std::vector<float> distances;
  std::vector<uint32_t> ids;
  SmallSet expanded;
  InlineQuery query;
};

struct Scratch {
  Visited visited;
  std::vector<Neighbor> pool;      // candidates of an unfiltered search, sorted
  std::vector<Neighbor> starts;    // where a search of a level begins
  std::vector<Neighbor> frontier;  // min-heap of a filtered search
  std::vector<uint32_t> ids;
  std::vector<uint32_t> others;  // neighbors that a filter excludes, to be stepped over
  std::vector<float> distances;
  QueryCode query_code;  // where the walk is on codes
  // Insert only.
  std::vector<Neighbor> candidates;
  std::vector<Neighbor> selected;
  std::vector<std::vector<Neighbor>> plan;  // neighbors chosen per level
  // The index's.
  std::vector<uint64_t> words;  // bitset of allowed rows
  std::vector<float> query;     // at unit length for cosine
  std::vector<Neighbor> hits;
  InlineWalk inline_walk;
};

// Threads  any. Holds as many scratches as were ever in use at once.
class ScratchPool {
 public:
  class Lease {
   public:
    explicit Lease(ScratchPool* pool) : pool_(pool), scratch_(pool->Take()) {}
    ~Lease() { pool_->Give(std::move(scratch_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Scratch* operator->() const { return scratch_.get(); }
    Scratch& operator*() const { return *scratch_; }

   private:
    ScratchPool* pool_;
    std::unique_ptr<Scratch> scratch_;
  };

 private:
  std::unique_ptr<Scratch> Take() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!free_.empty()) {
        std::unique_ptr<Scratch> scratch = std::move(free_.back());
        free_.pop_back();
        return scratch;
      }
    }
    return std::make_unique<Scratch>();
  }
  // Called by destructors: if there is no memory to keep the scratch, it is freed.
  void Give(std::unique_ptr<Scratch> scratch) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    try {
      free_.push_back(std::move(scratch));
    } catch (const std::bad_alloc&) {
    }
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<Scratch>> free_;
};

}  // namespace sightline

#endif  // SIGHTLINE_HNSW_SCRATCH_H_
