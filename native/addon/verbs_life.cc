// Making, opening, describing, checking and closing an index.
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "addon/arguments.h"
#include "addon/handle.h"
#include "addon/jobs.h"
#include "addon/verbs.h"
#include "platform/exiting.h"
#include "platform/lock.h"

namespace sightline::addon {
namespace {

constexpr uint64_t kMaxSafeInteger = (uint64_t{1} << 53) - 1;

Napi::Value Number(Napi::Env env, uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

}  // namespace

// kernelName(): string
Napi::Value KernelName(const Napi::CallbackInfo& info) {
  const KernelTable* kernels = nullptr;
  const Status status = ChooseKernels(&kernels);
  if (!status.ok()) Throw(info.Env(), status);
  return Napi::String::New(info.Env(), kernels->name);
}

// endProcess(): void; from now on long work stops where it stands
Napi::Value EndProcess(const Napi::CallbackInfo& info) {
  SetExiting();
  return info.Env().Undefined();
}

// hasRoom(bytes): boolean
Napi::Value HasRoom(const Napi::CallbackInfo& info) {
  const uint64_t bytes = IntegerAt(info, 0, 0, kMaxSafeInteger);
  // Volatile, or the compiler sees that nobody uses it, and takes it for had.
  void* volatile room = bytes <= SIZE_MAX ? std::malloc(static_cast<size_t>(bytes)) : nullptr;
  const bool has = room != nullptr;
  std::free(room);
  return Napi::Boolean::New(info.Env(), has);
}

// lockFile(descriptor, path, shared): void; never waits
Napi::Value LockFile(const Napi::CallbackInfo& info) {
  const auto descriptor = static_cast<int>(IntegerAt(info, 0, 0, INT32_MAX));
  const Status status = LockNow(descriptor, StringAt(info, 1), BoolAt(info, 2));
  if (!status.ok()) Throw(info.Env(), status);
  return info.Env().Undefined();
}

// create(path, dim, metric, M, efConstruction, seed, label, storage, keyType): Promise<handle>; path '' is
// memory.
Napi::Value Create(const Napi::CallbackInfo& info) {
  const std::string path = StringAt(info, 0);
  IndexParameters parameters;
  parameters.dim = static_cast<uint32_t>(IntegerAt(info, 1, 1, kMaxDim));
  parameters.metric = static_cast<Metric>(IntegerAt(info, 2, 0, 2));
  parameters.m = static_cast<uint32_t>(IntegerAt(info, 3, kMinM, kMaxM));
  parameters.ef_construction = static_cast<uint32_t>(IntegerAt(info, 4, 1, kMaxEf));
  parameters.seed = IntegerAt(info, 5, 0, kMaxSafeInteger);
  parameters.label = StringAt(info, 6);
  const auto storage = static_cast<Storage>(IntegerAt(info, 7, 0, kLastStorage));
  parameters.key_type = static_cast<uint32_t>(IntegerAt(info, 8, 0, 1));
  parameters.payloads = parameters.key_type != 0;
  return RunForIndex(info.Env(), [=](std::shared_ptr<Index>* made) {
    return Index::Create(path, parameters, made, storage);
  });
}

// open(path, readOnly, threads, storage): Promise<handle>
Napi::Value Open(const Napi::CallbackInfo& info) {
  OpenOptions options;
  options.path = StringAt(info, 0);
  options.read_only = BoolAt(info, 1);
  options.threads = ThreadsAt(info, 2);
  options.storage = static_cast<Storage>(IntegerAt(info, 3, 0, kLastStorage));
  return RunForIndex(info.Env(),
                     [=](std::shared_ptr<Index>* opened) { return Index::Open(options, opened); });
}

// info(handle): what the index was made with
Napi::Value Info(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Index& index = IndexRefAt0(info);
  const IndexParameters& parameters = index.parameters();
  Napi::Object out = Napi::Object::New(env);
  out.Set("dim", Number(env, parameters.dim));
  out.Set("metric", Number(env, static_cast<uint32_t>(parameters.metric)));
  out.Set("M", Number(env, parameters.m));
  out.Set("efConstruction", Number(env, parameters.ef_construction));
  out.Set("seed", Number(env, parameters.seed));
  out.Set("label", Napi::String::New(env, parameters.label));
  out.Set("storage", Number(env, static_cast<uint32_t>(index.storage())));
  out.Set("keyType", Number(env, parameters.key_type));
  out.Set("readOnly", Napi::Boolean::New(env, index.read_only()));
  out.Set("recovered", Napi::String::New(env, index.recovered()));
  return out;
}

// stats(handle)
Napi::Value Stats(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  IndexStats stats;
  const Status status = IndexRefAt0(info).Stats(&stats);
  if (!status.ok()) Throw(env, status);
  Napi::Object out = Napi::Object::New(env);
  out.Set("count", Number(env, stats.count));
  out.Set("liveCount", Number(env, stats.live_count));
  out.Set("removedInGraph", Number(env, stats.removed_in_graph));
  out.Set("graphRows", Number(env, stats.graph_rows));
  out.Set("maxLevel", Number(env, stats.max_level));
  out.Set("bytesOnDisk", Number(env, stats.bytes_on_disk));
  out.Set("bytesResident", Number(env, stats.bytes_resident));
  out.Set("unsaved", Napi::Boolean::New(env, stats.unsaved));
  out.Set("graphProblem", Napi::String::New(env, stats.graph_problem));
  out.Set("walksOnCodes", Napi::Boolean::New(env, stats.walks_on_codes));
  out.Set("codesReason", Napi::String::New(env, stats.codes_reason));
  out.Set("kernel", Napi::String::New(env, stats.kernel));
  Napi::Array levels = Napi::Array::New(env, stats.levels.size());
  for (uint32_t i = 0; i < stats.levels.size(); ++i) levels.Set(i, Number(env, stats.levels[i]));
  out.Set("levels", levels);
  return out;
}

// verify(handle): Promise<{ problems, rowsChecked }>
Napi::Value Verify(const Napi::CallbackInfo& info) {
  struct Found {
    std::vector<std::string> problems;
    uint64_t rows = 0;
  };
  auto found = std::make_shared<Found>();
  std::shared_ptr<Index> index = IndexAt0(info);
  return RunAsync(
      info.Env(), [=] { return index->Verify(&found->problems, &found->rows); },
      [=](Napi::Env env) -> Napi::Value {
        Napi::Object out = Napi::Object::New(env);
        Napi::Array problems = Napi::Array::New(env, found->problems.size());
        for (uint32_t i = 0; i < found->problems.size(); ++i) {
          problems.Set(i, Napi::String::New(env, found->problems[i]));
        }
        out.Set("problems", problems);
        out.Set("rowsChecked", Number(env, found->rows));
        return out;
      });
}

// save(handle, closing): Promise<void>
Napi::Value Save(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  const bool closing = BoolAt(info, 1);
  return RunAsync(info.Env(), [=] { return index->Save(closing); });
}

// copyInto(handle, folder): Promise<void>
Napi::Value CopyInto(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  const std::string folder = StringAt(info, 1);
  return RunAsync(info.Env(), [=] { return index->CopyInto(folder); });
}

// writeNote(handle, name, text): Promise<void>
Napi::Value WriteNote(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  const std::string name = StringAt(info, 1);
  const std::string text = StringAt(info, 2);
  return RunAsync(info.Env(), [=] { return index->WriteNote(name, text.data(), text.size()); });
}

// close(handle): Promise<void>, resolved when all work under way has ended
Napi::Value Close(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  // At once, not when the pool gets to it: what is called after this is refused.
  index->Refuse();
  return RunAsync(info.Env(), [=] {
    index->Close();
    return Status::Ok();
  });
}

}  // namespace sightline::addon
