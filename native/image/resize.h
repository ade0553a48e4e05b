// Pillow's antialiased resize of 8-bit RGB pictures, bit for bit: separable, horizontal pass first;
// the filter widens with the reduction; weights have 22 fractional bits; each pass rounds to 8
// bits. Models were trained on such pictures, and other resizers differ by several grey levels at
// edges.
#ifndef SIGHTLINE_IMAGE_RESIZE_H_
#define SIGHTLINE_IMAGE_RESIZE_H_

#include <cstddef>
#include <cstdint>

#include "core/status.h"

namespace sightline {

constexpr size_t kMaxPictureSide = 65535;  // the longest side of a JPEG
constexpr size_t kMaxKeptSide = 4096;
// The longest side of a picture of 1 x 65535 pixels whose short side becomes 4096.
constexpr size_t kMaxResizedSide = kMaxPictureSide * kMaxKeptSide;

enum class ResizeFilter : uint8_t { kBilinear = 0, kBicubic = 1 };
constexpr uint8_t kLastResizeFilter = 1;

// Only the window that a center crop keeps is computed.
struct ResizePlan {
  size_t width = 0;  // of the picture
  size_t height = 0;
  size_t resized_width = 0;  // of the whole resized picture
  size_t resized_height = 0;
  size_t left = 0;  // of the window in it
  size_t top = 0;
  size_t kept_width = 0;
  size_t kept_height = 0;
  ResizeFilter filter = ResizeFilter::kBicubic;
};

// rgb: [height, width, 3]; out: [kept_height, kept_width, 3]. Allocates height * kept_width * 3
// bytes; throws std::bad_alloc. kInvalidRange if a side is 0 or too long, or the window leaves the
// resized picture. Threads: any.
Status ResizeRgb(const ResizePlan& plan, const uint8_t* rgb, uint8_t* out);

}  // namespace sightline

#endif  // SIGHTLINE_IMAGE_RESIZE_H_
