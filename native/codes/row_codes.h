// Codes of rows: estimated distances for a fraction of the memory traffic.
//
// A row x is stored as few bits of r = R(x - c), with c the mean of the rows and R a random
// rotation (none for halves; Gao and Long, arXiv:2405.12497 and 2409.09913). Both are needed: one
// coordinate of CLIP vectors is an outlier, and plain 4-bit codes find half of their neighbors. The
// estimate of <q - c, x - c> is unbiased (encode.h), with a deviation of |q - c| |error| / sqrt(D).
// The terms of the centre are stored as one exact float per row:
//
//     dot, cosine   -<q, x>     = -<q, c> - <c, x - c> - <q - c, x - c>
//     euclidean     |q - x|^2   = |q - c|^2 + |x - c|^2 - 2 <q - c, x - c>
//
// Scans use a coarse code of 2 bits per value as well. Codes and factors are separate arrays: a
// code of 512 values is then whole cache lines, and the factors of a million rows fit the
// last-level cache. Derived from the rows, in memory only.
#ifndef SIGHTLINE_CODES_ROW_CODES_H_
#define SIGHTLINE_CODES_ROW_CODES_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "codes/encode.h"
#include "codes/rotation.h"
#include "core/status.h"
#include "core/vector_view.h"
#include "kernels/kernels.h"
#include "platform/growing_array.h"

namespace sightline {

// A query prepared for one RowCodes; its memory is reused.
struct QueryCode {
  std::vector<int8_t> values;
  std::vector<float> work;  // centred, and rotated if rows are
  std::vector<float> rotated;
  std::vector<int32_t> sums;
  float base = 0;           // part of the distance common to all rows
  float factor = 0;         // of scale * (sum - offset)
  float offset = 0;         // middle * sum of values
  float deviation = 0;      // typical error of an estimate
  float coarse_factor = 0;  // the same of the coarse codes
  float coarse_offset = 0;
  float coarse_deviation = 0;
};

// Threads  Encode by one writer; any number of readers of rows encoded before.
class RowCodes {
 public:
  RowCodes(CodeKind kind, const KernelTable* kernels, Metric metric, size_t dim, uint64_t seed);
  // readers: waited for when codes move.
  Status Reserve(uint64_t max_rows, Epoch* readers = nullptr);
  // Replaces the readers to wait for.
  void ServeReaders(Epoch* readers);

  // Computes centre and typical error from a sample of `rows`; before the first Encode.
  void Centre(const VectorView& rows);
  // Codes rows [from, to) of the view; `from` is rows().
  Status Encode(const VectorView& rows, size_t from, size_t to, size_t threads);

  // Rows coded so far; readers may use those below.
  uint64_t rows() const { return rows_.load(std::memory_order_acquire); }
  // Forgets the rows from `rows` on. No reader may be active.
  void Truncate(uint64_t rows) { rows_ = std::min(rows_.load(), rows); }
  // Number of rows the centre was computed from.
  size_t centred_on() const { return centred_on_; }
  // Committed memory; more is reserved.
  size_t resident_bytes() const {
    return rows() * (stride_ + sizeof(Factors) + coarse_stride_ + sizeof(float));
  }

  // Prefetches the code of `row`. Estimate does not: that would be too late.
  void Fetch(uint32_t row) const {
#ifdef __GNUC__
    const unsigned char* code = bytes_.data() + row * stride_;
    __builtin_prefetch(&factors_[row]);
    for (size_t at = 0; at < stride_; at += 64) __builtin_prefetch(code + at);
#endif
  }
  void Prepare(const float* query, QueryCode* out) const;
  // out[i]: estimated distance to row ids[i], or to row first + i if `ids` is null; comparable with
  // Space's distances.
  void Estimate(QueryCode* query, const uint32_t* ids, size_t first, size_t n, float* out) const;

  // For scans: coarse codes select the rows worth an estimate. After Prepare of the same query.
  void PrepareCoarse(QueryCode* query) const;
  // Of rows [first, first + n), with a deviation of query->coarse_deviation.
  void EstimateCoarse(QueryCode* query, size_t first, size_t n, float* out) const;

 private:
  struct Factors {
    float scale;
    float term;
  };

  struct Errors {
    float code;  // squared length of the error
    float coarse;
  };

  // work: room for all values, rotated or not.
  Errors EncodeRow(const float* row, float* work, unsigned char* code, Factors* factors,
                   unsigned char* coarse, float* coarse_scale) const;
  void MeasureHalves(const VectorView& rows);
  bool rotated() const { return kind_ != CodeKind::kHalves; }
  // Quantizes the query to signed 8 bits; returns the step.
  float Quantise(QueryCode* out) const;

  CodeKind kind_;
  const KernelTable* kernels_;
  Metric metric_;
  size_t dim_;
  Rotation rotation_;
  size_t padded_;         // values of a code
  size_t coarse_stride_;  // bytes
  size_t blocks_;
  size_t stride_;
  std::vector<float> centre_;
  size_t centred_on_ = 0;
  float error_ = 0;   // typical length of a code's error
  float spread_ = 0;  // typical |x - c|
  float coarse_error_ = 0;
  std::vector<float> half_errors_;  // of halves: typical squared error of each value
  GrowingArray<unsigned char> bytes_;
  GrowingArray<Factors> factors_;
  GrowingArray<unsigned char> coarse_;  // pairs of the rotated row
  GrowingArray<float> coarse_scales_;
  std::atomic<uint64_t> rows_{0};
};

}  // namespace sightline

#endif  // SIGHTLINE_CODES_ROW_CODES_H_
