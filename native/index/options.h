// Options and results of an index.
#ifndef SIGHTLINE_INDEX_OPTIONS_H_
#define SIGHTLINE_INDEX_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace sightline {

// What searches walk on. In every mode float32 rows decide the order of results. Not in the files:
// each opener chooses (the facade stores the choice by name in tuning.json).
enum class Storage : uint32_t {
  kFloat32 = 0,
  kFloat16 = 1,  // halves of the rows
  kInt8 = 2,     // 8-bit codes of the rows
  kInt4 = 3,     // 4-bit codes of the rows
  kInline = 4,   // inline codes: 1 bit a value, beside a node's links
};
inline constexpr uint32_t kLastStorage = 4;

struct OpenOptions {
  std::string path;
  bool read_only = false;
  size_t threads = 0;  // for linking missing rows and for codes; 0: one per core
  Storage storage = Storage::kFloat32;
};

inline constexpr uint64_t kAnyChanges = ~uint64_t{0};

struct SearchOptions {
  size_t k = 10;       // 1..kMaxK
  size_t ef = 50;      // raised to k
  bool exact = false;  // linear scan
  // Bit r & 7 of byte r >> 3 allows row r; later rows are not allowed. nullptr: all.
  const unsigned char* filter = nullptr;
  size_t filter_bytes = 0;
  // changes() when the filter was made; kBusy if it has changed since.
  uint64_t filter_changes = kAnyChanges;
  // Largest distance returned, inclusive.
  float threshold = std::numeric_limits<float>::infinity();
};

struct AddResult {
  uint64_t first_row = 0;
  uint64_t rows = 0;
};

struct IndexStats {
  uint64_t count = 0;
  uint64_t live_count = 0;
  uint64_t removed_in_graph = 0;  // removed rows that are still nodes
  uint64_t graph_rows = 0;
  uint32_t max_level = 0;
  std::vector<uint64_t> levels;
  uint64_t bytes_on_disk = 0;
  uint64_t bytes_resident = 0;  // private memory; mapped rows belong to the page cache
  bool unsaved = false;         // the graph differs from its snapshot
  std::string graph_problem;    // why the snapshot could not be used
  const char* kernel = "";
  bool walks_on_codes = false;    // also false with too few rows for codes
  const char* codes_reason = "";  // why, or why not
};

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_OPTIONS_H_
