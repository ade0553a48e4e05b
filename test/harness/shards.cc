#include "shards.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <set>

#include "core/rng.h"

namespace sightline::harness {
namespace {

constexpr size_t kOutcomes = 48;
constexpr size_t kOutcomeBytes = 80;
constexpr uint64_t kPrinted = 20;
// Past this the run says nothing new.
constexpr uint64_t kMostDeaths = 50;

// Shared with the child; zero bytes to begin with.
struct Progress {
  std::atomic<uint64_t> at;  // index into the list of the case under way
  std::atomic<uint64_t> runs;
  std::atomic<uint64_t> wrong;
  char names[kOutcomes][kOutcomeBytes];
  uint64_t counts[kOutcomes];
};

void Count(Progress* progress, const std::string& outcome) {
  for (size_t i = 0; i < kOutcomes; ++i) {
    if (progress->names[i][0] == 0) {
      std::strncpy(progress->names[i], outcome.c_str(), kOutcomeBytes - 1);
    }
    if (outcome.compare(0, kOutcomeBytes - 1, progress->names[i]) == 0) {
      ++progress->counts[i];
      return;
    }
  }
}

uint64_t NumberOf(const CaseList& list, uint64_t at) {
  return list.chosen.empty() ? at : list.chosen[at];
}

void Report(Progress* progress, const CaseList& list, uint64_t number, const std::string& problem) {
  if (++progress->wrong > kPrinted) return;
  std::printf("WRONG %s, case %llu, %s: %s\n", list.name.c_str(),
              static_cast<unsigned long long>(number), list.describe(number).c_str(),
              problem.c_str());
  std::fflush(stdout);
}

void RunFrom(const CaseList& list, uint64_t from, uint64_t total, Progress* progress) {
  for (uint64_t at = from; at < total; ++at) {
    progress->at = at;
    // Unhandled, so a case that hangs is a death like any other.
    ::alarm(list.seconds_per_case);
    const uint64_t number = NumberOf(list, at);
    const Verdict verdict = list.run(number);
    ++progress->runs;
    if (!verdict.outcome.empty()) Count(progress, verdict.outcome);
    if (!verdict.problem.empty()) Report(progress, list, number, verdict.problem);
  }
  ::alarm(0);
}

}  // namespace

uint64_t CaseCounts::Of(const std::string& outcome) const {
  for (const auto& [name, count] : outcomes) {
    if (name == outcome) return count;
  }
  return 0;
}

CaseCounts RunCases(const CaseList& list) {
  void* memory =
      ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return {0, 1, {}};
  auto* progress = static_cast<Progress*>(memory);
  const uint64_t total = list.chosen.empty() ? list.count : list.chosen.size();
  uint64_t deaths = 0;
  for (uint64_t from = 0; from < total && deaths < kMostDeaths;) {
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child < 0) {
      std::printf("WRONG %s: cannot fork\n", list.name.c_str());
      ++progress->wrong;
      break;
    }
    if (child == 0) {
      RunFrom(list, from, total, progress);
      std::fflush(stdout);
      ::_exit(0);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) break;
    ++deaths;
    ++progress->runs;
    const std::string end = WIFSIGNALED(status)
                                ? "ended by signal " + std::to_string(WTERMSIG(status))
                                : "ended with " + std::to_string(WEXITSTATUS(status));
    Report(progress, list, NumberOf(list, progress->at), end);
    from = progress->at + 1;
  }
  CaseCounts counts;
  counts.runs = progress->runs;
  counts.wrong = progress->wrong;
  for (size_t i = 0; i < kOutcomes && progress->names[i][0] != 0; ++i) {
    counts.outcomes.emplace_back(progress->names[i], progress->counts[i]);
  }
  ::munmap(memory, sizeof(Progress));
  std::printf("%s: %llu cases, %llu wrong\n", list.name.c_str(),
              static_cast<unsigned long long>(counts.runs),
              static_cast<unsigned long long>(counts.wrong));
  for (const auto& [name, number] : counts.outcomes) {
    std::printf("  %9llu  %s\n", static_cast<unsigned long long>(number), name.c_str());
  }
  std::fflush(stdout);
  return counts;
}

std::vector<uint64_t> Sample(uint64_t below, uint64_t count, uint64_t seed) {
  if (count >= below) return {};
  Rng rng(seed);
  std::set<uint64_t> chosen;
  while (chosen.size() < count) chosen.insert(rng.Next() % below);
  return std::vector<uint64_t>(chosen.begin(), chosen.end());
}

}  // namespace sightline::harness
