// Every kernel this machine can run, against float64.
#include "kernels/kernels.h"

#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/rng.h"
#include "guarded.h"
#include "runner.h"

namespace sightline {
namespace {

constexpr size_t kMaxDim = 1100;
constexpr size_t kRows = 9;  // two groups of any kernel and a remainder

std::vector<const KernelTable*> Kernels() {
  const KernelTable* const* all;
  const size_t count = AllKernels(&all);
  std::vector<const KernelTable*> supported;
  for (size_t i = 0; i < count; ++i) {
    if (Supported(*all[i])) supported.push_back(all[i]);
  }
  return supported;
}

struct Exact {
  double value;
  double bound;  // of kernel_table.h
};

Exact Reference(bool dot, const float* a, const float* b, size_t dim) {
  double value = 0;
  double terms = 0;
  for (size_t i = 0; i < dim; ++i) {
    const double difference = static_cast<double>(a[i]) - b[i];
    const double term = dot ? static_cast<double>(a[i]) * b[i] : difference * difference;
    value += term;
    terms += std::fabs(term);
  }
  const double count = static_cast<double>(dim);
  return {value, (count / 8 + 16) * 0x1.0p-24 * terms + count * 0x1.0p-149};
}

bool Within(const Exact& exact, float got) {
  return std::fabs(exact.value - static_cast<double>(got)) <= exact.bound;
}

float Value(Rng* rng, double scale) {
  return static_cast<float>(scale * (2.0 * rng->Unit() - 1.0));
}

// Checks one table on one query and `n` rows that end where `rows` + n * stride ends.
// Returns false at the first value out of bounds, or that differs between pair and many.
bool CheckRows(const KernelTable& table, const float* query, const unsigned char* rows,
               size_t stride, const std::vector<uint32_t>& order, size_t dim) {
  for (const bool dot : {true, false}) {
    const PairFn pair = dot ? table.dot : table.squared_l2;
    const ManyFn many = dot ? table.dot_many : table.squared_l2_many;
    std::vector<float> in_order(order.size(), -1.0f);
    std::vector<float> picked(order.size(), -1.0f);
    many(query, rows, stride, nullptr, order.size(), dim, in_order.data());
    many(query, rows, stride, order.data(), order.size(), dim, picked.data());
    for (size_t i = 0; i < order.size(); ++i) {
      const float* row = reinterpret_cast<const float*>(rows + i * stride);
      const float single = pair(query, row, dim);
      const Exact exact = Reference(dot, query, row, dim);
      size_t at = 0;
      while (order[at] != i) ++at;
      if (!Within(exact, single) || single != in_order[i] || single != picked[at]) {
        std::printf("  %s %s dim %zu row %zu: %.9g pair, %.9g many, %.9g picked, %.17g exact\n",
                    table.name, dot ? "dot" : "squared_l2", dim, i, single, in_order[i], picked[at],
                    exact.value);
        return false;
      }
    }
  }
  return true;
}

SL_TEST(kernels_agree_with_float64_at_every_dim_against_a_guard_page) {
  std::printf("  seed 31, kernels:");
  for (const KernelTable* table : Kernels()) std::printf(" %s", table->name);
  std::printf("\n");
  Rng rng(31);
  test::Guarded query_memory(kMaxDim * sizeof(float));
  test::Guarded row_memory(kRows * kMaxDim * sizeof(float));
  const std::vector<uint32_t> order = {3, 0, 8, 1, 7, 2, 6, 5, 4};
  for (size_t dim = 1; dim <= kMaxDim; ++dim) {
    float* query = query_memory.Floats(dim);
    float* rows = row_memory.Floats(dim * kRows);
    for (size_t i = 0; i < dim; ++i) query[i] = Value(&rng, 1);
    for (size_t i = 0; i < dim * kRows; ++i) rows[i] = Value(&rng, 1);
    for (const KernelTable* table : Kernels()) {
      CHECK(CheckRows(*table, query, reinterpret_cast<unsigned char*>(rows), dim * sizeof(float),
                      order, dim));
    }
  }
}

SL_TEST(kernels_take_any_alignment) {
  Rng rng(32);
  test::Guarded query_memory(4096);
  test::Guarded row_memory(8192);
  const std::vector<uint32_t> order = {1, 2, 0};
  for (size_t dim : {1, 5, 16, 33, 64, 65, 200}) {
    for (size_t gap = 0; gap < 64; ++gap) {  // bytes: also addresses that no float should have
      std::vector<float> query(dim);
      std::vector<float> rows(dim * 3);
      for (float& value : query) value = Value(&rng, 1);
      for (float& value : rows) value = Value(&rng, 1);
      unsigned char* query_at = query_memory.Tail(dim * 4, gap);
      unsigned char* rows_at = row_memory.Tail(dim * 12, 63 - gap);
      std::memcpy(query_at, query.data(), dim * 4);
      std::memcpy(rows_at, rows.data(), dim * 12);
      for (const KernelTable* table : Kernels()) {
        for (const bool dot : {true, false}) {
          std::vector<float> aligned(3);
          std::vector<float> shifted(3);
          const ManyFn many = dot ? table->dot_many : table->squared_l2_many;
          many(query.data(), reinterpret_cast<unsigned char*>(rows.data()), dim * 4, order.data(),
               3, dim, aligned.data());
          many(reinterpret_cast<float*>(query_at), rows_at, dim * 4, order.data(), 3, dim,
               shifted.data());
          CHECK(aligned == shifted);
        }
      }
    }
  }
}

SL_TEST(kernels_step_over_the_padding_between_rows) {
  Rng rng(33);
  constexpr size_t kDim = 37;
  constexpr size_t kStride = 192;
  std::vector<unsigned char> memory(kRows * kStride);
  std::vector<float> query(kDim);
  for (float& value : query) value = Value(&rng, 1);
  for (size_t at = 0; at + 4 <= memory.size(); at += 4) {
    // NaN in the padding: one lane too many would show.
    const float value = at % kStride < kDim * 4 ? Value(&rng, 1) : std::nanf("");
    std::memcpy(memory.data() + at, &value, 4);
  }
  for (const KernelTable* table : Kernels()) {
    CHECK(
        CheckRows(*table, query.data(), memory.data(), kStride, {8, 7, 6, 5, 4, 3, 2, 1, 0}, kDim));
  }
}

SL_TEST(kernels_are_within_the_bound_for_tiny_and_huge_values) {
  Rng rng(34);
  for (size_t dim : {1, 7, 64, 100, 512, 1024}) {
    // 1e-22 squared is below the normal range; 1e16 squared times 1024 is close to its end.
    for (double scale : {1e-38, 1e-22, 1e-10, 1e10, 1e16}) {
      std::vector<float> query(dim);
      std::vector<float> rows(dim * 3);
      for (float& value : query) value = Value(&rng, scale);
      for (float& value : rows) value = Value(&rng, scale);
      for (const KernelTable* table : Kernels()) {
        CHECK(CheckRows(*table, query.data(), reinterpret_cast<unsigned char*>(rows.data()),
                        dim * 4, {0, 1, 2}, dim));
      }
    }
  }
}

SL_TEST(kernels_give_zero_for_zero_infinity_for_overflow_and_nan_for_nan) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const KernelTable* table : Kernels()) {
    for (size_t dim : {1, 8, 17, 64, 77, 512}) {
      const std::vector<float> zero(dim, 0.0f);
      const std::vector<float> huge(dim, FLT_MAX);
      CHECK_EQ(table->dot(zero.data(), zero.data(), dim), 0.0f);
      CHECK_EQ(table->squared_l2(huge.data(), huge.data(), dim), 0.0f);
      CHECK_EQ(table->dot(huge.data(), huge.data(), dim), kInfinity);
      CHECK_EQ(table->squared_l2(zero.data(), huge.data(), dim), kInfinity);
      // At every place, so that no lane is forgotten.
      for (size_t at = 0; at < dim; ++at) {
        std::vector<float> nan(dim, 1.0f);
        nan[at] = std::nanf("");
        float many[2];
        const uint32_t rows[] = {0, 0};
        table->dot_many(zero.data(), reinterpret_cast<unsigned char*>(nan.data()), 0, rows, 2, dim,
                        many);
        CHECK(std::isnan(many[0]) && std::isnan(many[1]));
        CHECK(std::isnan(table->dot(nan.data(), zero.data(), dim)));
        CHECK(std::isnan(table->squared_l2(nan.data(), zero.data(), dim)));
        CHECK(std::isnan(table->squared_l2(zero.data(), nan.data(), dim)));
      }
    }
  }
}

SL_TEST(kernels_with_no_rows_touch_nothing) {
  for (const KernelTable* table : Kernels()) {
    table->dot_many(nullptr, nullptr, 0, nullptr, 0, 8, nullptr);
    table->squared_l2_many(nullptr, nullptr, 0, nullptr, 0, 8, nullptr);
  }
}

SL_TEST(every_supported_kernel_can_be_forced_and_passes_its_self_check) {
  CHECK(!Kernels().empty());
  CHECK_EQ(std::string(Kernels().back()->name), "scalar");
  for (const KernelTable* table : Kernels()) {
    CHECK(PassesSelfCheck(*table));
    const KernelTable* chosen = nullptr;
    CHECK_OK(SelectKernels(table->name, &chosen));
    CHECK(chosen == table);
  }
  const KernelTable* best = nullptr;
  CHECK_OK(SelectKernels(nullptr, &best));
  CHECK(best == Kernels().front());
  CHECK_OK(SelectKernels("", &best));
  CHECK(best == Kernels().front());
}

SL_TEST(an_unknown_or_unsupported_kernel_is_an_error_and_not_a_fallback) {
  const KernelTable* chosen = nullptr;
  CHECK_CODE(SelectKernels("sse9", &chosen), StatusCode::kCpuUnsupported);
  CHECK_CODE(SelectKernels("AVX2", &chosen), StatusCode::kCpuUnsupported);
  CHECK(chosen == nullptr);
  const KernelTable* const* all;
  const size_t count = AllKernels(&all);
  for (size_t i = 0; i < count; ++i) {
    if (Supported(*all[i])) continue;
    CHECK_CODE(SelectKernels(all[i]->name, &chosen), StatusCode::kCpuUnsupported);
  }
}

SL_TEST(the_kernel_named_in_the_environment_is_the_one_in_use) {
  const char* forced = std::getenv("SIGHTLINE_KERNEL");
  const KernelTable* chosen = nullptr;
  CHECK_OK(ChooseKernels(&chosen));
  std::printf("  using %s\n", chosen->name);
  CHECK_EQ(std::string(chosen->name), forced == nullptr ? Kernels().front()->name : forced);
}

// A table that is wrong in one tail length only.
float WrongPair(const float* a, const float* b, size_t dim) {
  const KernelTable& scalar = *Kernels().back();
  return scalar.dot(a, b, dim) + (dim == 65 ? 0.01f : 0.0f);
}

SL_TEST(the_self_check_refuses_a_kernel_with_a_wrong_tail) {
  KernelTable wrong = *Kernels().back();
  CHECK(PassesSelfCheck(wrong));
  wrong.dot = WrongPair;
  CHECK(!PassesSelfCheck(wrong));
}

}  // namespace
}  // namespace sightline
