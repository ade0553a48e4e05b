// Fuzz target: a whole folder. The input is a list of changes to the files of a small sound index;
// whatever they make of it, opening, 64 searches, 4 inserts and everything else an index can do
// give an answer or an error, and nothing else.
//
// Input: one byte, bit 0: open read-only. Then changes, each:
//   1 byte   bits 0-1 file (rows, log, graph, rows), bits 2-3 what: write, xor, cut, write a number
//   3 bytes  offset, modulo the size of the file
//   1 byte   how many bytes follow, modulo 33
//   bytes    what is written; for a cut nothing
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <vector>

#include "core/rng.h"
#include "index/index.h"

namespace {

using namespace sightline;
using Bytes = std::vector<unsigned char>;

constexpr size_t kDim = 2;
constexpr const char* kNames[] = {"embeddings.dat", "embeddings.idx", "hnsw_index.bin"};

std::vector<float> RandomRows(size_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> rows(n * kDim);
  for (float& value : rows) value = static_cast<float>(rng.Normal());
  return rows;
}

struct Base {
  std::string folder;
  std::array<Bytes, 3> files;
};

void Must(const Status& status) {
  if (!status.ok()) std::abort();
}

// Every kind of record; the snapshot before the last three.
Base MakeBase() {
  Base base;
  base.folder = "/dev/shm/sightline-fuzz-" + std::to_string(::getpid());
  std::filesystem::remove_all(base.folder);
  std::atexit(
      [] { std::filesystem::remove_all("/dev/shm/sightline-fuzz-" + std::to_string(::getpid())); });
  IndexParameters parameters;
  parameters.dim = kDim;
  parameters.metric = Metric::kEuclidean;
  parameters.m = 3;
  parameters.ef_construction = 10;
  std::shared_ptr<Index> index;
  Must(Index::Create(base.folder, parameters, &index));
  AddResult ignored;
  uint64_t removed = 0;
  std::vector<float> rows = RandomRows(60, 1);
  Must(index->Add(&rows, {}, 1, &ignored));
  Must(index->Remove({3, 4, 50}, &removed));
  Must(index->Rollback(55, 1));
  Must(index->Save());
  rows = RandomRows(4, 2);
  Must(index->Update(&rows, {1, 2, 8, 9}, false, 1, &ignored));
  rows = RandomRows(9, 3);
  Must(index->Add(&rows, {200, 199, 198, 300, 301, 302, 303, 304, 305}, 1, &ignored));
  Must(index->Rollback(66, 1));
  index->Close();
  for (size_t i = 0; i < 3; ++i) {
    std::ifstream in(base.folder + "/" + kNames[i], std::ios::binary);
    base.files[i] = Bytes(std::istreambuf_iterator<char>(in), {});
  }
  return base;
}

void Change(const uint8_t* data, size_t size, std::array<Bytes, 3>* files) {
  for (size_t at = 0; size - at >= 5;) {
    const uint8_t what = data[at] >> 2 & 3;
    Bytes& file = (*files)[data[at] % 4 % 3];
    const size_t offset = data[at + 1] | data[at + 2] << 8 | data[at + 3] << 16;
    const size_t length = std::min<size_t>(data[at + 4] % 33, size - at - 5);
    at += 5;
    const size_t start = file.empty() ? 0 : offset % file.size();
    if (what == 2) {
      file.resize(start);
    } else {
      for (size_t i = 0; i < length && start + i < file.size(); ++i) {
        file[start + i] =
            static_cast<unsigned char>(what == 1 ? file[start + i] ^ data[at + i] : data[at + i]);
      }
    }
    at += length;
  }
}

void Write(const std::string& path, const Bytes& bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0 || ::write(file, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    std::abort();
  }
  ::close(file);
}

void SearchAll(const Index& index) {
  static const std::vector<float> queries = RandomRows(64, 9);
  static const Bytes filter(4096, 0x5b);
  std::array<uint32_t, 10> rows;
  std::array<float, 10> distances;
  std::array<double, 10> keys;
  const size_t dim = index.parameters().dim;
  std::vector<float> query(dim, 0.5f);
  for (size_t q = 0; q < 64; ++q) {
    std::copy_n(queries.begin() + static_cast<ptrdiff_t>(q * kDim), std::min(dim, kDim),
                query.begin());
    SearchOptions options;
    options.k = q % 16 == 3 ? 1 : 10;
    options.ef = 12;
    options.exact = q % 8 == 7;
    if (q % 4 == 2) {
      options.filter = filter.data();
      options.filter_bytes = filter.size();
    }
    size_t found = 0;
    const Status status =
        index.Search(query.data(), options, rows.data(), distances.data(), keys.data(), &found);
    if (!status.ok()) continue;
    if (found > options.k) std::abort();
    for (size_t i = 0; i < found; ++i) {
      if (rows[i] >= index.count()) std::abort();
      if (i > 0 && !(distances[i] >= distances[i - 1])) std::abort();
    }
  }
}

void WriteMore(Index* index) {
  const size_t dim = index->parameters().dim;
  AddResult ignored;
  uint64_t removed = 0;
  for (int64_t i = 0; i < 4; ++i) {
    std::vector<float> row(dim, 0.1f * static_cast<float>(i + 1));
    (void)index->Add(&row, {7'000'000 + i}, 1, &ignored);
  }
  std::vector<float> row(dim, 0.7f);
  (void)index->Update(&row, {1}, true, 1, &ignored);
  (void)index->Remove({5, 7'000'001}, &removed);
  (void)index->Rollback(index->count() - std::min<uint64_t>(index->count(), 2), 1);
  (void)index->Save();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Base base = MakeBase();
  if (size == 0) return 0;
  std::array<Bytes, 3> files = base.files;
  Change(data + 1, size - 1, &files);
  for (size_t i = 0; i < 3; ++i) Write(base.folder + "/" + kNames[i], files[i]);
  OpenOptions options;
  options.path = base.folder;
  options.read_only = (data[0] & 1) != 0;
  options.threads = 1;
  std::shared_ptr<Index> index;
  if (!Index::Open(options, &index).ok()) return 0;
  SearchAll(*index);
  std::vector<std::string> problems;
  uint64_t checked = 0;
  (void)index->Verify(&problems, &checked);
  if (!options.read_only) {
    WriteMore(index.get());
    SearchAll(*index);
    (void)index->Verify(&problems, &checked);
  }
  index->Close();
  return 0;
}
