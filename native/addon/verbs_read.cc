// Searching and reading.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "addon/arguments.h"
#include "addon/handle.h"
#include "addon/jobs.h"
#include "addon/verbs.h"

namespace sightline::addon {
namespace {

constexpr size_t kFewResults = 64;                     // that need no memory
constexpr double kUnsafeInteger = 9007199254740992.0;  // 2^53
constexpr uint64_t kMaxChanges = (uint64_t{1} << 53) - 1;

void Require(const Napi::CallbackInfo& info, bool holds, const char* what) {
  if (!holds) Throw(info.Env(), Status(StatusCode::kDimMismatch, what));
}

// k, efSearch, exact, filter, threshold: arguments 2..6; what the filter goes with: changes_at. The
// filter points into the caller's memory.
SearchOptions OptionsAt2(const Napi::CallbackInfo& info, size_t changes_at) {
  SearchOptions options;
  options.k = static_cast<size_t>(IntegerAt(info, 2, 1, kMaxK));
  options.ef = static_cast<size_t>(IntegerAt(info, 3, 1, kMaxEf));
  options.exact = BoolAt(info, 4);
  options.filter = BytesAt(info, 5, &options.filter_bytes);
  options.threshold = static_cast<float>(NumberAt(info, 6));
  if (options.filter != nullptr && !info[changes_at].IsUndefined()) {
    options.filter_changes = IntegerAt(info, changes_at, 0, kMaxChanges);
  }
  return options;
}

// Results go straight into arrays of JavaScript, which are kept until then.
struct Batch {
  std::vector<float> queries;
  std::vector<uint8_t> filter;
  SearchOptions options;
  Napi::ObjectReference out;
  uint32_t* nodes = nullptr;
  float* distances = nullptr;
  uint32_t* counts = nullptr;
  int64_t* keys = nullptr;  // or room for as many doubles
  bool keys_as_numbers = false;
};

// Argument 8: { nodes, distances, keys, counts } with room for n queries.
void KeepRoomAt8(const Napi::CallbackInfo& info, size_t n, Batch* batch) {
  const size_t room = n * batch->options.k;
  const Span<uint32_t> nodes = RoomOf<uint32_t>(info, 8, "nodes");
  const Span<float> distances = RoomOf<float>(info, 8, "distances");
  const Span<uint32_t> counts = RoomOf<uint32_t>(info, 8, "counts");
  batch->keys_as_numbers = !IsBigInt64s(info[8].As<Napi::Object>().Get("keys"));
  size_t keys = 0;
  if (batch->keys_as_numbers) {
    const Span<double> numbers = RoomOf<double>(info, 8, "keys");
    batch->keys = reinterpret_cast<int64_t*>(numbers.data);
    keys = numbers.size;
  } else {
    const Span<int64_t> bigints = RoomOf<int64_t>(info, 8, "keys");
    batch->keys = bigints.data;
    keys = bigints.size;
  }
  Require(info, nodes.size >= room && distances.size >= room && keys >= room && counts.size >= n,
          "the arrays for results are too short");
  batch->nodes = nodes.data;
  batch->distances = distances.data;
  batch->counts = counts.data;
  batch->out = Napi::Persistent(info[8].As<Napi::Object>());
}

// Where they stand: a double takes the place of its key.
void KeysToNumbers(size_t n, const Batch& batch) {
  static_assert(sizeof(double) == sizeof(int64_t));
  const size_t k = batch.options.k;
  for (size_t i = 0; i < n * k; ++i) {
    const bool used = i % k < batch.counts[i / k];
    int64_t key;
    std::memcpy(&key, batch.keys + i, sizeof(key));
    const double number = used ? KeyAsNumber(key) : std::numeric_limits<double>::quiet_NaN();
    std::memcpy(batch.keys + i, &number, sizeof(number));
  }
}

Status RunBatch(const Index& index, size_t threads, Batch* batch) {
  const size_t n = batch->queries.size() / index.parameters().dim;
  SL_RETURN_IF_ERROR(index.SearchBatch(batch->queries.data(), n, batch->options, threads,
                                       batch->nodes, batch->distances, batch->keys, batch->counts));
  if (batch->keys_as_numbers) KeysToNumbers(n, *batch);
  return Status::Ok();
}

}  // namespace

// count(handle): number. Also after close: the last value.
Napi::Value Count(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(IndexRefAt0(info).count()));
}

Napi::Value LiveCount(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(IndexRefAt0(info).live_count()));
}

// changes(handle): number
Napi::Value Changes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(IndexRefAt0(info).changes()));
}

// search(handle, query, k, efSearch, exact, filter, threshold, out, changes): number
// Fills `out`, which has room for 3k: keys, then from k on distances, then from 2k on nodes; gives
// how many of each. One array, because asking for each costs as much as a short walk.
Napi::Value Search(const Napi::CallbackInfo& info) {
  const Index& index = IndexRefAt0(info);
  const Span<const float> query = FloatsAt(info, 1);
  Require(info, query.size == index.parameters().dim, "the query has another dimension");
  const SearchOptions options = OptionsAt2(info, 8);
  const Span<double> out = RoomAt<double>(info, 7);
  Require(info, out.size / 3 >= options.k, "the array for results is shorter than 3k");
  double* keys = out.data;
  size_t found = 0;
  Status status;
  try {
    uint32_t few_nodes[kFewResults];
    float few_distances[kFewResults];
    std::vector<uint32_t> many_nodes;
    std::vector<float> many_distances;
    uint32_t* nodes = few_nodes;
    float* distances = few_distances;
    if (options.k > kFewResults) {
      many_nodes.resize(options.k);
      many_distances.resize(options.k);
      nodes = many_nodes.data();
      distances = many_distances.data();
    }
    status = index.Search(query.data, options, nodes, distances, keys, &found);
    std::copy_n(distances, found, out.data + options.k);
    std::copy_n(nodes, found, out.data + 2 * options.k);
  } catch (const std::bad_alloc&) {
    status = Status(StatusCode::kNoMemory, "not enough memory to search");
  }
  if (!status.ok()) Throw(info.Env(), status);
  // What the core rounded. (No key of 2^53 or more rounds to less.)
  for (size_t i = 0; i < found; ++i) {
    if (!(std::fabs(keys[i]) < kUnsafeInteger)) keys[i] = std::numeric_limits<double>::quiet_NaN();
  }
  return Napi::Number::New(info.Env(), static_cast<double>(found));
}

// searchBatch(handle, queries, k, efSearch, exact, filter, threshold, threads, out, changes):
//   Promise<void>
// Fills out: { nodes, distances, keys, counts }, k places per query; keys as BigInt64Array, or as
// Float64Array with NaN in unused places.
Napi::Value SearchBatch(const Napi::CallbackInfo& info) {
  std::shared_ptr<Index> index = IndexAt0(info);
  const Span<const float> queries = FloatsAt(info, 1);
  const size_t dim = index->parameters().dim;
  Require(info, queries.size % dim == 0, "the queries have another dimension");
  auto batch = std::make_shared<Batch>();
  batch->options = OptionsAt2(info, 9);
  const size_t threads = ThreadsAt(info, 7);
  KeepRoomAt8(info, queries.size / dim, batch.get());
  batch->queries.assign(queries.data, queries.data + queries.size);
  if (batch->options.filter != nullptr) {
    const uint8_t* bytes = batch->options.filter;
    batch->filter.assign(bytes, bytes + batch->options.filter_bytes);
    batch->filter.push_back(0);  // so that data() is never null
    batch->options.filter = batch->filter.data();
  }
  return RunAsync(info.Env(), [=] { return RunBatch(*index, threads, batch.get()); });
}

// copyRows(handle, rows, out): void
Napi::Value CopyRows(const Napi::CallbackInfo& info) {
  const Index& index = IndexRefAt0(info);
  const Span<const uint32_t> rows = Uint32sAt(info, 1);
  const Span<float> out = RoomAt<float>(info, 2);
  Require(info, out.size / index.parameters().dim >= rows.size, "the array for rows is too short");
  const Status status = index.CopyRows(rows.data, rows.size, out.data);
  if (!status.ok()) Throw(info.Env(), status);
  return info.Env().Undefined();
}

// copyKeys(handle, rows, out): void; out a Float64Array or a BigInt64Array
Napi::Value CopyKeys(const Napi::CallbackInfo& info) {
  const Index& index = IndexRefAt0(info);
  const Span<const uint32_t> rows = Uint32sAt(info, 1);
  const bool bigints = IsBigInt64s(info[2]);
  const Span<int64_t> whole = bigints ? RoomAt<int64_t>(info, 2) : Span<int64_t>{};
  const Span<double> numbers = bigints ? Span<double>{} : RoomAt<double>(info, 2);
  Require(info, whole.size + numbers.size >= rows.size, "the array for keys is too short");
  std::vector<int64_t> keys(rows.size);
  const Status status = index.CopyKeys(rows.data, keys.size(), keys.data());
  if (!status.ok()) Throw(info.Env(), status);
  if (bigints) {
    std::copy(keys.begin(), keys.end(), whole.data);
  } else {
    std::transform(keys.begin(), keys.end(), numbers.data, KeyAsNumber);
  }
  return info.Env().Undefined();
}

// copyPayloads(handle, rows, out, lengths): number of rows, the first ones, whose payloads fitted
Napi::Value CopyPayloads(const Napi::CallbackInfo& info) {
  const Index& index = IndexRefAt0(info);
  const Span<const uint32_t> rows = Uint32sAt(info, 1);
  const Span<uint8_t> out = RoomAt<uint8_t>(info, 2);
  const Span<uint32_t> lengths = RoomAt<uint32_t>(info, 3);
  Require(info, lengths.size >= rows.size, "the array for lengths is too short");
  size_t done = 0;
  const Status status =
      index.CopyPayloads(rows.data, rows.size, out.data, out.size, lengths.data, &done);
  if (!status.ok()) Throw(info.Env(), status);
  return Napi::Number::New(info.Env(), static_cast<double>(done));
}

// rowsOf(handle, keys, out): void; 0xffffffff where there is none
Napi::Value RowsOf(const Napi::CallbackInfo& info) {
  const Index& index = IndexRefAt0(info);
  const std::vector<int64_t> keys = KeysAt(info, 1);
  const Span<uint32_t> out = RoomAt<uint32_t>(info, 2);
  Require(info, out.size >= keys.size(), "the array for rows is too short");
  const Status status = index.RowsOf(keys.data(), keys.size(), out.data);
  if (!status.ok()) Throw(info.Env(), status);
  return info.Env().Undefined();
}

}  // namespace sightline::addon
