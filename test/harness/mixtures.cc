// Folders whose files do not belong together: swapped between generations of an index and between
// indexes, put under another's name, missing; and folders with things in them that are not ours.
//
//   mixtures [--seed=N] [--histories=N]
//
// Must hold, for a reader and for a writer: an open is refused with ERR_FILE_CORRUPT,
// ERR_FILE_VERSION or ERR_FILE_MISSING, or the index is exactly the one whose log is in the folder:
// its rows bit for bit, its answers, recall as good as with a graph built again. A row that is
// another index's may only show as an ERR_FILE_CORRUPT of what needs it. Things that are not ours
// change nothing and are still there afterwards.
#include <cstdio>
#include <filesystem>

#include "fixture.h"
#include "leftovers.h"
#include "shards.h"
#include "workload.h"

namespace sightline::harness {
namespace {

constexpr double kLeastRecall = 0.85;
const char* const kNames[] = {kRows, kLog, kGraph};

// Of one history: an index saved before its end, with more commits, rolled back below those and
// filled again, compacted; and two generations of another index with the same parameters.
struct History {
  std::vector<Fixture> folders;
};
constexpr size_t kRolledBack = 2;
// Whose graphs may be used with whose logs: a compaction makes a new index of the same rows.
constexpr int kIndexOf[] = {0, 0, 0, 1, 2, 2};

bool MayUseGraph(size_t log, size_t graph) {
  if (log == kRolledBack && graph < kRolledBack) return false;
  return kIndexOf[log] == kIndexOf[graph];
}

History MakeHistory(const std::string& folder, uint64_t seed) {
  History history;
  std::vector<Fixture>& made = history.folders;
  made.push_back(MakeFixture(folder, Snapshot::kBehind, seed));
  made.push_back(GrowFixture(folder, made.back(), Growth::kMore, seed + 1));
  made.push_back(GrowFixture(folder, made.back(), Growth::kRolledBack, seed + 3));
  made.push_back(GrowFixture(folder, made.back(), Growth::kCompacted, seed + 2));
  made.push_back(MakeFixture(folder, Snapshot::kAtTheEnd, seed + 500));
  made.push_back(GrowFixture(folder, made.back(), Growth::kMore, seed + 501));
  return history;
}

// Which folder's rows, log and graph; `folders` for a file that is missing.
struct Mixture {
  size_t from[3];
  bool read_only;
};

Mixture MixtureOf(size_t folders, uint64_t number) {
  Mixture mixture;
  mixture.read_only = number % 2 == 0;
  number /= 2;
  for (size_t& from : mixture.from) {
    from = number % (folders + 1);
    number /= folders + 1;
  }
  return mixture;
}

// Whether what is in the folder is the index of `fixture`, or says that it is not.
Verdict Judge(const std::string& folder, bool read_only, const Fixture* fixture) {
  std::shared_ptr<Index> index;
  const Status opened = OpenFolder(folder, read_only, &index);
  if (!opened.ok()) {
    switch (opened.code()) {
      case StatusCode::kFileCorrupt:
        return {"", "refused as damaged"};
      case StatusCode::kFileVersion:
        return {"", "refused as a newer version"};
      case StatusCode::kFileMissing:
        return {"", "refused as missing"};
      default:
        return {"refused: " + opened.message(), "wrong"};
    }
  }
  if (fixture == nullptr) return {"opened", "wrong"};
  const Answers answers = Ask(*index);
  std::string wrong = CompareTruth(*index, fixture->now(), answers, kLeastRecall, true);
  if (!wrong.empty()) return {wrong, "wrong"};
  IndexStats stats;
  const Status asked = index->Stats(&stats);
  std::vector<std::string> problems;
  uint64_t checked = 0;
  const Status verified = index->Verify(&problems, &checked);
  if (!asked.ok() || !verified.ok()) return {"verify: " + verified.message(), "wrong"};
  bool failed = false;
  for (size_t q = 0; q < kQueries; ++q) failed |= !answers.scan_failed[q].ok();
  if (failed && problems.empty()) return {"queries fail but verify finds nothing", "wrong"};
  index->Close();
  if (failed) return {"", "queries refused, verify finds it"};
  return {"",
          stats.graph_problem.empty() ? "the index of the log" : "that, with its graph made again"};
}

CaseList Mixtures(const History& history, const std::string& folder) {
  const size_t folders = history.folders.size();
  CaseList list;
  list.name = "mixtures";
  list.count = 2 * (folders + 1) * (folders + 1) * (folders + 1);
  list.run = [&history, folder, folders](uint64_t number) {
    const Mixture mixture = MixtureOf(folders, number);
    std::filesystem::remove_all(folder);
    Files files;
    for (size_t i = 0; i < 3; ++i) {
      const size_t from = mixture.from[i];
      if (from < folders) files[kNames[i]] = history.folders[from].files.at(kNames[i]);
    }
    WriteFiles(folder, files);
    PutInPlace(folder);
    const size_t log = mixture.from[1];
    Verdict verdict =
        Judge(folder, mixture.read_only, log < folders ? &history.folders[log] : nullptr);
    const size_t graph = mixture.from[2];
    if (verdict.outcome == "the index of the log" && graph < folders && !MayUseGraph(log, graph)) {
      verdict.problem = "a graph of another history was used";
    }
    const bool all_of_one = mixture.from[0] == log && mixture.from[2] == log && log < folders;
    if (all_of_one && verdict.outcome != "the index of the log" && verdict.problem.empty()) {
      verdict.problem = "a folder as it was made: " + verdict.outcome;
    }
    return verdict;
  };
  list.describe = [folders](uint64_t number) {
    const Mixture mixture = MixtureOf(folders, number);
    std::string text = mixture.read_only ? "reader" : "writer";
    for (size_t i = 0; i < 3; ++i) {
      const size_t from = mixture.from[i];
      text += std::string(", ") + kNames[i] +
              (from < folders ? " of folder " + std::to_string(from) : " missing");
    }
    return text;
  };
  return list;
}

// Every file under every name.
CaseList WrongNames(const History& history, const std::string& folder) {
  CaseList list;
  list.name = "files under other names";
  list.count = 2 * 27;
  list.run = [&history, folder](uint64_t number) {
    const Fixture& fixture = history.folders[4];
    Files files;
    const size_t from[] = {number / 2 % 3, number / 6 % 3, number / 18 % 3};
    for (size_t i = 0; i < 3; ++i) files[kNames[i]] = fixture.files.at(kNames[from[i]]);
    std::filesystem::remove_all(folder);
    WriteFiles(folder, files);
    PutInPlace(folder);
    Verdict verdict = Judge(folder, number % 2 == 0, &fixture);
    const bool log_is_log = from[1] == 1;
    if (verdict.problem.empty() && !log_is_log && verdict.outcome.find("refused as") != 0) {
      verdict.problem = "opened with another file as its log";
    }
    return verdict;
  };
  list.describe = [](uint64_t number) { return "arrangement " + std::to_string(number); };
  return list;
}

int Main(int count, char** arguments) {
  const uint64_t seed = Argument(count, arguments, "seed", 21);
  const uint64_t histories = Argument(count, arguments, "histories", 1);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  const std::string base = ScratchFolder("mixtures");
  uint64_t wrong = 0;
  uint64_t refused = 0;
  for (uint64_t h = 0; h < histories; ++h) {
    const History history = MakeHistory(base + "/made", seed + 10'000 * h);
    const std::string folder = base + "/index";
    for (const CaseList& list : {Mixtures(history, folder), WrongNames(history, folder),
                                 Leftovers(history.folders[3], folder)}) {
      const CaseCounts counts = RunCases(list);
      wrong += counts.wrong;
      refused += counts.Of("refused as damaged");
    }
  }
  std::filesystem::remove_all(base);
  std::printf("mixtures: %llu wrong\n", static_cast<unsigned long long>(wrong));
  return wrong == 0 && refused > 50 ? 0 : 1;
}

}  // namespace
}  // namespace sightline::harness

int main(int count, char** arguments) { return sightline::harness::Main(count, arguments); }
