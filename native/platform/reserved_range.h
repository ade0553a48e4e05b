// Memory for arrays that grow under readers who take no lock and hold plain pointers.
//
//   | committed: readable and writable | taken: address space, no memory | most: may be taken
//   data()                              committed()                       capacity()
//
// An array begins small and takes four times as much whenever it is full: in another place, where
// its bytes are copied to (or its file is mapped once more). Readers who came before the move go on
// in the old place, which is given back when the last of them has left (core/epoch.h); only the
// writer waits for that. From kTakesMost bytes on all that may ever be needed is taken at once, so
// that nothing large is copied. So two thousand small arrays need little address space, which a
// process may be short of (ulimit -v), and which others need too.
//
// WebAssembly has no maps: reserved_range_wasm.cc keeps the same promises with plain memory, into
// which files are read.
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

// Move-only. One writer may let it grow while others read what was committed before. A reader that
// keeps data() for a while is counted by `readers` meanwhile.
class ReservedRange {
 public:
  ReservedRange() = default;
  ~ReservedRange();
  ReservedRange(ReservedRange&& other) noexcept;
  ReservedRange& operator=(ReservedRange&& other) noexcept;
  ReservedRange(const ReservedRange&) = delete;
  ReservedRange& operator=(const ReservedRange&) = delete;

  // Up to `most` bytes; nothing is taken yet.
  // readers  who is waited for before an old place is given back; nullptr: it is kept, for those
  //          who may still read there, as long as the range is.
  static Status Reserve(uint64_t most, ReservedRange* out, Epoch* readers = nullptr);

  // A read-only view of `file`, which may be shorter now and grow later, up to `most` bytes;
  // reading beyond the file's end gives zeros and makes Cut() true. committed() is 0; Commit is not
  // for this kind, but Reach is. Call SetEnd when it is known how many bytes count, and whenever
  // that changes.
  static Status MapGrowing(const File& file, uint64_t most, ReservedRange* out,
                           Epoch* readers = nullptr);
  // Of MapGrowing: lets the view reach to `bytes` at least. kNoMemory; kFileCorrupt if it was cut.
  Status Reach(const File& file, uint64_t bytes);
  // Of MapGrowing: `size` bytes were written to the file at `offset`, where the view reaches to. A
  // map shows them by itself; where there are none the view is a copy.
  void Wrote(const void* bytes, uint64_t offset, size_t size);

  // Makes [0, bytes) readable and writable, new memory zero. Grows in large steps. Asks for huge
  // pages once a range is large: random reads of rows cost 214 instead of 365 ns with them.
  // Returns  kNoMemory, also while there is a little left for the rest of the process; kFileCorrupt
  //          if a file that is shown was cut.
  Status Commit(uint64_t bytes);

  // Lays a private copy-on-write view of file bytes [offset, offset + bytes) over the beginning;
  // to be called first, before Commit. The file must be that long. Where the system's pages are
  // larger than the alignment of `offset`, the bytes are read instead.
  Status MapFileCopy(const File& file, uint64_t offset, uint64_t bytes);

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
  void SetEnd(size_t bytes);
  // Whether bytes of a mapped file were lost while it was mapped (another program cut it, or the
  // disk failed): see fault_guard.h. To be asked after they were used. False for plain memory.
  bool Cut() const;

  // Of another place after it grew: acquire, so that who sees a new element finds it there.
  unsigned char* data() const { return data_.load(std::memory_order_acquire); }
  // May be asked while another thread commits.
  size_t committed() const { return committed_.load(std::memory_order_relaxed); }
  // From now on these are waited for; those that Reserve was given read no more.
  void ServeReaders(Epoch* readers) { readers_ = readers; }
  // The writer's.
  size_t capacity() const { return capacity_; }
  size_t most() const { return most_; }

  // Where a range stops to grow step by step.
  static constexpr size_t kTakesMost = size_t{256} << 20;

 private:
  // Address space that was taken.
  struct Region {
    unsigned char* data = nullptr;
    size_t bytes = 0;
    std::unique_ptr<FaultGuard> guard;  // of the part that is a file's
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
  size_t shows_file_ = 0;  // bytes from the beginning on
  size_t end_ = 0;         // SetEnd's
  bool writable_ = false;  // what shows a file
  Epoch* readers_ = nullptr;
  Region region_;
  std::vector<Region> left_;  // places that were left; kept where there is no Epoch
};

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_RESERVED_RANGE_H_
