#include "addon/arguments.h"

#include <cmath>

namespace sightline::addon {
namespace {

constexpr double kMaxSafeInteger = 9007199254740991.0;

[[noreturn]] void WrongType(const Napi::CallbackInfo& info, size_t at, const char* expected) {
  Throw(info.Env(), Status(StatusCode::kInvalidType,
                           "argument " + std::to_string(at) + " must be " + expected));
}

template <typename Array>
Array ArrayAt(const Napi::CallbackInfo& info, size_t at, napi_typedarray_type type,
              const char* expected) {
  const Napi::Value value = info[at];
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    WrongType(info, at, expected);
  }
  return value.As<Array>();
}

}  // namespace

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
  // Written so that NaN fails.
  const bool fits = value >= static_cast<double>(low) && value <= static_cast<double>(high);
  if (!fits || std::floor(value) != value) {
    Throw(info.Env(), Status(StatusCode::kInvalidRange,
                             "argument " + std::to_string(at) + " must be a whole number from " +
                                 std::to_string(low) + " to " + std::to_string(high)));
  }
  return static_cast<uint64_t>(value);
}

bool BoolAt(const Napi::CallbackInfo& info, size_t at) {
  if (!info[at].IsBoolean()) WrongType(info, at, "a boolean");
  return info[at].As<Napi::Boolean>().Value();
}

std::string StringAt(const Napi::CallbackInfo& info, size_t at) {
  if (!info[at].IsString()) WrongType(info, at, "a string");
  return info[at].As<Napi::String>().Utf8Value();
}

Napi::Float32Array FloatsAt(const Napi::CallbackInfo& info, size_t at) {
  return ArrayAt<Napi::Float32Array>(info, at, napi_float32_array, "a Float32Array");
}

Napi::Uint32Array Uint32sAt(const Napi::CallbackInfo& info, size_t at) {
  return ArrayAt<Napi::Uint32Array>(info, at, napi_uint32_array, "a Uint32Array");
}

Napi::Float64Array DoublesAt(const Napi::CallbackInfo& info, size_t at) {
  return ArrayAt<Napi::Float64Array>(info, at, napi_float64_array, "a Float64Array");
}

std::vector<int64_t> KeysAt(const Napi::CallbackInfo& info, size_t at) {
  std::vector<int64_t> keys;
  if (info[at].IsUndefined()) return keys;
  const Napi::Float64Array values = DoublesAt(info, at);
  keys.reserve(values.ElementLength());
  for (size_t i = 0; i < values.ElementLength(); ++i) {
    const double value = values.Data()[i];
    if (!(std::fabs(value) <= kMaxSafeInteger) || std::floor(value) != value) {
      Throw(info.Env(), Status(StatusCode::kInvalidRange,
                               "key " + std::to_string(i) + " is not a whole number"));
    }
    keys.push_back(static_cast<int64_t>(value));
  }
  return keys;
}

const uint8_t* BytesAt(const Napi::CallbackInfo& info, size_t at, size_t* size) {
  *size = 0;
  if (info[at].IsUndefined()) return nullptr;
  const auto bytes =
      ArrayAt<Napi::Uint8Array>(info, at, napi_uint8_array, "a Uint8Array or undefined");
  *size = bytes.ElementLength();
  // An empty filter allows nothing, which is not the same as no filter.
  static const uint8_t kNone = 0;
  return *size == 0 ? &kNone : bytes.Data();
}

}  // namespace sightline::addon
