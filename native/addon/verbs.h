// Every function the addon exports; addon.cc is the table. Typed for JavaScript in
// lib/native/binding.ts.
#ifndef SIGHTLINE_ADDON_VERBS_H_
#define SIGHTLINE_ADDON_VERBS_H_

#include "addon/napi_header.h"

namespace sightline::addon {

// verbs_life.cc
Napi::Value KernelName(const Napi::CallbackInfo& info);
Napi::Value EndProcess(const Napi::CallbackInfo& info);
Napi::Value HasRoom(const Napi::CallbackInfo& info);
Napi::Value LockFile(const Napi::CallbackInfo& info);
Napi::Value Create(const Napi::CallbackInfo& info);
Napi::Value Open(const Napi::CallbackInfo& info);
Napi::Value Info(const Napi::CallbackInfo& info);
Napi::Value Stats(const Napi::CallbackInfo& info);
Napi::Value Verify(const Napi::CallbackInfo& info);
Napi::Value Save(const Napi::CallbackInfo& info);
Napi::Value CopyInto(const Napi::CallbackInfo& info);
Napi::Value WriteNote(const Napi::CallbackInfo& info);
Napi::Value Close(const Napi::CallbackInfo& info);

// verbs_read.cc
Napi::Value Count(const Napi::CallbackInfo& info);
Napi::Value LiveCount(const Napi::CallbackInfo& info);
Napi::Value Changes(const Napi::CallbackInfo& info);
Napi::Value Search(const Napi::CallbackInfo& info);
Napi::Value SearchBatch(const Napi::CallbackInfo& info);
Napi::Value CopyRows(const Napi::CallbackInfo& info);
Napi::Value CopyKeys(const Napi::CallbackInfo& info);
Napi::Value CopyPayloads(const Napi::CallbackInfo& info);
Napi::Value RowsOf(const Napi::CallbackInfo& info);

// verbs_write.cc
Napi::Value Check(const Napi::CallbackInfo& info);
Napi::Value Add(const Napi::CallbackInfo& info);
Napi::Value Update(const Napi::CallbackInfo& info);
Napi::Value SetPayloads(const Napi::CallbackInfo& info);
Napi::Value Remove(const Napi::CallbackInfo& info);
Napi::Value Rollback(const Napi::CallbackInfo& info);
Napi::Value Settle(const Napi::CallbackInfo& info);
Napi::Value Uncoded(const Napi::CallbackInfo& info);
Napi::Value MakeCodes(const Napi::CallbackInfo& info);
Napi::Value UnlinkIsDue(const Napi::CallbackInfo& info);
Napi::Value Unlink(const Napi::CallbackInfo& info);
Napi::Value Promote(const Napi::CallbackInfo& info);

// verbs_compact.cc
Napi::Value CreateBeside(const Napi::CallbackInfo& info);
Napi::Value CopyLive(const Napi::CallbackInfo& info);
Napi::Value Adopt(const Napi::CallbackInfo& info);
Napi::Value Abandon(const Napi::CallbackInfo& info);

// verbs_distance.cc
Napi::Value PairDistance(const Napi::CallbackInfo& info);

// verbs_image.cc
Napi::Value ResizeRgb(const Napi::CallbackInfo& info);

}  // namespace sightline::addon

#endif  // SIGHTLINE_ADDON_VERBS_H_
