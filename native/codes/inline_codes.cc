#include "codes/inline_codes.h"

#include <algorithm>
#include <cstring>

#include "codes/mean.h"

namespace sightline {
namespace {

// Groups of 4 values are processed in pairs.
constexpr size_t kMultiple = 8;
constexpr size_t kMeanSample = 4096;

void Fetch(const void* at, size_t bytes) {
  for (size_t i = 0; i < bytes; i += kCacheLine) {
    __builtin_prefetch(static_cast<const char*>(at) + i);
  }
}

// Quantizes to a byte in [low, low + 255 * step].
uint8_t ByteOf(float value, float low, float inverse_step) {
  const float byte = (value - low) * inverse_step + 0.5f;
  return static_cast<uint8_t>(std::clamp(byte, 0.0f, 255.0f));
}

void Pack(const float* offsets, const float* slopes, size_t count, InlineBlock* out) {
  const auto [low, high] = std::minmax_element(offsets, offsets + count);
  const float steepest = *std::max_element(slopes, slopes + count);
  out->offset_low = *low;
  out->offset_step = (*high - *low) / 255.0f;
  out->slope_step = steepest / 255.0f;
  const float per_offset = out->offset_step > 0 ? 1.0f / out->offset_step : 0;
  const float per_slope = out->slope_step > 0 ? 1.0f / out->slope_step : 0;
  for (size_t lane = 0; lane < count; ++lane) {
    out->offset[lane] = ByteOf(offsets[lane], *low, per_offset);
    out->slope[lane] = ByteOf(slopes[lane], 0, per_slope);
  }
}

}  // namespace

InlineCodes::InlineCodes(const KernelTable* kernels, Metric metric, size_t dim, size_t links,
                         uint64_t seed)
    : kernels_(kernels),
      metric_(metric),
      dim_(dim),
      rotation_(kernels, dim, seed, kMultiple),
      groups_(rotation_.padded() / 4),
      blocks_((links + kLanes - 1) / kLanes),
      block_bytes_(sizeof(InlineBlock) + 16 * groups_),
      stride_(blocks_ * block_bytes_),
      centre_(dim, 0.0f) {}

Status InlineCodes::Reserve(uint64_t max_nodes, Epoch* readers) {
  SL_RETURN_IF_ERROR(bytes_.Reserve(max_nodes * stride_, readers));
  return current_.Reserve(max_nodes / 64 + 1, readers);
}

Status InlineCodes::GrowMarks(uint64_t nodes) {
  SL_RETURN_IF_ERROR(current_.Grow(nodes / 64 + 1));
  if (nodes > marked_) marked_ = nodes;
  return Status::Ok();
}

Status InlineCodes::Grow(uint64_t nodes) {
  SL_RETURN_IF_ERROR(bytes_.Grow(nodes * stride_));
  if (nodes > coded_.load(std::memory_order_relaxed)) coded_ = nodes;
  return Status::Ok();
}

void InlineCodes::Centre(const VectorView& rows) {
  centre_ = MeanOf(rows, kMeanSample);
  turned_centre_.assign(rotation_.padded(), 0.0f);
  std::copy(centre_.begin(), centre_.end(), turned_centre_.begin());
  rotation_.Apply(turned_centre_.data());
  centred_ = true;
}

uint64_t InlineCodes::CountCurrent(uint64_t nodes) const {
  uint64_t count = 0;
  for (uint64_t word = 0; word * 64 < std::min(nodes, marked_.load()); ++word) {
    count +=
        static_cast<uint64_t>(__builtin_popcountll(current_[word].load(std::memory_order_relaxed)));
  }
  return count;
}

void InlineCodes::Forget(uint64_t first) {
  for (uint64_t node = first; node < marked_; ++node) {
    current_[node >> 6].fetch_and(~(uint64_t{1} << (node & 63)), std::memory_order_acq_rel);
  }
}

void InlineCodes::Turn(const VectorView& rows, uint32_t row, Scratch* scratch,
                       uint16_t* out) const {
  scratch->work.resize(rotation_.padded());
  float* work = scratch->work.data();
  const float* x = rows.row(row);
  for (size_t i = 0; i < dim_; ++i) work[i] = x[i] - centre_[i];
  std::fill(work + dim_, work + rotation_.padded(), 0.0f);
  rotation_.Apply(work);
  kernels_->inline_codes->halve(work, rotation_.padded(), out);
}

void InlineCodes::Encode(const VectorView& rows, const uint16_t* turned, uint32_t node,
                         const uint32_t* ids, size_t n, Scratch* scratch) {
  const size_t padded = rotation_.padded();
  scratch->from.resize(padded);
  scratch->whole.resize(padded);
  scratch->to.resize(padded);
  float* from = scratch->from.data();
  float* whole = scratch->whole.data();
  const float* x = rows.row(node);
  for (size_t i = 0; i < dim_; ++i) from[i] = x[i] - centre_[i];
  std::fill(from + dim_, from + padded, 0.0f);
  rotation_.Apply(from);
  // Rounded as its neighbors are, so that copies have a difference of zero.
  kernels_->inline_codes->halve(from, padded, scratch->to.data());
  for (size_t i = 0; i < padded; ++i) {
    from[i] = FromHalf(scratch->to[i]);
    whole[i] = from[i] + turned_centre_[i];
  }
  const bool euclidean = metric_ == Metric::kEuclidean;
  unsigned char* at = bytes_.data() + node * stride_;
  std::memset(at, 0, stride_);
  float offsets[kLanes];
  float slopes[kLanes];
  for (size_t block = 0; block < blocks_; ++block, at += block_bytes_) {
    InlineBlock& out = *reinterpret_cast<InlineBlock*>(at);
    const size_t first = block * kLanes;
    const size_t count = n > first ? std::min(kLanes, n - first) : 0;
    for (size_t lane = 0; lane < count; ++lane) {
      const uint16_t* to = scratch->to.data();
      if (turned == nullptr) {
        Turn(rows, ids[first + lane], scratch, scratch->to.data());
      } else {
        to = turned + ids[first + lane] * padded;
        if (first + lane + 2 < n) {
          Fetch(turned + ids[first + lane + 2] * padded, padded * sizeof(uint16_t));
        }
      }
      DifferenceSums sums;
      kernels_->inline_codes->encode(to, from, whole, groups_, lane, out.codes(), &sums);
      const float f = sums.sizes > 0 ? sums.squares / sums.sizes : 0;
      offsets[lane] = euclidean ? sums.squares + 2 * f * sums.signs : f * sums.signs - sums.along;
      slopes[lane] = euclidean ? 2 * f : f;
    }
    if (count > 0) Pack(offsets, slopes, count, &out);
  }
}

void InlineCodes::Prepare(const float* query, InlineQuery* out) const {
  const size_t padded = rotation_.padded();
  out->rotated.resize(padded);
  float* rotated = out->rotated.data();
  for (size_t i = 0; i < dim_; ++i) rotated[i] = query[i] - centre_[i];
  std::fill(rotated + dim_, rotated + padded, 0.0f);
  rotation_.Apply(rotated);
  if (out->entries.size() < 16 * groups_) out->entries = AlignedArray<uint8_t>(16 * groups_);
  out->table.entries = out->entries.data();
  out->table.groups = groups_;
  kernels_->inline_codes->fill_table(rotated, groups_, out->entries.data(), &out->table.scale,
                                     &out->table.bias);
  float totals[8] = {};
  for (size_t i = 0; i < padded; i += 8) {
    for (size_t j = 0; j < 8; ++j) totals[j] += rotated[i + j];
  }
  out->total = ((totals[0] + totals[4]) + (totals[2] + totals[6])) +
               ((totals[1] + totals[5]) + (totals[3] + totals[7]));
}

}  // namespace sightline
