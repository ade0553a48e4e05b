// Reads arguments. lib/vectors has checked them with better messages; the checks here ensure that a
// wrong call is an error and corrupts no memory.
#ifndef SIGHTLINE_ADDON_ARGUMENTS_H_
#define SIGHTLINE_ADDON_ARGUMENTS_H_

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "addon/napi_header.h"
#include "core/status.h"

namespace sightline::addon {

// A plain Error with the status code as `status`; lib/native converts it.
Napi::Error MakeError(Napi::Env env, const Status& status);
// The same for a C++ exception, in handlers: allocates no C++ memory.
napi_value ErrorValue(napi_env env, const std::exception& error) noexcept;
[[noreturn]] void Throw(Napi::Env env, const Status& status);

// The caller's memory: valid until the verb returns to JavaScript.
template <typename T>
struct Span {
  T* data = nullptr;
  size_t size = 0;
};

// All of these throw a kInvalidType or kInvalidRange error with the argument's index.
double NumberAt(const Napi::CallbackInfo& info, size_t at);
// A whole number in [low, high].
uint64_t IntegerAt(const Napi::CallbackInfo& info, size_t at, uint64_t low, uint64_t high);
// Number of threads; 0: one per core.
size_t ThreadsAt(const Napi::CallbackInfo& info, size_t at);
bool BoolAt(const Napi::CallbackInfo& info, size_t at);
std::string StringAt(const Napi::CallbackInfo& info, size_t at);
Span<const float> FloatsAt(const Napi::CallbackInfo& info, size_t at);
Span<const uint8_t> Uint8sAt(const Napi::CallbackInfo& info, size_t at);
Span<const uint32_t> Uint32sAt(const Napi::CallbackInfo& info, size_t at);
Span<const double> DoublesAt(const Napi::CallbackInfo& info, size_t at);
Span<const int64_t> BigintsAt(const Napi::CallbackInfo& info, size_t at);
// A typed array for results: argument `at`, or a property of it.
template <typename T>
Span<T> RoomAt(const Napi::CallbackInfo& info, size_t at);
template <typename T>
Span<T> RoomOf(const Napi::CallbackInfo& info, size_t at, const char* name);
// A Float64Array of safe integers or a BigInt64Array; undefined gives none.
std::vector<int64_t> KeysAt(const Napi::CallbackInfo& info, size_t at);
// NaN if a double cannot represent the key.
double KeyAsNumber(int64_t key);
bool IsBigInt64s(const Napi::Value& value);
// Bytes of a Uint8Array; undefined gives a null pointer and 0.
const uint8_t* BytesAt(const Napi::CallbackInfo& info, size_t at, size_t* size);

}  // namespace sightline::addon

#endif  // SIGHTLINE_ADDON_ARGUMENTS_H_
