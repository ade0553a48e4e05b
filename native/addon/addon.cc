// The addon's exports. Its state hangs on the environment alone, so worker threads and two copies
// of the package in one process all work.
#include <exception>
#include <new>

#include "addon/arguments.h"
#include "addon/arrays.h"
#include "addon/jobs.h"
#include "addon/verbs.h"

namespace sightline::addon {
namespace {

using Verb = Napi::Value (*)(const Napi::CallbackInfo&);

struct Export {
  const char* name;
  Verb verb;
};

constexpr Export kExports[] = {
    {"kernelName", KernelName},
    {"endProcess", EndProcess},
    {"hasRoom", HasRoom},
    {"lockFile", LockFile},
    {"create", Create},
    {"open", Open},
    {"info", Info},
    {"stats", Stats},
    {"verify", Verify},
    {"save", Save},
    {"copyInto", CopyInto},
    {"writeNote", WriteNote},
    {"close", Close},
    {"count", Count},
    {"liveCount", LiveCount},
    {"changes", Changes},
    {"search", Search},
    {"searchBatch", SearchBatch},
    {"copyRows", CopyRows},
    {"copyKeys", CopyKeys},
    {"copyPayloads", CopyPayloads},
    {"rowsOf", RowsOf},
    {"check", Check},
    {"add", Add},
    {"update", Update},
    {"setPayloads", SetPayloads},
    {"remove", Remove},
    {"rollback", Rollback},
    {"settle", Settle},
    {"uncoded", Uncoded},
    {"makeCodes", MakeCodes},
    {"unlinkIsDue", UnlinkIsDue},
    {"unlink", Unlink},
    {"promote", Promote},
    {"createBeside", CreateBeside},
    {"copyLive", CopyLive},
    {"adopt", Adopt},
    {"abandon", Abandon},
    {"resizeRgb", ResizeRgb},
    {"pairDistance", PairDistance},
};

// Every verb runs in here: copying its arguments may find no memory, which must not end the
// process.
Napi::Value Call(const Napi::CallbackInfo& info) {
  const Export* entry = static_cast<const Export*>(info.Data());
  const ArrayScope arrays;
  try {
    return entry->verb(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    // Nothing may be thrown from here: nobody catches it.
    napi_throw(info.Env(), ErrorValue(info.Env(), error));
    return {};
  }
}

}  // namespace

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  InitJobs(env);
  // The loader refuses the binary of another version: its verbs may take other arguments.
  exports.Set("version", Napi::String::New(env, SIGHTLINE_VERSION));
  for (const Export& entry : kExports) {
    void* data = const_cast<Export*>(&entry);
    exports.Set(entry.name, Napi::Function::New(env, Call, entry.name, data));
  }
  return exports;
}

}  // namespace sightline::addon

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  return sightline::addon::Init(env, exports);
}

NODE_API_MODULE(sightline, Init)
