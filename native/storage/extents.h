// Which checksum covers which rows: the extents of all appends, in row order.
#ifndef SIGHTLINE_STORAGE_EXTENTS_H_
#define SIGHTLINE_STORAGE_EXTENTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sightline {

struct Extent {
  uint64_t first_row = 0;
  uint64_t rows = 0;
  uint32_t crc = 0;
};

// Rows with a checksum for each rows_per_extent of them, as an append has them.
struct ExtentRun {
  uint64_t rows = 0;
  std::vector<uint32_t> crcs;
};

// Not thread safe; its owner locks.
class Extents {
 public:
  explicit Extents(uint32_t rows_per_extent = 1) : rows_per_extent_(rows_per_extent) {}

  // rows follow the rows already covered; crcs: one per rows_per_extent rows.
  void Append(uint64_t rows, const std::vector<uint32_t>& crcs);
  uint64_t rows() const { return rows_; }
  // The extent that holds `row` < rows().
  Extent Of(uint64_t row) const;
  // Whether keeping `rows` rows cuts an extent; then *cut is the part of it that is left, crc
  // unset.
  bool Cuts(uint64_t rows, Extent* cut) const;
  // The same in as few runs as possible: neighbors become one extent where together they are none
  // too large. Checksums of what is joined are computed from theirs; no row is read.
  // row_bytes  bytes of one row.
  std::vector<ExtentRun> Joined(size_t row_bytes) const;
  // Keeps `rows` rows. cut_crc: checksum of what is left of the extent that is cut, if one is.
  void Truncate(uint64_t rows, uint32_t cut_crc);

 private:
  // One append, or the rest of one.
  struct Run {
    uint64_t first_row;
    size_t first_crc;
  };

  uint32_t rows_per_extent_;
  uint64_t rows_ = 0;
  std::vector<Run> runs_;
  std::vector<uint32_t> crcs_;
};

}  // namespace sightline

#endif  // SIGHTLINE_STORAGE_EXTENTS_H_
