#include "addon/jobs.h"

#include <memory>
#include <utility>

#ifndef __wasm__
#include <atomic>
#include <cstddef>
#include <exception>
#include <new>
#include <unordered_set>

#include "addon/arguments.h"
#include "platform/exiting.h"

// Functions of libuv, which Node exports. Declared here because the headers of Node-API do not
// include uv.h; the ABI is stable within version 1.
extern "C" {
struct uv_work_s;
int uv_queue_work(uv_loop_s* loop, uv_work_s* request, void (*work)(uv_work_s*),
                  void (*after)(uv_work_s*, int));
int uv_cancel(uv_work_s* request);  // of any uv_req_t
size_t uv_req_size(int type);
void* uv_req_get_data(const uv_work_s* request);
void uv_req_set_data(uv_work_s* request, void* data);
}

namespace sightline::addon {
namespace {

constexpr int kUvWork = 7;  // UV_WORK of uv_req_type

class Job;

// Used by its environment's thread only, except `ending`.
struct Environment {
  std::atomic<bool> ending{false};
  std::unordered_set<Job*> jobs;
  napi_async_context context = nullptr;
  napi_async_cleanup_hook_handle hook = nullptr;
  bool waits = false;  // for the jobs, to end
};

Environment* EnvironmentOf(napi_env env) {
  void* data = nullptr;
  return napi_get_instance_data(env, &data) == napi_ok ? static_cast<Environment*>(data) : nullptr;
}

void EndIfIdle(Environment* environment) {
  if (!environment->waits || !environment->jobs.empty()) return;
  environment->waits = false;
  napi_remove_async_cleanup_hook(environment->hook);
}

class Job {
 public:
  Job(napi_env env, std::function<Status()> work, std::function<Napi::Value(Napi::Env)> convert)
      : env_(env),
        environment_(EnvironmentOf(env)),
        request_(new std::byte[uv_req_size(kUvWork)]()),
        work_(std::move(work)),
        convert_(std::move(convert)) {}

  // Returns the promise. The job owns itself from here on.
  static Napi::Value Start(std::unique_ptr<Job> job) {
    uv_loop_s* loop = nullptr;
    napi_value promise = nullptr;
    const napi_env env = job->env_;
    if (napi_get_uv_event_loop(env, &loop) != napi_ok ||
        napi_create_promise(env, &job->deferred_, &promise) != napi_ok) {
      Throw(env, Status(StatusCode::kInternal, "no promise could be made"));
    }
    job->environment_->jobs.insert(job.get());
    uv_req_set_data(job->request(), job.get());
    uv_queue_work(loop, job->request(), Run, Done);
    job.release();
    return Napi::Value(env, promise);
  }

  void Cancel() { uv_cancel(request()); }  // if it has not begun

 private:
  uv_work_s* request() { return reinterpret_cast<uv_work_s*>(request_.get()); }

  static void Run(uv_work_s* request) {
    Job* job = static_cast<Job*>(uv_req_get_data(request));
    const EndsWith ends(&job->environment_->ending);
    if (Exiting()) {
      // Cancelled before it began.
      job->status_ = ExitingStatus();
      return;
    }
    try {
      job->status_ = job->work_();
    } catch (const std::bad_alloc&) {
      job->status_ = Status(StatusCode::kNoMemory, "no memory");  // too short to need any
    } catch (const std::exception& error) {
      job->status_ = Status(StatusCode::kInternal, error.what());
    }
  }

  static void Done(uv_work_s* request, int) {
    const std::unique_ptr<Job> job(static_cast<Job*>(uv_req_get_data(request)));
    Environment* environment = job->environment_;
    environment->jobs.erase(job.get());
    if (environment->ending) {
      // The environment has ended.
      EndIfIdle(environment);
      return;
    }
    const Napi::HandleScope handles(job->env_);
    napi_callback_scope scope = nullptr;
    napi_value resource = nullptr;
    // Closing the scope runs the promise's reactions.
    if (napi_create_object(job->env_, &resource) != napi_ok ||
        napi_open_callback_scope(job->env_, resource, environment->context, &scope) != napi_ok) {
      return;
    }
    job->Settle();
    napi_close_callback_scope(job->env_, scope);
  }

  // The promise settles even if the conversion fails, unless the worker was terminated meanwhile.
  void Settle() {
    const Napi::Env env(env_);
    try {
      if (status_.ok()) {
        const Napi::Value value = convert_ ? convert_(env) : env.Undefined();
        napi_resolve_deferred(env_, deferred_, value);
      } else {
        napi_reject_deferred(env_, deferred_, MakeError(env, status_).Value());
      }
    } catch (const Napi::Error& error) {
      napi_reject_deferred(env_, deferred_, error.Value());
    } catch (const std::exception& error) {
      napi_reject_deferred(env_, deferred_, ErrorValue(env_, error));
    }
  }

  napi_env env_;
  Environment* environment_;
  std::unique_ptr<std::byte[]> request_;
  napi_deferred deferred_ = nullptr;
  std::function<Status()> work_;
  std::function<Napi::Value(Napi::Env)> convert_;
  Status status_;
};

void OnEnd(napi_async_cleanup_hook_handle, void* data) {
  Environment* environment = static_cast<Environment*>(data);
  environment->ending = true;
  environment->waits = true;
  for (Job* job : environment->jobs) job->Cancel();
  EndIfIdle(environment);
}

void Delete(napi_env env, void* data, void*) {
  Environment* environment = static_cast<Environment*>(data);
  napi_async_destroy(env, environment->context);
  delete environment;
}

}  // namespace

void InitJobs(Napi::Env env) {
  auto environment = std::make_unique<Environment>();
  const Napi::String name = Napi::String::New(env, "sightline");
  if (napi_async_init(env, nullptr, name, &environment->context) != napi_ok ||
      napi_add_async_cleanup_hook(env, OnEnd, environment.get(), &environment->hook) != napi_ok ||
      napi_set_instance_data(env, environment.get(), Delete, nullptr) != napi_ok) {
    Throw(env, Status(StatusCode::kInternal, "the addon could not be set up"));
  }
  environment.release();
}

void StopJobs(napi_env env) {
  Environment* environment = EnvironmentOf(env);
  if (environment != nullptr) environment->ending = true;
}

Napi::Value RunAsync(Napi::Env env, std::function<Status()> work,
                     std::function<Napi::Value(Napi::Env)> convert) {
  return Job::Start(std::make_unique<Job>(env, std::move(work), std::move(convert)));
}

}  // namespace sightline::addon
#endif

namespace sightline::addon {

Napi::Value RunForNumber(Napi::Env env, std::function<Status(uint64_t*)> work) {
  auto number = std::make_shared<uint64_t>(0);
  return RunAsync(
      env, [work = std::move(work), number] { return work(number.get()); },
      [number](Napi::Env then) -> Napi::Value {
        return Napi::Number::New(then, static_cast<double>(*number));
      });
}

}  // namespace sightline::addon
