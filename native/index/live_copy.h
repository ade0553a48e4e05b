// A snapshot of the live rows, for the duration of one write.
#ifndef SIGHTLINE_INDEX_LIVE_COPY_H_
#define SIGHTLINE_INDEX_LIVE_COPY_H_

#include <cstdint>
#include <vector>

#include "core/live_rows.h"
#include "format/limits.h"
#include "index/key_table.h"

namespace sightline {

// Cost: a bit per row, if rows were removed.
class LiveCopy {
 public:
  // rows     existing rows; later ones are being added.
  // leaving  rows that the write will remove; kNoRow for none.
  LiveCopy(const KeyTable& keys, uint64_t rows, const std::vector<uint32_t>& leaving = {})
      : rows_(rows) {
    bool complete = keys.live() == keys.rows();
    for (const uint32_t row : leaving) complete &= row == kNoRow;
    if (complete) return;
    kept_.resize(static_cast<size_t>((rows + 63) / 64));
    for (size_t i = 0; i < kept_.size(); ++i) kept_[i] = keys.word(i);
    if (leaving.empty()) return;
    live_ = kept_;
    for (const uint32_t row : leaving) {
      if (row != kNoRow) live_[row >> 6] &= ~(uint64_t{1} << (row & 63));
    }
  }
  LiveCopy(const LiveCopy&) = delete;
  LiveCopy& operator=(const LiveCopy&) = delete;

  // Not removed before the write: searches may still find these.
  LiveRows kept() const { return Of(kept_); }
  // Without the leaving rows.
  LiveRows live() const { return Of(live_.empty() ? kept_ : live_); }

 private:
  LiveRows Of(const std::vector<uint64_t>& words) const {
    return words.empty() ? LiveRows() : LiveRows{words.data(), rows_};
  }

  uint64_t rows_;
  std::vector<uint64_t> kept_;
  std::vector<uint64_t> live_;
};

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_LIVE_COPY_H_
