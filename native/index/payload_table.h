// Bytes that belong to rows: metadata and string keys, which the facade reads and writes.
#ifndef SIGHTLINE_INDEX_PAYLOAD_TABLE_H_
#define SIGHTLINE_INDEX_PAYLOAD_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/status.h"
#include "format/log_format.h"
#include "platform/growing_array.h"

namespace sightline {

// Takes no memory until there is a payload. Bytes are appended and never changed, so a reader keeps
// what it found; those of replaced payloads stay until the index is opened again.
//
// Threads  Find by any (counted by `readers`); the rest by one writer.
class PayloadTable {
 public:
  struct Span {
    const unsigned char* data = nullptr;
    uint32_t size = 0;
  };

  Status Reserve(uint64_t max_rows, Epoch* readers);
  // Room for these payloads of rows below `rows`: Append and Set cannot fail then.
  Status Prepare(uint64_t rows, const Payloads& payloads);
  // Payloads of the rows from `first` on. They fit, see Payloads::Fit.
  void Append(uint64_t first, const Payloads& payloads);
  // Of rows that are there, in the place of those they have.
  void Set(const std::vector<uint32_t>& rows, const Payloads& payloads);
  void Truncate(uint64_t rows);
  void Close();

  // Empty for rows without one.
  Span Find(uint64_t row) const;
  // Of these rows; none at all if all are empty.
  Payloads Copy(const std::vector<uint32_t>& rows) const;

  // Of all rows together.
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  size_t resident_bytes() const { return places_.committed_bytes() + arena_.committed_bytes(); }

 private:
  void Put(uint64_t row, const unsigned char* from, uint32_t size);

  // Start in the arena << kLengthBits | length.
  GrowingArray<std::atomic<uint64_t>> places_;
  GrowingArray<unsigned char> arena_;
  std::atomic<uint64_t> rows_{0};  // that have a place
  std::atomic<uint64_t> bytes_{0};
  uint64_t used_ = 0;  // of the arena
};

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_PAYLOAD_TABLE_H_
