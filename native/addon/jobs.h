// Work off the main thread, and the promise it settles.
//
// On libuv's pool, but not as Node-API's async work: when a worker thread is terminated, Node waits
// for that, however long it takes, before it tells anybody. Requests of our own it does not wait
// for. So its cleanup hooks are the first to know; ours ask the work under way to stop
// (platform/exiting.h), and hold up the end of the environment until it has.
#ifndef SIGHTLINE_ADDON_JOBS_H_
#define SIGHTLINE_ADDON_JOBS_H_

#include <cstdint>
#include <functional>

#include "addon/napi_header.h"
#include "core/status.h"

namespace sightline::addon {

// Once for each environment, before anything else of this file.
void InitJobs(Napi::Env env);

// The environment is about to go: its work stops where it stands. For cleanup hooks, which run in
// an order that nobody should rely on.
void StopJobs(napi_env env);

// Runs `work` in a thread of the pool and gives a promise. `convert` makes the value on the main
// thread afterwards; null: undefined. `work` gets no env and must own its inputs.
// This is the place where running out of memory becomes a status.
Napi::Value RunAsync(Napi::Env env, std::function<Status()> work,
                     std::function<Napi::Value(Napi::Env)> convert = nullptr);
// The same for work that gives a number.
Napi::Value RunForNumber(Napi::Env env, std::function<Status(uint64_t*)> work);

}  // namespace sightline::addon

#endif  // SIGHTLINE_ADDON_JOBS_H_
