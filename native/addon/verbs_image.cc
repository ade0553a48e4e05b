// Preprocessing of pictures.
#include "addon/arguments.h"
#include "addon/verbs.h"
#include "image/resize.h"

namespace sightline::addon {

// resizeRgb(rgb, width, height, resizedWidth, resizedHeight, left, top, keptWidth, keptHeight,
// filter, out): void; fills out. Synchronous: it is called in worker threads.
Napi::Value ResizeRgb(const Napi::CallbackInfo& info) {
  const Span<const uint8_t> rgb = Uint8sAt(info, 0);
  ResizePlan plan;
  plan.width = IntegerAt(info, 1, 1, kMaxPictureSide);
  plan.height = IntegerAt(info, 2, 1, kMaxPictureSide);
  plan.resized_width = IntegerAt(info, 3, 1, kMaxResizedSide);
  plan.resized_height = IntegerAt(info, 4, 1, kMaxResizedSide);
  plan.left = IntegerAt(info, 5, 0, kMaxResizedSide);
  plan.top = IntegerAt(info, 6, 0, kMaxResizedSide);
  plan.kept_width = IntegerAt(info, 7, 1, kMaxKeptSide);
  plan.kept_height = IntegerAt(info, 8, 1, kMaxKeptSide);
  plan.filter = static_cast<ResizeFilter>(IntegerAt(info, 9, 0, kLastResizeFilter));
  const Span<uint8_t> out = RoomAt<uint8_t>(info, 10);
  if (rgb.size != plan.width * plan.height * 3 ||
      out.size != plan.kept_width * plan.kept_height * 3) {
    Throw(info.Env(),
          Status(StatusCode::kInvalidRange, "a picture must hold three bytes for every pixel"));
  }
  const Status status = sightline::ResizeRgb(plan, rgb.data, out.data);
  if (!status.ok()) Throw(info.Env(), status);
  return info.Env().Undefined();
}

}  // namespace sightline::addon
