// Against the sums written out plainly; equality with Pillow is test/golden/preprocess.test.ts.
#include "image/resize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/rng.h"
#include "runner.h"

namespace sightline {
namespace {

double Weight(double value, bool cubic) {
  const double x = std::fabs(value);
  if (!cubic) return std::max(0.0, 1 - x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

// One axis of lines of `input` samples, `step` bytes apart.
uint8_t Sample(const uint8_t* line, size_t step, size_t input, size_t output, size_t at,
               bool cubic) {
  const double scale = static_cast<double>(input) / static_cast<double>(output);
  const double wide = std::max(scale, 1.0);
  const double support = (cubic ? 2 : 1) * wide;
  const double center = (static_cast<double>(at) + 0.5) * scale;
  const auto low = static_cast<size_t>(std::max(0.0, center - support + 0.5));
  const size_t high = std::min(input, static_cast<size_t>(center + support + 0.5));
  double total = 0;
  for (size_t i = low; i < high; ++i) {
    total += Weight((static_cast<double>(i) - center + 0.5) * (1 / wide), cubic);
  }
  int64_t sum = 1 << 21;
  for (size_t i = low; i < high; ++i) {
    const double weight =
        Weight((static_cast<double>(i) - center + 0.5) * (1 / wide), cubic) / total * (1 << 22);
    sum += line[i * step] * static_cast<int64_t>(weight + (weight < 0 ? -0.5 : 0.5));
  }
  return static_cast<uint8_t>(std::clamp<int64_t>(sum >> 22, 0, 255));
}

std::vector<uint8_t> Plain(const ResizePlan& plan, const uint8_t* rgb) {
  const bool cubic = plan.filter == ResizeFilter::kBicubic;
  const size_t line = plan.kept_width * 3;
  std::vector<uint8_t> middle(plan.height * line);
  for (size_t i = 0; i < middle.size(); ++i) {
    const size_t x = i % line;
    const uint8_t* from = rgb + i / line * plan.width * 3 + x % 3;
    middle[i] = Sample(from, 3, plan.width, plan.resized_width, plan.left + x / 3, cubic);
  }
  std::vector<uint8_t> out(plan.kept_height * line);
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = Sample(&middle[i % line], line, plan.height, plan.resized_height, plan.top + i / line,
                    cubic);
  }
  return out;
}

// Memory of exactly the size, so that the sanitizer sees every byte that is read beyond.
bool IsExact(const ResizePlan& plan, bool extreme, Rng* rng) {
  const size_t size = plan.width * plan.height * 3;
  const auto rgb = std::make_unique<uint8_t[]>(size);
  for (size_t i = 0; i < size; ++i) {
    const uint32_t value = rng->Below(256);
    rgb[i] = static_cast<uint8_t>(extreme ? (value > 127 ? 255 : 0) : value);
  }
  const size_t kept = plan.kept_width * plan.kept_height * 3;
  const auto out = std::make_unique<uint8_t[]>(kept);
  if (!ResizeRgb(plan, rgb.get(), out.get()).ok()) return false;
  const std::vector<uint8_t> expected = Plain(plan, rgb.get());
  return std::equal(expected.begin(), expected.end(), out.get());
}

SL_TEST(resize_gives_the_bytes_of_the_plain_sums) {
  Rng rng(17);
  const auto side = [&](uint32_t most) { return size_t{1} + rng.Below(most); };
  for (int i = 0; i < 500; ++i) {
    ResizePlan plan;
    plan.width = side(i % 7 == 0 ? 400 : 60);
    plan.height = side(60);
    plan.resized_width = side(80);
    plan.resized_height = side(80);
    plan.kept_width = side(static_cast<uint32_t>(plan.resized_width));
    plan.kept_height = side(static_cast<uint32_t>(plan.resized_height));
    plan.left = rng.Below(static_cast<uint32_t>(plan.resized_width - plan.kept_width + 1));
    plan.top = rng.Below(static_cast<uint32_t>(plan.resized_height - plan.kept_height + 1));
    plan.filter = i % 3 == 0 ? ResizeFilter::kBilinear : ResizeFilter::kBicubic;
    CHECK(IsExact(plan, i % 2 == 0, &rng));
  }
}

SL_TEST(resize_takes_needles_of_the_longest_side) {
  Rng rng(18);
  ResizePlan plan;
  plan.width = 1;
  plan.height = kMaxPictureSide;
  plan.resized_width = 8;
  plan.resized_height = 8 * kMaxPictureSide;
  plan.kept_width = 8;
  plan.kept_height = 8;
  plan.top = plan.resized_height / 2;
  CHECK(IsExact(plan, false, &rng));
  plan.resized_height = 8;
  plan.top = 0;
  CHECK(IsExact(plan, false, &rng));
}

SL_TEST(resize_refuses_sides_out_of_range) {
  const uint8_t pixel[3] = {1, 2, 3};
  uint8_t out[3] = {};
  const ResizePlan good = {1, 1, 1, 1, 0, 0, 1, 1, ResizeFilter::kBilinear};
  CHECK_OK(ResizeRgb(good, pixel, out));
  CHECK_EQ(out[2], 3);
  const auto refused = [&](size_t ResizePlan::*side, size_t value) {
    ResizePlan plan = good;
    plan.*side = value;
    return ResizeRgb(plan, pixel, out).code() == StatusCode::kInvalidRange;
  };
  for (const auto side :
       {&ResizePlan::width, &ResizePlan::height, &ResizePlan::resized_width,
        &ResizePlan::resized_height, &ResizePlan::kept_width, &ResizePlan::kept_height}) {
    CHECK(refused(side, 0));
    CHECK(refused(side, SIZE_MAX));
  }
  for (const auto side : {&ResizePlan::left, &ResizePlan::top}) {
    CHECK(refused(side, 1));
    CHECK(refused(side, SIZE_MAX));
  }
}

}  // namespace
}  // namespace sightline
