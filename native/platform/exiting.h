// The process is about to end: long work stops where it stands, because ending waits for it.
#ifndef SIGHTLINE_PLATFORM_EXITING_H_
#define SIGHTLINE_PLATFORM_EXITING_H_

#include "core/status.h"

namespace sightline {

// Cannot be taken back. What is committed stays; what is only in memory goes with the process.
void SetExiting();
bool Exiting();
// What work that stopped returns: kClosed.
Status ExitingStatus();

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_EXITING_H_
