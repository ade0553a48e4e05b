// Lets a writer wait until everybody who may still read something old has left, without making
// anybody wait who comes later. Source: the idea of sleepable read-copy-update (McKenney).
#ifndef SIGHTLINE_CORE_GRACE_H_
#define SIGHTLINE_CORE_GRACE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

namespace sightline {

// Threads  Enter and Leave by any; Wait by one at a time.
class Grace {
 public:
  class Reading {
   public:
    explicit Reading(Grace* grace) : grace_(grace), side_(grace->Enter()) {}
    ~Reading() { grace_->count_[side_].value.fetch_sub(1, std::memory_order_release); }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    Grace* grace_;
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
      // A writer turned the page in between and may not have counted us.
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

#endif  // SIGHTLINE_CORE_GRACE_H_
