// Fails every I/O call of a workload, one run for each: once, and from then on for ever.
//
//   faults [--seed=N] [--scripts=N]
//
// Must hold: a typed error, the writer refuses to go on after anything but a clean "disk full",
// searches still answer, and a reopened index holds every acknowledged operation, the one that
// failed wholly or not at all. Interrupted and short calls must not be noticed.
#include <cstdio>
#include <filesystem>

#include "io_shim.h"
#include "workload.h"

namespace sightline::harness {
namespace {

struct Counts {
  uint64_t runs = 0;
  uint64_t happened = 0;
  uint64_t wrong = 0;
};

const char* NameOf(Fault fault) {
  switch (fault) {
    case Fault::kEio:
      return "EIO";
    case Fault::kNoSpace:
      return "ENOSPC";
    case Fault::kShort:
      return "short";
    case Fault::kInterrupted:
      return "EINTR";
  }
  return "";
}

bool IsMutation(Verb verb) {
  return verb == Verb::kAdd || verb == Verb::kSetPayloads || verb == Verb::kRemove ||
         verb == Verb::kRollback;
}

// One run. Returns what went wrong, or nothing.
std::string Run(const std::vector<Operation>& script, const FaultPlan& plan,
                const std::string& folder, bool* happened) {
  const bool must_succeed = plan.fault == Fault::kShort || plan.fault == Fault::kInterrupted;
  std::vector<Content> possible(1);  // [0]: acknowledged; others: with an operation that failed
  std::shared_ptr<Index> index;
  bool poisoned = false;
  // Before the first payload the log is written anew. A failure of that leaves the writer usable,
  // one behind it does not.
  bool has_payloads = false;
  bool perhaps = false;  // poisoned
  Arm(plan);
  for (size_t i = 0; i < script.size(); ++i) {
    const Operation& operation = script[i];
    const std::string name = "operation " + std::to_string(i) + ": ";
    if (index == nullptr && operation.verb != Verb::kCreate) {
      // Creating or reopening failed; the disk is well again.
      if (!plan.for_ever) *happened |= Disarm();
      Status again = Do({Verb::kReopen, 0, {}}, folder, &index);
      if (!again.ok() && again.code() == StatusCode::kFileMissing) {
        again = Do({Verb::kCreate, 0, {}}, folder, &index);
      }
      if (!again.ok()) {
        if (plan.for_ever) break;
        return name + "cannot go on after the fault: " + again.message();
      }
      poisoned = perhaps = false;
    }
    const bool replaces = operation.verb == Verb::kReopen;
    const Status status = Do(operation, folder, &index);
    if (status.ok()) {
      if (poisoned && !perhaps && !replaces) return name + "succeeded on a poisoned writer";
      poisoned = perhaps = false;
      has_payloads |= operation.payload > 0;
      if (!replaces && operation.verb != Verb::kSave) possible.resize(1);
      Operation done = operation;
      possible[0] = After(possible[0], done);
      if (replaces) {
        // What was in doubt is decided now.
        for (const Content& content : possible) {
          if (Compare(*index, content).empty()) {
            const Content decided = content;
            possible.assign(1, decided);
            break;
          }
        }
      }
      continue;
    }
    if (must_succeed && status.code() != StatusCode::kIo) return name + status.message();
    if (must_succeed) return name + NameOf(plan.fault) + " was noticed: " + status.message();
    const StatusCode code = status.code();
    const bool typed = code == StatusCode::kIo || code == StatusCode::kDiskFull;
    if (!typed)
      return name + "code " + std::to_string(static_cast<int>(code)) + ": " + status.message();
    if (IsMutation(operation.verb)) {
      if (!poisoned || perhaps) possible.push_back(After(possible[0], operation));
      // Only a full disk that was noticed before anything was written leaves the writer usable.
      if (code == StatusCode::kIo && !poisoned) {
        poisoned = true;
        perhaps = operation.payload > 0 && !has_payloads;
      }
      const std::string differs = Compare(*index, possible[0]);
      if (!differs.empty()) return name + "after the failure the index " + differs;
    }
  }
  *happened |= Disarm();
  if (index != nullptr) index->Close();
  index.reset();
  const Status reopened = Do({Verb::kReopen, 0, {}}, folder, &index);
  if (reopened.code() == StatusCode::kFileMissing && possible[0].keys.empty()) return "";
  if (!reopened.ok()) return "reopening: " + reopened.message();
  std::string differs;
  for (const Content& content : possible) {
    differs = Compare(*index, content);
    if (differs.empty()) break;
  }
  if (!differs.empty()) return "reopened, the index " + differs;
  std::vector<std::string> problems;
  uint64_t rows = 0;
  const Status verified = index->Verify(&problems, &rows);
  if (!verified.ok() || !problems.empty()) {
    return "verify: " + (problems.empty() ? verified.message() : problems[0]);
  }
  const Status added = Do({Verb::kAdd, 1, {1 << 30}}, folder, &index);
  return added.ok() ? "" : "adding after recovery: " + added.message();
}

int Main(int count, char** arguments) {
  const uint64_t seed = Argument(count, arguments, "seed", 7);
  const uint64_t scripts = Argument(count, arguments, "scripts", 1);
  const uint64_t length = Argument(count, arguments, "length", 12);
  std::printf("seed %llu, %llu scripts of %llu operations\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(scripts), static_cast<unsigned long long>(length));
  const std::string base = ScratchFolder("faults");
  const std::string folder = base + "/index";
  Watch(folder);
  Counts counts;
  for (uint64_t s = 0; s < scripts; ++s) {
    const std::vector<Operation> script = MakeScript(seed + s, length);
    for (const Fault fault : {Fault::kEio, Fault::kNoSpace, Fault::kShort, Fault::kInterrupted}) {
      for (uint32_t call = 0; call <= static_cast<uint32_t>(Call::kCount); ++call) {
        const bool any = call == static_cast<uint32_t>(Call::kCount);
        const bool calm = fault == Fault::kShort || fault == Fault::kInterrupted;
        // A rename that is interrupted does not exist; any call for ever covers a dead disk.
        if (calm && (any || call == static_cast<uint32_t>(Call::kRename))) continue;
        for (const bool for_ever : {false, true}) {
          if (fault == Fault::kInterrupted && for_ever) continue;
          for (uint64_t nth = 1;; ++nth) {
            FaultPlan plan;
            plan.calls = any ? kAnyCall : 1u << call;
            plan.nth = nth;
            plan.fault = fault;
            plan.for_ever = for_ever;
            std::filesystem::remove_all(folder);
            bool happened = false;
            const std::string problem = Run(script, plan, folder, &happened);
            (void)Disarm();
            ++counts.runs;
            if (!problem.empty()) {
              ++counts.wrong;
              if (counts.wrong <= 20) {
                std::printf("WRONG %s %s, call kind %u number %llu, script %llu: %s\n",
                            NameOf(fault), for_ever ? "for ever" : "once", call,
                            static_cast<unsigned long long>(nth),
                            static_cast<unsigned long long>(seed + s), problem.c_str());
              }
            }
            if (!happened) break;
            ++counts.happened;
          }
        }
      }
    }
  }
  std::filesystem::remove_all(base);
  std::printf("faults: %llu runs, %llu faults injected, %llu wrong\n",
              static_cast<unsigned long long>(counts.runs),
              static_cast<unsigned long long>(counts.happened),
              static_cast<unsigned long long>(counts.wrong));
  return counts.wrong == 0 && counts.happened > 50 ? 0 : 1;
}

}  // namespace
}  // namespace sightline::harness

int main(int count, char** arguments) { return sightline::harness::Main(count, arguments); }
