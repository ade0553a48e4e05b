// Threads that help with long work and should not keep anybody waiting.
#ifndef SIGHTLINE_PLATFORM_BACKGROUND_H_
#define SIGHTLINE_PLATFORM_BACKGROUND_H_

namespace sightline {

// Lets other threads of the process, the event loop above all, go before the calling one where the
// processor is contended. A hint; cannot be taken back, so it is for threads of our own.
void YieldToOthers();

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_BACKGROUND_H_
