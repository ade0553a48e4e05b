#include "addon/handle.h"

#include <string>
#include <utility>

#include "addon/arguments.h"
#include "addon/jobs.h"

namespace sightline::addon {
namespace {

// Random, so that no object of another addon has the same tag.
constexpr napi_type_tag kIndexTag = {0x5c6f9d1e8a7b4c23, 0xb1e4d07f3a9c6852};

struct Handle {
  napi_env env;
  std::shared_ptr<Index> index;
  int64_t reported = 0;  // bytes told to the collector
  bool hooked = false;
};

void CloseOnExit(void* data) {
  Handle* handle = static_cast<Handle*>(data);
  handle->hooked = false;
  // Closing waits for running work.
  StopJobs(handle->env);
  handle->index->Close();
}

void Finalize(napi_env env, void* data, void*) {
  Handle* handle = static_cast<Handle*>(data);
  if (handle->hooked) napi_remove_env_cleanup_hook(env, CloseOnExit, handle);
  int64_t ignored = 0;
  napi_adjust_external_memory(env, -handle->reported, &ignored);
  delete handle;
}

Handle* HandleAt(const Napi::CallbackInfo& info, size_t at) {
  const napi_env env = info.Env();
  const Napi::Value value = info[at];
  bool ours = false;
  void* data = nullptr;
  if (!value.IsObject() || napi_check_object_type_tag(env, value, &kIndexTag, &ours) != napi_ok ||
      !ours || napi_unwrap(env, value, &data) != napi_ok) {
    Throw(env,
          Status(StatusCode::kInvalidType, "argument " + std::to_string(at) + " must be an index"));
  }
  return static_cast<Handle*>(data);
}

Handle* HandleAt0(const Napi::CallbackInfo& info) { return HandleAt(info, 0); }

}  // namespace

Napi::Value WrapIndex(Napi::Env env, std::shared_ptr<Index> index) {
  if (index == nullptr) Throw(env, Status(StatusCode::kInternal, "no index was made"));
  Napi::Object object = Napi::Object::New(env);
  auto handle = std::make_unique<Handle>();
  handle->env = env;
  handle->index = std::move(index);
  if (napi_type_tag_object(env, object, &kIndexTag) != napi_ok ||
      napi_wrap(env, object, handle.get(), Finalize, nullptr, nullptr) != napi_ok) {
    Throw(env, Status(StatusCode::kInternal, "the index could not be handed to JavaScript"));
  }
  Handle* kept = handle.release();
  kept->hooked = napi_add_env_cleanup_hook(env, CloseOnExit, kept) == napi_ok;
  return object;
}

std::shared_ptr<Index> IndexAt0(const Napi::CallbackInfo& info) { return HandleAt0(info)->index; }

std::shared_ptr<Index> IndexAt1(const Napi::CallbackInfo& info) { return HandleAt(info, 1)->index; }

Index& IndexRefAt0(const Napi::CallbackInfo& info) { return *HandleAt0(info)->index; }

void ReportMemory(const Napi::CallbackInfo& info) {
  Handle* handle = HandleAt0(info);
  const int64_t bytes = static_cast<int64_t>(handle->index->resident_bytes());
  if (bytes == handle->reported) return;
  int64_t ignored = 0;
  napi_adjust_external_memory(info.Env(), bytes - handle->reported, &ignored);
  handle->reported = bytes;
}

Napi::Value RunForIndex(Napi::Env env, std::function<Status(std::shared_ptr<Index>*)> work) {
  auto index = std::make_shared<std::shared_ptr<Index>>();
  return RunAsync(
      env, [work = std::move(work), index] { return work(index.get()); },
      [index](Napi::Env then) { return WrapIndex(then, *index); });
}

}  // namespace sightline::addon
