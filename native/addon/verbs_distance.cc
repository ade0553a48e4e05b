// Distances of single pairs of vectors, for SQL (lib/sql).
#include <cmath>
#include <limits>

#include "addon/arguments.h"
#include "addon/verbs.h"
#include "kernels/kernels.h"

namespace sightline::addon {
namespace {

// 1 - a.b / (|a||b|); NaN for a vector of length zero, which has no direction.
double CosineDistance(const KernelTable& kernels, const float* a, const float* b, size_t dim) {
  const double ab = kernels.dot(a, b, dim);
  const double aa = kernels.dot(a, a, dim);
  const double bb = kernels.dot(b, b, dim);
  if (!(aa > 0) || !(bb > 0)) return std::numeric_limits<double>::quiet_NaN();
  const double cosine = ab / std::sqrt(aa * bb);
  return 1.0 - std::fmax(-1.0, std::fmin(1.0, cosine));
}

}  // namespace

// pairDistance(a, b, metric): number. Bytes of float32, little-endian, any alignment. dot gives the
// product itself, not its negative.
Napi::Value PairDistance(const Napi::CallbackInfo& info) {
  const Span<const uint8_t> a = Uint8sAt(info, 0);
  const Span<const uint8_t> b = Uint8sAt(info, 1);
  const auto metric =
      static_cast<Metric>(IntegerAt(info, 2, 0, static_cast<uint64_t>(Metric::kDot)));
  if (a.size != b.size || a.size == 0 || a.size % sizeof(float) != 0) {
    Throw(info.Env(), Status(StatusCode::kInvalidRange, "two vectors must be of the same length"));
  }
  const KernelTable* kernels = nullptr;
  const Status status = ChooseKernels(&kernels);
  if (!status.ok()) Throw(info.Env(), status);
  // The kernels read unaligned memory.
  const auto* left = reinterpret_cast<const float*>(a.data);
  const auto* right = reinterpret_cast<const float*>(b.data);
  const size_t dim = a.size / sizeof(float);
  switch (metric) {
    case Metric::kCosine:
      return Napi::Number::New(info.Env(), CosineDistance(*kernels, left, right, dim));
    case Metric::kEuclidean:
      return Napi::Number::New(
          info.Env(), std::sqrt(static_cast<double>(kernels->squared_l2(left, right, dim))));
    case Metric::kDot:
      return Napi::Number::New(info.Env(), kernels->dot(left, right, dim));
  }
  return info.Env().Undefined();
}

}  // namespace sightline::addon
