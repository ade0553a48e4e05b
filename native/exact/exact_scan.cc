#include "exact/exact_scan.h"

#include <algorithm>
#include <bit>

#include "platform/exiting.h"

namespace sightline {
namespace {

// Rows per kernel call: enough to amortize the call and its first prefetches, few enough for the
// distances to stay in the L1 cache.
constexpr size_t kBlock = 1024;

class Scan {
 public:
  Scan(const KernelTable& kernels, Metric metric, const VectorView& rows,
       const float* inverse_norms, const float* query, TopK* top)
      : many_(metric == Metric::kEuclidean ? kernels.squared_l2_many : kernels.dot_many),
        sign_(metric == Metric::kEuclidean ? 1.0f : -1.0f),
        rows_(rows),
        inverse_norms_(metric == Metric::kCosine ? inverse_norms : nullptr),
        query_(query),
        top_(top) {}

  // Rows [begin, end), at most kBlock.
  void Block(size_t begin, size_t end) {
    many_(query_, rows_.base + begin * rows_.stride, rows_.stride, nullptr, end - begin, rows_.dim,
          distances_);
    for (size_t row = begin; row < end; ++row) {
      Offer(static_cast<uint32_t>(row), distances_[row - begin]);
    }
  }

  // The rows added with Add() since the last Flush().
  void Flush() {
    many_(query_, rows_.base, rows_.stride, picked_, picked_count_, rows_.dim, distances_);
    for (size_t i = 0; i < picked_count_; ++i) Offer(picked_[i], distances_[i]);
    picked_count_ = 0;
  }
  void Add(uint32_t row) {
    picked_[picked_count_++] = row;
    if (picked_count_ == kBlock) Flush();
  }

 private:
  void Offer(uint32_t row, float value) {
    if (inverse_norms_ != nullptr) value *= inverse_norms_[row];
    top_->push(sign_ * value, row);
  }

  ManyFn many_;
  float sign_;
  const VectorView& rows_;
  const float* inverse_norms_;
  const float* query_;
  TopK* top_;
  size_t picked_count_ = 0;
  uint32_t picked_[kBlock];
  float distances_[kBlock];
};

// Bits of word `word` for rows in [begin, end).
uint64_t RangeMask(size_t word, size_t begin, size_t end) {
  uint64_t mask = ~uint64_t{0};
  const size_t first = word * 64;
  if (begin > first) mask &= ~uint64_t{0} << (begin - first);
  if (end < first + 64) mask &= ~uint64_t{0} >> (first + 64 - end);
  return mask;
}

}  // namespace

void ExactScanRange(const KernelTable& kernels, Metric metric, const VectorView& rows, size_t begin,
                    size_t end, const float* inverse_norms, const float* query,
                    const uint64_t* allowed, TopK* top) {
  end = std::min(end, rows.count);
  if (begin >= end || top->k() == 0) return;
  Scan scan(kernels, metric, rows, inverse_norms, query, top);
  if (allowed == nullptr) {
    for (size_t at = begin; at < end && !Exiting(); at += kBlock)
      scan.Block(at, std::min(at + kBlock, end));
    return;
  }
  for (size_t word = begin / 64; word * 64 < end; ++word) {
    if (word % (kBlock / 64) == 0 && Exiting()) return;
    for (uint64_t bits = allowed[word] & RangeMask(word, begin, end); bits != 0; bits &= bits - 1) {
      scan.Add(static_cast<uint32_t>(word * 64 + std::countr_zero(bits)));
    }
  }
  scan.Flush();
}

void ExactScan(const KernelTable& kernels, Metric metric, const VectorView& rows,
               const float* inverse_norms, const float* query, const uint64_t* allowed, TopK* top) {
  ExactScanRange(kernels, metric, rows, 0, rows.count, inverse_norms, query, allowed, top);
}

}  // namespace sightline
