// Work off the main thread, and the promise it settles.
//
// Uses libuv's pool directly. When a worker thread is terminated, Node waits for Node-API's async
// work before it calls any cleanup hook, but not for other requests. So our cleanup hook runs at
// once: it asks running work to stop (platform/exiting.h) and delays the end of the environment
// until it has.
#ifndef SIGHTLINE_ADDON_JOBS_H_
#define SIGHTLINE_ADDON_JOBS_H_

#include <cstdint>
#include <functional>

#include "addon/napi_header.h"
#include "core/status.h"

namespace sightline::addon {

// Call once per environment, before the other functions.
void InitJobs(Napi::Env env);

// Stops the work of an environment that is about to end. For cleanup hooks, whose order is
// unspecified.
void StopJobs(napi_env env);

// Runs `work` in a thread of the pool and returns a promise. `convert` then makes the value on the
// main thread; null: undefined. `work` must own its inputs. std::bad_alloc becomes a status here.
Napi::Value RunAsync(Napi::Env env, std::function<Status()> work,
                     std::function<Napi::Value(Napi::Env)> convert = nullptr);
// The same for work that returns a number.
Napi::Value RunForNumber(Napi::Env env, std::function<Status(uint64_t*)> work);

}  // namespace sightline::addon

#endif  // SIGHTLINE_ADDON_JOBS_H_
