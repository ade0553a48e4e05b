// Chooses the kernel table by CPU features.
#include <cstdlib>
#include <cstring>
#include <string>

#include "kernels/kernels.h"
#include "kernels/tables.h"
#include "platform/cpu.h"

namespace sightline {
namespace {

// Best first.
const KernelTable* const kTables[] = {
#ifdef SL_X86_64
    &kAvx512Kernels, &kAvx2Kernels,
#endif
#ifdef SL_AARCH64
    &kNeonKernels,
#endif
#ifdef SL_WASM
    &kWasmKernels,
#endif
    &kScalarKernels,
};

std::string SupportedNames() {
  std::string names;
  for (const KernelTable* table : kTables) {
    if (!Supported(*table)) continue;
    if (!names.empty()) names += ", ";
    names += table->name;
  }
  return names;
}

}  // namespace

size_t AllKernels(const KernelTable* const** out) {
  *out = kTables;
  return sizeof(kTables) / sizeof(kTables[0]);
}

bool Supported(const KernelTable& table) {
  if (&table == &kScalarKernels) return true;
#ifdef SL_X86_64
  // Every processor with AVX2 has F16C; checked anyway.
  if (&table == &kAvx512Kernels) return Cpu().avx512 && Cpu().avx2_fma && Cpu().f16c;
  if (&table == &kAvx2Kernels) return Cpu().avx2_fma && Cpu().f16c;
#endif
#ifdef SL_AARCH64
  if (&table == &kNeonKernels) return Cpu().neon;
#endif
#ifdef SL_WASM
  if (&table == &kWasmKernels) return true;
#endif
  return false;
}

Status SelectKernels(const char* forced, const KernelTable** out) {
  const bool any = forced == nullptr || forced[0] == '\0';
  for (const KernelTable* table : kTables) {
    if (!any && std::strcmp(forced, table->name) != 0) continue;
    if (!Supported(*table)) continue;
    if (PassesSelfCheck(*table)) {
      *out = table;
      return Status::Ok();
    }
    if (!any) {
      return Status(StatusCode::kCpuUnsupported,
                    std::string("kernel \"") + forced + "\" disagrees with scalar on this machine");
    }
  }
  const std::string wanted = any ? "no kernel passes its self-check"
                                 : std::string("SIGHTLINE_KERNEL is \"") + forced + "\"";
  return Status(StatusCode::kCpuUnsupported,
                wanted + "; this machine can run: " + SupportedNames());
}

Status ChooseKernels(const KernelTable** out) {
  struct Choice {
    Status status;
    const KernelTable* table = nullptr;
  };
  static const Choice choice = [] {
    Choice made;
    made.status = SelectKernels(std::getenv("SIGHTLINE_KERNEL"), &made.table);
    return made;
  }();
  if (choice.status.ok()) *out = choice.table;
  return choice.status;
}

}  // namespace sightline
