// Typed arrays of a WebAssembly module. Not by the Node-API of the program around, which would copy
// the whole buffer behind a view and keep the copy for as long as JavaScript keeps the buffer.
#include "addon/arrays.h"

#ifdef __wasm__
#include <cstdint>
#include <memory>
#include <vector>

#include "platform/wasm_system.h"

namespace sightline::addon {
namespace {

// lib/native/wasm/arrays.ts. `value` is a handle of the call.
extern "C" {
// The type as napi_typedarray_type, or -1 for what is none; its length and bytes.
SL_IMPORT("arrayInfo") int sl_array_info(napi_value value, uint32_t* length, uint32_t* bytes);
SL_IMPORT("arrayRead") void sl_array_read(napi_value value, void* to);
SL_IMPORT("arrayFill") void sl_array_fill(napi_value value, const void* from);
}

struct Copy {
  napi_value value = nullptr;  // null: only read
  std::unique_ptr<uint64_t[]> bytes;
};

std::vector<Copy> copies;

}  // namespace

bool ViewOf(napi_env, napi_value value, ArrayUse use, napi_typedarray_type* type, size_t* size,
            void** data) {
  uint32_t length = 0;
  uint32_t bytes = 0;
  const int found = sl_array_info(value, &length, &bytes);
  if (found < 0) return false;
  *type = static_cast<napi_typedarray_type>(found);
  *size = length;
  Copy copy;
  copy.bytes.reset(new uint64_t[bytes / sizeof(uint64_t) + 1]);
  *data = copy.bytes.get();
  // What is to be filled too: a verb may fill less than all.
  sl_array_read(value, *data);
  if (use == ArrayUse::kFill) copy.value = value;
  copies.push_back(std::move(copy));
  return true;
}

ArrayScope::ArrayScope() : first_(copies.size()) {}

ArrayScope::~ArrayScope() {
  for (size_t i = first_; i < copies.size(); ++i) {
    if (copies[i].value != nullptr) sl_array_fill(copies[i].value, copies[i].bytes.get());
  }
  copies.resize(first_);
}

}  // namespace sightline::addon
#endif
