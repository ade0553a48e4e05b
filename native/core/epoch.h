// Epoch-based reclamation: a writer waits until everybody who may still read something old has
// left; nobody waits who comes later. Two epochs are enough, because one writer waits at a time.
// Source: the idea of sleepable read-copy-update (McKenney).
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

  // Returns when all that were reading at the call have left. What was changed before the call is
  // seen by everybody who enters after it.
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
      // A writer began the next epoch in between and may not have counted us.
      count_[side].value.fetch_sub(1, std::memory_order_release);
    }
  }

  // On lines of their own: readers write them.
  struct alignas(64) Count {
    std::atomic<int64_t> value{0};
  };

  std::atomic<uint32_t> phase_{0};
  Count count_[2];
};

}  // namespace sightline

#endif  // SIGHTLINE_CORE_EPOCH_H_
