// What an index must hold and answer: computed from the rows that were given to it, not by it.
#ifndef SIGHTLINE_HARNESS_ORACLE_H_
#define SIGHTLINE_HARNESS_ORACLE_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/rng.h"
#include "index/index.h"

namespace sightline::harness {

inline constexpr uint32_t kFixtureDim = 4;
inline constexpr size_t kQueries = 20;
inline constexpr size_t kTop = 10;

using Vector = std::array<float, kFixtureDim>;

struct FixtureRow {
  int64_t key;
  bool live;
  Vector vector;
  uint32_t payload = 0;  // which one; 0: none
};

// Up to seven bytes.
std::vector<unsigned char> FixturePayload(int64_t key, uint32_t payload);

// What an index holds after some commit.
struct Truth {
  std::vector<FixtureRow> rows;
  uint64_t live = 0;
  // Distances of the nearest live rows of each query, by linear scan in double.
  std::array<std::array<double, kTop>, kQueries> nearest{};
};

struct Answer {
  std::array<uint32_t, kTop> rows{};
  std::array<float, kTop> distances{};
  size_t found = 0;
  bool operator==(const Answer&) const = default;
};

// Of the 20 queries; a query that failed has its status.
struct Answers {
  std::array<Answer, kQueries> walked, scanned;
  std::array<Status, kQueries> walk_failed, scan_failed;
};

Vector RandomVector(Rng* rng);
// Fills in live and nearest.
void Finish(Truth* truth);

Answers Ask(const Index& index);

// Empty if rows, keys, removals and every answer are those of `truth`; else what differs.
// Queries that failed with kFileCorrupt are passed over if `may_fail`.
// least_recall  of the walked answers, mean over the queries that did not fail.
std::string CompareTruth(const Index& index, const Truth& truth, const Answers& answers,
                         double least_recall, bool may_fail);
double RecallOf(const Truth& truth, const Answers& answers);

}  // namespace sightline::harness

#endif  // SIGHTLINE_HARNESS_ORACLE_H_
