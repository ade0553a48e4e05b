// JavaScript's hold on an index.
//
// A handle is a plain object with our type tag that wraps a shared pointer. Work under way holds
// the pointer too, so collecting the handle never pulls memory from under it. When the environment
// goes (process exit, worker terminated) the index is closed synchronously.
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
// The index of argument 0; throws kInvalidType if it is no handle of ours.
std::shared_ptr<Index> IndexAt0(const Napi::CallbackInfo& info);
std::shared_ptr<Index> IndexAt1(const Napi::CallbackInfo& info);
// The same for verbs that do not outlive their call, without counting a reference.
Index& IndexRefAt0(const Napi::CallbackInfo& info);
// Tells the collector how much memory the index of argument 0 holds by now.
void ReportMemory(const Napi::CallbackInfo& info);

}  // namespace sightline::addon

#endif  // SIGHTLINE_ADDON_HANDLE_H_
