// Which rows are live: removed ones stay in place until a compaction, and in the graph until
// unlinked.
#ifndef SIGHTLINE_CORE_LIVE_ROWS_H_
#define SIGHTLINE_CORE_LIVE_ROWS_H_

#include <cstdint>

namespace sightline {

struct LiveRows {
  const uint64_t* words = nullptr;  // bit r & 63 of word r >> 6: row r is live; nullptr: all are
  uint64_t rows = 0;                // rows covered by the words; later ones are live

  bool Removed(uint32_t row) const {
    return row < rows && ((words[row >> 6] >> (row & 63)) & 1) == 0;
  }
};

}  // namespace sightline

#endif  // SIGHTLINE_CORE_LIVE_ROWS_H_
