// Jobs of a WebAssembly module, which has no threads: work is done in the call that asks for it.
// lib/native/wasm settles what callers wait for in a later turn of the event loop, so that it goes
// round between two parts of long work.
#include "addon/jobs.h"

#ifdef __wasm__
#include <exception>
#include <new>
#include <utility>

#include "addon/arguments.h"
#include "platform/exiting.h"

namespace sightline::addon {
namespace {

Status Run(const std::function<Status()>& work) {
  if (Exiting()) return ExitingStatus();
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kNoMemory, "no memory");  // too short to need any
  } catch (const std::exception& error) {
    return Status(StatusCode::kInternal, error.what());
  }
}

}  // namespace

void InitJobs(Napi::Env) {}

void StopJobs(napi_env) {}

Napi::Value RunAsync(Napi::Env env, std::function<Status()> work,
                     std::function<Napi::Value(Napi::Env)> convert) {
  napi_deferred deferred = nullptr;
  napi_value promise = nullptr;
  if (napi_create_promise(env, &deferred, &promise) != napi_ok) {
    Throw(env, Status(StatusCode::kInternal, "no promise could be made"));
  }
  try {
    const Status status = Run(work);
    if (status.ok()) {
      napi_resolve_deferred(env, deferred, convert ? convert(env) : env.Undefined());
    } else {
      napi_reject_deferred(env, deferred, MakeError(env, status).Value());
    }
  } catch (const Napi::Error& error) {
    napi_reject_deferred(env, deferred, error.Value());
  } catch (const std::exception& error) {
    napi_reject_deferred(env, deferred, ErrorValue(env, error));
  }
  return Napi::Value(env, promise);
}

}  // namespace sightline::addon
#endif
