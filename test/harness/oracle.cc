#include "oracle.h"

#include <algorithm>
#include <cmath>

namespace sightline::harness {
namespace {

// Rounding of float distances of vectors of length about 2.
constexpr double kClose = 1e-4;
// A walk, not a scan: more than 1000 live rows and a short candidate list (native/index/plan.h).
constexpr size_t kEf = 24;

const std::array<Vector, kQueries>& Queries() {
  static const std::array<Vector, kQueries> queries = [] {
    std::array<Vector, kQueries> made;
    Rng rng(99);
    for (Vector& query : made) query = RandomVector(&rng);
    return made;
  }();
  return queries;
}

double DistanceOf(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < kFixtureDim; ++i) {
    const double difference = static_cast<double>(a[i]) - b[i];
    sum += difference * difference;
  }
  return std::sqrt(sum);
}

std::string CompareRows(const Index& index, const Truth& truth, bool may_fail) {
  if (index.count() != truth.rows.size()) {
    return "holds " + std::to_string(index.count()) + " rows, expected " +
           std::to_string(truth.rows.size());
  }
  if (index.live_count() != truth.live) {
    return "has " + std::to_string(index.live_count()) + " live rows, expected " +
           std::to_string(truth.live);
  }
  for (uint32_t row = 0; row < truth.rows.size(); ++row) {
    const FixtureRow& expected = truth.rows[row];
    const std::string name = "row " + std::to_string(row);
    Vector vector;
    int64_t key = 0;
    uint32_t found = 0;
    const Status copied = index.CopyRows(&row, 1, vector.data());
    if (!copied.ok() && !(may_fail && copied.code() == StatusCode::kFileCorrupt)) {
      return name + ": " + copied.message();
    }
    if (copied.ok() && vector != expected.vector) return name + " has other bytes";
    Status status = index.CopyKeys(&row, 1, &key);
    if (status.ok()) status = index.RowsOf(&expected.key, 1, &found);
    if (!status.ok()) return name + ": " + status.message();
    if (key != expected.key) return name + " has another key";
    if ((found == row) != expected.live) return name + " is found by its key wrongly";
    if (!expected.live) continue;  // its payload goes when the log is folded
    unsigned char payload[8];
    uint32_t length = 0;
    size_t done = 0;
    status = index.CopyPayloads(&row, 1, payload, sizeof(payload), &length, &done);
    if (!status.ok()) return name + ": " + status.message();
    const std::vector<unsigned char> bytes = FixturePayload(key, expected.payload);
    if (done != 1 || length != bytes.size() || !std::equal(bytes.begin(), bytes.end(), payload)) {
      return name + " has another payload";
    }
  }
  return "";
}

// Every hit is a live row with its distance, nearest first, none twice.
std::string CheckHits(const Truth& truth, size_t query, const Answer& answer) {
  const std::string name = "query " + std::to_string(query);
  if (answer.found != std::min<uint64_t>(kTop, truth.live)) {
    return name + " has " + std::to_string(answer.found) + " hits";
  }
  for (size_t i = 0; i < answer.found; ++i) {
    const uint32_t row = answer.rows[i];
    if (row >= truth.rows.size() || !truth.rows[row].live) {
      return name + " returns row " + std::to_string(row) + ", which is not a live one";
    }
    const double distance = DistanceOf(Queries()[query], truth.rows[row].vector);
    if (std::fabs(distance - answer.distances[i]) > kClose) return name + " has a wrong distance";
    if (i > 0 && answer.distances[i] < answer.distances[i - 1]) return name + " is out of order";
    if (std::count(answer.rows.begin(), answer.rows.begin() + answer.found, row) != 1) {
      return name + " returns a row twice";
    }
  }
  return "";
}

}  // namespace

Vector RandomVector(Rng* rng) {
  Vector vector;
  for (float& value : vector) value = static_cast<float>(rng->Normal());
  return vector;
}

std::vector<unsigned char> FixturePayload(int64_t key, uint32_t payload) {
  if (payload == 0) return {};
  Rng rng(static_cast<uint64_t>(key) * 7919 + payload);
  std::vector<unsigned char> bytes(rng.Next() % 8);
  for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(rng.Next());
  return bytes;
}

void Finish(Truth* truth) {
  truth->live = 0;
  for (const FixtureRow& row : truth->rows) truth->live += row.live;
  std::vector<double> distances;
  for (size_t q = 0; q < kQueries; ++q) {
    distances.clear();
    for (const FixtureRow& row : truth->rows) {
      if (row.live) distances.push_back(DistanceOf(Queries()[q], row.vector));
    }
    std::sort(distances.begin(), distances.end());
    for (size_t i = 0; i < kTop; ++i) {
      truth->nearest[q][i] = i < distances.size() ? distances[i] : INFINITY;
    }
  }
}

Answers Ask(const Index& index) {
  Answers answers;
  SearchOptions options;
  options.k = kTop;
  options.ef = kEf;
  std::array<double, kTop> keys;
  for (size_t q = 0; q < kQueries; ++q) {
    Answer& walked = answers.walked[q];
    options.exact = false;
    answers.walk_failed[q] = index.Search(Queries()[q].data(), options, walked.rows.data(),
                                          walked.distances.data(), keys.data(), &walked.found);
    Answer& scanned = answers.scanned[q];
    options.exact = true;
    answers.scan_failed[q] = index.Search(Queries()[q].data(), options, scanned.rows.data(),
                                          scanned.distances.data(), keys.data(), &scanned.found);
  }
  return answers;
}

double RecallOf(const Truth& truth, const Answers& answers) {
  double hits = 0;
  double wanted = 0;
  for (size_t q = 0; q < kQueries; ++q) {
    if (!answers.walk_failed[q].ok()) continue;
    const Answer& answer = answers.walked[q];
    for (size_t i = 0; i < answer.found; ++i) {
      hits += answer.distances[i] <= truth.nearest[q][answer.found - 1] + kClose;
    }
    wanted += static_cast<double>(answer.found);
  }
  return wanted == 0 ? 1 : hits / wanted;
}

std::string CompareTruth(const Index& index, const Truth& truth, const Answers& answers,
                         double least_recall, bool may_fail) {
  const std::string rows = CompareRows(index, truth, may_fail);
  if (!rows.empty()) return rows;
  for (size_t q = 0; q < kQueries; ++q) {
    for (const bool exact : {false, true}) {
      const Status& failed = exact ? answers.scan_failed[q] : answers.walk_failed[q];
      if (!failed.ok()) {
        if (may_fail && failed.code() == StatusCode::kFileCorrupt) continue;
        return "query " + std::to_string(q) + ": " + failed.message();
      }
      const Answer& answer = exact ? answers.scanned[q] : answers.walked[q];
      const std::string wrong = CheckHits(truth, q, answer);
      if (!wrong.empty()) return wrong;
      for (size_t i = 0; exact && i < answer.found; ++i) {
        if (std::fabs(answer.distances[i] - truth.nearest[q][i]) > kClose) {
          return "query " + std::to_string(q) + ": hit " + std::to_string(i) +
                 " of the exact search is not the nearest";
        }
      }
    }
  }
  const double recall = RecallOf(truth, answers);
  return recall >= least_recall ? "" : "recall is " + std::to_string(recall);
}

}  // namespace sightline::harness
