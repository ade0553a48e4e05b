// Rows and links that were brought from a mapped file into memory: the same answers as before,
// while readers search, while rows come, go and are overwritten, and whatever happens to the file.
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>
#include <vector>

#include "core/rng.h"
#include "index/index.h"
#include "platform/file.h"
#include "platform/reserved_range.h"
#include "runner.h"

namespace sightline {
namespace {

constexpr size_t kDim = 256;    // a huge page holds 2048 rows
constexpr size_t kRows = 5000;  // two whole ones and a part
constexpr size_t kMega = 1 << 20;

std::vector<float> RandomRows(size_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> rows(n * kDim);
  for (float& value : rows) value = static_cast<float>(rng.Normal());
  return rows;
}

Status AddRows(Index* index, size_t n, uint64_t seed) {
  std::vector<float> rows = RandomRows(n, seed);
  AddResult result;
  return index->Add(&rows, {}, 2, &result);
}

Status Make(const std::string& path, std::shared_ptr<Index>* out) {
  IndexParameters p;
  p.dim = kDim;
  p.m = 64;  // 512 bytes of links a row: the snapshot's base is more than a huge page
  p.ef_construction = 64;
  p.metric = Metric::kEuclidean;
  SL_RETURN_IF_ERROR(Index::Create(path, p, out));
  return AddRows(out->get(), kRows, 1);
}

Status PromoteAll(Index* index) {
  bool more = true;
  while (more) SL_RETURN_IF_ERROR(index->Promote(&more));
  return Status::Ok();
}

// Whether every fiftieth row finds itself, walking and scanning.
bool FindsThemselves(const Index& index, size_t first, size_t n, uint64_t seed) {
  const std::vector<float> rows = RandomRows(n, seed);
  for (size_t i = 0; i < n; i += 50) {
    for (const bool exact : {false, true}) {
      SearchOptions options;
      options.k = 1;
      options.ef = 800;
      options.exact = exact;
      uint32_t row = kNoRow;
      float distance = 0;
      double key = 0;
      size_t found = 0;
      if (!index.Search(rows.data() + i * kDim, options, &row, &distance, &key, &found).ok() ||
          found != 1 || row != first + i || distance != 0) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

SL_TEST(promoted_bytes_are_those_of_the_file_until_it_is_shown_again) {
  const std::string path = test::TempFolder() + "/bytes";
  std::vector<unsigned char> bytes(5 * kMega);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<unsigned char>(i * 7 + i / 4096);
  File file;
  CHECK_OK(File::Open(path, OpenMode::kCreateNew, &file));
  CHECK_OK(file.WriteAt(0, bytes.data(), bytes.size()));
  ReservedRange range;
  CHECK_OK(ReservedRange::MapGrowing(file, 64 * kMega, &range));
  range.SetEnd(bytes.size());
  CHECK_OK(range.Promote(bytes.size()));
#ifdef __linux__
  CHECK_EQ(range.promoted(), 4 * kMega);
#endif
  CHECK(std::memcmp(range.data(), bytes.data(), bytes.size()) == 0);
  // What other programs write to the file does not reach what was promoted, nor does cutting it.
  std::vector<unsigned char> other(bytes.size(), 0x5a);
  CHECK_OK(file.WriteAt(0, other.data(), 4 * kMega));
  if (range.promoted() > 0) CHECK(std::memcmp(range.data(), bytes.data(), 4 * kMega) == 0);
  CHECK(!range.Cut());
  CHECK_OK(range.Demote(file, 3 * kMega));
  if (range.promoted() > 0) CHECK_EQ(range.promoted(), 2 * kMega);
  CHECK(std::memcmp(range.data() + 2 * kMega, other.data(), 2 * kMega) == 0);
}

SL_TEST(an_index_answers_the_same_from_promoted_rows_and_links) {
  const std::string path = test::TempFolder() + "/index";
  std::shared_ptr<Index> index;
  CHECK_OK(Make(path, &index));
  CHECK_OK(index->Save());
  index->Close();
  for (const bool read_only : {true, false}) {
    OpenOptions options;
    options.path = path;
    options.read_only = read_only;
    CHECK_OK(Index::Open(options, &index));
    const uint64_t before = index->resident_bytes();
    std::atomic<bool> done{false};
    std::atomic<int> wrong{0};
    std::thread reader([&] {
      do {
        if (!FindsThemselves(*index, 0, 500, 1)) ++wrong;
      } while (!done);
    });
    CHECK_OK(PromoteAll(index.get()));
    done = true;
    reader.join();
    CHECK_EQ(wrong.load(), 0);
#ifdef __linux__
    CHECK(index->resident_bytes() >= before + 4 * kMega);
#endif
    CHECK(FindsThemselves(*index, 0, kRows, 1));
    index->Close();
  }
}

SL_TEST(rows_written_over_promoted_ones_are_seen) {
  const std::string path = test::TempFolder() + "/index";
  std::shared_ptr<Index> index;
  CHECK_OK(Make(path, &index));
  CHECK_OK(PromoteAll(index.get()));
  CHECK_OK(index->Rollback(1000, 2));
  CHECK_OK(AddRows(index.get(), 4000, 2));
  CHECK(FindsThemselves(*index, 0, 1000, 1));
  CHECK(FindsThemselves(*index, 1000, 4000, 2));
  CHECK_OK(PromoteAll(index.get()));
  CHECK_OK(AddRows(index.get(), 2000, 3));
  CHECK(FindsThemselves(*index, 1000, 4000, 2));
  CHECK(FindsThemselves(*index, 5000, 2000, 3));
  index->Close();
}

SL_TEST(verify_reads_the_file_and_not_the_promoted_copy) {
  const std::string path = test::TempFolder() + "/index";
  std::shared_ptr<Index> index;
  CHECK_OK(Make(path, &index));
  CHECK_OK(PromoteAll(index.get()));
  File file;
  CHECK_OK(File::Open(path + "/embeddings.dat", OpenMode::kReadWrite, &file));
  const unsigned char bad = 0xff;
  CHECK_OK(file.WriteAt(100 * kDim * sizeof(float), &bad, 1));
  std::vector<std::string> problems;
  uint64_t checked = 0;
  CHECK_OK(index->Verify(&problems, &checked));
  CHECK_EQ(problems.size(), size_t{1});
  CHECK(FindsThemselves(*index, 0, kRows, 1));
  index->Close();
}

}  // namespace sightline
