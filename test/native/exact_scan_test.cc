#include "exact/exact_scan.h"

#include <algorithm>
#include <cmath>
#include <thread>
#include <vector>

#include "core/rng.h"
#include "runner.h"

namespace sightline {
namespace {

struct Data {
  std::vector<float> values;
  std::vector<float> inverse_norms;
  std::vector<float> query;
  VectorView view;
};

// Rows repeat, so that equal distances are common.
Data Make(size_t count, size_t dim, uint64_t seed) {
  Rng rng(seed);
  Data data;
  data.values.resize(count * dim);
  data.query.resize(dim);
  for (float& value : data.query) value = static_cast<float>(rng.Normal());
  for (size_t row = 0; row < count; ++row) {
    float* to = data.values.data() + row * dim;
    if (row > 0 && rng.Below(3) == 0) {
      std::copy_n(data.values.data() + rng.Below(static_cast<uint32_t>(row)) * dim, dim, to);
    } else {
      for (size_t i = 0; i < dim; ++i) to[i] = static_cast<float>(rng.Normal());
    }
  }
  for (size_t row = 0; row < count; ++row) {
    double norm = 0;
    for (size_t i = 0; i < dim; ++i) {
      norm += static_cast<double>(data.values[row * dim + i]) * data.values[row * dim + i];
    }
    data.inverse_norms.push_back(static_cast<float>(1 / std::sqrt(norm)));
  }
  data.view = {reinterpret_cast<const unsigned char*>(data.values.data()), count, dim, dim * 4};
  return data;
}

const KernelTable& Table() {
  const KernelTable* table = nullptr;
  if (!ChooseKernels(&table).ok()) std::abort();
  return *table;
}

// One row at a time, everything sorted.
std::vector<Neighbor> Naive(const Data& data, Metric metric, const uint64_t* allowed, size_t k) {
  std::vector<Neighbor> all;
  for (size_t row = 0; row < data.view.count; ++row) {
    if (allowed != nullptr && ((allowed[row / 64] >> (row % 64)) & 1) == 0) continue;
    const float* values = data.view.row(row);
    float distance;
    if (metric == Metric::kEuclidean) {
      distance = Table().squared_l2(data.query.data(), values, data.view.dim);
    } else {
      distance = Table().dot(data.query.data(), values, data.view.dim);
      if (metric == Metric::kCosine) distance *= data.inverse_norms[row];
      distance = -distance;
    }
    all.push_back({distance, static_cast<uint32_t>(row)});
  }
  std::sort(all.begin(), all.end());
  all.resize(std::min(all.size(), k));
  return all;
}

const float* NormsFor(const Data& data, Metric metric) {
  return metric == Metric::kCosine ? data.inverse_norms.data() : nullptr;
}

constexpr Metric kMetrics[] = {Metric::kCosine, Metric::kEuclidean, Metric::kDot};

SL_TEST(exact_scan_agrees_with_the_naive_scan) {
  for (size_t count : {0, 1, 3, 64, 1023, 1024, 1025, 2500}) {
    const Data data = Make(count, 19, 41 + count);
    for (const Metric metric : kMetrics) {
      for (size_t k : {1, 10, 3000}) {
        TopK top(k);
        ExactScan(Table(), metric, data.view, NormsFor(data, metric), data.query.data(), nullptr,
                  &top);
        CHECK(top.TakeSorted() == Naive(data, metric, nullptr, k));
      }
    }
  }
}

SL_TEST(exact_scan_with_a_bitset_returns_the_best_allowed_rows_at_every_selectivity) {
  Rng rng(42);
  for (size_t count : {1, 63, 64, 65, 1500}) {
    const Data data = Make(count, 12, 43);
    for (const double share : {0.0, 0.01, 0.5, 1.0}) {
      // Bits beyond the last row are set: they must not be looked at.
      std::vector<uint64_t> allowed((count + 63) / 64, 0);
      for (size_t row = 0; row < allowed.size() * 64; ++row) {
        if (row >= count || rng.Unit() <= share) allowed[row / 64] |= uint64_t{1} << (row % 64);
      }
      for (const Metric metric : kMetrics) {
        TopK top(10);
        ExactScan(Table(), metric, data.view, NormsFor(data, metric), data.query.data(),
                  allowed.data(), &top);
        CHECK(top.TakeSorted() == Naive(data, metric, allowed.data(), 10));
      }
    }
  }
}

SL_TEST(exact_scan_split_over_threads_gives_the_same_bits_as_one) {
  const Data data = Make(3001, 24, 44);
  const uint64_t* const all = nullptr;
  std::vector<uint64_t> most((data.view.count + 63) / 64, ~uint64_t{0});
  most[3] = 0x5555555555555555ull;
  for (const uint64_t* allowed : {all, static_cast<const uint64_t*>(most.data())}) {
    for (const size_t cut : {0, 1, 63, 64, 65, 777, 1024, 3000, 3001}) {
      // All rows are kept, so that one counted twice or not at all shows.
      TopK parts[2] = {TopK(4000), TopK(4000)};
      const size_t edges[3] = {0, cut, data.view.count};
      std::thread threads[2];
      for (int i = 0; i < 2; ++i) {
        threads[i] = std::thread([&, i] {
          ExactScanRange(Table(), Metric::kCosine, data.view, edges[i], edges[i + 1],
                         data.inverse_norms.data(), data.query.data(), allowed, &parts[i]);
        });
      }
      for (std::thread& thread : threads) thread.join();
      parts[0].Merge(parts[1]);
      CHECK(parts[0].TakeSorted() == Naive(data, Metric::kCosine, allowed, 4000));
    }
  }
}

SL_TEST(exact_scan_respects_the_threshold) {
  const Data data = Make(500, 8, 45);
  const std::vector<Neighbor> all = Naive(data, Metric::kEuclidean, nullptr, 500);
  const float threshold = all[30].distance;
  TopK top(500, threshold);
  ExactScan(Table(), Metric::kEuclidean, data.view, nullptr, data.query.data(), nullptr, &top);
  const std::vector<Neighbor> kept = top.TakeSorted();
  CHECK(kept.size() >= 31 && kept.size() < 500);
  CHECK(std::equal(kept.begin(), kept.end(), all.begin()));
  CHECK(all[kept.size()].distance > threshold);
}

}  // namespace
}  // namespace sightline
