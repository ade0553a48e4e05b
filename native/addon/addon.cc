// The addon's exports. Its state hangs on the environment alone, so worker threads and two copies
// of the package in one process all work.
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
    {"rowsOf", RowsOf},
    {"check", Check},
    {"add", Add},
    {"update", Update},
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
};

}  // namespace

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  for (const Export& entry : kExports) {
    exports.Set(entry.name, Napi::Function::New(env, entry.verb, entry.name));
  }
  return exports;
}

}  // namespace sightline::addon

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  return sightline::addon::Init(env, exports);
}

NODE_API_MODULE(sightline, Init)
