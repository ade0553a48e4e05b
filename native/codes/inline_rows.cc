#include "codes/inline_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace sightline {
namespace {

// Groups of 4 values go through in pairs.
constexpr size_t kMultiple = 8;
constexpr size_t kCentreSample = 4096;

void Fetch(const void* at, size_t bytes) {
  for (size_t i = 0; i < bytes; i += kCacheLine) {
    __builtin_prefetch(static_cast<const char*>(at) + i);
  }
}

// Rounded to a byte between `low` and low + 255 * step.
uint8_t ByteOf(float value, float low, float inverse_step) {
  const float byte = (value - low) * inverse_step + 0.5f;
  return static_cast<uint8_t>(std::clamp(byte, 0.0f, 255.0f));
}

}  // namespace

InlineRows::InlineRows(const KernelTable* kernels, Metric metric, size_t dim, size_t links,
                       uint64_t seed)
    : kernels_(kernels),
      metric_(metric),
      dim_(dim),
      rotation_(kernels, dim, seed, kMultiple),
      groups_(rotation_.padded() / 4),
      blocks_((links + kLanes - 1) / kLanes),
      block_bytes_(sizeof(LinkBlock) + 16 * groups_),
      stride_(blocks_ * block_bytes_),
      centre_(dim, 0.0f) {}

Status InlineRows::Reserve(uint64_t max_nodes) {
  SL_RETURN_IF_ERROR(bytes_.Reserve(max_nodes * stride_));
  return current_.Reserve(max_nodes / 64 + 1);
}

Status InlineRows::GrowMarks(uint64_t nodes) {
  SL_RETURN_IF_ERROR(current_.Grow(nodes / 64 + 1));
  marked_ = std::max(marked_, nodes);
  return Status::Ok();
}

Status InlineRows::Grow(uint64_t nodes) {
  SL_RETURN_IF_ERROR(bytes_.Grow(nodes * stride_));
  if (nodes > coded_.load(std::memory_order_relaxed)) coded_ = nodes;
  return Status::Ok();
}

void InlineRows::Centre(const VectorView& rows) {
  const size_t step = std::max<size_t>(1, rows.count / kCentreSample);
  std::vector<double> sums(dim_, 0.0);
  size_t taken = 0;
  for (size_t row = 0; row < rows.count; row += step, ++taken) {
    for (size_t i = 0; i < dim_; ++i) sums[i] += rows.row(row)[i];
  }
  for (size_t i = 0; i < dim_; ++i) {
    centre_[i] = static_cast<float>(sums[i] / static_cast<double>(std::max<size_t>(1, taken)));
  }
  centred_ = true;
}

uint64_t InlineRows::CountCurrent(uint64_t nodes) const {
  uint64_t count = 0;
  for (uint64_t word = 0; word * 64 < std::min(nodes, marked_); ++word) {
    count +=
        static_cast<uint64_t>(__builtin_popcountll(current_[word].load(std::memory_order_relaxed)));
  }
  return count;
}

void InlineRows::Forget(uint64_t first) {
  for (uint64_t node = first; node < marked_; ++node) {
    current_[node >> 6].fetch_and(~(uint64_t{1} << (node & 63)), std::memory_order_acq_rel);
  }
}

void InlineRows::Encode(const VectorView& rows, uint32_t node, const uint32_t* ids, size_t n,
                        Scratch* scratch) {
  const size_t padded = rotation_.padded();
  std::vector<float>& from = scratch->from;
  std::vector<float>& difference = scratch->difference;
  from.resize(padded);
  difference.resize(padded);
  scratch->offsets.resize(kLanes);
  scratch->slopes.resize(kLanes);
  float* offsets = scratch->offsets.data();
  float* slopes = scratch->slopes.data();
  const float* x = rows.row(node);
  for (size_t i = 0; i < dim_; ++i) from[i] = x[i] - centre_[i];
  std::fill(from.begin() + static_cast<std::ptrdiff_t>(dim_), from.end(), 0.0f);
  rotation_.Apply(from.data());
  const bool euclidean = metric_ == Metric::kEuclidean;
  unsigned char* at = bytes_.data() + node * stride_;
  std::memset(at, 0, stride_);
  for (size_t block = 0; block < blocks_; ++block, at += block_bytes_) {
    LinkBlock& out = *reinterpret_cast<LinkBlock*>(at);
    const size_t first = block * kLanes;
    const size_t count = n > first ? std::min(kLanes, n - first) : 0;
    for (size_t lane = 0; lane < count; ++lane) {
      const float* y = rows.row(ids[first + lane]);
      if (first + lane + 1 < n) Fetch(rows.row(ids[first + lane + 1]), dim_ * sizeof(float));
      for (size_t i = 0; i < dim_; ++i) difference[i] = y[i] - x[i];
      std::fill(difference.begin() + static_cast<std::ptrdiff_t>(dim_), difference.end(), 0.0f);
      const float length = kernels_->dot(difference.data(), difference.data(), dim_);
      const float along = euclidean ? 0 : kernels_->dot(difference.data(), x, dim_);
      rotation_.Apply(difference.data());
      float sizes = 0;
      float signed_sum = 0;
      kernels_->link_codes->encode(difference.data(), from.data(), groups_, lane, out.codes(),
                                   &sizes, &signed_sum);
      const float f = sizes > 0 ? length / sizes : 0;
      offsets[lane] = euclidean ? length + 2 * f * signed_sum : f * signed_sum - along;
      slopes[lane] = euclidean ? 2 * f : f;
    }
    if (count == 0) continue;
    const auto [low, high] = std::minmax_element(offsets, offsets + count);
    const float steepest = *std::max_element(slopes, slopes + count);
    out.offset_low = *low;
    out.offset_step = (*high - *low) / 255.0f;
    out.slope_step = steepest / 255.0f;
    const float per_offset = out.offset_step > 0 ? 1.0f / out.offset_step : 0;
    const float per_slope = out.slope_step > 0 ? 1.0f / out.slope_step : 0;
    for (size_t lane = 0; lane < count; ++lane) {
      out.offset[lane] = ByteOf(offsets[lane], *low, per_offset);
      out.slope[lane] = ByteOf(slopes[lane], 0, per_slope);
    }
  }
}

void InlineRows::Prepare(const float* query, InlineQuery* out) const {
  const size_t padded = rotation_.padded();
  out->rotated.resize(padded);
  float* rotated = out->rotated.data();
  for (size_t i = 0; i < dim_; ++i) rotated[i] = query[i] - centre_[i];
  std::fill(rotated + dim_, rotated + padded, 0.0f);
  rotation_.Apply(rotated);
  if (out->entries.size() < 16 * groups_) out->entries = AlignedArray<uint8_t>(16 * groups_);
  out->table.entries = out->entries.data();
  out->table.groups = groups_;
  kernels_->link_codes->fill_table(rotated, groups_, out->entries.data(), &out->table.scale,
                                   &out->table.bias);
  float totals[8] = {};
  for (size_t i = 0; i < padded; i += 8) {
    for (size_t j = 0; j < 8; ++j) totals[j] += rotated[i + j];
  }
  out->total = ((totals[0] + totals[4]) + (totals[2] + totals[6])) +
               ((totals[1] + totals[5]) + (totals[3] + totals[7]));
}

}  // namespace sightline
