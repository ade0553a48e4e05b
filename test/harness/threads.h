// One round of threads.cc: the index, what was done to it, and what its threads do.
#ifndef SIGHTLINE_HARNESS_THREADS_H_
#define SIGHTLINE_HARNESS_THREADS_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "index/index.h"
#include "ledger.h"

namespace sightline::harness {

inline constexpr size_t kWriters = 3;
inline constexpr size_t kReaders = 4;
inline constexpr size_t kMostKeys = 3000;

inline unsigned long long Number(uint64_t n) { return n; }  // for printf

class World {
 public:
  uint64_t seed = 0;
  uint64_t round = 0;
  std::string folder;  // empty: in memory
  // Few rows are removed, so that one append brings more rows than ever went.
  bool calm = false;
  // Every row has a payload that names its key.
  bool described = false;
  IndexParameters parameters;
  Storage storage = Storage::kFloat32;
  std::shared_ptr<Index> index;
  Ledger ledger{kWriters, kMostKeys};
  std::atomic<bool> done{false};
  std::atomic<uint64_t> searches{0};

  void Wrong(const std::string& what);
  uint64_t wrong() const { return wrong_; }

  // Whatever changes rows holds it shared, a rollback alone: so it is known what a rollback took.
  // The index has no need of it.
  std::shared_mutex rolling;
  std::mutex rolling_turn;  // the shared one would keep a rollback waiting for ever

  std::vector<float> Vector(int64_t key, uint32_t version) const {
    return VectorOf(seed, parameters.dim, key, version);
  }
  // None where rows have none.
  Payloads PayloadsOf(const std::vector<int64_t>& keys, uint64_t number) const;
  void AddSome(size_t owner, size_t n);
  // That a key is where and what was acknowledged. No rollback may be under way.
  void CheckKey(int64_t key);

 private:
  std::mutex wrong_mutex_;
  std::atomic<uint64_t> wrong_{0};
};

// threads_work.cc: until all keys are used; until world->done.
void Write(World* world, size_t owner);
void Read(World* world, uint64_t number);

}  // namespace sightline::harness

#endif  // SIGHTLINE_HARNESS_THREADS_H_
