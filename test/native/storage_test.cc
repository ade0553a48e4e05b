// The index in every storage that keeps codes of the rows.
#include <atomic>
#include <cmath>
#include <cstdio>
#include <thread>
#include <vector>

#include "cone.h"
#include "index/index.h"
#include "runner.h"

namespace sightline {
namespace {

using test::ConeRows;

constexpr uint64_t kRowsForCodes = 4096;  // of index/row_coding.cc
constexpr Storage kOnCodes[] = {Storage::kInt4, Storage::kInt8, Storage::kFloat16};

IndexParameters Parameters(size_t dim, Metric metric) {
  IndexParameters p;
  p.dim = static_cast<uint32_t>(dim);
  p.m = 8;
  p.ef_construction = 60;
  p.metric = metric;
  return p;
}

Status AddAll(Index* index, std::vector<float> rows) {
  AddResult result;
  return index->Add(&rows, {}, 2, &result);
}

struct Found {
  uint32_t rows[10];
  float distances[10];
  double keys[10];
  size_t count = 0;
};

Found Ask(const Index& index, const float* query, SearchOptions options = {}) {
  Found found;
  if (!index.Search(query, options, found.rows, found.distances, found.keys, &found.count).ok()) {
    found.count = 0;
  }
  return found;
}

// Share of the exact ten best that the index finds; -1 if a distance is not the exact one.
double Recall(const Index& index, const std::vector<float>& queries, size_t ef) {
  const size_t dim = index.parameters().dim;
  size_t hits = 0;
  for (size_t q = 0; q < queries.size(); q += dim) {
    SearchOptions options;
    options.ef = ef;
    const Found near = Ask(index, &queries[q], options);
    options.exact = true;
    const Found exact = Ask(index, &queries[q], options);
    if (near.count != 10 || exact.count != 10) return -1;
    for (size_t i = 0; i < 10; ++i) {
      for (size_t j = 0; j < 10; ++j) {
        if (near.rows[i] != exact.rows[j]) continue;
        if (near.distances[i] != exact.distances[j]) return -1;
        ++hits;
      }
    }
  }
  return static_cast<double>(hits) / (10.0 * static_cast<double>(queries.size() / dim));
}

bool OnCodes(const Index& index) {
  IndexStats stats;
  return index.Stats(&stats).ok() && stats.walks_on_codes;
}

SL_TEST(storage_on_codes_finds_what_the_rows_find) {
  constexpr size_t kDim = 96;
  constexpr size_t kRows = 6000;
  const std::vector<float> rows = ConeRows(kRows, kDim, 55);
  const std::vector<float> queries = ConeRows(60, kDim, 56);
  const std::vector<float> texts = ConeRows(30, kDim, 57, true);
  for (const Metric metric : {Metric::kCosine, Metric::kEuclidean, Metric::kDot}) {
    std::shared_ptr<Index> on_rows;
    CHECK_OK(Index::Create("", Parameters(kDim, metric), &on_rows));
    CHECK_OK(AddAll(on_rows.get(), rows));
    CHECK(!OnCodes(*on_rows));
    const double plain = Recall(*on_rows, queries, 100);
    for (const Storage storage : kOnCodes) {
      std::shared_ptr<Index> on_codes;
      CHECK_OK(Index::Create("", Parameters(kDim, metric), &on_codes, storage));
      CHECK_OK(AddAll(on_codes.get(), rows));
      CHECK(OnCodes(*on_codes));
      const double coded = Recall(*on_codes, queries, 100);
      const double high = Recall(*on_codes, queries, 1500);
      const double text = Recall(*on_codes, texts, 50);
      std::printf(
          "  storage %u metric %u recall@10: rows %.3f, codes %.3f, ef 1500 %.3f, texts %.3f\n",
          static_cast<unsigned>(storage), static_cast<unsigned>(metric), plain, coded, high, text);
      CHECK(coded > 0.95 && coded > plain - 0.015);
      CHECK(high > 0.998);
      if (metric != Metric::kDot) CHECK(text > 0.98);
    }
  }
}

// docs/adr/0006: 200 pictures 30 times over. Counted by distance, because copies are alike.
SL_TEST(storage_with_many_copies_of_each_picture) {
  constexpr size_t kDim = 64;
  constexpr size_t kPictures = 200;
  const std::vector<float> pictures = ConeRows(kPictures, kDim, 63);
  std::vector<float> rows;
  for (size_t copy = 0; copy < 30; ++copy)
    rows.insert(rows.end(), pictures.begin(), pictures.end());
  const std::vector<float> queries = ConeRows(60, kDim, 64);
  for (const Storage storage :
       {Storage::kFloat32, Storage::kFloat16, Storage::kInt8, Storage::kInt4}) {
    std::shared_ptr<Index> index;
    CHECK_OK(Index::Create("", Parameters(kDim, Metric::kCosine), &index, storage));
    CHECK_OK(AddAll(index.get(), rows));
    CHECK_EQ(OnCodes(*index), storage != Storage::kFloat32);
    size_t near_enough = 0;
    for (size_t q = 0; q < queries.size(); q += kDim) {
      SearchOptions options;
      const Found near = Ask(*index, &queries[q], options);
      options.exact = true;
      const Found exact = Ask(*index, &queries[q], options);
      CHECK_EQ(near.count, size_t{10});
      for (size_t i = 0; i < 10; ++i)
        near_enough += near.distances[i] <= exact.distances[9] + 1e-5f;
    }
    const double recall = static_cast<double>(near_enough) / 600.0;
    std::printf("  storage %u recall@10 %.3f\n", static_cast<unsigned>(storage), recall);
    CHECK(recall > 0.95);
  }
}

SL_TEST(storage_gives_the_same_answers_for_the_same_calls) {
  constexpr size_t kDim = 48;
  const std::vector<float> rows = ConeRows(5000, kDim, 65);
  const std::vector<float> queries = ConeRows(40, kDim, 66);
  const std::vector<float> texts = ConeRows(10, kDim, 67, true);
  for (const Storage storage :
       {Storage::kFloat32, Storage::kFloat16, Storage::kInt8, Storage::kInt4}) {
    std::vector<uint32_t> answers[2];
    for (std::vector<uint32_t>& all : answers) {
      std::shared_ptr<Index> index;
      CHECK_OK(Index::Create("", Parameters(kDim, Metric::kEuclidean), &index, storage));
      std::vector<float> copy = rows;
      AddResult result;
      CHECK_OK(index->Add(&copy, {}, 1, &result));
      for (const std::vector<float>* set : {&queries, &texts}) {
        for (size_t q = 0; q < set->size(); q += kDim) {
          const Found found = Ask(*index, &(*set)[q]);
          all.insert(all.end(), found.rows, found.rows + found.count);
        }
      }
    }
    CHECK(answers[0] == answers[1]);
  }
}

Status MakeCodes(Index* index) {
  for (uint64_t next = 0; next < index->count();) {
    SL_RETURN_IF_ERROR(index->Code(next, 2, &next));
  }
  return Status::Ok();
}

void ThroughItsLife(Storage storage) {
  constexpr size_t kDim = 32;
  constexpr size_t kStep = 3000;
  const std::string folder =
      test::TempFolder() + "/storage" + std::to_string(static_cast<unsigned>(storage));
  const std::vector<float> rows = ConeRows(6 * kStep, kDim, 58);
  std::shared_ptr<Index> index;
  CHECK_OK(Index::Create(folder, Parameters(kDim, Metric::kCosine), &index, Storage::kInt4));
  const auto part = [&](size_t from, size_t to) {
    return std::vector<float>(rows.begin() + static_cast<long>(from * kDim),
                              rows.begin() + static_cast<long>(to * kDim));
  };
  const auto finds_itself = [&](uint32_t row) {
    const Found found = Ask(*index, &rows[row * kDim]);
    return found.count == 10 && found.rows[0] == row;
  };
  // Past the first coding, then past the one with a new centre.
  for (size_t step = 0; step < 6; ++step) {
    CHECK_OK(AddAll(index.get(), part(step * kStep, (step + 1) * kStep)));
    CHECK_EQ(OnCodes(*index), (step + 1) * kStep >= kRowsForCodes);
    size_t missed = 0;
    for (size_t row = 0; row < (step + 1) * kStep; row += 101) {
      missed += !finds_itself(static_cast<uint32_t>(row));
    }
    CHECK(missed <= 2);
  }
  // Removed rows never come back, few or many of them, and filters are kept to.
  std::vector<unsigned char> filter((6 * kStep + 7) / 8, 0);
  for (size_t row = 0; row < 6 * kStep; row += 2) filter[row >> 3] |= 1 << (row & 7);
  for (const size_t every : {10, 3}) {
    std::vector<int64_t> keys_removed;
    for (size_t row = 0; row < 6 * kStep; row += every)
      keys_removed.push_back(static_cast<int64_t>(row));
    uint64_t removed = 0;
    CHECK_OK(index->Remove(keys_removed, &removed));
    for (const bool filtered : {false, true}) {
      SearchOptions options;
      if (filtered) {
        options.filter = filter.data();
        options.filter_bytes = filter.size();
      }
      for (size_t row = 0; row < 6 * kStep; row += 211) {
        const Found found = Ask(*index, &rows[row * kDim], options);
        CHECK_EQ(found.count, size_t{10});
        for (size_t i = 0; i < 10; ++i) {
          CHECK(found.rows[i] % every != 0);
          CHECK(!filtered || found.rows[i] % 2 == 0);
          CHECK(i == 0 || found.distances[i] >= found.distances[i - 1]);
        }
      }
    }
  }
  // Rows that are taken back, and others in their place.
  CHECK_OK(index->Rollback(4 * kStep + 17, 2));
  CHECK_OK(AddAll(index.get(), ConeRows(2000, kDim, 59)));
  const std::vector<float> fresh = ConeRows(2000, kDim, 59);
  for (size_t i = 0; i < 2000; i += 97) {
    const Found found = Ask(*index, &fresh[i * kDim]);
    CHECK(found.count == 10 && found.distances[0] < 1e-6f);
  }
  const double before = Recall(*index, ConeRows(30, kDim, 60), 100);
  CHECK(before > 0.95);
  CHECK_OK(index->Save());
  index->Close();
  // The same answers from a fresh open, by a reader too; and with a row damaged, no wrong ones.
  OpenOptions open;
  open.path = folder;
  open.storage = storage;
  open.read_only = true;
  CHECK_OK(Index::Open(open, &index));
  CHECK(!OnCodes(*index));
  CHECK_OK(MakeCodes(index.get()));
  CHECK(OnCodes(*index));
  CHECK(Recall(*index, ConeRows(30, kDim, 60), 100) > 0.95);
  index->Close();
  std::FILE* file = std::fopen((folder + "/embeddings.dat").c_str(), "r+b");
  CHECK(file != nullptr);
  std::fseek(file, 5000 * kDim * 4, SEEK_SET);
  std::fputc(0x5a, file);
  std::fputc(0x5a, file);
  std::fclose(file);
  CHECK_OK(Index::Open(open, &index));
  CHECK_OK(MakeCodes(index.get()));
  CHECK(!OnCodes(*index));
  size_t found = 0;
  Found out;
  CHECK_CODE(index->Search(&rows[5000 * kDim], {}, out.rows, out.distances, out.keys, &found),
             StatusCode::kFileCorrupt);
}

SL_TEST(storage_i4_through_removals_filters_rollback_reopen_and_damage) {
  ThroughItsLife(Storage::kInt4);
}
SL_TEST(storage_i8_through_removals_filters_rollback_reopen_and_damage) {
  ThroughItsLife(Storage::kInt8);
}
SL_TEST(storage_f16_through_removals_filters_rollback_reopen_and_damage) {
  ThroughItsLife(Storage::kFloat16);
}

// To be run under the thread sanitizer too.
SL_TEST(storage_i4_is_searched_while_it_grows) {
  constexpr size_t kDim = 16;
  std::shared_ptr<Index> index;
  CHECK_OK(Index::Create("", Parameters(kDim, Metric::kEuclidean), &index, Storage::kInt4));
  CHECK_OK(AddAll(index.get(), ConeRows(3500, kDim, 61)));
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (uint64_t t = 0; t < 3; ++t) {
    readers.emplace_back([&, t] {
      const std::vector<float> queries = ConeRows(50, kDim, 62 + t, t == 2);
      for (size_t i = 0; !done; i = (i + 1) % 50) {
        const Found found = Ask(*index, &queries[i * kDim]);
        wrong += found.count != 10;
        for (size_t j = 1; j < found.count; ++j) {
          wrong += found.distances[j] < found.distances[j - 1];
        }
      }
    });
  }
  Status failed;
  for (uint64_t round = 0; round < 14 && failed.ok(); ++round) {
    failed = AddAll(index.get(), ConeRows(1000, kDim, 70 + round));
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  CHECK_OK(failed);
  CHECK(OnCodes(*index));
  CHECK_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace sightline
