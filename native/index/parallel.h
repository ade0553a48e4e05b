// The same work on several threads.
#ifndef SIGHTLINE_INDEX_PARALLEL_H_
#define SIGHTLINE_INDEX_PARALLEL_H_

#include <algorithm>
#include <cstddef>
#include <system_error>
#include <thread>
#include <vector>

#include "platform/background.h"

namespace sightline {

// Threads to use: `wanted`, or one per core for 0; at most one per `worth` of the items.
inline size_t ThreadsFor(size_t wanted, size_t items, size_t worth) {
  const size_t cores = std::max<size_t>(1, std::thread::hardware_concurrency());
  return std::min(wanted == 0 ? cores : wanted, 1 + items / worth);
}

// Runs `work`, which takes its share from somewhere until there is none, on `threads` threads, the
// calling one among them. It must not throw. Where the system has no more threads, those there are
// do the work.
template <typename Work>
void InBackground(size_t threads, const Work& work) {
  std::vector<std::thread> helpers;
  for (size_t i = 1; i < threads; ++i) {
    try {
      helpers.emplace_back([&work] {
        YieldToOthers();
        work();
      });
    } catch (const std::system_error&) {
      break;
    }
  }
  work();
  for (std::thread& helper : helpers) helper.join();
}

}  // namespace sightline

#endif  // SIGHTLINE_INDEX_PARALLEL_H_
