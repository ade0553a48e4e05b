// Bounded top-k: keeps the k nearest (distance, row) pairs. Equal distances are ordered by row, so
// the result depends neither on the order of pushes nor on how rows are split between threads.
#ifndef SIGHTLINE_CORE_TOP_K_H_
#define SIGHTLINE_CORE_TOP_K_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace sightline {

struct Neighbor {
  float distance;
  uint32_t row;

  // The order of every result list of the engine.
  friend bool operator<(const Neighbor& a, const Neighbor& b) {
    return a.distance < b.distance || (a.distance == b.distance && a.row < b.row);
  }
  friend bool operator==(const Neighbor& a, const Neighbor& b) {
    return a.distance == b.distance && a.row == b.row;
  }
};

// Threads  one writer. Memory: min(k, pushes) pairs.
class TopK {
 public:
  static constexpr float kNoThreshold = std::numeric_limits<float>::infinity();

  // k          pairs kept; 0 keeps none.
  // threshold  largest distance accepted, inclusive. NaN accepts nothing.
  explicit TopK(size_t k, float threshold = kNoThreshold) : k_(k), threshold_(threshold) {
    heap_.reserve(std::min<size_t>(k, 1024));
    RefreshBound();
  }

  // Offers a pair; returns whether it was kept. A NaN distance is never kept: it has no order.
  bool push(float distance, uint32_t row) {
    // NaN fails; most pairs cost only this comparison.
    if (!(distance <= bound_)) return false;
    const Neighbor item{distance, row};
    if (heap_.size() < k_) {
      heap_.push_back(item);
      std::push_heap(heap_.begin(), heap_.end());
    } else if (item < heap_.front()) {
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.back() = item;
      std::push_heap(heap_.begin(), heap_.end());
    } else {
      return false;
    }
    RefreshBound();
    return true;
  }

  // Largest distance that could still be kept: the k-th best once full, the threshold before.
  // A pair with exactly this distance may be refused for its row. NaN when nothing can be kept.
  float worst() const { return bound_; }
  bool full() const { return heap_.size() >= k_; }
  size_t size() const { return heap_.size(); }
  size_t k() const { return k_; }
  float threshold() const { return threshold_; }

  // Pushes all pairs of `other`.
  void Merge(const TopK& other) {
    for (const Neighbor& item : other.heap_) push(item.distance, item.row);
  }

  // Writes size() pairs, best first, and empties this. Returns how many were written.
  // rows, distances  room for size() values each; either may be null.
  size_t ExtractSorted(uint32_t* rows, float* distances) {
    const std::vector<Neighbor> sorted = TakeSorted();
    for (size_t i = 0; i < sorted.size(); ++i) {
      if (rows != nullptr) rows[i] = sorted[i].row;
      if (distances != nullptr) distances[i] = sorted[i].distance;
    }
    return sorted.size();
  }

  // The pairs, best first; empties this.
  std::vector<Neighbor> TakeSorted() {
    std::sort_heap(heap_.begin(), heap_.end());
    std::vector<Neighbor> sorted;
    sorted.swap(heap_);
    RefreshBound();
    return sorted;
  }

  // Prepares for the next query with the same k and threshold; keeps the memory.
  void clear() {
    heap_.clear();
    RefreshBound();
  }

 private:
  void RefreshBound() {
    if (k_ == 0) {
      bound_ = std::numeric_limits<float>::quiet_NaN();
    } else {
      bound_ = full() ? heap_.front().distance : threshold_;
    }
  }

  size_t k_;
  float threshold_;
  float bound_ = 0;             // farther pairs are refused
  std::vector<Neighbor> heap_;  // max-heap: front is the worst kept
};

}  // namespace sightline

#endif  // SIGHTLINE_CORE_TOP_K_H_
