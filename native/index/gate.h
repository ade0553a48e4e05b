// Access to an index: shared by calls, exclusive for a rollback and for closing.
#ifndef SIGHTLINE_INDEX_GATE_H_
#define SIGHTLINE_INDEX_GATE_H_

#include <atomic>
#include <mutex>
#include <shared_mutex>

#include "core/status.h"

namespace sightline {

class Gate {
 public:
  using Shared = std::shared_lock<std::shared_mutex>;
  using Alone = std::unique_lock<std::shared_mutex>;

  // Makes Enter return kClosed.
  void Close() { closed_.store(true, std::memory_order_release); }
  bool closed() const { return closed_.load(std::memory_order_acquire); }

  Status Enter(Shared* lock) {
    if (waiting_.load(std::memory_order_relaxed)) {
      const std::lock_guard<std::mutex> turn(turn_);
    }
    if (!closed()) {
      *lock = Shared(mutex_);
      if (!closed()) return Status::Ok();
      lock->unlock();
    }
    return Status(StatusCode::kClosed, "the index is closed");
  }
  // Returns when all others have left.
  Alone EnterAlone() {
    const std::lock_guard<std::mutex> turn(turn_);
    waiting_.store(true, std::memory_order_relaxed);
    Alone alone(mutex_);
    waiting_.store(false, std::memory_order_relaxed);
    return alone;
  }

 private:
  std::atomic<bool> closed_{false};
  std::shared_mutex mutex_;
  // std::shared_mutex may starve a waiting writer.
  std::mutex turn_;  // held while waiting for exclusive access
  std::atomic<bool> waiting_{false};
};

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_GATE_H_
