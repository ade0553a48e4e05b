// Keys of rows, rows of keys, and which rows are live.
#ifndef SIGHTLINE_INDEX_KEY_TABLE_H_
#define SIGHTLINE_INDEX_KEY_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/status.h"
#include "platform/growing_array.h"

namespace sightline {

// Threads  key_of, alive words and live() by any; RowOf by any (locks); the rest by one writer.
class KeyTable {
 public:
  Status Reserve(uint64_t max_rows, Epoch* readers);

  uint64_t rows() const { return rows_.load(std::memory_order_acquire); }
  // Never more than rows(). Whoever compares the two reads this one first: equal then means that no
  // row was removed, however many came in between.
  uint64_t live() const { return live_.load(std::memory_order_acquire); }
  int64_t key_of(uint64_t row) const { return keys_[row]; }
  bool alive(uint64_t row) const { return (word(row >> 6) >> (row & 63)) & 1; }
  // Bit r & 63 of word r >> 6: row r is live.
  uint64_t word(uint64_t i) const { return alive_[i].load(std::memory_order_acquire); }

  // The live row of `key`, or kNoRow.
  uint32_t RowOf(int64_t key) const;
  // kKeyExists if a key names a live row or stands twice.
  Status CheckNew(const int64_t* keys, size_t n) const;

  // The rows the keys have now, kNoRow for those without. kNotFound if there is such a key and
  // `missing_ok` is false; kKeyExists if a key stands twice.
  Status FindReplaced(const int64_t* keys, size_t n, bool missing_ok,
                      std::vector<uint32_t>* rows) const;

  Status Append(const int64_t* keys, size_t n);
  // Rows that are there but not live yet, and then, at once for every reader: `old` (kNoRow: none)
  // are removed, the rows from `first` on are live.
  Status AppendDead(const int64_t* keys, size_t n);
  void Swap(uint64_t first, const std::vector<uint32_t>& old);
  // Changes while a swap is under way (odd) and with each swap: who reads several words compares.
  uint64_t swaps() const { return swaps_.load(std::memory_order_acquire); }
  // Counts what was done to keys and rows: a filter over rows that was made of keys is right for as
  // long as it stays.
  uint64_t changes() const { return changes_.load(std::memory_order_acquire); }
  void CountChange() { changes_.fetch_add(1, std::memory_order_acq_rel); }
  // Rows must be live, each once: kFileCorrupt otherwise (only a damaged log asks for it).
  Status Remove(const std::vector<uint32_t>& rows);
  void Truncate(uint64_t rows);
  // Gives the memory back; rows() and live() keep their last values, nothing else may be called.
  void Close();
  size_t resident_bytes() const { return keys_.committed_bytes() + alive_.committed_bytes(); }

 private:
  void BuildMap() const;
  void Enter(int64_t key, uint64_t row);

  GrowingArray<int64_t> keys_;
  GrowingArray<std::atomic<uint64_t>> alive_;
  std::atomic<uint64_t> rows_{0};
  std::atomic<uint64_t> live_{0};
  std::atomic<uint64_t> swaps_{0};
  std::atomic<uint64_t> changes_{0};
  // Keys that only ever rise (frame ids do) are found by halving; a map is built when they do not.
  bool rising_ = true;
  mutable std::mutex mutex_;
  mutable bool has_map_ = false;
  mutable std::unordered_map<int64_t, uint32_t> map_;
};

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_KEY_TABLE_H_
