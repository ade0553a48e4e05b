#include "addon/arrays.h"

#ifndef __wasm__
namespace sightline::addon {

// One call of the plain interface: its C++ wrapper asks the engine five times per array, which is
// half of what a search of a tiny index costs.
bool ViewOf(napi_env env, napi_value value, ArrayUse, napi_typedarray_type* type, size_t* size,
            void** data) {
  return napi_get_typedarray_info(env, value, type, size, data, nullptr, nullptr) == napi_ok;
}

}  // namespace sightline::addon
#endif
