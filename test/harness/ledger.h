// What the threads of threads.cc did to an index, as far as it was acknowledged: the oracle.
//
// Keys are used once, so whatever was removed stays removed, and the vector of a key follows from
// the key and from how often it was updated.
#ifndef SIGHTLINE_HARNESS_LEDGER_H_
#define SIGHTLINE_HARNESS_LEDGER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace sightline::harness {

// Unit length, so that they are stored bit for bit nearly as given under every metric.
std::vector<float> VectorOf(uint64_t seed, size_t dim, int64_t key, uint32_t version);

class Ledger {
 public:
  Ledger(size_t owners, size_t most_keys) : owned_(owners), entries_(most_keys) {}

  // n keys nobody had, or fewer at the end of the room.
  std::vector<int64_t> NewKeys(size_t n);
  bool KeysLeft() const { return next_key_.load() < entries_.size(); }

  // Acknowledgements. Of one owner at a time by its thread; RolledBack while no other is under way.
  void Added(size_t owner, const std::vector<int64_t>& keys, uint64_t first_row);
  void Updated(const std::vector<int64_t>& keys, uint64_t first_row);
  void Removed(size_t owner, const std::vector<int64_t>& keys);
  void RolledBack(uint64_t rows);

  const std::vector<int64_t>& owned(size_t owner) const { return owned_[owner]; }
  uint64_t RowOf(int64_t key) const { return At(key).row; }
  // Of the last update acknowledged; one more may be under way.
  uint32_t VersionOf(int64_t key) const { return At(key).version.load(); }
  // A moment, and whether the key's removal was acknowledged before it. Threads: any.
  uint64_t Now() const { return clock_.load(); }
  bool RemovedBefore(int64_t key, uint64_t moment) const {
    const uint64_t removed = At(key).removed.load();
    return removed != 0 && removed <= moment;
  }
  // A key that was removed not long ago, or -1: what a search must not bring back.
  int64_t LastRemoved() const { return last_removed_.load(); }
  bool Known(double key) const;
  std::vector<int64_t> AllLive() const;

 private:
  struct Entry {
    std::atomic<uint32_t> version{0};
    std::atomic<uint64_t> removed{0};  // the moment; 0: not yet
    uint64_t row = 0;
  };
  Entry& At(int64_t key) { return entries_[static_cast<size_t>(key)]; }
  const Entry& At(int64_t key) const { return entries_[static_cast<size_t>(key)]; }

  std::atomic<uint64_t> clock_{0};
  std::atomic<size_t> next_key_{0};
  std::atomic<int64_t> last_removed_{-1};
  std::vector<std::vector<int64_t>> owned_;
  std::vector<Entry> entries_;
};

}  // namespace sightline::harness

#endif  // SIGHTLINE_HARNESS_LEDGER_H_
