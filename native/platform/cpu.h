// Features of this processor that the operating system supports.
#ifndef SIGHTLINE_PLATFORM_CPU_H_
#define SIGHTLINE_PLATFORM_CPU_H_

namespace sightline {

struct CpuFeatures {
  // x86-64. Wide registers count only if the operating system saves them (OSXSAVE and XCR0).
  bool sse42 = false;
  bool avx2_fma = false;  // AVX2 and FMA
  bool f16c = false;
  bool avx512 = false;  // F, BW, DQ and VL
  // aarch64.
  bool neon = false;
  bool arm_crc32 = false;
};

// Detected once per process. Threads: any.
const CpuFeatures& Cpu();

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_CPU_H_
