// JavaScript's handle of an index: an object with a type tag that wraps a shared pointer. Running
// work holds the pointer too, so the index outlives a collected handle. When the environment ends
// (process exit, worker terminated), the index is closed synchronously.
#ifndef SIGHTLINE_ADDON_HANDLE_H_
#define SIGHTLINE_ADDON_HANDLE_H_

#include <functional>
#include <memory>

#include "addon/napi_header.h"
#include "index/index.h"

namespace sightline::addon {

Napi::Value WrapIndex(Napi::Env env, std::shared_ptr<Index> index);
// RunAsync for work that gives an index.
Napi::Value RunForIndex(Napi::Env env, std::function<Status(std::shared_ptr<Index>*)> work);
// The index of argument 0; throws kInvalidType if it is no handle.
std::shared_ptr<Index> IndexAt0(const Napi::CallbackInfo& info);
std::shared_ptr<Index> IndexAt1(const Napi::CallbackInfo& info);
// The same without counting a reference, for synchronous verbs.
Index& IndexRefAt0(const Napi::CallbackInfo& info);
// Reports the memory of the index of argument 0 to the garbage collector.
void ReportMemory(const Napi::CallbackInfo& info);

}  // namespace sightline::addon

#endif  // SIGHTLINE_ADDON_HANDLE_H_
