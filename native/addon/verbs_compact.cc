// The steps of a compaction; index/compact.cc says what they do, lib/vectors/write/compact.ts in
// what order.
#include <memory>

#include "addon/arguments.h"
#include "addon/handle.h"
#include "addon/jobs.h"
#include "addon/verbs.h"

namespace sightline::addon {
namespace {

constexpr uint64_t kMaxThreads = 256;

}  // namespace

// createBeside(handle): Promise<handle>
Napi::Value CreateBeside(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  auto made = std::make_shared<std::shared_ptr<Index>>();
  return RunAsync(
      info.Env(), [=] { return index->CreateBeside(made.get()); },
      [=](Napi::Env env) { return WrapIndex(env, *made); });
}

// copyLive(handle, fresh, first, threads): Promise<number>, the row to go on from
Napi::Value CopyLive(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  std::shared_ptr<Index> fresh = IndexAt1(info);
  const uint64_t first = IntegerAt(info, 2, 0, kMaxRows);
  const size_t threads = static_cast<size_t>(IntegerAt(info, 3, 0, kMaxThreads));
  auto next = std::make_shared<uint64_t>(first);
  return RunAsync(
      info.Env(), [=] { return index->CopyLive(first, threads, fresh.get(), next.get()); },
      [=](Napi::Env env) -> Napi::Value {
        return Napi::Number::New(env, static_cast<double>(*next));
      });
}

// adopt(handle, fresh): Promise<handle> of the compacted index
Napi::Value Adopt(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  std::shared_ptr<Index> fresh = IndexAt1(info);
  if (index == fresh) {
    Throw(info.Env(), Status(StatusCode::kInvalidType, "an index cannot replace itself"));
  }
  auto adopted = std::make_shared<std::shared_ptr<Index>>();
  return RunAsync(
      info.Env(), [=] { return index->Adopt(fresh.get(), adopted.get()); },
      [=](Napi::Env env) { return WrapIndex(env, *adopted); });
}

// abandon(handle, fresh): Promise<void>
Napi::Value Abandon(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  std::shared_ptr<Index> fresh = IndexAt1(info);
  return RunAsync(
      info.Env(), [=] { return index->Abandon(fresh.get()); }, nullptr);
}

}  // namespace sightline::addon
