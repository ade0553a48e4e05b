// The composed index under many threads, and in a folder.
#include "index/index.h"

#include <atomic>
#include <cmath>
#include <thread>
#include <vector>

#include "core/rng.h"
#include "runner.h"

namespace sightline {
namespace {

std::vector<float> RandomRows(size_t n, size_t dim, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> rows(n * dim);
  for (float& value : rows) value = static_cast<float>(rng.Normal());
  return rows;
}

IndexParameters Small(Metric metric = Metric::kEuclidean) {
  IndexParameters p;
  p.dim = 16;
  p.m = 8;
  p.ef_construction = 40;
  p.metric = metric;
  return p;
}

Status AddRows(Index* index, size_t n, uint64_t seed, int64_t first_key) {
  std::vector<float> rows = RandomRows(n, index->parameters().dim, seed);
  std::vector<int64_t> keys(n);
  for (size_t i = 0; i < n; ++i) keys[i] = first_key + static_cast<int64_t>(i);
  AddResult result;
  return index->Add(&rows, keys, 2, &result);
}

}  // namespace

// To be run under the thread sanitizer too: every kind of call at once.
SL_TEST(index_with_every_kind_of_call_at_once) {
  const std::string folder = test::TempFolder() + "/index";
  for (const std::string& path : {std::string(), folder}) {
    std::shared_ptr<Index> index;
    CHECK_OK(Index::Create(path, Small(), &index));
    CHECK_OK(AddRows(index.get(), 1500, 1, 0));
    std::atomic<bool> done{false};
    std::atomic<int> wrong{0};
    std::vector<std::thread> readers;
    for (int t = 0; t < 3; ++t) {
      readers.emplace_back([&, t] {
        const std::vector<float> queries = RandomRows(50, 16, 7 + static_cast<uint64_t>(t));
        uint32_t rows[10];
        float distances[10];
        double keys[10];
        const std::vector<unsigned char> filter(400, 0x55);
        for (size_t i = 0; !done; i = (i + 1) % 50) {
          SearchOptions options;
          options.exact = i % 7 == 0;
          if (i % 5 == 0) {
            options.filter = filter.data();
            options.filter_bytes = filter.size();
          }
          size_t found = 0;
          if (!index->Search(&queries[i * 16], options, rows, distances, keys, &found).ok())
            ++wrong;
          if (found != 10) ++wrong;
          for (size_t j = 1; j < found; ++j) wrong += distances[j] < distances[j - 1];
          float row[16];
          uint32_t own = kNoRow;
          const int64_t key = 3;
          // The rollback may have taken the row away since the search.
          const StatusCode copied = index->CopyRows(rows, 1, row).code();
          if (copied != StatusCode::kOk && copied != StatusCode::kInvalidRange) ++wrong;
          if (!index->RowsOf(&key, 1, &own).ok()) ++wrong;
          IndexStats stats;
          if (i == 3 && !index->Stats(&stats).ok()) ++wrong;
        }
      });
    }
    for (uint64_t round = 0; round < 6; ++round) {
      const int64_t key = 10000 + static_cast<int64_t>(round) * 1000;
      if (!AddRows(index.get(), 200, 20 + round, key).ok()) ++wrong;
      uint64_t removed = 0;
      if (!index->Remove({key, key + 1, key + 1, -1}, &removed).ok() || removed != 2) ++wrong;
      if (round == 3 && !index->Rollback(index->count() - 50, 2).ok()) ++wrong;
      if (!index->Save().ok()) ++wrong;
    }
    done = true;
    for (std::thread& reader : readers) reader.join();
    CHECK_EQ(wrong.load(), 0);
    std::vector<std::string> problems;
    uint64_t rows = 0;
    CHECK_OK(index->Verify(&problems, &rows));
    CHECK(problems.empty());
    CHECK_EQ(rows, 1500u + 6 * 200 - 50);
    CHECK_EQ(index->live_count(), rows - 12);
    index->Close();
    index->Close();
    float value = 0;
    CHECK(index->CopyRows(nullptr, 0, &value).code() == StatusCode::kClosed);
  }
}

SL_TEST(index_rolled_back_while_readers_never_pause) {
  std::shared_ptr<Index> index;
  CHECK_OK(Index::Create("", Small(), &index));
  CHECK_OK(AddRows(index.get(), 1200, 1, 0));
  std::atomic<int> ended{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int t = 0; t < 6; ++t) {
    readers.emplace_back([&] {
      const std::vector<float> query = RandomRows(1, 16, 9);
      uint32_t rows[10];
      float distances[10];
      double keys[10];
      size_t found = 0;
      SearchOptions options;
      options.exact = true;
      // An end of its own: a rollback that never gets its turn must fail the test, not hang it.
      for (int i = 0; i < 20000 && !done; ++i) {
        if (!index->Search(query.data(), options, rows, distances, keys, &found).ok()) break;
      }
      ended += !done;
    });
  }
  Status status;
  for (uint64_t i = 1; i <= 5 && status.ok(); ++i) status = index->Rollback(1200 - i, 1);
  const int too_late = ended;
  done = true;
  for (std::thread& reader : readers) reader.join();
  CHECK_OK(status);
  CHECK_EQ(too_late, 0);
}

// A rollback that cuts an extent records what is left of it; later appends must not spoil that.
SL_TEST(index_rolled_back_into_the_middle_of_an_extent_stays_verifiable) {
  const std::string folder = test::TempFolder() + "/index";
  for (const uint64_t keep : {599u, 513u, 512u, 257u, 1u, 0u}) {
    const std::string path = folder + std::to_string(keep);
    {
      std::shared_ptr<Index> index;
      CHECK_OK(Index::Create(path, Small(), &index));
      CHECK_OK(AddRows(index.get(), 300, 1, 0));
      CHECK_OK(AddRows(index.get(), 300, 2, 1000));
      CHECK_OK(index->Rollback(keep, 2));
      CHECK_OK(AddRows(index.get(), 100, 3, 5000));
    }
    OpenOptions options;
    options.path = path;
    std::shared_ptr<Index> index;
    CHECK_OK(Index::Open(options, &index));
    CHECK_EQ(index->count(), keep + 100);
    std::vector<std::string> problems;
    uint64_t rows = 0;
    CHECK_OK(index->Verify(&problems, &rows));
    CHECK(problems.empty());
    std::vector<float> all((keep + 100) * 16);
    std::vector<uint32_t> numbers(keep + 100);
    for (uint32_t i = 0; i < numbers.size(); ++i) numbers[i] = i;
    CHECK_OK(index->CopyRows(numbers.data(), numbers.size(), all.data()));
    const std::vector<float> first = RandomRows(300, 16, 1);
    const std::vector<float> last = RandomRows(100, 16, 3);
    for (size_t i = 0; i < std::min<size_t>(keep, 300) * 16; ++i) CHECK(all[i] == first[i]);
    for (size_t i = 0; i < last.size(); ++i) CHECK(all[keep * 16 + i] == last[i]);
  }
}

SL_TEST(index_refuses_extreme_vectors_and_survives_the_widest_ones) {
  for (const Metric metric : {Metric::kCosine, Metric::kEuclidean, Metric::kDot}) {
    std::shared_ptr<Index> index;
    CHECK_OK(Index::Create("", Small(metric), &index));
    const auto add = [&](float value) {
      std::vector<float> row(16, value);
      AddResult result;
      return index->Add(&row, {}, 1, &result).code();
    };
    const bool cosine = metric == Metric::kCosine;
    CHECK(add(NAN) == StatusCode::kVectorInvalid);
    CHECK(add(INFINITY) == StatusCode::kVectorInvalid);
    CHECK((add(3e38f) == StatusCode::kOk) == cosine);
    CHECK((add(0) == StatusCode::kOk) != cosine);
    CHECK(add(1e-45f) == StatusCode::kOk);
    CHECK(add(-2e18f) == StatusCode::kOk);
    SearchOptions options;
    uint32_t rows[10];
    float distances[10];
    double keys[10];
    size_t found = 0;
    const std::vector<float> query(16, 2e18f);
    CHECK_OK(index->Search(query.data(), options, rows, distances, keys, &found));
    CHECK_EQ(found, 3u);
    for (size_t i = 0; i < found; ++i) CHECK(std::isfinite(distances[i]));
  }
}

SL_TEST(index_compacted_goes_on_with_the_codes_of_the_index_beside_it) {
  IndexParameters parameters = Small();
  parameters.m = 4;
  parameters.ef_construction = 10;
  std::shared_ptr<Index> old;
  std::shared_ptr<Index> beside;
  std::shared_ptr<Index> index;
  CHECK_OK(Index::Create(test::TempFolder() + "/index", parameters, &old, Storage::kInt4));
  CHECK_OK(AddRows(old.get(), 4200, 1, 0));
  CHECK_OK(old->CreateBeside(&beside));
  for (uint64_t row = 0; row < old->count();) CHECK_OK(old->CopyLive(row, 2, beside.get(), &row));
  CHECK_OK(old->Adopt(beside.get(), &index));
  old.reset();
  beside.reset();
  CHECK_EQ(index->uncoded(), 0u);
  CHECK_OK(AddRows(index.get(), 4 * 4200, 2, 10000));
  CHECK_EQ(index->uncoded(), 0u);
}

}  // namespace sightline
