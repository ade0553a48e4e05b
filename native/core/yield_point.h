// Marks places where data becomes visible to other threads, or between two related reads. The
// thread harness (test/harness/threads.cc, built with SIGHTLINE_YIELD_POINTS) pauses threads here
// at random, which provokes rare interleavings. In other builds this is empty.
#ifndef SIGHTLINE_CORE_YIELD_POINT_H_
#define SIGHTLINE_CORE_YIELD_POINT_H_

#ifdef SIGHTLINE_YIELD_POINTS

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "core/rng.h"

namespace sightline {

inline std::atomic<uint64_t> yield_seed{1};

inline void YieldPoint() {
  thread_local Rng rng(yield_seed.fetch_add(1));
  const uint32_t dice = rng.Below(256);
  if (dice < 32) std::this_thread::yield();
  if (dice == 255) std::this_thread::sleep_for(std::chrono::microseconds(1 + rng.Below(100)));
}

}  // namespace sightline

#define SL_YIELD_POINT() ::sightline::YieldPoint()
#else
#define SL_YIELD_POINT() static_cast<void>(0)
#endif

#endif  // SIGHTLINE_CORE_YIELD_POINT_H_
