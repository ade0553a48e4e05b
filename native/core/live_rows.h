// Which rows count: those that were removed stay in their place until a compaction, and in the
// graph until it was mended.
#ifndef SIGHTLINE_CORE_LIVE_ROWS_H_
#define SIGHTLINE_CORE_LIVE_ROWS_H_

#include <cstdint>

namespace sightline {

struct LiveRows {
  const uint64_t* words = nullptr;  // bit r & 63 of word r >> 6: row r counts; nullptr: all do
  uint64_t rows = 0;                // rows the words speak of; those beyond came later and count

  bool Removed(uint32_t row) const {
    return row < rows && ((words[row >> 6] >> (row & 63)) & 1) == 0;
  }
};

}  // namespace sightline

#endif  // SIGHTLINE_CORE_LIVE_ROWS_H_
