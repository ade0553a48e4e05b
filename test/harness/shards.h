// Runs numbered cases in a child process, so that a crash or a hang is one wrong case and not the
// end of the run: the number of the case under way is in memory that parent and child share.
#ifndef SIGHTLINE_HARNESS_SHARDS_H_
#define SIGHTLINE_HARNESS_SHARDS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace sightline::harness {

// What became of one case.
struct Verdict {
  std::string problem;  // empty: as it must be
  std::string outcome;  // a few different words, counted
};

struct CaseList {
  std::string name;
  uint64_t count = 0;
  // Numbers of the cases to run, or empty for all of them.
  std::vector<uint64_t> chosen;
  std::function<Verdict(uint64_t)> run;
  // For messages: what case `number` does.
  std::function<std::string(uint64_t)> describe;
  unsigned seconds_per_case = 60;  // more is a hang
};

struct CaseCounts {
  uint64_t runs = 0;
  uint64_t wrong = 0;
  std::vector<std::pair<std::string, uint64_t>> outcomes;
  uint64_t Of(const std::string& outcome) const;
};

// Runs them, prints the first wrong ones and the counts.
CaseCounts RunCases(const CaseList& list);

// `count` different numbers below `below`, rising, from a seed; all of them if there are no more.
std::vector<uint64_t> Sample(uint64_t below, uint64_t count, uint64_t seed);

}  // namespace sightline::harness

#endif  // SIGHTLINE_HARNESS_SHARDS_H_
