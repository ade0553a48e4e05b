// Changing an index. Inputs are copied before the call returns: what JavaScript does to its arrays
// afterwards does not matter.
#include <memory>
#include <utility>
#include <vector>

#include "addon/arguments.h"
#include "addon/handle.h"
#include "addon/jobs.h"
#include "addon/verbs.h"

namespace sightline::addon {
namespace {

constexpr uint64_t kMaxSafeInteger = (uint64_t{1} << 53) - 1;

struct Rows {
  std::vector<float> vectors;
  std::vector<int64_t> keys;
  Payloads payloads;
  AddResult result;
};

// Arguments 1 and 2: Float32Array [n * dim], keys [n] or undefined.
std::shared_ptr<Rows> RowsAt1(const Napi::CallbackInfo& info, const Index& index) {
  const Span<const float> vectors = FloatsAt(info, 1);
  const size_t dim = index.parameters().dim;
  auto rows = std::make_shared<Rows>();
  rows->keys = KeysAt(info, 2);
  const size_t n = vectors.size / dim;
  if (vectors.size != n * dim || (!info[2].IsUndefined() && rows->keys.size() != n)) {
    Throw(info.Env(),
          Status(StatusCode::kDimMismatch, "vectors must hold dim floats for every key"));
  }
  rows->vectors.assign(vectors.data, vectors.data + vectors.size);
  return rows;
}

// Arguments `at` and `at + 1`: Uint8Array of the payloads one after another, Uint32Array of their
// lengths, one per row; or undefined twice.
Payloads PayloadsAt(const Napi::CallbackInfo& info, size_t at, size_t rows) {
  Payloads payloads;
  if (info[at].IsUndefined() && info[at + 1].IsUndefined()) return payloads;
  const Span<const uint8_t> bytes = Uint8sAt(info, at);
  const Span<const uint32_t> lengths = Uint32sAt(info, at + 1);
  payloads.bytes.assign(bytes.data, bytes.data + bytes.size);
  payloads.lengths.assign(lengths.data, lengths.data + lengths.size);
  if (!payloads.Fit(rows)) {
    Throw(info.Env(), Status(StatusCode::kInvalidRange, "the payloads do not fit their lengths"));
  }
  return payloads;
}

size_t RowsIn(const Rows& rows, const Index& index) {
  return rows.vectors.size() / index.parameters().dim;
}

Napi::Value ResultOf(Napi::Env env, const AddResult& result) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("firstRow", Napi::Number::New(env, static_cast<double>(result.first_row)));
  out.Set("rows", Napi::Number::New(env, static_cast<double>(result.rows)));
  return out;
}

}  // namespace

// check(handle, vectors, keys, offset): Promise<void>; rejects as add would
Napi::Value Check(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  std::shared_ptr<Rows> rows = RowsAt1(info, *index);
  const uint64_t offset = IntegerAt(info, 3, 0, kMaxSafeInteger);
  return RunAsync(info.Env(), [=] {
    return index->Check(rows->vectors.data(), rows->vectors.size() / index->parameters().dim,
                        rows->keys, offset);
  });
}

// add(handle, vectors, keys, threads, more, payloads, lengths): Promise<{ firstRow, rows }>
Napi::Value Add(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  std::shared_ptr<Rows> rows = RowsAt1(info, *index);
  const size_t threads = ThreadsAt(info, 3);
  const bool more = BoolAt(info, 4);
  rows->payloads = PayloadsAt(info, 5, RowsIn(*rows, *index));
  ReportMemory(info);
  return RunAsync(
      info.Env(),
      [=] {
        return index->Add(&rows->vectors, rows->keys, threads, &rows->result, more,
                          std::move(rows->payloads));
      },
      [=](Napi::Env env) { return ResultOf(env, rows->result); });
}

// update(handle, vectors, keys, insertMissing, threads, more, payloads, lengths): Promise<{ firstRow, rows }>
Napi::Value Update(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  std::shared_ptr<Rows> rows = RowsAt1(info, *index);
  if (info[2].IsUndefined()) {
    Throw(info.Env(), Status(StatusCode::kInvalidType, "an update needs keys"));
  }
  const bool insert_missing = BoolAt(info, 3);
  const size_t threads = ThreadsAt(info, 4);
  const bool more = BoolAt(info, 5);
  rows->payloads = PayloadsAt(info, 6, RowsIn(*rows, *index));
  ReportMemory(info);
  return RunAsync(
      info.Env(),
      [=] {
        return index->Update(&rows->vectors, rows->keys, insert_missing, threads, &rows->result,
                             more, std::move(rows->payloads));
      },
      [=](Napi::Env env) { return ResultOf(env, rows->result); });
}

// setPayloads(handle, keys, payloads, lengths): Promise<void>
Napi::Value SetPayloads(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  auto rows = std::make_shared<Rows>();
  rows->keys = KeysAt(info, 1);
  rows->payloads = PayloadsAt(info, 2, rows->keys.size());
  if (rows->payloads.lengths.size() != rows->keys.size()) {
    Throw(info.Env(), Status(StatusCode::kInvalidType, "a payload for every key is needed"));
  }
  return RunAsync(info.Env(),
                  [=] { return index->SetPayloads(rows->keys, std::move(rows->payloads)); });
}

// remove(handle, keys): Promise<number>
Napi::Value Remove(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  const std::vector<int64_t> keys = KeysAt(info, 1);
  return RunForNumber(info.Env(), [=](uint64_t* removed) { return index->Remove(keys, removed); });
}

// rollback(handle, rows, threads): Promise<void>
Napi::Value Rollback(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  const uint64_t rows = IntegerAt(info, 1, 0, kMaxSafeInteger);
  const size_t threads = ThreadsAt(info, 2);
  return RunAsync(info.Env(), [=] { return index->Rollback(rows, threads); });
}

// settle(handle): Promise<void>
Napi::Value Settle(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  return RunAsync(info.Env(), [=] {
    index->Settle();
    return Status::Ok();
  });
}

// uncoded(handle): number of nodes
Napi::Value Uncoded(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(IndexRefAt0(info).uncoded()));
}

// makeCodes(handle, first, threads): Promise<number>, the node to go on from
Napi::Value MakeCodes(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  const uint64_t first = IntegerAt(info, 1, 0, kMaxRows);
  const size_t threads = ThreadsAt(info, 2);
  return RunForNumber(info.Env(),
                      [=](uint64_t* next) { return index->Code(first, threads, next); });
}

// unlinkIsDue(handle): boolean
Napi::Value UnlinkIsDue(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), IndexRefAt0(info).UnlinkIsDue());
}

// unlink(handle, first, threads): Promise<number>, the node to go on from
Napi::Value Unlink(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  const uint64_t first = IntegerAt(info, 1, 0, kMaxRows);
  const size_t threads = ThreadsAt(info, 2);
  return RunForNumber(info.Env(),
                      [=](uint64_t* next) { return index->Unlink(first, threads, next); });
}

// promote(handle): Promise<boolean>, whether there is more to do
Napi::Value Promote(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  auto more = std::make_shared<bool>(false);
  return RunAsync(
      info.Env(), [=] { return index->Promote(more.get()); },
      [=](Napi::Env env) -> Napi::Value { return Napi::Boolean::New(env, *more); });
}

}  // namespace sightline::addon
