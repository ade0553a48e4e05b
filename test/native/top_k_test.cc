#include "core/top_k.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/rng.h"
#include "runner.h"

namespace sightline {
namespace {

std::vector<Neighbor> BySorting(std::vector<Neighbor> all, size_t k, float threshold) {
  std::erase_if(all, [=](const Neighbor& item) { return !(item.distance <= threshold); });
  // Written out: Neighbor's own order is what is under test.
  std::sort(all.begin(), all.end(), [](const Neighbor& a, const Neighbor& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.row < b.row;
  });
  all.resize(std::min(all.size(), k));
  return all;
}

// Few distinct distances, so that most are ties.
std::vector<Neighbor> Random(Rng* rng, size_t n, uint32_t distinct) {
  std::vector<Neighbor> all(n);
  for (size_t i = 0; i < n; ++i) {
    all[i] = {static_cast<float>(rng->Below(distinct)) - 3.0f, static_cast<uint32_t>(i)};
  }
  for (size_t i = n; i > 1; --i) {
    std::swap(all[i - 1], all[rng->Below(static_cast<uint32_t>(i))]);
  }
  return all;
}

SL_TEST(top_k_agrees_with_sorting_for_every_k_and_threshold) {
  Rng rng(11);
  for (size_t n : {0, 1, 2, 7, 100, 1000}) {
    for (size_t k : {0, 1, 2, 10, 99, 100, 1001, 5000}) {
      for (float threshold : {TopK::kNoThreshold, 2.0f, -100.0f}) {
        const std::vector<Neighbor> all = Random(&rng, n, 20);
        TopK top(k, threshold);
        for (const Neighbor& item : all) top.push(item.distance, item.row);
        CHECK(top.TakeSorted() == BySorting(all, k, threshold));
        CHECK_EQ(top.size(), 0u);
      }
    }
  }
}

SL_TEST(top_k_of_parts_merged_is_top_k_of_the_whole) {
  Rng rng(12);
  const std::vector<Neighbor> all = Random(&rng, 500, 9);
  TopK whole(25);
  TopK merged(25);
  for (size_t part = 0; part < 5; ++part) {
    TopK top(25);
    for (size_t i = part * 100; i < part * 100 + 100; ++i) top.push(all[i].distance, all[i].row);
    merged.Merge(top);
  }
  for (const Neighbor& item : all) whole.push(item.distance, item.row);
  CHECK(whole.TakeSorted() == merged.TakeSorted());
}

SL_TEST(top_k_never_keeps_nan_and_orders_infinities) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  TopK top(3);
  CHECK(!top.push(std::nanf(""), 0));
  CHECK(top.push(kInfinity, 1));
  CHECK(top.push(-kInfinity, 2));
  CHECK(top.push(0.0f, 3));
  CHECK(!top.push(std::nanf(""), 4));
  CHECK_EQ(top.worst(), kInfinity);
  CHECK(top.push(1.0f, 5));
  CHECK_EQ(top.worst(), 1.0f);
  uint32_t rows[3];
  float distances[3];
  CHECK_EQ(top.ExtractSorted(rows, distances), 3u);
  CHECK(rows[0] == 2 && rows[1] == 3 && rows[2] == 5);
  CHECK(distances[0] == -kInfinity && distances[1] == 0.0f && distances[2] == 1.0f);
}

SL_TEST(top_k_cleared_is_as_new) {
  TopK top(2, 5.0f);
  CHECK(top.push(1, 1) && top.push(2, 2) && top.full());
  top.clear();
  CHECK(!top.full() && top.size() == 0 && top.worst() == 5.0f);
  CHECK(top.push(5.0f, 9) && !top.push(5.5f, 9));
}

SL_TEST(rng_sequence_is_the_same_everywhere) {
  // Computed once with this code: the sequence is part of what makes builds reproducible.
  Rng rng(42);
  CHECK_EQ(rng.Next(), 1546998764402558742u);
  CHECK_EQ(rng.Next(), 6990951692964543102u);
  // Vigna's published test value of splitmix64: its first output from state 1234567.
  CHECK_EQ(SplitMix64(1234567), 6457827717110365317ull);
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const double unit = rng.Unit();
    CHECK(unit > 0 && unit <= 1);
    sum += unit;
    CHECK(rng.Below(7) < 7);
  }
  CHECK(std::fabs(sum / 10000 - 0.5) < 0.02);
}

}  // namespace
}  // namespace sightline
