// The process, or the environment that work is for, is about to end: long work stops where it
// stands, because ending waits for it.
#ifndef SIGHTLINE_PLATFORM_EXITING_H_
#define SIGHTLINE_PLATFORM_EXITING_H_

#include <atomic>

#include "core/status.h"

namespace sightline {

// For the whole process. Cannot be taken back. What is committed stays; what is only in memory
// goes with the process.
void SetExiting();

// While it lives, work of this thread also ends when *ending says so. Null for never.
class EndsWith {
 public:
  explicit EndsWith(const std::atomic<bool>* ending);
  ~EndsWith();
  EndsWith(const EndsWith&) = delete;
  EndsWith& operator=(const EndsWith&) = delete;

 private:
  const std::atomic<bool>* before_;
};

// For threads that take a share of this one's work.
const std::atomic<bool>* EndsWithWhat();

bool Exiting();
// What work that stopped returns: kClosed.
Status ExitingStatus();

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_EXITING_H_
