// The steps of a compaction (index/compact.cc), in the order of lib/vectors/write/compact.ts.
#include <memory>

#include "addon/arguments.h"
#include "addon/handle.h"
#include "addon/jobs.h"
#include "addon/verbs.h"

namespace sightline::addon {

// createBeside(handle): Promise<handle>
Napi::Value CreateBeside(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  return RunForIndex(info.Env(),
                     [=](std::shared_ptr<Index>* made) { return index->CreateBeside(made); });
}

// copyLive(handle, fresh, first, threads): Promise<number>, the next row
Napi::Value CopyLive(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  std::shared_ptr<Index> fresh = IndexAt1(info);
  const uint64_t first = IntegerAt(info, 2, 0, kMaxRows);
  const size_t threads = ThreadsAt(info, 3);
  return RunForNumber(info.Env(), [=](uint64_t* next) {
    return index->CopyLive(first, threads, fresh.get(), next);
  });
}

// adopt(handle, fresh): Promise<handle> of the compacted index
Napi::Value Adopt(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  std::shared_ptr<Index> fresh = IndexAt1(info);
  if (index == fresh) {
    Throw(info.Env(), Status(StatusCode::kInvalidType, "an index cannot replace itself"));
  }
  return RunForIndex(info.Env(), [=](std::shared_ptr<Index>* adopted) {
    return index->Adopt(fresh.get(), adopted);
  });
}

// abandon(handle, fresh): Promise<void>
Napi::Value Abandon(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  std::shared_ptr<Index> fresh = IndexAt1(info);
  return RunAsync(info.Env(), [=] { return index->Abandon(fresh.get()); });
}

}  // namespace sightline::addon
