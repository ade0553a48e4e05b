#include "addon/arguments.h"

#include <cmath>
#include <limits>
#include <new>
#include <type_traits>

#include "addon/arrays.h"

namespace sightline::addon {
namespace {

constexpr double kMaxSafeInteger = 9007199254740991.0;

[[noreturn]] void WrongType(const Napi::CallbackInfo& info, size_t at, const char* expected) {
  Throw(info.Env(), Status(StatusCode::kInvalidType,
                           "argument " + std::to_string(at) + " must be " + expected));
}

template <typename T>
constexpr napi_typedarray_type kTypeOf = napi_float32_array;
template <>
constexpr napi_typedarray_type kTypeOf<uint8_t> = napi_uint8_array;
template <>
constexpr napi_typedarray_type kTypeOf<uint32_t> = napi_uint32_array;
template <>
constexpr napi_typedarray_type kTypeOf<int64_t> = napi_bigint64_array;
template <>
constexpr napi_typedarray_type kTypeOf<double> = napi_float64_array;

template <typename T>
bool View(napi_env env, napi_value value, ArrayUse use, Span<T>* out) {
  napi_typedarray_type type;
  void* data = nullptr;
  if (!ViewOf(env, value, use, &type, &out->size, &data) ||
      type != kTypeOf<std::remove_const_t<T>>) {
    return false;
  }
  out->data = static_cast<T*>(data);
  return true;
}

template <typename T>
Span<const T> ArrayAt(const Napi::CallbackInfo& info, size_t at, const char* expected) {
  Span<const T> span;
  if (!View(info.Env(), info[at], ArrayUse::kRead, &span)) WrongType(info, at, expected);
  return span;
}

}  // namespace

template <typename T>
Span<T> RoomAt(const Napi::CallbackInfo& info, size_t at) {
  Span<T> span;
  if (!View(info.Env(), info[at], ArrayUse::kFill, &span)) {
    WrongType(info, at, "a typed array for the results");
  }
  return span;
}

template <typename T>
Span<T> RoomOf(const Napi::CallbackInfo& info, size_t at, const char* name) {
  if (!info[at].IsObject()) WrongType(info, at, "an object");
  Span<T> span;
  if (!View(info.Env(), info[at].As<Napi::Object>().Get(name), ArrayUse::kFill, &span)) {
    WrongType(info, at, "an object with typed arrays for the results");
  }
  return span;
}

template Span<uint8_t> RoomAt(const Napi::CallbackInfo&, size_t);
template Span<float> RoomAt(const Napi::CallbackInfo&, size_t);
template Span<uint32_t> RoomAt(const Napi::CallbackInfo&, size_t);
template Span<int64_t> RoomAt(const Napi::CallbackInfo&, size_t);
template Span<double> RoomAt(const Napi::CallbackInfo&, size_t);
template Span<float> RoomOf(const Napi::CallbackInfo&, size_t, const char*);
template Span<uint32_t> RoomOf(const Napi::CallbackInfo&, size_t, const char*);
template Span<int64_t> RoomOf(const Napi::CallbackInfo&, size_t, const char*);
template Span<double> RoomOf(const Napi::CallbackInfo&, size_t, const char*);

napi_value ErrorValue(napi_env env, const std::exception& error) noexcept {
  const bool full = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  const StatusCode code = full ? StatusCode::kNoMemory : StatusCode::kInternal;
  napi_value message = nullptr;
  napi_value number = nullptr;
  napi_value value = nullptr;
  napi_create_string_utf8(env, full ? "not enough memory" : error.what(), NAPI_AUTO_LENGTH,
                          &message);
  napi_create_error(env, nullptr, message, &value);
  napi_create_int32(env, static_cast<int32_t>(code), &number);
  napi_set_named_property(env, value, "status", number);
  return value;
}

Napi::Error MakeError(Napi::Env env, const Status& status) {
  Napi::Error error = Napi::Error::New(env, status.message());
  error.Value().Set("status", Napi::Number::New(env, static_cast<int>(status.code())));
  return error;
}

void Throw(Napi::Env env, const Status& status) { throw MakeError(env, status); }

double NumberAt(const Napi::CallbackInfo& info, size_t at) {
  if (!info[at].IsNumber()) WrongType(info, at, "a number");
  return info[at].As<Napi::Number>().DoubleValue();
}

uint64_t IntegerAt(const Napi::CallbackInfo& info, size_t at, uint64_t low, uint64_t high) {
  const double value = NumberAt(info, at);
  // NaN fails.
  const bool fits = value >= static_cast<double>(low) && value <= static_cast<double>(high);
  if (!fits || std::floor(value) != value) {
    Throw(info.Env(), Status(StatusCode::kInvalidRange,
                             "argument " + std::to_string(at) + " must be a whole number from " +
                                 std::to_string(low) + " to " + std::to_string(high)));
  }
  return static_cast<uint64_t>(value);
}

size_t ThreadsAt(const Napi::CallbackInfo& info, size_t at) {
  constexpr uint64_t kMaxThreads = 256;
  return static_cast<size_t>(IntegerAt(info, at, 0, kMaxThreads));
}

bool BoolAt(const Napi::CallbackInfo& info, size_t at) {
  if (!info[at].IsBoolean()) WrongType(info, at, "a boolean");
  return info[at].As<Napi::Boolean>().Value();
}

std::string StringAt(const Napi::CallbackInfo& info, size_t at) {
  if (!info[at].IsString()) WrongType(info, at, "a string");
  return info[at].As<Napi::String>().Utf8Value();
}

Span<const float> FloatsAt(const Napi::CallbackInfo& info, size_t at) {
  return ArrayAt<float>(info, at, "a Float32Array");
}

Span<const uint8_t> Uint8sAt(const Napi::CallbackInfo& info, size_t at) {
  return ArrayAt<uint8_t>(info, at, "a Uint8Array");
}

Span<const uint32_t> Uint32sAt(const Napi::CallbackInfo& info, size_t at) {
  return ArrayAt<uint32_t>(info, at, "a Uint32Array");
}

Span<const double> DoublesAt(const Napi::CallbackInfo& info, size_t at) {
  return ArrayAt<double>(info, at, "a Float64Array");
}

Span<const int64_t> BigintsAt(const Napi::CallbackInfo& info, size_t at) {
  return ArrayAt<int64_t>(info, at, "a BigInt64Array");
}

std::vector<int64_t> KeysAt(const Napi::CallbackInfo& info, size_t at) {
  std::vector<int64_t> keys;
  if (info[at].IsUndefined()) return keys;
  if (IsBigInt64s(info[at])) {
    const Span<const int64_t> values = BigintsAt(info, at);
    keys.assign(values.data, values.data + values.size);
    return keys;
  }
  const Span<const double> values = DoublesAt(info, at);
  keys.reserve(values.size);
  for (size_t i = 0; i < values.size; ++i) {
    const double value = values.data[i];
    if (!(std::fabs(value) <= kMaxSafeInteger) || std::floor(value) != value) {
      Throw(info.Env(), Status(StatusCode::kInvalidRange,
                               "key " + std::to_string(i) + " is not a whole number"));
    }
    keys.push_back(static_cast<int64_t>(value));
  }
  return keys;
}

double KeyAsNumber(int64_t key) {
  const double number = static_cast<double>(key);
  return std::fabs(number) <= kMaxSafeInteger ? number : std::numeric_limits<double>::quiet_NaN();
}

bool IsBigInt64s(const Napi::Value& value) {
  return value.IsTypedArray() &&
         value.As<Napi::TypedArray>().TypedArrayType() == napi_bigint64_array;
}

const uint8_t* BytesAt(const Napi::CallbackInfo& info, size_t at, size_t* size) {
  *size = 0;
  if (info[at].IsUndefined()) return nullptr;
  const auto bytes = ArrayAt<uint8_t>(info, at, "a Uint8Array or undefined");
  *size = bytes.size;
  // An empty filter allows nothing, unlike no filter.
  static const uint8_t kNone = 0;
  return *size == 0 ? &kNone : bytes.data;
}

}  // namespace sightline::addon
