// Stops long work when the process, or the environment it runs for, is about to end.
#ifndef SIGHTLINE_PLATFORM_EXITING_H_
#define SIGHTLINE_PLATFORM_EXITING_H_

#include <atomic>

#include "core/status.h"

namespace sightline {

// For the whole process; cannot be undone. Commits are durable, anything only in memory is lost.
void SetExiting();

// While it exists, work of this thread also stops when *ending is true; null: never.
class EndsWith {
 public:
  explicit EndsWith(const std::atomic<bool>* ending);
  ~EndsWith();
  EndsWith(const EndsWith&) = delete;
  EndsWith& operator=(const EndsWith&) = delete;

 private:
  const std::atomic<bool>* before_;
};

// The flag of this thread, for threads that share its work.
const std::atomic<bool>* EndsWithWhat();

bool Exiting();
// Returned by work that stopped: kClosed.
Status ExitingStatus();

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_EXITING_H_
