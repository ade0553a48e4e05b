#include "addon/handle.h"

#include <exception>
#include <new>
#include <string>
#include <utility>

#include "addon/arguments.h"

namespace sightline::addon {
namespace {

// Random, so that no other addon's objects pass for ours.
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

class Job : public Napi::AsyncWorker {
 public:
  Job(Napi::Env env, std::function<Status()> work, std::function<Napi::Value(Napi::Env)> convert)
      : AsyncWorker(env, "sightline"),
        deferred_(env),
        work_(std::move(work)),
        convert_(std::move(convert)) {}

  Napi::Value promise() const { return deferred_.Promise(); }

  void Execute() override {
    try {
      status_ = work_();
    } catch (const std::bad_alloc&) {
      status_ = Status(StatusCode::kNoMemory, "not enough memory");
    } catch (const std::exception& error) {
      status_ = Status(StatusCode::kInternal, error.what());
    }
  }

  void OnOK() override {
    const Napi::Env env = Env();
    if (!status_.ok()) {
      deferred_.Reject(MakeError(env, status_).Value());
      return;
    }
    // Whatever happens to the value, the promise settles.
    try {
      deferred_.Resolve(convert_ ? convert_(env) : env.Undefined());
    } catch (const Napi::Error& error) {
      deferred_.Reject(error.Value());
    } catch (const std::exception& error) {
      const bool full = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
      const StatusCode code = full ? StatusCode::kNoMemory : StatusCode::kInternal;
      deferred_.Reject(MakeError(env, Status(code, error.what())).Value());
    }
  }

 private:
  Napi::Promise::Deferred deferred_;
  std::function<Status()> work_;
  std::function<Napi::Value(Napi::Env)> convert_;
  Status status_;
};

}  // namespace

Napi::Value WrapIndex(Napi::Env env, std::shared_ptr<Index> index) {
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

Napi::Value RunAsync(Napi::Env env, std::function<Status()> work,
                     std::function<Napi::Value(Napi::Env)> convert) {
  Job* job = new Job(env, std::move(work), std::move(convert));
  const Napi::Value promise = job->promise();
  job->Queue();  // deletes itself when done
  return promise;
}

}  // namespace sightline::addon
