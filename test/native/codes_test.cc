// Codes of rows: the rotation, and how far estimates are from the truth.
#include <cmath>
#include <cstdio>
#include <vector>

#include "codes/row_codes.h"
#include "cone.h"
#include "core/rng.h"
#include "runner.h"

namespace sightline {

SL_TEST(codes_rotation_keeps_lengths_and_spreads_one_coordinate) {
  Rng rng(52);
  for (const size_t dim : {1, 3, 64, 100, 512, 784, 1000}) {
    const KernelTable* kernels = nullptr;
    CHECK_OK(ChooseKernels(&kernels));
    const Rotation rotation(kernels, dim, 5);
    std::vector<float> a(rotation.padded(), 0.0f);
    std::vector<float> b(rotation.padded(), 0.0f);
    for (size_t i = 0; i < dim; ++i) a[i] = static_cast<float>(rng.Normal());
    b[dim / 2] = 1.0f;
    const auto dot = [](const std::vector<float>& x, const std::vector<float>& y) {
      double sum = 0;
      for (size_t i = 0; i < x.size(); ++i) sum += static_cast<double>(x[i]) * y[i];
      return sum;
    };
    const double before = dot(a, b);
    const double length = dot(a, a);
    rotation.Apply(a.data());
    rotation.Apply(b.data());
    CHECK(std::fabs(dot(a, b) - before) < 1e-4 * std::sqrt(length));
    CHECK(std::fabs(dot(a, a) - length) < 1e-4 * length);
    CHECK(std::fabs(dot(b, b) - 1.0) < 1e-5);
    if (dim < 64) continue;
    for (const float value : b) CHECK(std::fabs(value) < 0.6f);
  }
}

SL_TEST(codes_estimate_is_unbiased_and_as_exact_as_it_says) {
  const KernelTable* kernels = nullptr;
  CHECK_OK(ChooseKernels(&kernels));
  constexpr size_t kRows = 2000;
  struct Case {
    CodeKind kind;
    Metric metric;
  };
  const Case kCases[] = {
      {CodeKind::kNibbles, Metric::kCosine}, {CodeKind::kNibbles, Metric::kEuclidean},
      {CodeKind::kBytes, Metric::kCosine},   {CodeKind::kBytes, Metric::kEuclidean},
      {CodeKind::kHalves, Metric::kCosine},  {CodeKind::kHalves, Metric::kEuclidean},
  };
  for (const size_t dim : {96, 512}) {
    const std::vector<float> rows = test::ConeRows(kRows, dim, 53);
    const std::vector<float> queries = test::ConeRows(20, dim, 54);
    VectorView view;
    view.base = reinterpret_cast<const unsigned char*>(rows.data());
    view.count = kRows;
    view.dim = dim;
    view.stride = dim * sizeof(float);
    for (const Case& which : kCases) {
      RowCodes codes(which.kind, kernels, which.metric, dim, 9);
      CHECK_OK(codes.Reserve(kRows));
      codes.Centre(view);
      CHECK_OK(codes.Encode(view, 0, kRows, 2));
      QueryCode code;
      std::vector<float> estimates(kRows);
      double sum = 0;
      double squares = 0;
      for (size_t q = 0; q < 20; ++q) {
        const float* query = &queries[q * dim];
        codes.Prepare(query, &code);
        codes.Estimate(&code, nullptr, 0, kRows, estimates.data());
        for (size_t r = 0; r < kRows; ++r) {
          const float exact = which.metric == Metric::kEuclidean
                                  ? kernels->squared_l2(query, view.row(r), dim)
                                  : -kernels->dot(query, view.row(r), dim);
          const double off = (static_cast<double>(estimates[r]) - exact) / code.deviation;
          sum += off;
          squares += off * off;
        }
      }
      const double mean = sum / (20.0 * kRows);
      const double deviation = std::sqrt(squares / (20.0 * kRows));
      std::printf("  dim %zu kind %d: mean %.3f, deviation %.3f of the stated one\n", dim,
                  static_cast<int>(which.kind), mean, deviation);
      CHECK(std::fabs(mean) < 0.15);
      CHECK(deviation > 0.6 && deviation < 1.4);
    }
  }
}

SL_TEST(codes_of_rows_of_any_length_give_finite_estimates) {
  const KernelTable* kernels = nullptr;
  CHECK_OK(ChooseKernels(&kernels));
  constexpr size_t kDim = 70;
  Rng rng(55);
  for (const double size : {0.0, 1e-42, 1e-30, 1.0, 1e17}) {
    std::vector<float> rows(8 * kDim);
    for (float& value : rows) value = static_cast<float>(size * rng.Normal());
    const VectorView view{reinterpret_cast<const unsigned char*>(rows.data()), 8, kDim,
                          kDim * sizeof(float)};
    for (const CodeKind kind : {CodeKind::kNibbles, CodeKind::kBytes, CodeKind::kHalves}) {
      for (const Metric metric : {Metric::kEuclidean, Metric::kDot}) {
        RowCodes codes(kind, kernels, metric, kDim, 9);
        CHECK_OK(codes.Reserve(8));
        codes.Centre(view);
        CHECK_OK(codes.Encode(view, 0, 8, 1));
        QueryCode code;
        codes.Prepare(rows.data(), &code);
        float estimates[8];
        codes.Estimate(&code, nullptr, 0, 8, estimates);
        for (const float estimate : estimates) CHECK(std::isfinite(estimate));
        CHECK(std::isfinite(code.deviation));
      }
    }
  }
}

}  // namespace sightline
