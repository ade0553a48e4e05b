// Fails every allocation of every call of an index, one run for each: once, and from then on for
// ever.
//
//   memory [--most=N]  runs of one call, spread over its allocations; 0: all
//   [--only=N] [--from=N]  of one call, and from one allocation on
//
// Must hold: the call succeeds, or is kNoMemory and the index holds and answers what it did before;
// then the same call succeeds, at the latest after opening again. A write that failed behind its
// commit stands when the index is opened again.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <new>

#include "memory_shim.h"
#include "workload.h"

namespace sightline::harness {
namespace {

constexpr int64_t kManyRows = 4200;  // enough for codes of every storage
constexpr int64_t kFewRows = 1200;
constexpr int64_t kFresh = 5000;

struct Place {
  std::string base;
  std::string folder;  // of the index, a copy for each run
  std::shared_ptr<Index> index;
  std::shared_ptr<Index> beside;
};

struct Case {
  const char* name;
  std::function<Status(Place*)> call;
  // What the index holds afterwards; null: as before.
  std::function<Content(const Content&)> after;
  // Before the faults begin.
  std::function<Status(Place*)> before;
};

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

std::vector<int64_t> Keys(int64_t first, int64_t n, int64_t step) {
  std::vector<int64_t> keys;
  for (int64_t i = 0; i < n; ++i) keys.push_back(first + i * step);
  return keys;
}

Status AddRows(Index* index, const std::vector<int64_t>& keys, size_t threads, bool update) {
  std::vector<float> vectors;
  for (const int64_t key : keys) {
    const std::vector<float> vector = VectorOf(key);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  AddResult result;
  return update ? index->Update(&vectors, keys, true, threads, &result)
                : index->Add(&vectors, keys, threads, &result);
}

std::function<Content(const Content&)> Appended(std::vector<int64_t> keys) {
  return [keys](const Content& before) { return After(before, {Verb::kAdd, 0, keys}); };
}

std::function<Content(const Content&)> Replaced(std::vector<int64_t> keys) {
  return [keys](const Content& before) {
    return After(After(before, {Verb::kRemove, 0, keys}), {Verb::kAdd, 0, keys});
  };
}

std::function<Content(const Content&)> Kept(uint64_t rows) {
  return [rows](const Content& before) { return After(before, {Verb::kRollback, rows, {}}); };
}

Content WithoutRemoved(const Content& before) {
  Content kept;
  for (size_t row = 0; row < before.keys.size(); ++row) {
    if (before.live[row]) kept.keys.push_back(before.keys[row]);
  }
  kept.live.assign(kept.keys.size(), true);
  return kept;
}

// Of row 1, which is live: it must be found, unless the filter, which allows row 3 alone, is used.
Status SearchRow(Place* place, bool exact, bool filtered, size_t batch) {
  const std::vector<float> query = VectorOf(2);
  const unsigned char filter[] = {1 << 3};
  SearchOptions options;
  options.k = 100;
  options.exact = exact;
  if (filtered) {
    options.filter = filter;
    options.filter_bytes = 1;
  }
  const size_t n = std::max<size_t>(1, batch);
  std::vector<float> queries;
  for (size_t i = 0; i < n; ++i) queries.insert(queries.end(), query.begin(), query.end());
  std::vector<uint32_t> rows(n * options.k), counts(n);
  std::vector<float> distances(rows.size());
  std::vector<int64_t> batch_keys(rows.size());
  std::vector<double> keys(rows.size());
  size_t found = 0;
  const Status status =
      batch > 0 ? place->index->SearchBatch(queries.data(), n, options, 2, rows.data(),
                                            distances.data(), batch_keys.data(), counts.data())
                : place->index->Search(query.data(), options, rows.data(), distances.data(),
                                       keys.data(), &found);
  if (!status.ok()) return status;
  for (size_t i = 0; i < n; ++i) {
    const size_t got = batch > 0 ? counts[i] : found;
    if (got != (filtered ? 1 : options.k) || rows[i * options.k] != (filtered ? 3u : 1u)) {
      return Status(StatusCode::kInternal, "the search found something else");
    }
  }
  return status;
}

Status OpenAt(const std::string& folder, bool read_only, Storage storage,
              std::shared_ptr<Index>* out) {
  OpenOptions options;
  options.path = folder;
  options.read_only = read_only;
  options.threads = 2;
  options.storage = storage;
  return Index::Open(options, out);
}

template <typename Step>
Status ToTheEnd(const Index& index, const Step& step) {
  for (uint64_t next = 0; next < index.count();) {
    const Status status = step(next, &next);
    if (!status.ok()) return status;
  }
  return Status::Ok();
}

Status CopyBeside(Place* place) {
  Status status = place->index->CreateBeside(&place->beside);
  if (!status.ok()) return status;
  return ToTheEnd(*place->index, [&](uint64_t first, uint64_t* next) {
    return place->index->CopyLive(first, 2, place->beside.get(), next);
  });
}

Status Adopt(Place* place) {
  std::shared_ptr<Index> adopted;
  const Status status = place->index->Adopt(place->beside.get(), &adopted);
  if (adopted != nullptr) place->index = std::move(adopted);
  return status;
}

std::vector<Case> Cases(Storage storage) {
  const std::vector<int64_t> one = Keys(kFresh, 1, 1);
  const std::vector<int64_t> falling = Keys(kFresh + 400, 300, -1);
  const std::vector<int64_t> replaced = Keys(100, 60, 7);
  const std::vector<int64_t> removed = Keys(101, 60, 7);
  const std::vector<uint32_t> some = {5, 6, 7};
  return {
      {"create",
       [storage](Place* place) {
         std::shared_ptr<Index> made;
         return Index::Create(place->base + "/made", SmallParameters(), &made, storage);
       },
       nullptr, nullptr},
      {"open",
       [storage](Place* place) { return OpenAt(place->folder, false, storage, &place->index); },
       nullptr,
       [](Place* place) {
         place->index->Close();
         return Status::Ok();
       }},
      {"open read-only",
       [storage](Place* place) {
         std::shared_ptr<Index> reader;
         return OpenAt(place->folder, true, storage, &reader);
       },
       nullptr, nullptr},
      {"stats",
       [](Place* place) {
         IndexStats stats;
         return place->index->Stats(&stats);
       },
       nullptr, nullptr},
      {"search", [](Place* place) { return SearchRow(place, false, false, 0); }, nullptr, nullptr},
      {"filtered search", [](Place* place) { return SearchRow(place, false, true, 0); }, nullptr,
       nullptr},
      {"exact search", [](Place* place) { return SearchRow(place, true, false, 0); }, nullptr,
       nullptr},
      {"searchBatch", [](Place* place) { return SearchRow(place, false, true, 40); }, nullptr,
       nullptr},
      {"exact searchBatch", [](Place* place) { return SearchRow(place, true, false, 40); }, nullptr,
       nullptr},
      {"copyRows",
       [some](Place* place) {
         float rows[3 * kDim];
         return place->index->CopyRows(some.data(), 3, rows);
       },
       nullptr, nullptr},
      {"rowsOf",
       [replaced](Place* place) {
         std::vector<uint32_t> rows(replaced.size());
         return place->index->RowsOf(replaced.data(), replaced.size(), rows.data());
       },
       nullptr, nullptr},
      {"check",
       [falling](Place* place) {
         const std::vector<float> vectors(falling.size() * kDim, 1.0f);
         return place->index->Check(vectors.data(), falling.size(), falling, 0);
       },
       nullptr, nullptr},
      {"add one", [one](Place* place) { return AddRows(place->index.get(), one, 1, false); },
       Appended(one), nullptr},
      {"add", [falling](Place* place) { return AddRows(place->index.get(), falling, 2, false); },
       Appended(falling), nullptr},
      {"update",
       [replaced](Place* place) { return AddRows(place->index.get(), replaced, 2, true); },
       Replaced(replaced), nullptr},
      {"remove",
       [removed](Place* place) {
         uint64_t count = 0;
         return place->index->Remove(removed, &count);
       },
       [removed](const Content& before) {
         return After(before, {Verb::kRemove, 0, removed});
       },
       nullptr},
      {"rollback", [](Place* place) { return place->index->Rollback(kFewRows - 40, 2); },
       Kept(kFewRows - 40), nullptr},
      {"rollback of many", [](Place* place) { return place->index->Rollback(300, 2); }, Kept(300),
       nullptr},
      {"save", [](Place* place) { return place->index->Save(); }, nullptr,
       [](Place* place) {
         uint64_t next = 0;
         return place->index->Unlink(0, 1, &next);
       }},
      {"fold", [](Place* place) { return place->index->Fold(); }, nullptr, nullptr},
      {"copyInto", [](Place* place) { return place->index->CopyInto(place->base + "/made"); },
       nullptr,
       [](Place* place) {
         std::filesystem::create_directories(place->base + "/made");
         return Status::Ok();
       }},
      {"writeNote", [](Place* place) { return place->index->WriteNote("tuning.json", "{}", 2); },
       nullptr, nullptr},
      {"verify",
       [](Place* place) {
         std::vector<std::string> problems;
         uint64_t rows = 0;
         const Status status = place->index->Verify(&problems, &rows);
         if (problems.empty()) return status;
         return Status(StatusCode::kInternal, "verify finds: " + problems[0]);
       },
       nullptr, nullptr},
      {"makeCodes",
       [](Place* place) {
         return ToTheEnd(*place->index, [&](uint64_t first, uint64_t* next) {
           return place->index->Code(first, 2, next);
         });
       },
       nullptr, nullptr},
      {"unlink",
       [](Place* place) {
         return ToTheEnd(*place->index, [&](uint64_t first, uint64_t* next) {
           return place->index->Unlink(first, 2, next);
         });
       },
       nullptr, nullptr},
      {"promote",
       [](Place* place) {
         bool more = true;
         Status status;
         while (more && status.ok()) status = place->index->Promote(&more);
         return status;
       },
       nullptr, nullptr},
      {"createBeside and copyLive", CopyBeside, nullptr, nullptr},
      {"adopt", Adopt, WithoutRemoved, CopyBeside},
      {"abandon", [](Place* place) { return place->index->Abandon(place->beside.get()); }, nullptr,
       CopyBeside},
      {"close",
       [](Place* place) {
         place->index->Close();
         return Status::Ok();
       },
       nullptr, nullptr},
  };
}

// As the addon calls it: see RunAsync in addon/jobs.h.
Status Call(const Case& what, Place* place) {
  try {
    return what.call(place);
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
                bool for_ever, Place* place, Counts* counts, bool* happened) {
  std::filesystem::remove_all(place->folder);
  std::filesystem::remove_all(place->base + "/made");
  std::filesystem::copy(place->base + "/first", place->folder);
  Status status = OpenAt(place->folder, false, storage, &place->index);
  if (status.ok() && what.before != nullptr) status = what.before(place);
  if (!status.ok()) return "preparing: " + status.message();
  ArmMemory(nth, for_ever);
  status = Call(what, place);
  *happened = DisarmMemory();
  const Content done = what.after == nullptr ? content : what.after(content);
  if (!status.ok() && !*happened) return "without a fault: " + status.message();
  if (!status.ok() && status.code() != StatusCode::kNoMemory) {
    return "code " + std::to_string(static_cast<int>(status.code())) + ": " + status.message();
  }
  bool again = !status.ok();
  bool stands = false;
  if (again) ++counts->failed;
  if (again && !place->index->closed()) {
    // Behind its commit a write cannot be undone: then it stands when the index is opened again.
    const std::string differs = Compare(*place->index, content);
    stands = !differs.empty() && what.after != nullptr;
    if (!differs.empty() && !stands) return "after the failure the index " + differs;
    const Status second = Call(what, place);
    again = !second.ok();
    const bool said = second.code() == StatusCode::kNoMemory ||
                      second.code() == StatusCode::kClosed ||
                      (second.code() == StatusCode::kFileExists && what.name[0] == 'c');
    if (again && !said) return "the second time: " + second.message();
    if (stands && !again) return "wrote on behind a commit that was not finished";
  }
  if (again || place->index->closed()) {
    ++counts->reopened;
    place->beside.reset();
    place->index->Close();
    status = OpenAt(place->folder, false, storage, &place->index);
    if (!status.ok()) return "opening again: " + status.message();
    stands = stands || Compare(*place->index, done).empty();
    if (again && !stands) {
      if (what.before != nullptr) status = what.before(place);
      if (status.ok()) status = Call(what, place);
      if (!status.ok()) return "after opening again: " + status.message();
      if (place->index->closed()) status = OpenAt(place->folder, false, storage, &place->index);
    }
  }
  std::string differs = Compare(*place->index, done);
  if (!differs.empty()) return "in the end the index " + differs;
  if (what.after != nullptr) {
    // What memory says is one thing, what was written another.
    place->index->Close();
    status = OpenAt(place->folder, false, storage, &place->index);
    if (!status.ok()) return "opening it in the end: " + status.message();
    differs = Compare(*place->index, done);
    if (!differs.empty()) return "opened in the end the index " + differs;
  }
  return Verified(place->index.get());
}

std::string MakeFirst(const std::string& folder, Storage storage, Content* content) {
  std::shared_ptr<Index> index;
  const std::vector<int64_t> keys = Keys(1, storage == Storage::kFloat32 ? kFewRows : kManyRows, 1);
  const std::vector<int64_t> taken_out = Keys(9, 80, 13);
  uint64_t removed = 0;
  Status status = Index::Create(folder, SmallParameters(), &index, storage);
  if (status.ok()) status = AddRows(index.get(), keys, 1, false);
  if (status.ok()) status = index->Save();
  if (status.ok()) status = index->Remove(taken_out, &removed);
  *content = After(After({}, {Verb::kAdd, 0, keys}), {Verb::kRemove, 0, taken_out});
  return status.ok() ? "" : status.message();
}

int Main(int count, char** arguments) {
  const uint64_t most = Argument(count, arguments, "most", 2);
  const uint64_t from = Argument(count, arguments, "from", 1);
  const uint64_t only = Argument(count, arguments, "only", 0);
  std::set_terminate(SayWhere);
  Counts all;
  Place place;
  place.base = ScratchFolder("memory");
  place.folder = place.base + "/index";
  for (const Storage storage : {Storage::kFloat32, Storage::kInt4, Storage::kInline}) {
    Content content;
    std::filesystem::remove_all(place.base + "/first");
    const std::string unmade = MakeFirst(place.base + "/first", storage, &content);
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
              Run(what, content, storage, nth, for_ever, &place, &all, &happened);
          place.beside.reset();
          place.index.reset();
          ++all.runs;
          if (!problem.empty() && ++all.wrong <= 40) {
            std::printf("WRONG %s: %s\n", now.c_str(), problem.c_str());
          }
          if (most != 0 && ++runs >= (storage == Storage::kFloat32 ? 6 * most : most)) step *= 4;
        }
      }
    }
  }
  std::filesystem::remove_all(place.base);
  std::printf(
      "memory: %llu runs, %llu calls failed, %llu opened again, %llu wrong\n",
      static_cast<unsigned long long>(all.runs), static_cast<unsigned long long>(all.failed),
      static_cast<unsigned long long>(all.reopened), static_cast<unsigned long long>(all.wrong));
  return all.wrong == 0 && all.failed > 50 ? 0 : 1;
}

}  // namespace
}  // namespace sightline::harness

int main(int count, char** arguments) { return sightline::harness::Main(count, arguments); }
