// Portable kernels: the reference the others are checked against at load.
//
// Instructions  the baseline of the architecture (the compiler may use its 4-lane registers).
// Alignment     none assumed: values are copied, which is free where unaligned loads are.
// Tail          element by element into the same lanes.
// Error         eight running sums, each of at most dim / 8 + 1 products: two roundings per term,
//               three for the final tree. Within the bound of kernel_table.h.
#include <string.h>

#include "kernels/tables.h"

namespace sightline {
namespace {

constexpr size_t kLanes = 8;

struct Dot {
  static float Term(float a, float b) { return a * b; }
};
struct SquaredL2 {
  static float Term(float a, float b) { return (a - b) * (a - b); }
};

float Load(const float* from) {
  float value;
  memcpy(&value, from, sizeof(value));
  return value;
}

template <typename Op>
float Pair(const float* a, const float* b, size_t dim) {
  float sums[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= dim; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      sums[lane] += Op::Term(Load(a + i + lane), Load(b + i + lane));
    }
  }
  for (size_t lane = 0; i < dim; ++i, ++lane) sums[lane] += Op::Term(Load(a + i), Load(b + i));
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

template <typename Op>
void Many(const float* query, const unsigned char* base, size_t stride, const uint32_t* rows,
          size_t n, size_t dim, float* out) {
  for (size_t i = 0; i < n; ++i) {
    const size_t row = rows != nullptr ? rows[i] : i;
    out[i] = Pair<Op>(query, reinterpret_cast<const float*>(base + row * stride), dim);
  }
}

}  // namespace

const KernelTable kScalarKernels = {
    "scalar",        Pair<Dot>,           Pair<SquaredL2>,  Many<Dot>,
    Many<SquaredL2>, &kScalarInlineCodes, &kScalarRowCodes, 4};

}  // namespace sightline
