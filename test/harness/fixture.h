// A small index folder and what it holds after each of its commits, for the harnesses that damage
// folders.
#ifndef SIGHTLINE_HARNESS_FIXTURE_H_
#define SIGHTLINE_HARNESS_FIXTURE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "index/index.h"
#include "oracle.h"

namespace sightline::harness {

using Bytes = std::vector<unsigned char>;
// By name: embeddings.dat, embeddings.idx, hnsw_index.bin.
using Files = std::map<std::string, Bytes>;

inline constexpr char kRows[] = "embeddings.dat";
inline constexpr char kLog[] = "embeddings.idx";
inline constexpr char kGraph[] = "hnsw_index.bin";

// Where the snapshot stands in the fixture's history.
enum class Snapshot {
  kAtTheEnd,  // complete: a reader checks its blocks when it meets them
  kBehind,    // four commits are later: every opener links rows; the log ends in a rollback
};

struct Fixture {
  std::string name;
  Files files;
  uint64_t saved = 0;              // log sequence of the snapshot
  std::vector<uint64_t> log_ends;  // [s]: bytes of the log after record s
  std::vector<Truth> states;       // [s]: what the index holds after record s
  Answers clean;
  double recall = 0;  // of the clean walked answers
  const Truth& now() const { return states.back(); }
};

// Makes one in `folder` (emptied) and reads its files. Aborts the program if that fails: a harness
// without a fixture can say nothing.
// seed  of rows and keys.
Fixture MakeFixture(const std::string& folder, Snapshot snapshot, uint64_t seed);
// The next generation: the same index after more commits and a save, or after a compaction.
enum class Growth { kMore, kRolledBack, kCompacted };
Fixture GrowFixture(const std::string& folder, const Fixture& before, Growth growth, uint64_t seed);

void WriteFiles(const std::string& folder, const Files& files);
Files ReadFiles(const std::string& folder);
// As Index leaves a folder: an index in its place, which must not lose anything, and no copy.
void PutInPlace(const std::string& folder);
void WriteBytes(const std::string& path, const Bytes& bytes);

Status OpenFolder(const std::string& folder, bool read_only, std::shared_ptr<Index>* out);

}  // namespace sightline::harness

#endif  // SIGHTLINE_HARNESS_FIXTURE_H_
