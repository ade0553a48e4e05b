// What the threads of a round do.
#include <array>
#include <cmath>
#include <cstring>
#include <thread>

#include "core/rng.h"
#include "threads.h"

namespace sightline::harness {
namespace {

// Vectors have length 1, so a key's own distance is nothing but rounding.
constexpr float kSame = 1e-3f;

std::vector<int64_t> Some(const std::vector<int64_t>& keys, size_t n, Rng* rng) {
  std::vector<int64_t> some;
  for (size_t i = 0; i < n && !keys.empty(); ++i) {
    some.push_back(keys[rng->Below(static_cast<uint32_t>(keys.size()))]);
  }
  std::sort(some.begin(), some.end());
  some.erase(std::unique(some.begin(), some.end()), some.end());
  return some;
}

float DistanceOf(Metric metric, const std::vector<float>& a, const std::vector<float>& b) {
  double dot = 0;
  double squares = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    dot += static_cast<double>(a[i]) * b[i];
    squares += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
  }
  return static_cast<float>(metric == Metric::kCosine ? 1 - dot : std::sqrt(squares));
}

void UpdateSome(World* world, size_t owner, Rng* rng) {
  const std::vector<int64_t> keys = Some(world->ledger.owned(owner), 1 + rng->Below(20), rng);
  std::vector<float> vectors;
  for (const int64_t key : keys) {
    const std::vector<float> vector = world->Vector(key, world->ledger.VersionOf(key) + 1);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  AddResult added;
  const Status status = world->index->Update(&vectors, keys, false, 1 + rng->Below(3), &added,
                                             false, world->PayloadsOf(keys, rng->Next()));
  if (!status.ok()) return world->Wrong("update: " + status.message());
  world->ledger.Updated(keys, added.first_row);
  if (!keys.empty()) world->CheckKey(keys[0]);
}

// Key, a number, and what they make together: a mixture of two payloads does not fit.
using Payload = std::array<uint64_t, 3>;

Payload PayloadOf(int64_t key, uint64_t number) {
  const auto own = static_cast<uint64_t>(key);
  return {own, number, own * 0x9e3779b97f4a7c15u ^ number};
}

void DescribeSome(World* world, size_t owner, Rng* rng) {
  if (!world->described) return;
  const std::vector<int64_t> keys = Some(world->ledger.owned(owner), 1 + rng->Below(20), rng);
  const Status status = world->index->SetPayloads(keys, world->PayloadsOf(keys, rng->Next()));
  if (!status.ok()) return world->Wrong("set payloads: " + status.message());
}

Status ReadPayload(const World& world, uint32_t row, Payload* out) {
  unsigned char bytes[64];
  uint32_t length = 0;
  size_t done = 0;
  SL_RETURN_IF_ERROR(world.index->CopyPayloads(&row, 1, bytes, sizeof(bytes), &length, &done));
  if (length != sizeof(Payload)) return Status(StatusCode::kInternal, "a payload is missing");
  std::memcpy(out->data(), bytes, sizeof(Payload));
  if (*out == PayloadOf(static_cast<int64_t>((*out)[0]), (*out)[1])) return Status::Ok();
  return Status(StatusCode::kInternal, "a payload is torn");
}

void RemoveSome(World* world, size_t owner, Rng* rng) {
  const std::vector<int64_t> keys = Some(world->ledger.owned(owner), 1 + rng->Below(10), rng);
  uint64_t removed = 0;
  const Status status = world->index->Remove(keys, &removed);
  if (!status.ok()) return world->Wrong("remove: " + status.message());
  if (removed != keys.size()) world->Wrong("not every key was there to be removed");
  world->ledger.Removed(owner, keys);
}

void RollBack(World* world, Rng* rng) {
  std::unique_lock<std::mutex> turn(world->rolling_turn);
  const std::unique_lock<std::shared_mutex> alone(world->rolling);
  turn.unlock();
  const uint64_t count = world->index->count();
  // Few rows are taken out of the graph, many make it be built again.
  const uint64_t rows = count - (rng->Below(2) == 0 ? rng->Below(20) : count / 8);
  const Status status = world->index->Rollback(rows, 2);
  if (!status.ok()) return world->Wrong("rollback: " + status.message());
  world->ledger.RolledBack(rows);
}

// Every hit of a search that began at `moment`.
void CheckHits(World* world, const std::vector<float>& query, uint64_t moment, size_t found,
               const float* distances, const double* keys) {
  for (size_t i = 0; i < found; ++i) {
    if (i > 0 && distances[i] < distances[i - 1]) world->Wrong("hits are not sorted");
    if (!world->ledger.Known(keys[i])) return world->Wrong("a hit has an unknown key");
    const int64_t key = static_cast<int64_t>(keys[i]);
    if (world->ledger.RemovedBefore(key, moment)) {
      world->Wrong("key " + std::to_string(key) + " was removed and came back");
    }
    // Some vector the key had or is being given.
    bool fits = false;
    for (uint32_t version = world->ledger.VersionOf(key) + 2; version-- > 0 && !fits;) {
      const float distance =
          DistanceOf(world->parameters.metric, query, world->Vector(key, version));
      fits = std::fabs(distance - distances[i]) < kSame;
    }
    if (!fits) world->Wrong("key " + std::to_string(key) + " has another distance");
  }
}

std::vector<float> SomeQuery(World* world, Rng* rng) {
  const int64_t removed = world->ledger.LastRemoved();
  if (removed >= 0 && rng->Below(3) == 0)
    return world->Vector(removed, world->ledger.VersionOf(removed));
  return world->Vector(static_cast<int64_t>(rng->Below(kMostKeys)), rng->Below(2));
}

void SearchOnce(World* world, Rng* rng) {
  constexpr size_t kMost = 10;
  const std::vector<float> query = SomeQuery(world, rng);
  SearchOptions options;
  options.k = 1 + rng->Below(kMost);
  options.ef = 10 + rng->Below(30);
  options.exact = rng->Below(8) == 0;
  std::vector<unsigned char> filter;
  if (rng->Below(3) == 0) {
    const unsigned char pattern = rng->Below(2) == 0 ? 0x55 : 0xfe;
    filter.assign(3 * kMostKeys / 8, pattern);
    options.filter = filter.data();
    options.filter_bytes = filter.size();
  }
  uint32_t rows[kMost];
  float distances[kMost];
  double keys[kMost];
  size_t found = 0;
  const uint64_t moment = world->ledger.Now();
  const Status status = world->index->Search(query.data(), options, rows, distances, keys, &found);
  ++world->searches;
  if (!status.ok()) return world->Wrong("search: " + status.message());
  // There are always more than a thousand rows.
  if (found != options.k) world->Wrong("too few hits");
  for (size_t i = 0; i < found && !filter.empty(); ++i) {
    if (((filter[rows[i] / 8] >> (rows[i] % 8)) & 1) == 0) world->Wrong("a hit is not allowed");
  }
  CheckHits(world, query, moment, found, distances, keys);
}

void BatchOnce(World* world, Rng* rng) {
  constexpr size_t kBatch = 6;
  SearchOptions options;
  options.k = 3;
  options.ef = 20;
  std::vector<float> queries;
  for (size_t i = 0; i < kBatch; ++i) {
    const std::vector<float> query = world->Vector(static_cast<int64_t>(rng->Below(kMostKeys)), 0);
    queries.insert(queries.end(), query.begin(), query.end());
  }
  uint32_t rows[3 * kBatch];
  float distances[3 * kBatch];
  int64_t keys[3 * kBatch];
  uint32_t counts[kBatch];
  const uint64_t moment = world->ledger.Now();
  const Status status =
      world->index->SearchBatch(queries.data(), kBatch, options, 2, rows, distances, keys, counts);
  if (!status.ok()) return world->Wrong("batch: " + status.message());
  for (size_t i = 0; i < kBatch; ++i) {
    if (counts[i] != 3) return world->Wrong("too few hits in a batch");
    const auto at = queries.begin() + static_cast<std::ptrdiff_t>(i * world->parameters.dim);
    const std::vector<float> query(at, at + world->parameters.dim);
    double numbers[3];
    std::copy_n(keys + 3 * i, 3, numbers);
    CheckHits(world, query, moment, 3, distances + 3 * i, numbers);
  }
}

void AskOnce(World* world, Rng* rng) {
  // The rollback may take a row away at any time: then it is kInvalidRange.
  const uint32_t row = rng->Below(static_cast<uint32_t>(world->index->count()));
  std::vector<float> vector(world->parameters.dim);
  int64_t key = 0;
  uint32_t own = 0;
  IndexStats stats;
  for (const Status& status :
       {world->index->CopyRows(&row, 1, vector.data()), world->index->CopyKeys(&row, 1, &key),
        world->index->RowsOf(&key, 1, &own), world->index->Stats(&stats)}) {
    if (!status.ok() && status.code() != StatusCode::kInvalidRange) {
      world->Wrong("asking: " + status.message());
    }
  }
  Payload payload;
  if (world->described) {
    const Status status = ReadPayload(*world, row, &payload);
    if (!status.ok() && status.code() != StatusCode::kInvalidRange) {
      world->Wrong(status.message());
    }
  }
  if (stats.live_count > stats.count + kMostKeys) world->Wrong("figures make no sense");
}

}  // namespace

Payloads World::PayloadsOf(const std::vector<int64_t>& keys, uint64_t number) const {
  Payloads payloads;
  if (!described) return payloads;
  for (const int64_t key : keys) {
    const Payload one = PayloadOf(key, number);
    const auto* bytes = reinterpret_cast<const unsigned char*>(one.data());
    payloads.lengths.push_back(sizeof(Payload));
    payloads.bytes.insert(payloads.bytes.end(), bytes, bytes + sizeof(Payload));
  }
  return payloads;
}

void World::AddSome(size_t owner, size_t n) {
  const std::vector<int64_t> keys = ledger.NewKeys(n);
  std::vector<float> vectors;
  for (const int64_t key : keys) {
    const std::vector<float> vector = Vector(key, 0);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  AddResult added;
  const Status status =
      index->Add(&vectors, keys, 1 + n % 3, &added, false, PayloadsOf(keys, added.first_row));
  if (!status.ok()) return Wrong("add: " + status.message());
  ledger.Added(owner, keys, added.first_row);
  if (!keys.empty()) CheckKey(keys.back());
}

void World::CheckKey(int64_t key) {
  const std::string name = "key " + std::to_string(key) + ": ";
  const std::vector<float> expected = Vector(key, ledger.VersionOf(key));
  uint32_t row = kNoRow;
  Status status = index->RowsOf(&key, 1, &row);
  if (!status.ok()) return Wrong(name + status.message());
  if (row != ledger.RowOf(key)) return Wrong(name + "is in another row");
  std::vector<float> vector(parameters.dim);
  int64_t own = 0;
  status = index->CopyRows(&row, 1, vector.data());
  if (status.ok()) status = index->CopyKeys(&row, 1, &own);
  if (!status.ok()) return Wrong(name + status.message());
  if (own != key) Wrong(name + "its row has another key");
  if (DistanceOf(Metric::kEuclidean, vector, expected) > kSame) Wrong(name + "has other bytes");
  if (!described) return;
  Payload payload;
  status = ReadPayload(*this, row, &payload);
  if (!status.ok()) return Wrong(name + status.message());
  if (payload[0] != static_cast<uint64_t>(key)) Wrong(name + "has another key's payload");
}

void Write(World* world, size_t owner) {
  Rng rng(world->seed + owner);
  while (world->ledger.KeysLeft()) {
    // In a calm round only one in ten does anything but append.
    const uint32_t dice = world->calm && rng.Below(10) != 0 ? rng.Below(60) : rng.Below(100);
    if (dice == 99) {
      RollBack(world, &rng);
      continue;
    }
    { const std::lock_guard<std::mutex> turn(world->rolling_turn); }
    const std::shared_lock<std::shared_mutex> changing(world->rolling);
    if (dice < 60) {
      world->AddSome(owner, 1 + rng.Below(dice < 5 ? 200 : 20));
    } else if (dice < 70) {
      UpdateSome(world, owner, &rng);
    } else if (dice < 75) {
      DescribeSome(world, owner, &rng);
    } else if (dice < 95) {
      RemoveSome(world, owner, &rng);
    } else if (dice < 97) {
      const Status status = world->index->Save();
      if (!status.ok()) world->Wrong("save: " + status.message());
    } else if (dice < 98 && rng.Below(2) == 0) {
      uint64_t next = 0;
      do {
        const Status status = world->index->Unlink(next, 2, &next);
        if (!status.ok()) return world->Wrong("take removed rows out: " + status.message());
      } while (next < world->index->count());
    } else if (dice < 98) {
      // Nothing to do but for Storage::kInline.
      uint64_t next = 0;
      const Status status = world->index->Code(0, 2, &next);
      if (!status.ok()) world->Wrong("code links: " + status.message());
    } else {
      std::vector<std::string> problems;
      uint64_t rows = 0;
      const Status status = world->index->Verify(&problems, &rows);
      if (!status.ok()) world->Wrong("verify: " + status.message());
      for (const std::string& problem : problems) world->Wrong("verify meanwhile: " + problem);
    }
  }
}

void Read(World* world, uint64_t number) {
  Rng rng(world->seed * 31 + number);
  while (!world->done) {
    SearchOnce(world, &rng);
    const uint32_t dice = rng.Below(10);
    if (dice == 0) BatchOnce(world, &rng);
    if (dice == 1) AskOnce(world, &rng);
  }
}

}  // namespace sightline::harness
