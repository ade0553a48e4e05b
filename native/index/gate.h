// Who is inside an index: calls share it, a rollback and the end have it alone.
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

  // From now on Enter is kClosed.
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
  // Returns when nobody else is inside.
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
  // The system's lock lets new readers in before a waiting writer, for ever if they never pause.
  std::mutex turn_;  // held by who waits to be alone
  std::atomic<bool> waiting_{false};
};

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_GATE_H_
