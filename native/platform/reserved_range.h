// Address space taken first and filled later, so that growing arrays never move: readers need no
// lock and hold plain pointers while a writer appends.
//
//   | committed: readable and writable | reserved: any access is a fault |
//   base                               base + committed()               base + capacity()
//
// Reserving costs address space (48 bits of it), not memory.
#ifndef SIGHTLINE_PLATFORM_RESERVED_RANGE_H_
#define SIGHTLINE_PLATFORM_RESERVED_RANGE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/status.h"
#include "platform/fault_guard.h"
#include "platform/file.h"

namespace sightline {

// Move-only. One writer may Commit() while others read what was committed before.
class ReservedRange {
 public:
  ReservedRange() = default;
  ~ReservedRange();
  ReservedRange(ReservedRange&& other) noexcept;
  ReservedRange& operator=(ReservedRange&& other) noexcept;
  ReservedRange(const ReservedRange&) = delete;
  ReservedRange& operator=(const ReservedRange&) = delete;

  // Returns  kNoMemory if the system has no such range.
  static Status Reserve(size_t bytes, ReservedRange* out);

  // A read-only view of [0, bytes) of `file`, which may be shorter now and grow later; reading
  // beyond the file's end gives zeros and makes Cut() true. committed() is 0; Commit is not for
  // this kind. Call SetEnd when it is known how many bytes count, and whenever that changes.
  static Status MapGrowing(const File& file, size_t bytes, ReservedRange* out);

  // Makes [0, bytes) readable and writable, new memory zero. Grows in large steps. Asks for huge
  // pages once a range is large: random reads of rows cost 214 instead of 365 ns with them.
  Status Commit(size_t bytes);

  // Lays a private copy-on-write view of file bytes [offset, offset + bytes) over the beginning;
  // to be called first, before Commit. The file must be that long. Where the system's pages are
  // larger than the alignment of `offset`, the bytes are read instead.
  Status MapFileCopy(const File& file, uint64_t offset, size_t bytes);

  // Replaces the next part (at most kPromoteStep) of what shows a file by memory of ours with the
  // same bytes, in huge pages where the system has them: a random read of a 2 KB row then takes 214
  // instead of 365 ns. From the beginning on and only up to `bytes`, in whole huge pages; addresses
  // do not change and readers go on. Nobody may write to that part, or cut the file, meanwhile.
  // Does nothing where the system cannot; promoted() tells how far it got.
  static constexpr size_t kPromoteStep = size_t{64} << 20;
  Status Promote(size_t bytes);
  size_t promoted() const { return promoted_.load(std::memory_order_relaxed); }
  // Of MapGrowing: shows the file again from `from` on. Readers must not need bytes from there on.
  Status Demote(const File& file, size_t from);

  // Of MapGrowing: the first `bytes` bytes are the file's content.
  void SetEnd(size_t bytes) { guard_.SetEnd(data_ + bytes, true); }
  // Whether bytes of a mapped file were lost while it was mapped (another program cut it, or the
  // disk failed): see fault_guard.h. To be asked after they were used. False for plain memory.
  bool Cut() const { return guard_.Cut(); }

  unsigned char* data() const { return data_; }
  size_t capacity() const { return capacity_; }
  // May be asked while another thread commits.
  size_t committed() const { return committed_.load(std::memory_order_relaxed); }

 private:
  void Release();

  unsigned char* data_ = nullptr;
  size_t capacity_ = 0;
  std::atomic<size_t> committed_{0};
  std::atomic<size_t> promoted_{0};
  size_t shows_file_ = 0;  // bytes from the beginning on
  bool writable_ = false;  // that part
  FaultGuard guard_;       // of the part that is a file's
};

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_RESERVED_RANGE_H_
