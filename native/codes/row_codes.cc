#include "codes/row_codes.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "codes/mean.h"
#include "core/aligned.h"
#include "platform/exiting.h"
#include "platform/parallel.h"

namespace sightline {
namespace {

constexpr size_t kCentreSample = 16384;
constexpr size_t kErrorSample = 512;

double Dot(const float* a, const float* b, size_t n) {
  double sums[4] = {};
  size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (size_t j = 0; j < 4; ++j) sums[j] += static_cast<double>(a[i + j]) * b[i + j];
  }
  for (; i < n; ++i) sums[0] += static_cast<double>(a[i]) * b[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace

RowCodes::RowCodes(CodeKind kind, const KernelTable* kernels, Metric metric, size_t dim,
                   uint64_t seed)
    : kind_(kind),
      kernels_(kernels),
      metric_(metric),
      dim_(dim),
      rotation_(kernels, dim, seed),
      padded_(rotated() ? rotation_.padded() : RoundUp(dim, ValuesInBlock(kind))),
      coarse_stride_(rotation_.padded() / 4),
      blocks_(padded_ / ValuesInBlock(kind)),
      stride_(blocks_ * 32),
      centre_(dim, 0.0f) {}

Status RowCodes::Reserve(uint64_t max_rows, Epoch* readers) {
  SL_RETURN_IF_ERROR(factors_.Reserve(max_rows, readers));
  SL_RETURN_IF_ERROR(coarse_.Reserve(max_rows * coarse_stride_, readers));
  SL_RETURN_IF_ERROR(coarse_scales_.Reserve(max_rows, readers));
  return bytes_.Reserve(max_rows * stride_, readers);
}

void RowCodes::ServeReaders(Epoch* readers) {
  factors_.range().ServeReaders(readers);
  coarse_.range().ServeReaders(readers);
  coarse_scales_.range().ServeReaders(readers);
  bytes_.range().ServeReaders(readers);
}

void RowCodes::Centre(const VectorView& rows) {
  centre_ = MeanOf(rows, kCentreSample);
  centred_on_ = rows.count;
  if (!rotated()) MeasureHalves(rows);
  std::vector<float> work(rotation_.padded());
  std::vector<unsigned char> code(stride_);
  std::vector<unsigned char> coarse(coarse_stride_);
  const size_t error_step = std::max<size_t>(1, rows.count / kErrorSample);
  double errors = 0;
  double coarse_errors = 0;
  double lengths = 0;
  size_t taken = 0;
  for (size_t row = 0; row < rows.count; row += error_step, ++taken) {
    Factors factors;
    float scale;
    const Errors of =
        EncodeRow(rows.row(row), work.data(), code.data(), &factors, coarse.data(), &scale);
    errors += of.code;
    coarse_errors += of.coarse;
    lengths += Dot(work.data(), work.data(), work.size());
  }
  const double count = static_cast<double>(std::max<size_t>(1, taken));
  error_ = static_cast<float>(std::sqrt(errors / count));
  coarse_error_ = static_cast<float>(std::sqrt(coarse_errors / count));
  spread_ = static_cast<float>(std::sqrt(lengths / count));
}

void RowCodes::MeasureHalves(const VectorView& rows) {
  const size_t step = std::max<size_t>(1, rows.count / kErrorSample);
  half_errors_.assign(dim_, 0.0f);
  size_t taken = 0;
  for (size_t row = 0; row < rows.count; row += step, ++taken) {
    for (size_t i = 0; i < dim_; ++i) {
      const float value = rows.row(row)[i] - centre_[i];
      half_errors_[i] += value * value;
    }
  }
  const float share = 0x1p-21f / 12 / static_cast<float>(std::max<size_t>(1, taken));
  for (float& error : half_errors_) error *= share;
}

RowCodes::Errors RowCodes::EncodeRow(const float* row, float* work, unsigned char* code,
                                     Factors* factors, unsigned char* coarse,
                                     float* coarse_scale) const {
  for (size_t i = 0; i < dim_; ++i) work[i] = row[i] - centre_[i];
  std::fill(work + dim_, work + rotation_.padded(), 0.0f);
  const double squared = Dot(work, work, dim_);
  factors->term = static_cast<float>(
      metric_ == Metric::kEuclidean ? squared : -Dot(work, centre_.data(), dim_));
  Encoded encoded;
  if (kind_ == CodeKind::kHalves) encoded.scale = EncodeHalves(work, padded_, code);
  rotation_.Apply(work);
  if (kind_ == CodeKind::kNibbles) encoded = EncodeNibbles(work, padded_, squared, code);
  if (kind_ == CodeKind::kBytes) encoded = EncodeBytes(work, padded_, squared, code);
  factors->scale = encoded.scale;
  const Encoded pairs = EncodePairs(work, rotation_.padded(), squared, coarse);
  *coarse_scale = pairs.scale;
  return {encoded.error, pairs.error};
}

Status RowCodes::Encode(const VectorView& rows, size_t from, size_t to, size_t threads) {
  SL_RETURN_IF_ERROR(bytes_.Grow(to * stride_));
  SL_RETURN_IF_ERROR(factors_.Grow(to));
  SL_RETURN_IF_ERROR(coarse_.Grow(to * coarse_stride_));
  SL_RETURN_IF_ERROR(coarse_scales_.Grow(to));
  constexpr size_t kPart = 1000;  // rows: worth a thread
  std::atomic<size_t> next{from};
  const auto work = [&] {
    AlignedArray<float> memory(rotation_.padded());
    for (size_t begin = next.fetch_add(kPart); begin < to; begin = next.fetch_add(kPart)) {
      if (Exiting()) return ExitingStatus();
      for (size_t row = begin; row < std::min(to, begin + kPart); ++row) {
        EncodeRow(rows.row(row), memory.data(), bytes_.data() + row * stride_, &factors_[row],
                  coarse_.data() + row * coarse_stride_, &coarse_scales_[row]);
      }
    }
    return Status::Ok();
  };
  SL_RETURN_IF_ERROR(InParallel(ThreadsFor(threads, to - from, kPart), work));
  rows_.store(to, std::memory_order_release);
  return Status::Ok();
}

void RowCodes::Prepare(const float* query, QueryCode* out) const {
  // Also for the rotated query, which halves need for coarse estimates only.
  out->work.assign(rotation_.padded(), 0.0f);
  float* work = out->work.data();
  for (size_t i = 0; i < dim_; ++i) work[i] = query[i] - centre_[i];
  const float squared = kernels_->dot(work, work, dim_);
  const bool euclidean = metric_ == Metric::kEuclidean;
  const float weight = euclidean ? 2.0f : 1.0f;
  out->base = euclidean ? squared : -kernels_->dot(query, centre_.data(), dim_);
  out->factor = -weight;
  out->offset = 0;
  const float length = weight * std::sqrt(squared / static_cast<float>(rotation_.padded()));
  out->coarse_deviation = length * coarse_error_;
  out->deviation = length * error_;
  // Rounding of the float sum, which matters for halves.
  const float rounding =
      0x1p-23f * (std::fabs(out->base) + spread_ * (spread_ + weight * std::sqrt(squared)));
  if (!rotated()) {
    // Errors are concentrated in the coordinates where queries have large values too.
    double variance = 0;
    for (size_t i = 0; i < dim_; ++i) {
      variance += static_cast<double>(work[i]) * work[i] * half_errors_[i];
    }
    out->deviation = weight * static_cast<float>(std::sqrt(variance)) + rounding;
    return;
  }
  rotation_.Apply(work);
  const float step = Quantise(out);
  out->factor *= step;
  // The query's own quantization: uniform within a step, in each value.
  out->deviation = std::hypot(out->deviation, weight * step * spread_ / std::sqrt(12.0f));
}

float RowCodes::Quantise(QueryCode* out) const {
  const float* work = out->work.data();
  const size_t n = rotation_.padded();
  out->values.resize(n);
  int8_t* values = out->values.data();
  float largest[8] = {};
  for (size_t i = 0; i < n; i += 8) {
    for (size_t j = 0; j < 8; ++j) largest[j] = std::max(largest[j], std::fabs(work[i + j]));
  }
  const float most = *std::max_element(largest, largest + 8);
  // A query that overflows the rotation, or whose values underflow, gets a code of zeros.
  const float scale = most > 0 ? 127.0f / most : 0.0f;
  const bool is_usable = std::isfinite(most) && std::isfinite(scale);
  const float inverse = is_usable ? scale : 0.0f;
  int32_t sum = 0;
  for (size_t i = 0; i < n; ++i) {
    const float scaled = is_usable ? work[i] * inverse : 0.0f;
    const int32_t value = static_cast<int32_t>(scaled + std::copysign(0.5f, scaled));
    values[i] = static_cast<int8_t>(value);
    sum += value;
  }
  out->offset = MiddleOf(kind_) * static_cast<float>(sum);
  out->coarse_offset = 1.5f * static_cast<float>(sum);
  return most / 127.0f;
}

void RowCodes::Estimate(QueryCode* query, const uint32_t* ids, size_t first, size_t n,
                        float* out) const {
  const CodeRows codes{bytes_.data() + first * stride_, stride_, blocks_};
  const Factors* factors = factors_.data() + first;
  if (kind_ == CodeKind::kHalves) {
    kernels_->row_codes->halves(query->work.data(), codes, ids, n, out);
  } else {
    if (query->sums.size() < n) query->sums.resize(n);
    int32_t* sums = query->sums.data();
    const IntegerCodesFn kernel =
        kind_ == CodeKind::kNibbles ? kernels_->row_codes->nibbles : kernels_->row_codes->bytes;
    kernel(query->values.data(), codes, ids, n, sums);
    for (size_t i = 0; i < n; ++i) out[i] = static_cast<float>(sums[i]) - query->offset;
  }
  for (size_t i = 0; i < n; ++i) {
    const Factors& of = factors[ids != nullptr ? ids[i] : i];
    out[i] = query->base + of.term + query->factor * of.scale * out[i];
  }
}

void RowCodes::PrepareCoarse(QueryCode* query) const {
  if (rotated()) {
    query->coarse_factor = query->factor;
    return;
  }
  query->rotated = query->work;
  rotation_.Apply(query->rotated.data());
  query->rotated.swap(query->work);
  query->coarse_factor = query->factor * Quantise(query);
  query->rotated.swap(query->work);
}

void RowCodes::EstimateCoarse(QueryCode* query, size_t first, size_t n, float* out) const {
  const CodeRows codes{coarse_.data() + first * coarse_stride_, coarse_stride_,
                       coarse_stride_ / 16};
  const Factors* factors = factors_.data() + first;
  const float* scales = coarse_scales_.data() + first;
  if (query->sums.size() < n) query->sums.resize(n);
  int32_t* sums = query->sums.data();
  kernels_->row_codes->pairs(query->values.data(), codes, nullptr, n, sums);
  for (size_t i = 0; i < n; ++i) {
    out[i] =
        query->base + factors[i].term +
        query->coarse_factor * scales[i] * (static_cast<float>(sums[i]) - query->coarse_offset);
  }
}

}  // namespace sightline
