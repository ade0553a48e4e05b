// Priority of threads that do long background work.
#ifndef SIGHTLINE_PLATFORM_BACKGROUND_H_
#define SIGHTLINE_PLATFORM_BACKGROUND_H_

namespace sightline {

// Lowers the calling thread's priority, so that the event loop goes first. A hint that cannot be
// undone: for threads of our own.
void YieldToOthers();

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_BACKGROUND_H_
