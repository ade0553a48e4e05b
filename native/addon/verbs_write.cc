// Changing an index. Inputs are copied before the call returns: what JavaScript does to its arrays
// afterwards does not matter.
#include <memory>
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

// add(handle, vectors, keys, threads, more): Promise<{ firstRow, rows }>
Napi::Value Add(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  std::shared_ptr<Rows> rows = RowsAt1(info, *index);
  const size_t threads = ThreadsAt(info, 3);
  const bool more = BoolAt(info, 4);
  ReportMemory(info);
  return RunAsync(
      info.Env(),
      [=] { return index->Add(&rows->vectors, rows->keys, threads, &rows->result, more); },
      [=](Napi::Env env) { return ResultOf(env, rows->result); });
}

// update(handle, vectors, keys, insertMissing, threads, more): Promise<{ firstRow, rows }>
Napi::Value Update(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  std::shared_ptr<Rows> rows = RowsAt1(info, *index);
  if (info[2].IsUndefined()) {
    Throw(info.Env(), Status(StatusCode::kInvalidType, "an update needs keys"));
  }
  const bool insert_missing = BoolAt(info, 3);
  const size_t threads = ThreadsAt(info, 4);
  const bool more = BoolAt(info, 5);
  ReportMemory(info);
  return RunAsync(
      info.Env(),
      [=] {
        return index->Update(&rows->vectors, rows->keys, insert_missing, threads, &rows->result,
                             more);
      },
      [=](Napi::Env env) { return ResultOf(env, rows->result); });
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
