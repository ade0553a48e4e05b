// The bytes of JavaScript's typed arrays. A native addon sees them where they are; a WebAssembly
// module has a memory of its own, into which they are copied for a call (arrays_wasm.cc).
#ifndef SIGHTLINE_ADDON_ARRAYS_H_
#define SIGHTLINE_ADDON_ARRAYS_H_

#include <cstddef>

#include "addon/napi_header.h"

namespace sightline::addon {

enum class ArrayUse { kRead, kFill };

// Whether `value` is a typed array; what it holds is at *data until the verb returns.
bool ViewOf(napi_env env, napi_value value, ArrayUse use, napi_typedarray_type* type, size_t* size,
            void** data);

// Stands around a verb: what it filled is JavaScript's when this goes.
#ifdef __wasm__
class ArrayScope {
 public:
  ArrayScope();
  ~ArrayScope();
  ArrayScope(const ArrayScope&) = delete;
  ArrayScope& operator=(const ArrayScope&) = delete;

 private:
  size_t first_;
};
#else
class ArrayScope {
 public:
  ArrayScope() {}
};
#endif

}  // namespace sightline::addon

#endif  // SIGHTLINE_ADDON_ARRAYS_H_
