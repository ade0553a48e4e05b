#include "memory_cases.h"

#include <algorithm>
#include <filesystem>

namespace sightline::harness {
namespace {

constexpr int64_t kManyRows = 4200;  // enough for codes of every storage
constexpr int64_t kFewRows = 1200;
constexpr int64_t kFresh = 5000;

std::vector<int64_t> Keys(int64_t first, int64_t n, int64_t step) {
  std::vector<int64_t> keys;
  for (int64_t i = 0; i < n; ++i) keys.push_back(first + i * step);
  return keys;
}

Status AddRows(Index* index, const std::vector<int64_t>& keys, size_t threads, bool update,
               uint32_t payload = 0) {
  std::vector<float> vectors;
  for (const int64_t key : keys) {
    const std::vector<float> vector = VectorOf(key);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  AddResult result;
  Payloads payloads = PayloadsOf(keys, payload);
  return update ? index->Update(&vectors, keys, true, threads, &result, false, std::move(payloads))
                : index->Add(&vectors, keys, threads, &result, false, std::move(payloads));
}

std::function<Content(const Content&)> Appended(std::vector<int64_t> keys, uint32_t payload = 0) {
  return [=](const Content& before) { return After(before, {Verb::kAdd, 0, keys, payload}); };
}

std::function<Content(const Content&)> Replaced(std::vector<int64_t> keys, uint32_t payload = 0) {
  return [=](const Content& before) {
    return After(After(before, {Verb::kRemove, 0, keys}), {Verb::kAdd, 0, keys, payload});
  };
}

std::function<Content(const Content&)> Kept(uint64_t rows) {
  return [rows](const Content& before) { return After(before, {Verb::kRollback, rows, {}}); };
}

Content WithoutRemoved(const Content& before) {
  Content kept;
  for (size_t row = 0; row < before.keys.size(); ++row) {
    if (!before.live[row]) continue;
    kept.keys.push_back(before.keys[row]);
    kept.payloads.push_back(before.payloads[row]);
  }
  kept.live.assign(kept.keys.size(), true);
  return kept;
}

// Of row 1, which is live: it must be found, unless the filter, which allows row 3 alone, is used.
Status SearchRow(Target* target, bool exact, bool filtered, size_t batch) {
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
      batch > 0 ? target->index->SearchBatch(queries.data(), n, options, 2, rows.data(),
                                             distances.data(), batch_keys.data(), counts.data())
                : target->index->Search(query.data(), options, rows.data(), distances.data(),
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

template <typename Step>
Status ToTheEnd(const Index& index, const Step& step) {
  for (uint64_t next = 0; next < index.count();) {
    const Status status = step(next, &next);
    if (!status.ok()) return status;
  }
  return Status::Ok();
}

Status CopyBeside(Target* target) {
  Status status = target->index->CreateBeside(&target->beside);
  if (!status.ok()) return status;
  return ToTheEnd(*target->index, [&](uint64_t first, uint64_t* next) {
    return target->index->CopyLive(first, 2, target->beside.get(), next);
  });
}

Status Adopt(Target* target) {
  std::shared_ptr<Index> adopted;
  const Status status = target->index->Adopt(target->beside.get(), &adopted);
  if (adopted != nullptr) target->index = std::move(adopted);
  return status;
}

}  // namespace

Status OpenAt(const std::string& folder, bool read_only, Storage storage,
              std::shared_ptr<Index>* out) {
  OpenOptions options;
  options.path = folder;
  options.read_only = read_only;
  options.threads = 2;
  options.storage = storage;
  return Index::Open(options, out);
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
  // The first payloads of some storages are those of a case, and those of others are there.
  const std::vector<int64_t> described = Keys(10, 80, 13);
  if (status.ok() && storage != Storage::kFloat32) {
    status = index->SetPayloads(described, PayloadsOf(described, 9));
    *content = After(*content, {Verb::kSetPayloads, 0, described, 9});
  }
  return status.ok() ? "" : status.message();
}

std::vector<Case> Cases(Storage storage) {
  const std::vector<int64_t> one = Keys(kFresh, 1, 1);
  const std::vector<int64_t> falling = Keys(kFresh + 400, 300, -1);
  const std::vector<int64_t> replaced = Keys(100, 60, 7);
  const std::vector<int64_t> removed = Keys(101, 60, 7);
  const std::vector<int64_t> live = Keys(10, 60, 13);
  const std::vector<uint32_t> some = {5, 6, 7};
  return {
      {"create",
       [storage](Target* target) {
         std::shared_ptr<Index> made;
         return Index::Create(target->base + "/made", SmallParameters(), &made, storage);
       },
       nullptr, nullptr},
      {"open",
       [storage](Target* target) { return OpenAt(target->folder, false, storage, &target->index); },
       nullptr,
       [](Target* target) {
         target->index->Close();
         return Status::Ok();
       }},
      {"open read-only",
       [storage](Target* target) {
         std::shared_ptr<Index> reader;
         return OpenAt(target->folder, true, storage, &reader);
       },
       nullptr, nullptr},
      {"stats",
       [](Target* target) {
         IndexStats stats;
         return target->index->Stats(&stats);
       },
       nullptr, nullptr},
      {"search", [](Target* target) { return SearchRow(target, false, false, 0); }, nullptr,
       nullptr},
      {"filtered search", [](Target* target) { return SearchRow(target, false, true, 0); }, nullptr,
       nullptr},
      {"exact search", [](Target* target) { return SearchRow(target, true, false, 0); }, nullptr,
       nullptr},
      {"searchBatch", [](Target* target) { return SearchRow(target, false, true, 40); }, nullptr,
       nullptr},
      {"exact searchBatch", [](Target* target) { return SearchRow(target, true, false, 40); },
       nullptr, nullptr},
      {"copyRows",
       [some](Target* target) {
         float rows[3 * kDim];
         return target->index->CopyRows(some.data(), 3, rows);
       },
       nullptr, nullptr},
      {"rowsOf",
       [replaced](Target* target) {
         std::vector<uint32_t> rows(replaced.size());
         return target->index->RowsOf(replaced.data(), replaced.size(), rows.data());
       },
       nullptr, nullptr},
      {"check",
       [falling](Target* target) {
         const std::vector<float> vectors(falling.size() * kDim, 1.0f);
         return target->index->Check(vectors.data(), falling.size(), falling, 0);
       },
       nullptr, nullptr},
      {"add one", [one](Target* target) { return AddRows(target->index.get(), one, 1, false); },
       Appended(one), nullptr},
      {"add", [falling](Target* target) { return AddRows(target->index.get(), falling, 2, false); },
       Appended(falling), nullptr},
      {"update",
       [replaced](Target* target) { return AddRows(target->index.get(), replaced, 2, true); },
       Replaced(replaced), nullptr},
      {"add with payloads",
       [falling](Target* target) { return AddRows(target->index.get(), falling, 2, false, 1); },
       Appended(falling, 1), nullptr},
      {"update with payloads",
       [replaced](Target* target) { return AddRows(target->index.get(), replaced, 2, true, 2); },
       Replaced(replaced, 2), nullptr},
      {"setPayloads",
       [live](Target* target) { return target->index->SetPayloads(live, PayloadsOf(live, 3)); },
       [live](const Content& before) {
         return After(before, {Verb::kSetPayloads, 0, live, 3});
       },
       nullptr},
      {"copyPayloads",
       [some](Target* target) {
         std::vector<unsigned char> bytes(1000);
         uint32_t lengths[3];
         size_t done = 0;
         return target->index->CopyPayloads(some.data(), 3, bytes.data(), bytes.size(), lengths,
                                            &done);
       },
       nullptr, nullptr},
      {"remove",
       [removed](Target* target) {
         uint64_t count = 0;
         return target->index->Remove(removed, &count);
       },
       [removed](const Content& before) {
         return After(before, {Verb::kRemove, 0, removed});
       },
       nullptr},
      {"rollback", [](Target* target) { return target->index->Rollback(kFewRows - 40, 2); },
       Kept(kFewRows - 40), nullptr},
      {"rollback of many", [](Target* target) { return target->index->Rollback(300, 2); },
       Kept(300), nullptr},
      {"save", [](Target* target) { return target->index->Save(); }, nullptr,
       [](Target* target) {
         uint64_t next = 0;
         return target->index->Unlink(0, 1, &next);
       }},
      {"fold", [](Target* target) { return target->index->Fold(); }, nullptr, nullptr},
      {"copyInto", [](Target* target) { return target->index->CopyInto(target->base + "/made"); },
       nullptr,
       [](Target* target) {
         std::filesystem::create_directories(target->base + "/made");
         return Status::Ok();
       }},
      {"writeNote", [](Target* target) { return target->index->WriteNote("tuning.json", "{}", 2); },
       nullptr, nullptr},
      {"verify",
       [](Target* target) {
         std::vector<std::string> problems;
         uint64_t rows = 0;
         const Status status = target->index->Verify(&problems, &rows);
         if (problems.empty()) return status;
         return Status(StatusCode::kInternal, "verify finds: " + problems[0]);
       },
       nullptr, nullptr},
      {"makeCodes",
       [](Target* target) {
         return ToTheEnd(*target->index, [&](uint64_t first, uint64_t* next) {
           return target->index->Code(first, 2, next);
         });
       },
       nullptr, nullptr},
      {"unlink",
       [](Target* target) {
         return ToTheEnd(*target->index, [&](uint64_t first, uint64_t* next) {
           return target->index->Unlink(first, 2, next);
         });
       },
       nullptr, nullptr},
      {"promote",
       [](Target* target) {
         bool more = true;
         Status status;
         while (more && status.ok()) status = target->index->Promote(&more);
         return status;
       },
       nullptr, nullptr},
      {"createBeside and copyLive", CopyBeside, nullptr, nullptr},
      {"adopt", Adopt, WithoutRemoved, CopyBeside},
      {"abandon", [](Target* target) { return target->index->Abandon(target->beside.get()); },
       nullptr, CopyBeside},
      {"close",
       [](Target* target) {
         target->index->Close();
         return Status::Ok();
       },
       nullptr, nullptr},
  };
}

}  // namespace sightline::harness
