#include "index/vectors.h"

#include <cmath>
#include <string>

namespace sightline {
namespace {

// Below a quarter of the largest float no distance of two vectors can overflow:
// |a - b|^2 <= 2 |a|^2 + 2 |b|^2.
constexpr double kMaxSquaredLength = 8e37;
// Ten times the rounding error of a unit vector of 8192 floats.
constexpr double kUnitTolerance = 1e-6;

// In double, which cannot overflow. Eight sums hide the latency of additions: every search does
// this.
double SquaredLength(const float* v, size_t dim) {
  double sums[8] = {};
  size_t i = 0;
  for (; i + 8 <= dim; i += 8) {
    for (size_t j = 0; j < 8; ++j) sums[j] += static_cast<double>(v[i + j]) * v[i + j];
  }
  for (; i < dim; ++i) sums[0] += static_cast<double>(v[i]) * v[i];
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

}  // namespace

Status CheckVector(const float* vector, const IndexParameters& parameters, const char* name,
                   double* squared_length) {
  const auto invalid = [name](const char* what) {
    return Status(StatusCode::kVectorInvalid, std::string(name) + what);
  };
  // A NaN or an infinity propagates to the sum.
  const double length = SquaredLength(vector, parameters.dim);
  if (squared_length != nullptr) *squared_length = length;
  if (!std::isfinite(length)) return invalid(" holds a value that is not a finite number");
  if (parameters.metric != Metric::kCosine) {
    return length <= kMaxSquaredLength ? Status::Ok() : invalid(" is too long (over 8.9e18)");
  }
  return length > 0 ? Status::Ok() : invalid(" is all zero and has no direction");
}

void Normalise(float* vector, size_t dim, double squared_length) {
  if (std::fabs(squared_length - 1.0) <= kUnitTolerance) return;
  const double scale = 1.0 / std::sqrt(squared_length);
  for (size_t i = 0; i < dim; ++i) vector[i] = static_cast<float>(vector[i] * scale);
}

}  // namespace sightline
