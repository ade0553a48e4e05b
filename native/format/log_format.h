// Bytes <-> structs of the commit log, embeddings.idx. Byte tables: docs/reference/FORMAT.md. Pure: no I/O.
#ifndef SIGHTLINE_FORMAT_LOG_FORMAT_H_
#define SIGHTLINE_FORMAT_LOG_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/status.h"
#include "format/file_header.h"
#include "kernels/kernels.h"

namespace sightline {

inline constexpr size_t kLogPage = 4096;
inline constexpr size_t kLogRecordHeader = 64;

// What an index is made with; never changes afterwards.
struct IndexParameters {
  uint32_t dim = 0;
  Metric metric = Metric::kCosine;
  uint32_t m = 16;
  uint32_t ef_construction = 200;
  uint64_t seed = 42;
  std::string label;  // UTF-8, at most kMaxLabelBytes
  // How often the folder was compacted; names the rows' file while they move, see FORMAT.md.
  uint32_t compactions = 0;
  // Whether records of the log may have payloads: an older version must not read it.
  bool payloads = false;
  // What the keys stand for: 0 themselves; 1 strings, which the payloads hold. Needs payloads.
  uint32_t key_type = 0;

  size_t row_bytes() const { return size_t{dim} * sizeof(float); }
  // Cosine rows are stored at unit length.
  bool unit_rows() const { return metric == Metric::kCosine; }
  // Rows checked together by one CRC: about 16 KiB, so that checking on first use stays cheap.
  uint32_t rows_per_extent() const {
    const size_t rows = 16384 / row_bytes();
    return rows == 0 ? 1 : static_cast<uint32_t>(rows);
  }
};

// Every field within the limits of the format. Returns kInvalidRange naming the field.
Status CheckParameters(const IndexParameters& parameters);

// On disk: never renumber.
// 5 and 6 are kAppend and kReplace with payloads.
enum class RecordType : uint32_t {
  kAppend = 1,
  kRemove = 2,
  kRollback = 3,
  kReplace = 4,
  kPayloads = 7,
};

// Bytes that belong to rows, one after another; the caller's, not looked into here.
struct Payloads {
  std::vector<uint32_t> lengths;  // one per row, at most kMaxPayloadBytes; or none at all
  std::vector<unsigned char> bytes;

  bool empty() const { return lengths.empty(); }
  // As many lengths as rows, within their limit, and together as many as there are bytes.
  bool Fit(uint64_t rows) const;
  // Those of the first rows. They fit.
  Payloads First(uint64_t rows) const;
};

struct LogRecord {
  RecordType type = RecordType::kAppend;
  uint64_t sequence = 0;
  uint64_t first_row = 0;      // append, replace: first row; rollback: rows kept
  uint64_t rows_after = 0;     // committed rows after this record
  uint32_t chain = 0;          // crc of the record before
  uint32_t crc = 0;            // of this record, set by encode and decode
  std::vector<int64_t> keys;   // append, replace
  std::vector<uint32_t> crcs;  // append, replace: one per extent; rollback: see FORMAT.md
  std::vector<uint32_t> rows;  // remove, payloads; replace: per key the row it had, or kNoRow
  Payloads payloads;           // append, replace: none, or one per key; payloads: one per row
};

// kLogPage bytes.
std::vector<unsigned char> EncodeLogHeader(const IndexParameters& parameters, const Uuid& uuid);
// bytes  kLogPage of them. crc: the header's own, the first link of the chain.
Status DecodeLogHeader(const unsigned char* bytes, const std::string& name,
                       IndexParameters* parameters, Uuid* uuid, uint32_t* crc, bool* read_only);

// Sets record->crc.
std::vector<unsigned char> EncodeRecord(LogRecord* record);

// What stands at one place of the log.
enum class RecordState {
  kValid,
  kTorn,     // visibly not written to its end; nothing was acknowledged
  kDamaged,  // written, and changed since
};

// Reads the record at `bytes`, with `available` bytes up to the end of the file (at least 1).
// `length` is its length where known, else 0. Does not look at sequence, chain or row numbers.
RecordState DecodeRecord(const unsigned char* bytes, size_t available, uint32_t rows_per_extent,
                         LogRecord* record, size_t* length);

// Whether a record that checks by itself, with a sequence above `sequence`, starts at some page of
// the `size` bytes: then what stands before it was no torn tail. True also for what only a hostile
// file holds, sound heads that overlap many times. Sums at most 4 times `size`, and one record.
bool HoldsLaterRecord(const unsigned char* bytes, size_t size, uint32_t rows_per_extent,
                      uint64_t sequence);

}  // namespace sightline

#endif  // SIGHTLINE_FORMAT_LOG_FORMAT_H_
