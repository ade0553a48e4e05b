// Flips every bit and cuts every file at every byte of a small index folder, and opens each.
//
//   damage [--seed=N] [--cases=N of each kind, 0: all] [--stride=N: every N-th of all]
//
// Must hold, for a reader and for a writer, in at most the size of the files and 16 MiB of memory:
//   a bit of the log     the open is ERR_FILE_CORRUPT or ERR_FILE_VERSION
//   a bit of a row       the open, or each query that needs the row, is ERR_FILE_CORRUPT; every
//                        other query answers bit for bit as before; verify finds it. Bytes behind
//                        the committed rows may change without effect
//   a bit of the graph   exact answers bit for bit as before; the walked ones come from a scan or a
//                        graph built again: live rows with their true distance, recall as before
//                        less 0.05; verify finds it; after a writer's save it finds nothing
//   a cut of the log     what the whole records before the cut say, or ERR_FILE_CORRUPT where the
//                        snapshot shows that there was more, or where not even the header is left
//   a cut of the rows    ERR_FILE_CORRUPT, or no effect behind the committed rows
//   a cut of the graph   as a bit of the graph
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "fixture.h"
#include "memory_peak.h"
#include "shards.h"
#include "workload.h"

namespace sightline::harness {
namespace {

constexpr uint64_t kMemoryOver = 16 << 20;
constexpr double kRecallSlack = 0.05;
const char* const kNames[] = {kRows, kLog, kGraph};

struct Case {
  const char* file = kRows;
  uint64_t at = 0;  // bit to flip, or bytes to keep
  bool is_cut = false;
  bool read_only = false;
};

// A folder that is put back to the fixture's state before each case.
class Attacked {
 public:
  Attacked(const Fixture& fixture, const std::string& folder)
      : fixture_(fixture), folder_(folder) {}

  Verdict Run(const Case& c) {
    Restore();
    Bytes bytes = fixture_.files.at(c.file);
    if (c.is_cut) {
      bytes.resize(c.at);
    } else {
      bytes[c.at / 8] ^= static_cast<unsigned char>(1u << (c.at % 8));
    }
    WriteBytes(folder_ + "/" + c.file, bytes);
    dirty_ = c.file;
    // A writer may trim or replace any of them.
    all_dirty_ = !c.read_only;

    uint64_t size = 0;
    for (const auto& [name, content] : fixture_.files) size += content.size();
    MemoryPeak peak;
    std::shared_ptr<Index> index;
    const Status opened = OpenFolder(folder_, c.read_only, &index);
    const uint64_t used = peak.Bytes();
    Verdict verdict = opened.ok() ? Opened(c, index.get()) : Refused(c, opened);
    if (index != nullptr) index->Close();
    if (used > size + kMemoryOver) verdict.problem = std::to_string(used) + " bytes of memory";
    verdict.outcome = std::string(c.file) + (c.is_cut ? " cut: " : ": ") + verdict.outcome;
    return verdict;
  }

 private:
  void Restore() {
    if (dirty_.empty() || all_dirty_) {
      WriteFiles(folder_, fixture_.files);
      PutInPlace(folder_);
    } else {
      WriteBytes(folder_ + "/" + dirty_, fixture_.files.at(dirty_));
    }
  }

  // Complete records in a log of `bytes`.
  uint64_t RecordsIn(uint64_t bytes) const {
    const auto after = std::upper_bound(fixture_.log_ends.begin(), fixture_.log_ends.end(), bytes);
    return static_cast<uint64_t>(after - fixture_.log_ends.begin()) - 1;
  }

  uint64_t CommittedBytes() const { return fixture_.now().rows.size() * sizeof(Vector); }

  bool IsHarmless(const Case& c) const {
    if (c.file != kRows) return false;
    return c.is_cut ? c.at >= CommittedBytes() : c.at / 8 >= CommittedBytes();
  }

  Verdict Refused(const Case& c, const Status& status) const {
    const bool corrupt = status.code() == StatusCode::kFileCorrupt;
    const bool version = status.code() == StatusCode::kFileVersion;
    if (!corrupt && !(version && c.file == kLog && !c.is_cut)) {
      return {"refused with code " + std::to_string(static_cast<int>(status.code())) + ": " +
                  status.message(),
              "wrong"};
    }
    if (c.file == kGraph || IsHarmless(c)) return {"refused: " + status.message(), "wrong"};
    if (c.file == kLog && c.is_cut && c.at >= kLogPage && RecordsIn(c.at) >= fixture_.saved) {
      return {"refused: " + status.message(), "wrong"};
    }
    return {"", corrupt ? "refused as damaged" : "refused as a newer version"};
  }

  Verdict Opened(const Case& c, Index* index) const {
    const Answers answers = Ask(*index);
    if (c.file == kLog) return OpenedLog(c, *index, answers);
    std::vector<std::string> problems;
    uint64_t checked = 0;
    const bool rows = c.file == kRows;
    const double least = rows ? 0 : fixture_.recall - kRecallSlack;
    std::string wrong = CompareTruth(*index, fixture_.now(), answers, least, rows);
    bool failed = false;
    for (size_t q = 0; wrong.empty() && q < kQueries; ++q) {
      failed |= !answers.walk_failed[q].ok() || !answers.scan_failed[q].ok();
      const bool walked =
          !rows || !answers.walk_failed[q].ok() || answers.walked[q] == fixture_.clean.walked[q];
      const bool scanned =
          !answers.scan_failed[q].ok() || answers.scanned[q] == fixture_.clean.scanned[q];
      if (!walked || !scanned) wrong = "query " + std::to_string(q) + " answers otherwise";
    }
    if (!wrong.empty()) return {wrong, "wrong"};
    const Status verified = index->Verify(&problems, &checked);
    if (!verified.ok()) return {"verify: " + verified.message(), "wrong"};
    if (problems.empty() != IsHarmless(c)) {
      return {problems.empty() ? "verify finds nothing" : "verify: " + problems[0], "wrong"};
    }
    if (!rows && !c.read_only) {
      const Status saved = index->Save();
      if (!saved.ok()) return {"save: " + saved.message(), "wrong"};
      (void)index->Verify(&problems, &checked);
      if (!problems.empty()) return {"verify after save: " + problems[0], "wrong"};
    }
    if (IsHarmless(c)) return {"", "no effect, behind the committed rows"};
    if (rows) return {"", failed ? "queries refused, verify finds it" : "verify finds it"};
    return {"", "answers right, verify finds it"};
  }

  // Only a cut may be opened, as the state before the record it went through.
  Verdict OpenedLog(const Case& c, const Index& index, const Answers& answers) const {
    if (!c.is_cut) return {"opened", "wrong"};
    const uint64_t records = RecordsIn(c.at);
    if (c.at < kLogPage || records < fixture_.saved) {
      return {"opened although the snapshot knows of record " + std::to_string(fixture_.saved),
              "wrong"};
    }
    const std::string differs = CompareTruth(index, fixture_.states[records], answers, 0.85, false);
    return {differs, differs.empty() ? "an earlier commit" : "wrong"};
  }

  const Fixture& fixture_;
  const std::string folder_;
  std::string dirty_;
  bool all_dirty_ = true;
};

// All cases of one kind: every bit, or every length, of each file, by a reader and by a writer.
Case CaseOf(const Fixture& fixture, bool is_cut, uint64_t number) {
  Case c;
  c.is_cut = is_cut;
  c.read_only = number % 2 == 0;
  uint64_t at = number / 2;
  for (const char* name : kNames) {
    const uint64_t places = fixture.files.at(name).size() * (is_cut ? 1 : 8);
    if (at < places) {
      c.file = name;
      c.at = at;
      return c;
    }
    at -= places;
  }
  return c;
}

uint64_t CountCases(const Fixture& fixture, bool is_cut) {
  uint64_t bytes = 0;
  for (const char* name : kNames) bytes += fixture.files.at(name).size();
  return 2 * bytes * (is_cut ? 1 : 8);
}

int Main(int count, char** arguments) {
  const uint64_t seed = Argument(count, arguments, "seed", 5);
  const uint64_t cases = Argument(count, arguments, "cases", 600);
  const uint64_t stride = Argument(count, arguments, "stride", 0);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  const std::string base = ScratchFolder("damage");
  uint64_t wrong = 0;
  uint64_t found = 0;
  for (const Snapshot snapshot : {Snapshot::kAtTheEnd, Snapshot::kBehind}) {
    const Fixture fixture = MakeFixture(base + "/made", snapshot, seed);
    std::printf("%s: %zu rows, recall of the walked answers %.3f\n", fixture.name.c_str(),
                fixture.now().rows.size(), fixture.recall);
    Attacked attacked(fixture, base + "/index");
    for (const bool is_cut : {false, true}) {
      CaseList list;
      list.name = (is_cut ? "cuts, " : "flips, ") + fixture.name;
      list.count = CountCases(fixture, is_cut);
      if (stride > 0) {
        for (uint64_t n = seed % stride; n < list.count; n += stride) list.chosen.push_back(n);
      } else if (cases > 0) {
        list.chosen = Sample(list.count, cases, seed);
      }
      list.run = [&](uint64_t n) { return attacked.Run(CaseOf(fixture, is_cut, n)); };
      list.describe = [&](uint64_t n) {
        const Case c = CaseOf(fixture, is_cut, n);
        return std::string(c.file) + (c.is_cut ? " cut to " : " bit ") + std::to_string(c.at) +
               (c.read_only ? ", reader" : ", writer");
      };
      const CaseCounts counts = RunCases(list);
      wrong += counts.wrong;
      for (const auto& [name, number] : counts.outcomes) {
        if (name.find("no effect") == std::string::npos) found += number;
      }
    }
  }
  std::filesystem::remove_all(base);
  std::printf("damage: %llu noticed, %llu wrong\n", static_cast<unsigned long long>(found),
              static_cast<unsigned long long>(wrong));
  return wrong == 0 && found > 1000 ? 0 : 1;
}

}  // namespace
}  // namespace sightline::harness

int main(int count, char** arguments) { return sightline::harness::Main(count, arguments); }
