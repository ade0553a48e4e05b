#include "platform/cpu.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <cpuid.h>

#include <cstdint>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace sightline {
namespace {

#if defined(__x86_64__) || defined(_M_X64)

// Which register sets the operating system saves on a context switch.
// Source: Intel SDM volume 1, section 14.3 (detection of AVX) and 15.2 (of AVX-512).
uint64_t SavedState() {
  uint32_t low;
  uint32_t high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

CpuFeatures Detect() {
  CpuFeatures features;
  uint32_t a, b, c, d;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return features;
  features.sse42 = (c >> 20) & 1;
  const bool fma = (c >> 12) & 1;
  const bool os_saves = (c >> 27) & 1;
  const bool avx = (c >> 28) & 1;
  const bool f16c = (c >> 29) & 1;
  if (!os_saves || !avx) return features;

  constexpr uint64_t kYmm = 0x6;   // XMM and the upper halves of YMM
  constexpr uint64_t kZmm = 0xe6;  // also the mask registers and both parts of ZMM
  const uint64_t saved = SavedState();
  if ((saved & kYmm) != kYmm) return features;
  features.f16c = f16c;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return features;
  features.avx2_fma = ((b >> 5) & 1) && fma;
  const bool f = (b >> 16) & 1;
  const bool dq = (b >> 17) & 1;
  const bool bw = (b >> 30) & 1;
  const bool vl = (b >> 31) & 1;
  features.avx512 = f && dq && bw && vl && (saved & kZmm) == kZmm;
  return features;
}

#elif defined(__aarch64__)

CpuFeatures Detect() {
  CpuFeatures features;
  features.neon = true;  // part of the architecture's baseline
#if defined(__linux__)
  constexpr unsigned long kHwcapCrc32 = 1ul << 7;
  features.arm_crc32 = (getauxval(AT_HWCAP) & kHwcapCrc32) != 0;
#elif defined(__APPLE__)
  features.arm_crc32 = true;  // every Apple processor of this architecture has it
#endif
  return features;
}

#else

CpuFeatures Detect() { return CpuFeatures(); }

#endif

}  // namespace

const CpuFeatures& Cpu() {
  static const CpuFeatures features = Detect();
  return features;
}

}  // namespace sightline
