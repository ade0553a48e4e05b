// Which checksum covers which rows: the extents of all appends in row order.
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

// Rows of an append, with a checksum for each rows_per_extent of them.
struct ExtentRun {
  uint64_t rows = 0;
  std::vector<uint32_t> crcs;
};

// Not thread safe.
class Extents {
 public:
  explicit Extents(uint32_t rows_per_extent = 1) : rows_per_extent_(rows_per_extent) {}

  // Adds rows after those covered; crcs: one per rows_per_extent rows.
  void Append(uint64_t rows, const std::vector<uint32_t>& crcs);
  uint64_t rows() const { return rows_; }
  // The extent that holds `row` < rows().
  Extent Of(uint64_t row) const;
  // Whether keeping `rows` rows cuts an extent; *cut is then its remaining part, crc unset.
  bool Cuts(uint64_t rows, Extent* cut) const;
  // The same rows in as few runs as possible: small neighboring extents are joined. Their checksums
  // are computed from the old ones; no row is read.
  std::vector<ExtentRun> Joined(size_t row_bytes) const;
  // Keeps `rows` rows. cut_crc: checksum of the remaining part of an extent that is cut.
  void Truncate(uint64_t rows, uint32_t cut_crc);

 private:
  // An append, or the remaining part of one.
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
