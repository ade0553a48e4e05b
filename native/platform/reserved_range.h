// Memory for arrays that grow while readers without locks hold plain pointers.
//
//   | committed: readable and writable | reserved: address space | most
//   data()                              committed()               capacity()
//
// A full array moves to a region four times as large, to which its bytes are copied (or its file is
// mapped again). Earlier readers continue in the old region, which is released when the last one
// has left (core/epoch.h); only the writer waits. From kTakesMost bytes on, `most` is reserved at
// once, so that nothing large is copied. Small arrays thus need little address space, which may be
// limited (ulimit -v).
//
// WebAssembly has no maps: reserved_range_wasm.cc keeps these promises with plain memory, into which
// files are read.
#ifndef SIGHTLINE_PLATFORM_RESERVED_RANGE_H_
#define SIGHTLINE_PLATFORM_RESERVED_RANGE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/epoch.h"
#include "core/status.h"
#include "platform/fault_guard.h"
#include "platform/file.h"

namespace sightline {

// Move-only. One writer may grow it while others read committed bytes. A reader that keeps data()
// is counted by `readers` meanwhile.
class ReservedRange {
 public:
  ReservedRange() = default;
  ~ReservedRange();
  ReservedRange(ReservedRange&& other) noexcept;
  ReservedRange& operator=(ReservedRange&& other) noexcept;
  ReservedRange(const ReservedRange&) = delete;
  ReservedRange& operator=(const ReservedRange&) = delete;

  // At most `most` bytes; reserves nothing yet.
  // readers  waited for before an old region is released; nullptr: old regions are kept.
  static Status Reserve(uint64_t most, ReservedRange* out, Epoch* readers = nullptr);

  // A read-only view of `file`, which may grow up to `most` bytes. Reading beyond its end gives
  // zeros and makes Cut() true. Use Reach, not Commit; committed() is 0. Call SetEnd whenever the
  // length of the content changes.
  static Status MapGrowing(const File& file, uint64_t most, ReservedRange* out,
                           Epoch* readers = nullptr);
  // For MapGrowing: extends the view to `bytes` at least. kNoMemory; kFileCorrupt if it was cut.
  Status Reach(const File& file, uint64_t bytes);
  // For MapGrowing: `size` bytes were written to the file at `offset`, within the view. A map shows
  // them; where there are none the view is a copy.
  void Wrote(const void* bytes, uint64_t offset, size_t size);

  // Makes [0, bytes) readable and writable; new memory is zero. Grows in large steps, and requests
  // huge pages for large ranges (docs/adr/0010).
  // Returns  kNoMemory, also to leave memory for the rest of the process; kFileCorrupt if a mapped
  //          file was cut.
  Status Commit(uint64_t bytes);

  // Maps file bytes [offset, offset + bytes) copy-on-write over the beginning. Call before Commit.
  // The file must be that long. If the system's pages are larger than the alignment of `offset`,
  // the bytes are read instead.
  Status MapFileCopy(const File& file, uint64_t offset, uint64_t bytes);

  // Replaces the next part (at most kPromoteStep) of a mapped file by private memory with the same
  // bytes, in huge pages if possible: a random read of a 2 KB row then takes 214 instead of 365 ns
  // (docs/adr/0010). From the beginning up to `bytes`, in whole huge pages; addresses do not change
  // and readers continue, but nobody may write to that part or cut the file meanwhile. Does nothing
  // where the system cannot; promoted() tells how far it got.
  static constexpr size_t kPromoteStep = size_t{64} << 20;
  Status Promote(size_t bytes);
  size_t promoted() const { return promoted_.load(std::memory_order_relaxed); }
  // For MapGrowing: maps the file again from `from` on, where there must be no readers.
  Status Demote(const File& file, size_t from);

  // For MapGrowing: the length of the file's content.
  void SetEnd(size_t bytes);
  // Whether bytes of a mapped file were lost, see fault_guard.h. Ask after using them. False for
  // plain memory.
  bool Cut() const;

  // May change when the range grows; acquire, so that a reader of a new element finds it.
  unsigned char* data() const { return data_.load(std::memory_order_acquire); }
  size_t committed() const { return committed_.load(std::memory_order_relaxed); }
  // Replaces the readers to wait for.
  void ServeReaders(Epoch* readers) { readers_ = readers; }
  // For the writer.
  size_t capacity() const { return capacity_; }
  size_t most() const { return most_; }

  // From this size on, all of `most` is reserved.
  static constexpr size_t kTakesMost = size_t{256} << 20;

 private:
  // Reserved address space.
  struct Region {
    unsigned char* data = nullptr;
    size_t bytes = 0;
    std::unique_ptr<FaultGuard> guard;  // of the part that maps a file
  };

  static void GiveBack(Region* region);
  Status Take(size_t bytes, Region* out) const;
  Status Open(unsigned char* data, size_t from, size_t to) const;
  Status Move(size_t bytes);
  void Settle(Region region);
  void Release();

  std::atomic<unsigned char*> data_{nullptr};
  std::atomic<const FaultGuard*> guard_{nullptr};
  std::atomic<size_t> committed_{0};
  std::atomic<size_t> promoted_{0};
  size_t capacity_ = 0;
  size_t most_ = 0;
  size_t shows_file_ = 0;  // bytes that map a file, from the beginning
  size_t end_ = 0;         // by SetEnd
  bool writable_ = false;  // the part that maps a file
  Epoch* readers_ = nullptr;
  Region region_;
  std::vector<Region> left_;  // old regions, kept if there is no Epoch
};

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_RESERVED_RANGE_H_
