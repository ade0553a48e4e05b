// Every kind of call on one index from many threads at once.
//
//   threads [--seed=N] [--seconds=N]
//
// Rounds until the time is over, each with an index of its own, in memory or in a folder: three
// threads add, update, remove, save and roll back, four search, scan, filter, copy and ask. To be
// built with the thread sanitizer and with yield points (core/yield_point.h).
//
// Must hold meanwhile: hits are sorted, allowed, of the right distance, and none of a key whose
// removal was acknowledged before; what was acknowledged is found. And in the end: `verify` finds
// nothing, every row is the one that was acknowledged, also after opening again, and the graph
// finds as many rows by themselves as one that a single thread built of the same rows.
#include "threads.h"

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "core/rng.h"
#include "scratch.h"

namespace sightline::harness {

void World::Wrong(const std::string& what) {
  const std::lock_guard<std::mutex> lock(wrong_mutex_);
  if (++wrong_ <= 20) std::printf("WRONG round %llu: %s\n", Number(round), what.c_str());
}

namespace {

// Rows a graph is asked for by themselves after each round, and queries its recall is taken from.
constexpr size_t kProbes = 800;
constexpr size_t kQueries = 150;
constexpr size_t kNeighbors = 10;

struct Totals {
  uint64_t rounds = 0;
  uint64_t rows = 0;
  uint64_t searches = 0;
  uint64_t probes = 0;
  uint64_t missed = 0;         // rows that the graph did not find by themselves
  uint64_t missed_serial = 0;  // and those that a serial build of the same rows did not find
  uint64_t found = 0;          // true neighbors, and how many a serial build found
  uint64_t found_serial = 0;
  uint64_t neighbors = 0;
};

std::unique_ptr<World> MakeWorld(uint64_t seed, uint64_t round, Storage storage,
                                 const std::string& folder) {
  Rng rng(seed * 1000003 + round);
  auto world = std::make_unique<World>();
  world->seed = rng.Next();
  world->round = round;
  world->calm = round % 3 == 1;
  world->storage = storage;
  IndexParameters& p = world->parameters;
  p.dim = 6 + rng.Below(12);
  p.m = round % 2 == 0 ? 4 : 8;
  p.ef_construction = 16 + rng.Below(40);
  p.metric = rng.Below(2) == 0 ? Metric::kCosine : Metric::kEuclidean;
  world->described = round % 2 == 0;
  world->folder = rng.Below(2) == 0 ? "" : folder + "/" + std::to_string(round);
  return world;
}

// The same rows under the same numbers, dead ones too, added one after another.
Status BuildSerially(const World& world, std::shared_ptr<Index>* out) {
  const Index& index = *world.index;
  SL_RETURN_IF_ERROR(Index::Create("", world.parameters, out, world.storage));
  std::vector<uint32_t> rows(index.count());
  for (uint32_t row = 0; row < rows.size(); ++row) rows[row] = row;
  std::vector<float> vectors(rows.size() * world.parameters.dim);
  SL_RETURN_IF_ERROR(index.CopyRows(rows.data(), rows.size(), vectors.data()));
  AddResult added;
  SL_RETURN_IF_ERROR((*out)->Add(&vectors, {}, 1, &added));
  std::vector<bool> live(rows.size(), false);
  for (const int64_t key : world.ledger.AllLive()) live[world.ledger.RowOf(key)] = true;
  std::vector<int64_t> dead;
  for (size_t row = 0; row < live.size(); ++row) {
    if (!live[row]) dead.push_back(static_cast<int64_t>(row));
  }
  uint64_t removed = 0;
  return (*out)->Remove(dead, &removed);
}

std::vector<uint32_t> Ask(World* world, const Index& index, const std::vector<float>& query,
                          size_t k, size_t ef, bool exact) {
  SearchOptions options;
  options.k = k;
  options.ef = ef;
  options.exact = exact;
  std::vector<uint32_t> rows(k);
  std::vector<float> distances(k);
  std::vector<double> keys(k);
  size_t found = 0;
  const Status status =
      index.Search(query.data(), options, rows.data(), distances.data(), keys.data(), &found);
  if (!status.ok()) world->Wrong("search: " + status.message());
  rows.resize(found);
  return rows;
}

uint64_t Common(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
  uint64_t common = 0;
  for (const uint32_t row : a) common += std::find(b.begin(), b.end(), row) != b.end();
  return common;
}

void CheckRows(World* world, const Index& index, const std::vector<int64_t>& live) {
  if (index.live_count() != live.size()) {
    world->Wrong("has " + std::to_string(index.live_count()) + " live rows, expected " +
                 std::to_string(live.size()));
  }
  for (const int64_t key : live) world->CheckKey(key);
}

// Against the exact scan, and against a graph that one thread built.
void CompareWithSerial(World* world, const std::vector<int64_t>& live, Totals* totals) {
  std::shared_ptr<Index> serial;
  const Status built = BuildSerially(*world, &serial);
  if (!built.ok()) return world->Wrong("serial build: " + built.message());
  const size_t dim = world->parameters.dim;
  for (size_t i = 0; i < std::min(kProbes, live.size()); ++i) {
    const int64_t key = live[i * live.size() / std::min(kProbes, live.size())];
    const uint32_t row = static_cast<uint32_t>(world->ledger.RowOf(key));
    std::vector<float> query(dim);
    (void)world->index->CopyRows(&row, 1, query.data());
    const std::vector<uint32_t> self{row};
    ++totals->probes;
    totals->missed += Ask(world, *world->index, query, 1, 20, false) != self;
    totals->missed_serial += Ask(world, *serial, query, 1, 20, false) != self;
    if (Ask(world, *world->index, query, 1, 20, true) != self) {
      world->Wrong("a scan does not find row " + std::to_string(row) + " by itself");
    }
  }
  for (size_t i = 0; i < kQueries; ++i) {
    const std::vector<float> query = VectorOf(world->seed + 1, dim, static_cast<int64_t>(i), 0);
    const auto truth = Ask(world, *serial, query, kNeighbors, 20, true);
    totals->neighbors += truth.size();
    totals->found += Common(truth, Ask(world, *world->index, query, kNeighbors, 20, false));
    totals->found_serial += Common(truth, Ask(world, *serial, query, kNeighbors, 20, false));
  }
}

void CheckEnd(World* world, Totals* totals) {
  const std::vector<int64_t> live = world->ledger.AllLive();
  CheckRows(world, *world->index, live);
  std::vector<std::string> problems;
  uint64_t rows = 0;
  Status status = world->index->Verify(&problems, &rows);
  if (!status.ok()) world->Wrong("verify: " + status.message());
  for (const std::string& problem : problems) world->Wrong("verify: " + problem);
  totals->rows += rows;
  CompareWithSerial(world, live, totals);
  if (world->folder.empty()) return;
  world->index->Close();
  OpenOptions options;
  options.path = world->folder;
  options.threads = 2;
  options.storage = world->storage;
  status = Index::Open(options, &world->index);
  if (!status.ok()) return world->Wrong("opening again: " + status.message());
  CheckRows(world, *world->index, live);
  status = world->index->Verify(&problems, &rows);
  for (const std::string& problem : problems) world->Wrong("verify, opened again: " + problem);
}

void Round(World* world, Totals* totals) {
  const Status made =
      Index::Create(world->folder, world->parameters, &world->index, world->storage);
  if (!made.ok()) return world->Wrong("create: " + made.message());
  // Below 1,000 rows everything is scanned, below 2,048 links have no codes.
  world->AddSome(0, world->storage == Storage::kFloat32 ? 1200 : 2200);
  std::vector<std::thread> threads;
  std::vector<std::thread> readers;
  for (size_t t = 0; t < kWriters; ++t) threads.emplace_back([=] { Write(world, t); });
  for (uint64_t t = 0; t < kReaders; ++t) readers.emplace_back([=] { Read(world, t); });
  for (std::thread& thread : threads) thread.join();
  world->done = true;
  for (std::thread& reader : readers) reader.join();
  CheckEnd(world, totals);
  totals->searches += world->searches;
  ++totals->rounds;
}

int Main(int count, char** arguments) {
  const uint64_t seed = Argument(count, arguments, "seed", 3);
  const uint64_t seconds = Argument(count, arguments, "seconds", 15);
  const auto storage = static_cast<Storage>(Argument(count, arguments, "storage", 0));
  std::printf("seed %llu, %llu seconds, storage %u\n", Number(seed), Number(seconds),
              static_cast<unsigned>(storage));
  const std::string folder = ScratchFolder("threads");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  Totals totals;
  uint64_t wrong = 0;
  for (uint64_t round = 0; round == 0 || std::chrono::steady_clock::now() < end; ++round) {
    const std::unique_ptr<World> world = MakeWorld(seed, round, storage, folder);
    Round(world.get(), &totals);
    wrong += world->wrong();
  }
  std::filesystem::remove_all(folder);
  // Half a point of recall, and as many lost rows as a serial build, or what chance explains. On a
  // slow machine there is one round: two graphs of the same few rows then differ by 2 points.
  const double chance = 1.5 * std::sqrt(static_cast<double>(totals.neighbors));
  const uint64_t fewer = totals.neighbors / 200 + static_cast<uint64_t>(chance);
  if (totals.found + fewer < totals.found_serial) ++wrong;
  // Lost rows come in groups that hide each other: one group of a single round is chance as well.
  if (totals.missed > 2 * totals.missed_serial + 16 + totals.probes / 500) ++wrong;
  std::printf(
      "threads: %llu rounds, %llu rows, %llu searches meanwhile; recall %.4f, built serially %.4f; "
      "rows not found by themselves %llu, built serially %llu of %llu; %llu wrong\n",
      Number(totals.rounds), Number(totals.rows), Number(totals.searches),
      static_cast<double>(totals.found) / static_cast<double>(totals.neighbors),
      static_cast<double>(totals.found_serial) / static_cast<double>(totals.neighbors),
      Number(totals.missed), Number(totals.missed_serial), Number(totals.probes), Number(wrong));
  return wrong == 0 && totals.searches > 0 ? 0 : 1;
}

}  // namespace
}  // namespace sightline::harness

int main(int count, char** arguments) { return sightline::harness::Main(count, arguments); }
