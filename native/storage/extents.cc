#include "storage/extents.h"

#include <algorithm>

#include "format/crc32c.h"

namespace sightline {

void Extents::Append(uint64_t rows, const std::vector<uint32_t>& crcs) {
  runs_.push_back({rows_, crcs_.size()});
  crcs_.insert(crcs_.end(), crcs.begin(), crcs.end());
  rows_ += rows;
}

Extent Extents::Of(uint64_t row) const {
  auto after =
      std::upper_bound(runs_.begin(), runs_.end(), row,
                       [](uint64_t value, const Run& run) { return value < run.first_row; });
  const uint64_t end = after == runs_.end() ? rows_ : after->first_row;
  const Run& run = *(after - 1);
  const uint64_t number = (row - run.first_row) / rows_per_extent_;
  Extent extent;
  extent.first_row = run.first_row + number * rows_per_extent_;
  extent.rows = std::min<uint64_t>(rows_per_extent_, end - extent.first_row);
  extent.crc = crcs_[run.first_crc + number];
  return extent;
}

bool Extents::Cuts(uint64_t rows, Extent* cut) const {
  if (rows >= rows_ || rows == 0) return false;
  *cut = Of(rows);
  if (cut->first_row == rows) return false;
  cut->rows = rows - cut->first_row;
  return true;
}

std::vector<ExtentRun> Extents::Joined(size_t row_bytes) const {
  std::vector<ExtentRun> runs;
  uint64_t open = 0;  // rows of the last extent, when it has room for more
  for (uint64_t row = 0; row < rows_;) {
    const Extent extent = Of(row);
    row += extent.rows;
    const bool fits = open > 0 && open + extent.rows <= rows_per_extent_;
    if (runs.empty() || (open > 0 && !fits)) runs.push_back({});
    ExtentRun& run = runs.back();
    if (fits) {
      run.crcs.back() =
          Crc32cJoin(run.crcs.back(), extent.crc, static_cast<size_t>(extent.rows) * row_bytes);
      open += extent.rows;
    } else {
      run.crcs.push_back(extent.crc);
      open = extent.rows;
    }
    run.rows += extent.rows;
    if (open == rows_per_extent_) open = 0;
  }
  return runs;
}

void Extents::Truncate(uint64_t rows, uint32_t cut_crc) {
  if (rows >= rows_) return;
  Extent cut;
  const bool cuts = Cuts(rows, &cut);
  while (!runs_.empty() && runs_.back().first_row >= rows) {
    crcs_.resize(runs_.back().first_crc);
    runs_.pop_back();
  }
  rows_ = rows;
  if (runs_.empty()) return;
  const Run& last = runs_.back();
  const uint64_t kept = (rows - last.first_row + rows_per_extent_ - 1) / rows_per_extent_;
  crcs_.resize(last.first_crc + kept);
  if (cuts) crcs_.back() = cut_crc;
}

}  // namespace sightline
