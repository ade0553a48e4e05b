// Payloads of rows: through every change of an index, reopening, folding, copying and compaction.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "format/limits.h"
#include "index/index.h"
#include "runner.h"

namespace sightline {
namespace {

IndexParameters Small() {
  IndexParameters p;
  p.dim = 4;
  p.m = 4;
  p.ef_construction = 10;
  p.metric = Metric::kEuclidean;
  return p;
}

std::string TextOf(int64_t key, int version) {
  // Every fifth row has none.
  if (key % 5 == 0) return "";
  return std::to_string(key) + "/" + std::to_string(version) +
         std::string(static_cast<size_t>(key % 90), 'x');
}

Payloads Join(const std::vector<std::string>& texts) {
  Payloads out;
  for (const std::string& text : texts) {
    out.lengths.push_back(static_cast<uint32_t>(text.size()));
    out.bytes.insert(out.bytes.end(), text.begin(), text.end());
  }
  return out;
}

std::vector<int64_t> KeysFrom(int64_t first, size_t n) {
  std::vector<int64_t> keys(n);
  for (size_t i = 0; i < n; ++i) keys[i] = first + static_cast<int64_t>(i);
  return keys;
}

Payloads PayloadsOf(const std::vector<int64_t>& keys, int version) {
  std::vector<std::string> texts;
  for (const int64_t key : keys) texts.push_back(TextOf(key, version));
  return Join(texts);
}

std::vector<float> VectorsOf(const std::vector<int64_t>& keys) {
  std::vector<float> rows;
  for (const int64_t key : keys) {
    for (int i = 0; i < 4; ++i) rows.push_back(static_cast<float>((key * 7 + i * 13) % 101));
  }
  return rows;
}

Status Add(Index* index, int64_t first, size_t n, int version) {
  const std::vector<int64_t> keys = KeysFrom(first, n);
  std::vector<float> rows = VectorsOf(keys);
  AddResult result;
  return index->Add(&rows, keys, 1, &result, false, PayloadsOf(keys, version));
}

std::string Read(const Index& index, uint32_t row) {
  std::vector<unsigned char> bytes(kMaxPayloadBytes);
  uint32_t length = 0;
  size_t done = 0;
  const Status read = index.CopyPayloads(&row, 1, bytes.data(), bytes.size(), &length, &done);
  if (!read.ok() || done != 1) return "cannot be read: " + read.message();
  return std::string(bytes.begin(), bytes.begin() + length);
}

std::string OfKey(const Index& index, int64_t key) {
  uint32_t row = kNoRow;
  if (!index.RowsOf(&key, 1, &row).ok() || row == kNoRow) return "no row";
  return Read(index, row);
}

void CheckSound(Index* index) {
  std::vector<std::string> problems;
  uint64_t rows = 0;
  CHECK_OK(index->Verify(&problems, &rows));
  CHECK(problems.empty());
}

void Reopen(const std::string& path, bool read_only, std::shared_ptr<Index>* index) {
  index->reset();
  OpenOptions options;
  options.path = path;
  options.read_only = read_only;
  CHECK_OK(Index::Open(options, index));
}

}  // namespace

SL_TEST(payloads_through_every_change_of_an_index) {
  const std::string folder = test::TempFolder() + "/index";
  for (const std::string& path : {std::string(), folder}) {
    std::shared_ptr<Index> index;
    CHECK_OK(Index::Create(path, Small(), &index));
    // Rows without payloads come first: the log must be made to announce them.
    const std::vector<int64_t> plain = KeysFrom(0, 50);
    std::vector<float> rows = VectorsOf(plain);
    AddResult result;
    CHECK_OK(index->Add(&rows, plain, 1, &result));
    CHECK_OK(Add(index.get(), 100, 200, 1));
    const std::vector<int64_t> some = {101, 102, 9000};
    rows = VectorsOf(some);
    CHECK_OK(index->Update(&rows, some, true, 1, &result, false, PayloadsOf(some, 2)));
    CHECK_OK(index->SetPayloads({103, 3}, Join({"set 103", "set 3"})));
    CHECK_OK(index->SetPayloads({104}, Join({""})));
    CHECK(index->SetPayloads({77777}, Join({"x"})).code() == StatusCode::kNotFound);
    CHECK(index->SetPayloads({103, 103}, Join({"x", "y"})).code() == StatusCode::kKeyExists);
    uint64_t removed = 0;
    CHECK_OK(index->Remove({106}, &removed));
    CHECK_OK(Add(index.get(), 500, 20, 1));
    CHECK_OK(index->Rollback(index->count() - 15, 1));
    CHECK_OK(Add(index.get(), 600, 5, 3));
    const auto check = [&] {
      CHECK_EQ(OfKey(*index, 1), "");
      CHECK_EQ(OfKey(*index, 3), "set 3");
      CHECK_EQ(OfKey(*index, 101), TextOf(101, 2));
      CHECK_EQ(OfKey(*index, 9000), TextOf(9000, 2));
      CHECK_EQ(OfKey(*index, 103), "set 103");
      CHECK_EQ(OfKey(*index, 104), "");
      CHECK_EQ(OfKey(*index, 299), TextOf(299, 1));
      CHECK_EQ(OfKey(*index, 504), TextOf(504, 1));
      CHECK_EQ(OfKey(*index, 604), TextOf(604, 3));
      const int64_t dropped = 505;
      uint32_t row = 0;
      CHECK_OK(index->RowsOf(&dropped, 1, &row));
      CHECK_EQ(row, kNoRow);
      CheckSound(index.get());
    };
    check();
    if (path.empty()) continue;
    Reopen(path, true, &index);
    check();
    Reopen(path, false, &index);
    check();
    CHECK_OK(index->Fold());
    check();
    Reopen(path, false, &index);
    check();
    const std::string copy = test::TempFolder() + "/copy";
    std::filesystem::create_directories(copy);
    CHECK_OK(index->CopyInto(copy));
    std::shared_ptr<Index> compacted;
    std::shared_ptr<Index> beside;
    CHECK_OK(index->CreateBeside(&beside));
    for (uint64_t row = 0; row < index->count();) {
      CHECK_OK(index->CopyLive(row, 1, beside.get(), &row));
    }
    CHECK_OK(index->Adopt(beside.get(), &compacted));
    index = compacted;
    compacted.reset();
    beside.reset();
    CHECK_EQ(index->count(), index->live_count());
    check();
    Reopen(path, false, &index);
    check();
    Reopen(copy, false, &index);
    check();
  }
}

SL_TEST(payloads_that_do_not_fit_the_room_are_left_for_the_next_call) {
  std::shared_ptr<Index> index;
  CHECK_OK(Index::Create("", Small(), &index));
  CHECK_OK(Add(index.get(), 1, 4, 1));
  const uint32_t rows[] = {0, 1, 2, 3};
  uint32_t lengths[4] = {};
  size_t done = 0;
  std::vector<unsigned char> bytes(TextOf(1, 1).size() + TextOf(2, 1).size() + 1);
  CHECK_OK(index->CopyPayloads(rows, 4, bytes.data(), bytes.size(), lengths, &done));
  CHECK_EQ(done, 2u);
  const uint32_t beyond = 4;
  CHECK(index->CopyPayloads(&beyond, 1, bytes.data(), bytes.size(), lengths, &done).code() ==
        StatusCode::kInvalidRange);
}

// What the log says in a folder without payloads is what an older version reads.
SL_TEST(payloads_are_announced_by_the_header_from_the_first_one_on) {
  const std::string path = test::TempFolder() + "/index";
  std::shared_ptr<Index> index;
  CHECK_OK(Index::Create(path, Small(), &index));
  const auto feature = [&] {
    std::ifstream file(path + "/embeddings.idx", std::ios::binary);
    file.seekg(16);
    return file.get();
  };
  const std::vector<int64_t> keys = KeysFrom(0, 3);
  std::vector<float> rows = VectorsOf(keys);
  AddResult result;
  CHECK_OK(index->Add(&rows, keys, 1, &result));
  CHECK_EQ(feature(), 0);
  CHECK_OK(index->SetPayloads({1}, Join({"one"})));
  CHECK_EQ(feature(), 1);
  Reopen(path, false, &index);
  CHECK_EQ(OfKey(*index, 1), "one");
  CHECK_EQ(index->count(), 3u);
}

// To be run under the thread sanitizer too.
SL_TEST(payloads_read_while_a_writer_adds_and_replaces_them) {
  std::shared_ptr<Index> index;
  CHECK_OK(Index::Create("", Small(), &index));
  CHECK_OK(Add(index.get(), 0, 100, 0));
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&] {
      std::vector<unsigned char> bytes(1 << 16);
      std::vector<uint32_t> lengths(100);
      std::vector<uint32_t> rows(100);
      for (uint32_t i = 0; i < 100; ++i) rows[i] = i;
      while (!done) {
        size_t read = 0;
        if (!index
                 ->CopyPayloads(rows.data(), 100, bytes.data(), bytes.size(), lengths.data(), &read)
                 .ok()) {
          ++wrong;
        }
        size_t at = 0;
        for (size_t i = 0; i < read; ++i) {
          const std::string text(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                 bytes.begin() + static_cast<std::ptrdiff_t>(at + lengths[i]));
          at += lengths[i];
          if (i % 5 != 0 &&
              text.compare(0, std::to_string(i).size() + 1, std::to_string(i) + "/") != 0) {
            ++wrong;
          }
        }
      }
    });
  }
  const std::vector<int64_t> keys = KeysFrom(0, 100);
  for (int round = 1; round < 60; ++round) {
    CHECK_OK(Add(index.get(), 1000 * round, 50, round));
    CHECK_OK(index->SetPayloads(keys, PayloadsOf(keys, round)));
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  CHECK_EQ(wrong.load(), 0);
}

}  // namespace sightline
