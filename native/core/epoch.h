// Epoch-based reclamation: a writer waits until all readers of old data have left, but not for
// later ones. Two epochs suffice for one waiting writer. Source: sleepable read-copy-update
// (McKenney).
#ifndef SIGHTLINE_CORE_EPOCH_H_
#define SIGHTLINE_CORE_EPOCH_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

namespace sightline {

// Threads  Enter and Leave by any; Wait by one at a time.
class Epoch {
 public:
  class Guard {
   public:
    explicit Guard(Epoch* epoch) : epoch_(epoch), side_(epoch->Enter()) {}
    ~Guard() { epoch_->count_[side_].value.fetch_sub(1, std::memory_order_release); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Epoch* epoch_;
    uint32_t side_;
  };

  // Returns when all readers at the time of the call have left. Later readers see all changes made
  // before the call.
  void Wait() {
    const uint32_t old = phase_.fetch_add(1, std::memory_order_seq_cst) & 1;
    while (count_[old].value.load(std::memory_order_seq_cst) != 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  }

 private:
  uint32_t Enter() {
    for (;;) {
      const uint32_t side = phase_.load(std::memory_order_seq_cst) & 1;
      count_[side].value.fetch_add(1, std::memory_order_seq_cst);
      if ((phase_.load(std::memory_order_seq_cst) & 1) == side) return side;
      // A writer began the next epoch meanwhile and may not have counted this reader.
      count_[side].value.fetch_sub(1, std::memory_order_release);
    }
  }

  // On cache lines of their own: readers write them.
  struct alignas(64) Count {
    std::atomic<int64_t> value{0};
  };

  std::atomic<uint32_t> phase_{0};
  Count count_[2];
};

}  // namespace sightline

#endif  // SIGHTLINE_CORE_EPOCH_H_
