// Inline codes: kernels against scalar and against the end of memory, the rotation, and how
// far estimates are from the truth.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "codes/inline_codes.h"
#include "core/rng.h"
#include "guarded.h"
#include "runner.h"

namespace sightline {
namespace {

const KernelTable* Kernels() {
  const KernelTable* kernels = nullptr;
  (void)ChooseKernels(&kernels);
  return kernels;
}

std::vector<float> Normals(size_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(rng.Normal());
  return values;
}

}  // namespace

SL_TEST(link_codes_of_every_length_agree_with_scalar_and_stay_in_bounds) {
  const InlineCodeKernels& kernels = *Kernels()->inline_codes;
  test::Guarded entries(16 * 280);
  test::Guarded values(16 * 280);
  test::Guarded rows(sizeof(InlineBlock) + 16 * 280);
  test::Guarded floats(16 * 280);
  test::Guarded zeros(16 * 280);
  test::Guarded halves(8 * 280);
  for (size_t groups = 2; groups <= 280; groups += 2) {
    const std::vector<float> query = Normals(4 * groups, groups);
    float* q = values.Floats(4 * groups);
    std::copy(query.begin(), query.end(), q);
    unsigned char* table_bytes = entries.Tail(16 * groups);
    float scale = 0;
    float bias = 0;
    kernels.fill_table(q, groups, table_bytes, &scale, &bias);
    unsigned char* at = rows.Tail(sizeof(InlineBlock) + 16 * groups);
    std::memset(at, 0, sizeof(InlineBlock) + 16 * groups);
    InlineBlock& block = *reinterpret_cast<InlineBlock*>(at);
    std::vector<std::vector<float>> lanes;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      lanes.push_back(Normals(4 * groups, 1000 * groups + lane));
      std::copy(lanes[lane].begin(), lanes[lane].end(), floats.Floats(4 * groups));
      uint16_t* to = reinterpret_cast<uint16_t*>(halves.Tail(8 * groups));
      kernels.halve(floats.Floats(4 * groups), 4 * groups, to);
      // From nowhere: the difference is the vector itself.
      std::fill_n(zeros.Floats(4 * groups), 4 * groups, 0.0f);
      DifferenceSums sums;
      kernels.encode(to, zeros.Floats(4 * groups), q, groups, lane, block.codes(), &sums);
      double along = 0;
      for (size_t i = 0; i < query.size(); ++i) along += lanes[lane][i] * query[i];
      CHECK(std::fabs(sums.along - along) < 0.02 * std::sqrt(16.0 * groups));
      block.slope[lane] = 255;
    }
    block.slope_step = 1.0f / 255;
    float total = 0;
    for (const float value : query) total += value;
    float got[kLanes];
    kernels.price({table_bytes, groups, scale, bias}, total, block, 0, 0, FetchAhead{}, got);
    for (size_t lane = 0; lane < kLanes; ++lane) {
      double exact = 0;
      double widest = 0;
      for (size_t i = 0; i < query.size(); ++i) {
        exact += lanes[lane][i] >= 0 ? query[i] : -query[i];
        widest = std::max<double>(widest, std::fabs(query[i]));
      }
      // Each entry is off by half a unit of at most 4 * widest / 63; 10 deviations of their sum.
      const double bound =
          10 * 2 * 4 * widest / 63 * 0.29 * std::sqrt(static_cast<double>(groups)) + 1e-4;
      CHECK(std::fabs(-got[lane] - exact) <= bound);
    }
  }
}

SL_TEST(a_rotation_keeps_lengths_and_spreads_one_coordinate) {
  for (const size_t dim : {3, 8, 64, 100, 512, 520, 784, 1000}) {
    const Rotation rotation(Kernels(), dim, 42, 8);
    std::vector<float> values(rotation.padded(), 0.0f);
    values[dim / 2] = 3.0f;
    rotation.Apply(values.data());
    double length = 0;
    float largest = 0;
    for (const float value : values) {
      length += static_cast<double>(value) * value;
      largest = std::max(largest, std::fabs(value));
    }
    CHECK(std::fabs(length - 9.0) < 1e-3);
    // Evenly it would be 3 / sqrt(dim) everywhere.
    if (dim >= 64) CHECK(largest < 12.0f / std::sqrt(static_cast<float>(dim)));
  }
}

// The figure of inline_codes.h: off by 0.75 |q - x| |y - x| / sqrt(dim), and not to one side.
SL_TEST(estimates_from_link_codes_are_unbiased_and_as_near_as_promised) {
  constexpr size_t kDim = 256;
  constexpr size_t kNeighbors = 32;
  constexpr size_t kNodes = 40;
  for (const Metric metric : {Metric::kCosine, Metric::kEuclidean, Metric::kDot}) {
    std::vector<float> data = Normals((kNodes + 1) * kDim, 7);
    // One coordinate far from the rest, as CLIP has it.
    for (size_t row = 0; row <= kNodes; ++row) data[row * kDim + 9] += 20;
    VectorView view;
    view.base = reinterpret_cast<const unsigned char*>(data.data());
    view.count = kNodes;
    view.dim = kDim;
    view.stride = kDim * sizeof(float);
    InlineCodes rows(Kernels(), metric, kDim, kNeighbors, 42);
    CHECK_OK(rows.Reserve(kNodes));
    CHECK_OK(rows.GrowMarks(kNodes));
    CHECK_OK(rows.Grow(kNodes));
    rows.Centre(view);
    InlineCodes::Scratch scratch;
    const auto neighbor = [](size_t node, size_t lane) {
      return static_cast<uint32_t>((node + 1 + lane) % kNodes);
    };
    CHECK(!rows.Current(0));
    for (uint32_t node = 0; node < kNodes; ++node) {
      uint32_t ids[kNeighbors];
      for (size_t lane = 0; lane < kNeighbors; ++lane) ids[lane] = neighbor(node, lane);
      rows.Encode(view, nullptr, node, ids, kNeighbors, &scratch);
      rows.SetCurrent(node);
    }
    CHECK_EQ(rows.CountCurrent(kNodes), uint64_t{kNodes});
    const KernelTable& kernels = *Kernels();
    const bool euclidean = metric == Metric::kEuclidean;
    double sum = 0;
    double squares = 0;
    size_t count = 0;
    for (size_t q = 0; q < 50; ++q) {
      std::vector<float> query = Normals(kDim, 100 + q);
      query[9] += 20;
      InlineQuery prepared;
      rows.Prepare(query.data(), &prepared);
      const auto distance = [&](const float* row) {
        return euclidean ? kernels.squared_l2(query.data(), row, kDim)
                         : -kernels.dot(query.data(), row, kDim);
      };
      for (uint32_t node = 0; node < kNodes; ++node) {
        const float* x = view.row(node);
        float got[kLanes];
        rows.kernels().price(prepared.table, prepared.total, rows.Block(node, 0), distance(x), 0,
                             FetchAhead{}, got);
        for (size_t lane = 0; lane < kNeighbors; ++lane) {
          const float* y = view.row(neighbor(node, lane));
          const double from = std::sqrt(kernels.squared_l2(query.data(), x, kDim));
          const double step = std::sqrt(kernels.squared_l2(y, x, kDim));
          const double unit = (euclidean ? 2 : 1) * from * step / std::sqrt(kDim);
          const double error = (got[lane] - distance(y)) / unit;
          sum += error;
          squares += error * error;
          ++count;
        }
      }
    }
    const double mean = sum / static_cast<double>(count);
    const double deviation = std::sqrt(squares / static_cast<double>(count));
    CHECK(std::fabs(mean) < 0.05);
    CHECK(deviation < 0.9);
    CHECK(deviation > 0.4);
  }
}

SL_TEST(inserting_into_a_list_stays_within_its_slack_and_keeps_it_sorted) {
  const InlineCodeKernels& kernels = *Kernels()->inline_codes;
  test::Guarded distance_memory(1024);
  test::Guarded id_memory(1024);
  for (size_t places = 1; places <= 100; ++places) {
    float* distances = distance_memory.Floats(places + kListSlack);
    uint32_t* ids = reinterpret_cast<uint32_t*>(id_memory.Floats(places + kListSlack));
    std::fill_n(distances, places + kListSlack, std::numeric_limits<float>::infinity());
    Rng rng(places);
    for (uint32_t count = 0; count < places; ++count) {
      const float distance = static_cast<float>(rng.Below(50));
      const size_t at = kernels.insert(distances, ids, count, distance, count);
      CHECK_EQ(ids[at], count);
      CHECK(at == count || distances[at + 1] > distance);
      CHECK(std::is_sorted(distances, distances + count + 1));
    }
    // What was moved behind the last entry came from there.
    for (size_t i = places; i < places + kListSlack; ++i) {
      CHECK(distances[i] == std::numeric_limits<float>::infinity());
    }
  }
}

}  // namespace sightline
