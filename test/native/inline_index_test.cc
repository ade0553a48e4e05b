// An index that walks on inline codes: what it finds, and under many threads.
#include <atomic>
#include <cmath>
#include <cstdio>
#include <thread>
#include <vector>

#include "core/epoch.h"
#include "core/rng.h"
#include "index/index.h"
#include "runner.h"

namespace sightline {
namespace {

constexpr size_t kDim = 96;
constexpr size_t kRank = 10;

// Rows of few directions, which codes suit: of independent values the index finds that they do not,
// now and then, and walks on rows.
std::vector<float> RandomRows(size_t n, uint64_t seed) {
  Rng directions(5);
  std::vector<float> basis(kRank * kDim);
  for (float& value : basis) value = static_cast<float>(directions.Normal());
  Rng rng(seed);
  std::vector<float> rows(n * kDim);
  for (size_t row = 0; row < n; ++row) {
    for (size_t along = 0; along < kRank; ++along) {
      const auto length = static_cast<float>(rng.Normal());
      for (size_t i = 0; i < kDim; ++i) rows[row * kDim + i] += length * basis[along * kDim + i];
    }
    for (size_t i = 0; i < kDim; ++i) {
      rows[row * kDim + i] += 0.1f * static_cast<float>(rng.Normal());
    }
  }
  return rows;
}

Status MakeInline(const std::string& path, std::shared_ptr<Index>* out, uint32_t m = 8) {
  IndexParameters p;
  p.dim = kDim;
  p.m = m;
  p.ef_construction = 60;
  p.metric = Metric::kEuclidean;
  return Index::Create(path, p, out, Storage::kInline);
}

Status AddRows(Index* index, size_t n, uint64_t seed, int64_t first_key) {
  std::vector<float> rows = RandomRows(n, seed);
  std::vector<int64_t> keys(n);
  for (size_t i = 0; i < n; ++i) keys[i] = first_key + static_cast<int64_t>(i);
  AddResult result;
  return index->Add(&rows, keys, 2, &result);
}

Status CodeAll(Index* index) {
  for (uint64_t at = 0; at < index->count();) {
    SL_RETURN_IF_ERROR(index->Code(at, 2, &at));
  }
  return Status::Ok();
}

}  // namespace

SL_TEST(a_walk_on_link_codes_finds_what_a_scan_finds_with_exact_distances) {
  size_t on_codes = 0;
  for (const uint32_t m : {4u, 8u, 16u, 40u}) {
    std::shared_ptr<Index> index;
    CHECK_OK(MakeInline("", &index, m));
    CHECK_OK(AddRows(index.get(), 5000, 1, 0));
    CHECK_EQ(index->uncoded(), uint64_t{5000});
    CHECK_OK(CodeAll(index.get()));
    CHECK_EQ(index->uncoded(), uint64_t{0});
    IndexStats stats;
    CHECK_OK(index->Stats(&stats));
    on_codes += stats.walks_on_codes;
    const std::vector<float> queries = RandomRows(100, 99);
    size_t hits = 0;
    for (size_t q = 0; q < 100; ++q) {
      SearchOptions options;
      options.ef = 200;
      uint32_t found[2][10];
      float distances[2][10];
      double keys[10];
      size_t count = 0;
      CHECK_OK(index->Search(&queries[q * kDim], options, found[0], distances[0], keys, &count));
      CHECK_EQ(count, size_t{10});
      options.exact = true;
      CHECK_OK(index->Search(&queries[q * kDim], options, found[1], distances[1], keys, &count));
      for (size_t i = 0; i < 10; ++i) {
        for (size_t j = 0; j < 10; ++j) {
          if (found[0][i] != found[1][j]) continue;
          ++hits;
          CHECK_EQ(distances[0][i], distances[1][j]);
        }
      }
    }
    CHECK(hits >= (m < 8 ? 800u : 900u));
  }
  std::printf("  on codes: %zu of 4\n", on_codes);
  CHECK(on_codes >= 3);
}

SL_TEST(nodes_whose_links_change_are_found_before_they_are_coded_again) {
  std::shared_ptr<Index> index;
  CHECK_OK(MakeInline("", &index));
  CHECK_OK(AddRows(index.get(), 4000, 1, 0));
  CHECK_OK(CodeAll(index.get()));
  CHECK_OK(AddRows(index.get(), 200, 2, 4000));
  CHECK(index->uncoded() > 200);
  IndexStats stats;
  CHECK_OK(index->Stats(&stats));
  CHECK(stats.walks_on_codes);
  const std::vector<float> added = RandomRows(200, 2);
  size_t found_themselves = 0;
  for (size_t i = 0; i < 200; ++i) {
    SearchOptions options;
    options.k = 1;
    options.ef = 100;
    uint32_t row = 0;
    float distance = 0;
    double key = 0;
    size_t count = 0;
    CHECK_OK(index->Search(&added[i * kDim], options, &row, &distance, &key, &count));
    found_themselves += count == 1 && row == 4000 + i;
  }
  CHECK(found_themselves >= 198);
  // Rolling back takes the nodes away and the codes of those that linked to them.
  CHECK_OK(index->Rollback(4000, 2));
  CHECK(index->uncoded() > 0);
  CHECK_OK(CodeAll(index.get()));
  CHECK_EQ(index->uncoded(), uint64_t{0});
  // More than a tenth: a new graph, so that no code is left.
  CHECK_OK(index->Rollback(3000, 2));
  CHECK_EQ(index->uncoded(), uint64_t{3000});
}

// To be run under the thread sanitizer too.
SL_TEST(link_codes_are_rewritten_beside_readers_and_writers) {
  std::shared_ptr<Index> index;
  CHECK_OK(MakeInline("", &index));
  CHECK_OK(AddRows(index.get(), 3000, 1, 0));
  CHECK_OK(CodeAll(index.get()));
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      const std::vector<float> queries = RandomRows(50, 7 + static_cast<uint64_t>(t));
      for (size_t i = 0; !done; i = (i + 1) % 50) {
        SearchOptions options;
        uint32_t rows[10];
        float distances[10];
        double keys[10];
        size_t found = 0;
        if (!index->Search(&queries[i * kDim], options, rows, distances, keys, &found).ok()) {
          ++wrong;
        }
        if (found != 10) ++wrong;
        for (size_t j = 1; j < found; ++j) wrong += distances[j] < distances[j - 1];
      }
    });
  }
  threads.emplace_back([&] {
    while (!done) {
      if (!CodeAll(index.get()).ok()) ++wrong;
    }
  });
  for (int64_t i = 0; i < 20; ++i) {
    if (!AddRows(index.get(), 100, 10 + static_cast<uint64_t>(i), 3000 + 100 * i).ok()) ++wrong;
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(wrong.load(), 0);
  CHECK_OK(CodeAll(index.get()));
  CHECK_EQ(index->uncoded(), uint64_t{0});
}

SL_TEST(a_grace_period_waits_for_those_inside_and_for_nobody_else) {
  Epoch grace;
  grace.Wait();
  std::atomic<int> step{0};
  std::thread reader([&] {
    const Epoch::Guard reading(&grace);
    step = 1;
    while (step != 2) std::this_thread::yield();
    step = 3;
  });
  while (step != 1) std::this_thread::yield();
  std::atomic<bool> waited{false};
  std::thread writer([&] {
    grace.Wait();
    waited = true;
  });
  // Comes later and leaves at once, whatever the writer waits for.
  { const Epoch::Guard later(&grace); }
  CHECK(!waited);
  step = 2;
  writer.join();
  reader.join();
  CHECK_EQ(step.load(), 3);
}

}  // namespace sightline
