// Fails every allocation of every call of an index, one run for each: once, and from then on for
// ever.
//
//   memory [--most=N]  runs of one call, spread over its allocations; 0: all
//   [--only=N] [--from=N]  of one call, and from one allocation on
//
// Must hold: the call succeeds, or is kNoMemory and the index holds and answers what it did before;
// then the same call succeeds, at the latest after opening again. A write that failed behind its
// commit stands when the index is opened again.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <new>

#include "memory_cases.h"
#include "memory_shim.h"

namespace sightline::harness {
namespace {

struct Counts {
  uint64_t runs = 0;
  uint64_t failed = 0;
  uint64_t reopened = 0;
  uint64_t wrong = 0;
};

std::string now = "nothing";  // for when the process ends

void SayWhere() {
  std::fprintf(stderr, "WRONG the process ends in: %s\n", now.c_str());
  std::abort();
}

// As the addon calls it: see RunAsync in addon/jobs.h.
Status Call(const Case& what, Target* target) {
  try {
    return what.call(target);
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kNoMemory, "no memory");
  }
}

std::string Verified(Index* index) {
  std::vector<std::string> problems;
  uint64_t rows = 0;
  const Status status = index->Verify(&problems, &rows);
  if (!status.ok()) return "verify: " + status.message();
  return problems.empty() ? "" : "verify finds: " + problems[0];
}

// One run. Returns what went wrong, or nothing.
std::string Run(const Case& what, const Content& content, Storage storage, uint64_t nth,
                bool for_ever, Target* target, Counts* counts, bool* happened) {
  std::filesystem::remove_all(target->folder);
  std::filesystem::remove_all(target->base + "/made");
  std::filesystem::copy(target->base + "/first", target->folder);
  Status status = OpenAt(target->folder, false, storage, &target->index);
  if (status.ok() && what.before != nullptr) status = what.before(target);
  if (!status.ok()) return "preparing: " + status.message();
  ArmMemory(nth, for_ever);
  status = Call(what, target);
  *happened = DisarmMemory();
  const Content done = what.after == nullptr ? content : what.after(content);
  if (!status.ok() && !*happened) return "without a fault: " + status.message();
  if (!status.ok() && status.code() != StatusCode::kNoMemory) {
    return "code " + std::to_string(static_cast<int>(status.code())) + ": " + status.message();
  }
  bool again = !status.ok();
  bool stands = false;
  if (again) ++counts->failed;
  if (again && !target->index->closed()) {
    // Behind its commit a write cannot be undone: then it stands when the index is opened again.
    const std::string differs = Compare(*target->index, content);
    stands = !differs.empty() && what.after != nullptr;
    if (!differs.empty() && !stands) return "after the failure the index " + differs;
    const Status second = Call(what, target);
    again = !second.ok();
    const bool said = second.code() == StatusCode::kNoMemory ||
                      second.code() == StatusCode::kClosed ||
                      (second.code() == StatusCode::kFileExists && what.name[0] == 'c');
    if (again && !said) return "the second time: " + second.message();
    if (stands && !again) return "wrote on behind a commit that was not finished";
  }
  if (again || target->index->closed()) {
    ++counts->reopened;
    target->beside.reset();
    target->index->Close();
    status = OpenAt(target->folder, false, storage, &target->index);
    if (!status.ok()) return "opening again: " + status.message();
    stands = stands || Compare(*target->index, done).empty();
    if (again && !stands) {
      if (what.before != nullptr) status = what.before(target);
      if (status.ok()) status = Call(what, target);
      if (!status.ok()) return "after opening again: " + status.message();
      if (target->index->closed()) status = OpenAt(target->folder, false, storage, &target->index);
    }
  }
  std::string differs = Compare(*target->index, done);
  if (!differs.empty()) return "in the end the index " + differs;
  if (what.after != nullptr) {
    // What memory says is one thing, what was written another.
    target->index->Close();
    status = OpenAt(target->folder, false, storage, &target->index);
    if (!status.ok()) return "opening it in the end: " + status.message();
    differs = Compare(*target->index, done);
    if (!differs.empty()) return "opened in the end the index " + differs;
  }
  return Verified(target->index.get());
}

int Main(int count, char** arguments) {
  const uint64_t most = Argument(count, arguments, "most", 2);
  const uint64_t from = Argument(count, arguments, "from", 1);
  const uint64_t only = Argument(count, arguments, "only", 0);
  std::set_terminate(SayWhere);
  Counts all;
  Target target;
  target.base = ScratchFolder("memory");
  target.folder = target.base + "/index";
  for (const Storage storage : {Storage::kFloat32, Storage::kInt4, Storage::kInline}) {
    Content content;
    std::filesystem::remove_all(target.base + "/first");
    const std::string unmade = MakeFirst(target.base + "/first", storage, &content);
    if (!unmade.empty()) {
      std::printf("WRONG making the first index: %s\n", unmade.c_str());
      return 1;
    }
    uint64_t number = 0;
    for (const Case& what : Cases(storage)) {
      if (++number != only && only != 0) continue;
      for (const bool for_ever : {false, true}) {
        // The first ones each, then ever wider apart: a build of links has thousands alike.
        uint64_t step = 1;
        uint64_t runs = 0;
        bool happened = true;
        for (uint64_t nth = from; happened; nth += step) {
          now = std::string(what.name) + ", storage " + std::to_string(static_cast<int>(storage)) +
                ", allocation " + std::to_string(nth) + (for_ever ? " and all after it" : "");
          const std::string problem =
              Run(what, content, storage, nth, for_ever, &target, &all, &happened);
          target.beside.reset();
          target.index.reset();
          ++all.runs;
          if (!problem.empty() && ++all.wrong <= 40) {
            std::printf("WRONG %s: %s\n", now.c_str(), problem.c_str());
          }
          if (most != 0 && ++runs >= (storage == Storage::kFloat32 ? 6 * most : most)) step *= 4;
        }
      }
    }
  }
  std::filesystem::remove_all(target.base);
  std::printf(
      "memory: %llu runs, %llu calls failed, %llu opened again, %llu wrong\n",
      static_cast<unsigned long long>(all.runs), static_cast<unsigned long long>(all.failed),
      static_cast<unsigned long long>(all.reopened), static_cast<unsigned long long>(all.wrong));
  return all.wrong == 0 && all.failed > 50 ? 0 : 1;
}

}  // namespace
}  // namespace sightline::harness

int main(int count, char** arguments) { return sightline::harness::Main(count, arguments); }
