// Runs the same work on several threads. All threads of the core are started here.
#ifndef SIGHTLINE_PLATFORM_PARALLEL_H_
#define SIGHTLINE_PLATFORM_PARALLEL_H_

#include <algorithm>
#include <cstddef>
#include <exception>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "core/status.h"
#include "platform/background.h"
#include "platform/exiting.h"

namespace sightline {

// `wanted`, or one per core if 0.
inline size_t ThreadsWanted(size_t wanted) {
#ifdef __wasm__
  return 1;  // it has no threads
#endif
  return wanted != 0 ? wanted : std::max<size_t>(1, std::thread::hardware_concurrency());
}

// `wanted`, or one per core if 0; at most one per `worth` items.
inline size_t ThreadsFor(size_t wanted, size_t items, size_t worth) {
  return std::min(ThreadsWanted(wanted), 1 + items / worth);
}

// Runs `work` on `threads` threads including the caller; `work` is a Status() that takes items
// until none is left. If the system has no more threads, the existing ones do the work. Exceptions
// of `work` become a status.
//
// background  helpers run at low priority.
// Returns     the first failure; other threads go on until `work` returns.
template <typename Work>
Status InParallel(size_t threads, const Work& work, bool background = false) {
  std::mutex failed_mutex;
  Status failed;
  const auto run = [&]() noexcept {
    Status status;
    try {
      status = work();
    } catch (const std::bad_alloc&) {
      status = Status(StatusCode::kNoMemory, "no memory");  // too short to need any
    } catch (const std::exception&) {
      status = Status(StatusCode::kInternal, "failed thread");
    }
    if (status.ok()) return;
    const std::lock_guard<std::mutex> lock(failed_mutex);
    if (failed.ok()) failed = std::move(status);
  };
  std::vector<std::thread> helpers;
  try {
    helpers.reserve(std::max<size_t>(1, threads) - 1);
    while (helpers.size() + 1 < threads) {
      helpers.emplace_back([&run, background, ends = EndsWithWhat()] {
        const EndsWith ending(ends);
        if (background) YieldToOthers();
        run();
      });
    }
  } catch (const std::system_error&) {
    // No more threads.
  } catch (const std::bad_alloc&) {
    // No memory for one.
  }
  run();
  for (std::thread& helper : helpers) helper.join();
  return failed;
}

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_PARALLEL_H_
