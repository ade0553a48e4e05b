// The tables of the kernel files; a file for another architecture compiles to nothing.
#ifndef SIGHTLINE_KERNELS_TABLES_H_
#define SIGHTLINE_KERNELS_TABLES_H_

#include "kernels/kernel_table.h"

#if defined(__x86_64__) || defined(_M_X64)
#define SL_X86_64 1
#elif defined(__aarch64__) || defined(_M_ARM64)
#define SL_AARCH64 1
#elif defined(__wasm_simd128__)
#define SL_WASM 1
#endif

namespace sightline {

extern const KernelTable kScalarKernels;
#ifdef SL_X86_64
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;
#endif
#ifdef SL_AARCH64
extern const KernelTable kNeonKernels;
#endif
#ifdef SL_WASM
extern const KernelTable kWasmKernels;
#endif

}  // namespace sightline

#endif  // SIGHTLINE_KERNELS_TABLES_H_
