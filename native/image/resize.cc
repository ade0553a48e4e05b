#include "image/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "platform/cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sightline {
namespace {

// 32 bits minus 8 for the pixel and 2 spare: sums of weighted pixels fit 32 bits.
constexpr int kPrecisionBits = 32 - 8 - 2;
constexpr int32_t kHalf = 1 << (kPrecisionBits - 1);
constexpr size_t kLanes = 16;

// The weights of one axis: output i is the sum of inputs start[i], start[i] + 1, ...
struct Axis {
  std::vector<size_t> start;
  std::vector<size_t> taps;
  std::vector<int32_t> weights;  // `stride` for each output
  size_t stride = 0;

  const int32_t* weights_of(size_t i) const { return &weights[i * stride]; }
  size_t first() const { return start.front(); }
  size_t end() const { return start.back() + taps.back(); }
};

// Fused multiply-adds, the default on aarch64, would round differently from Pillow.
#if defined(__clang__)
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#endif

double Bilinear(double value) { return std::max(0.0, 1 - std::fabs(value)); }

// Keys' cubic with a = -0.5.
double Bicubic(double value) {
  constexpr double a = -0.5;
  const double x = std::fabs(value);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

// Outputs [first, first + count) of an axis resized from `input` to `output` samples.
Axis MakeAxis(size_t input, size_t output, size_t first, size_t count, ResizeFilter filter) {
  const bool cubic = filter == ResizeFilter::kBicubic;
  const double scale = static_cast<double>(input) / static_cast<double>(output);
  const double filter_scale = std::max(scale, 1.0);
  const double support = (cubic ? 2 : 1) * filter_scale;
  Axis axis;
  axis.stride = static_cast<size_t>(std::ceil(support)) * 2 + 1;
  axis.start.resize(count);
  axis.taps.resize(count);
  axis.weights.resize(count * axis.stride);
  std::vector<double> row(axis.stride);
  for (size_t i = 0; i < count; ++i) {
    const double center = (static_cast<double>(first + i) + 0.5) * scale;
    const auto low = static_cast<size_t>(std::max(0.0, std::trunc(center - support + 0.5)));
    const auto high = static_cast<size_t>(center + support + 0.5);
    const size_t taps = std::min(input, high) - low;
    double sum = 0;
    for (size_t t = 0; t < taps; ++t) {
      // Multiplied by the inverse, as in Pillow: a division may round differently.
      const double x = (static_cast<double>(t + low) - center + 0.5) * (1 / filter_scale);
      row[t] = cubic ? Bicubic(x) : Bilinear(x);
      sum += row[t];
    }
    for (size_t t = 0; t < taps; ++t) {
      const double weight = row[t] / (sum == 0 ? 1 : sum);
      axis.weights[i * axis.stride + t] =
          static_cast<int32_t>(weight * (1 << kPrecisionBits) + (weight < 0 ? -0.5 : 0.5));
    }
    axis.start[i] = low;
    axis.taps[i] = taps;
  }
  return axis;
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif

// The weighted sum of `taps` groups of 16 bytes that are `step` bytes apart, into 16 bytes.
using SumFn = void (*)(const uint8_t* at, size_t step, const int32_t* weights, size_t taps,
                       uint8_t* out);

void SumPlain(const uint8_t* at, size_t step, const int32_t* weights, size_t taps, uint8_t* out) {
  int32_t sums[kLanes];
  for (size_t i = 0; i < kLanes; ++i) sums[i] = kHalf;
  for (size_t t = 0; t < taps; ++t, at += step) {
    for (size_t i = 0; i < kLanes; ++i) sums[i] += at[i] * weights[t];
  }
  for (size_t i = 0; i < kLanes; ++i) {
    out[i] = static_cast<uint8_t>(std::clamp(sums[i] >> kPrecisionBits, 0, 255));
  }
}

#if defined(__x86_64__)
// Intrinsics: the code that GCC 12 generates for the loops above is four times as slow.
__attribute__((target("avx2"))) void SumAvx2(const uint8_t* at, size_t step, const int32_t* weights,
                                             size_t taps, uint8_t* out) {
  __m256i low = _mm256_set1_epi32(kHalf);
  __m256i high = low;
  for (size_t t = 0; t < taps; ++t, at += step) {
    const __m256i weight = _mm256_set1_epi32(weights[t]);
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m256i first = _mm256_cvtepu8_epi32(bytes);
    const __m256i second = _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8));
    low = _mm256_add_epi32(low, _mm256_mullo_epi32(first, weight));
    high = _mm256_add_epi32(high, _mm256_mullo_epi32(second, weight));
  }
  // The two saturations clamp to 0..255; packs work on 128-bit halves, hence the permutation.
  const __m256i words = _mm256_packs_epi32(_mm256_srai_epi32(low, kPrecisionBits),
                                           _mm256_srai_epi32(high, kPrecisionBits));
  const __m256i ordered = _mm256_permute4x64_epi64(words, 0xd8);
  _mm_storeu_si128(
      reinterpret_cast<__m128i*>(out),
      _mm_packus_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1)));
}
#endif

SumFn ChooseSum() {
#if defined(__x86_64__)
  if (Cpu().avx2_fma) return SumAvx2;
#endif
  return SumPlain;
}

// `columns` has four rows at once: 16 bytes per column, R, G, B and a spare byte of each row.
void Horizontal(SumFn sum, const uint8_t* rgb, size_t width, size_t rows, const Axis& axis,
                uint8_t* columns, uint8_t* out) {
  const size_t kept = axis.start.size();
  for (size_t y = 0; y < rows; y += 4) {
    const size_t group = std::min<size_t>(4, rows - y);
    for (size_t row = 0; row < group; ++row) {
      const uint8_t* from = rgb + (y + row) * width * 3;
      uint8_t* to = columns + row * 4;
      // Copies four bytes per pixel, except for the last one, which may end the picture.
      for (size_t x = 0; x + 1 < width; ++x) std::memcpy(to + x * kLanes, from + x * 3, 4);
      std::memcpy(to + (width - 1) * kLanes, from + (width - 1) * 3, 3);
    }
    for (size_t x = 0; x < kept; ++x) {
      uint8_t pixels[kLanes];
      sum(columns + axis.start[x] * kLanes, kLanes, axis.weights_of(x), axis.taps[x], pixels);
      for (size_t row = 0; row < group; ++row) {
        std::memcpy(out + ((y + row) * kept + x) * 3, pixels + row * 4, 3);
      }
    }
  }
}

// Reads up to 15 bytes beyond the end of `rows`, which begin with the first needed one.
void Vertical(SumFn sum, const uint8_t* rows, size_t line, const Axis& axis, uint8_t* out) {
  for (size_t y = 0; y < axis.start.size(); ++y) {
    const uint8_t* from = rows + (axis.start[y] - axis.first()) * line;
    for (size_t x = 0; x < line; x += kLanes) {
      uint8_t bytes[kLanes];
      sum(from + x, line, axis.weights_of(y), axis.taps[y], bytes);
      std::memcpy(out + y * line + x, bytes, std::min(kLanes, line - x));
    }
  }
}

bool SideFits(size_t input, size_t resized, size_t first, size_t kept) {
  return input >= 1 && input <= kMaxPictureSide && resized >= 1 && resized <= kMaxResizedSide &&
         kept >= 1 && kept <= kMaxKeptSide && first <= resized && kept <= resized - first;
}

}  // namespace

Status ResizeRgb(const ResizePlan& plan, const uint8_t* rgb, uint8_t* out) {
  if (!SideFits(plan.width, plan.resized_width, plan.left, plan.kept_width) ||
      !SideFits(plan.height, plan.resized_height, plan.top, plan.kept_height)) {
    return Status(StatusCode::kInvalidRange, "a picture cannot be resized so: sides are 1 to " +
                                                 std::to_string(kMaxPictureSide) +
                                                 ", kept are 1 to " + std::to_string(kMaxKeptSide) +
                                                 " pixels inside the resized picture");
  }
  const Axis across =
      MakeAxis(plan.width, plan.resized_width, plan.left, plan.kept_width, plan.filter);
  const Axis down =
      MakeAxis(plan.height, plan.resized_height, plan.top, plan.kept_height, plan.filter);
  const size_t line = plan.kept_width * 3;
  const size_t rows = down.end() - down.first();
  std::vector<uint8_t> columns(plan.width * kLanes);
  std::vector<uint8_t> middle(rows * line + kLanes);
  const SumFn sum = ChooseSum();
  const uint8_t* needed = rgb + down.first() * plan.width * 3;
  Horizontal(sum, needed, plan.width, rows, across, columns.data(), middle.data());
  Vertical(sum, middle.data(), line, down, out);
  return Status::Ok();
}

}  // namespace sightline
