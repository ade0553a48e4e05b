#include "fixture.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace sightline::harness {
namespace {

void Must(const Status& status, const char* what) {
  if (status.ok()) return;
  std::printf("the fixture cannot be made: %s: %s\n", what, status.message().c_str());
  std::fflush(stdout);
  std::abort();
}

// Does to the index and to the truth the same.
class Maker {
 public:
  Maker(const std::string& folder, uint64_t seed, Fixture* fixture)
      : folder_(folder), rng_(seed), fixture_(fixture) {}

  void Create() {
    IndexParameters parameters;
    parameters.dim = kFixtureDim;
    parameters.metric = Metric::kEuclidean;  // rows are stored bit for bit
    parameters.m = 3;
    parameters.ef_construction = 12;
    parameters.label = "fixture";
    Must(Index::Create(folder_, parameters, &index), "create");
    Note();
  }

  void Open(const Fixture& before) {
    truth_ = before.now();
    for (const FixtureRow& row : truth_.rows) next_key_ = std::max(next_key_, std::abs(row.key));
    // Beyond both kinds of keys, see Add.
    next_key_ += 2'000'000;
    Must(OpenFolder(folder_, false, &index), "open");
  }

  void Add(size_t n, bool rising, uint32_t payload = 0) {
    std::vector<int64_t> keys;
    std::vector<float> vectors;
    for (size_t i = 0; i < n; ++i) {
      // Falling keys make the index build its map of them.
      next_key_ += 3;
      keys.push_back(rising ? next_key_ : 1'000'000 - next_key_);
      Push(keys.back(), &vectors);
      truth_.rows.back().payload = payload;
    }
    AddResult ignored;
    Must(index->Add(&vectors, keys, 1, &ignored, false, PayloadsOf(keys, payload)), "add");
    Note();
  }

  void SetPayloads(size_t n, uint32_t payload) {
    std::vector<int64_t> keys;
    for (const size_t row : LiveRows(n)) {
      truth_.rows[row].payload = payload;
      keys.push_back(truth_.rows[row].key);
    }
    Must(index->SetPayloads(keys, PayloadsOf(keys, payload)), "set payloads");
    Note();
  }

  void Update(size_t n) {
    std::vector<int64_t> keys;
    std::vector<float> vectors;
    for (const size_t row : LiveRows(n)) {
      truth_.rows[row].live = false;
      keys.push_back(truth_.rows[row].key);
    }
    for (const int64_t key : keys) Push(key, &vectors);
    AddResult ignored;
    Must(index->Update(&vectors, keys, false, 1, &ignored), "update");
    Note();
  }

  void Remove(size_t n) {
    std::vector<int64_t> keys;
    for (const size_t row : LiveRows(n)) {
      truth_.rows[row].live = false;
      keys.push_back(truth_.rows[row].key);
    }
    uint64_t removed = 0;
    Must(index->Remove(keys, &removed), "remove");
    Note();
  }

  void Rollback(size_t fewer) {
    truth_.rows.resize(truth_.rows.size() - fewer);
    Must(index->Rollback(truth_.rows.size(), 1), "rollback");
    Note();
  }

  void Save() {
    Must(index->Save(), "save");
    fixture_->saved = fixture_->states.size() - 1;
  }

  void Compact() {
    std::shared_ptr<Index> fresh;
    Must(index->CreateBeside(&fresh), "compact");
    for (uint64_t next = 0; next < index->count();) {
      Must(index->CopyLive(next, 1, fresh.get(), &next), "compact");
    }
    std::shared_ptr<Index> made;
    Must(index->Adopt(fresh.get(), &made), "compact");
    index->Close();
    index = made;
    std::erase_if(truth_.rows, [](const FixtureRow& row) { return !row.live; });
    // A new log: empty, then one record with everything.
    fixture_->states.assign(1, Truth());
    fixture_->log_ends.assign(1, 4096);
    Note();
    fixture_->saved = fixture_->states.size() - 1;
  }

  std::shared_ptr<Index> index;

 private:
  static Payloads PayloadsOf(const std::vector<int64_t>& keys, uint32_t payload) {
    Payloads payloads;
    if (payload == 0) return payloads;
    for (const int64_t key : keys) {
      const std::vector<unsigned char> one = FixturePayload(key, payload);
      payloads.lengths.push_back(static_cast<uint32_t>(one.size()));
      payloads.bytes.insert(payloads.bytes.end(), one.begin(), one.end());
    }
    return payloads;
  }

  void Push(int64_t key, std::vector<float>* vectors) {
    const Vector vector = RandomVector(&rng_);
    truth_.rows.push_back({key, true, vector, 0});
    vectors->insert(vectors->end(), vector.begin(), vector.end());
  }

  std::vector<size_t> LiveRows(size_t n) {
    std::vector<size_t> rows;
    while (rows.size() < n) {
      const size_t row = rng_.Below(static_cast<uint32_t>(truth_.rows.size()));
      if (!truth_.rows[row].live) continue;
      if (std::find(rows.begin(), rows.end(), row) == rows.end()) rows.push_back(row);
    }
    return rows;
  }

  void Note() {
    Finish(&truth_);
    fixture_->states.push_back(truth_);
    fixture_->log_ends.push_back(std::filesystem::file_size(folder_ + "/" + kLog));
  }

  std::string folder_;
  Rng rng_;
  Fixture* fixture_;
  Truth truth_;
  int64_t next_key_ = 0;
};

// Reads what was made, and what it answers.
void Complete(const std::string& folder, Fixture* fixture) {
  fixture->files = ReadFiles(folder);
  std::shared_ptr<Index> index;
  Must(OpenFolder(folder, true, &index), "open");
  fixture->clean = Ask(*index);
  fixture->recall = RecallOf(fixture->now(), fixture->clean);
  const std::string differs = CompareTruth(*index, fixture->now(), fixture->clean, 0.85, false);
  if (!differs.empty()) Must(Status(StatusCode::kInternal, differs), "compare");
}

}  // namespace

Fixture MakeFixture(const std::string& folder, Snapshot snapshot, uint64_t seed) {
  Fixture fixture;
  fixture.name = snapshot == Snapshot::kAtTheEnd ? "saved at the end" : "saved before the end";
  std::filesystem::remove_all(folder);
  Maker maker(folder, seed, &fixture);
  maker.Create();
  // The first payload of an index makes its log anew; here before anything is in it.
  maker.Add(600, true, 1);
  maker.Add(330, true);
  maker.Remove(30);
  maker.Update(40);
  maker.Rollback(7);
  maker.Add(250, false);
  if (snapshot == Snapshot::kBehind) maker.Save();
  maker.Add(25, false, 2);
  maker.SetPayloads(15, 3);
  maker.Remove(12);
  maker.Update(9);
  maker.Rollback(5);
  if (snapshot == Snapshot::kAtTheEnd) maker.Save();
  maker.index->Close();
  Complete(folder, &fixture);
  return fixture;
}

Fixture GrowFixture(const std::string& folder, const Fixture& before, Growth growth,
                    uint64_t seed) {
  Fixture fixture = before;
  fixture.name = "grown";
  std::filesystem::remove_all(folder);
  WriteFiles(folder, before.files);
  Maker maker(folder, seed, &fixture);
  maker.Open(before);
  if (growth == Growth::kCompacted) {
    maker.Compact();
  } else if (growth == Growth::kRolledBack) {
    maker.Rollback(400);
    maker.Add(430, false);
    maker.Save();
  } else {
    maker.Add(60, false);
    maker.Update(20);
    maker.Remove(11);
    maker.Rollback(3);
    maker.Save();
  }
  maker.index->Close();
  Complete(folder, &fixture);
  return fixture;
}

void WriteBytes(const std::string& path, const Bytes& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
}

void WriteFiles(const std::string& folder, const Files& files) {
  std::filesystem::create_directories(folder);
  for (const auto& [name, bytes] : files) WriteBytes(folder + "/" + name, bytes);
}

void PutInPlace(const std::string& folder) {
  FileLock lock;
  Must(FileLock::Acquire(folder + "/LOCK", &lock), "lock");
  lock.Claim();
}

Files ReadFiles(const std::string& folder) {
  Files files;
  for (const char* name : {kRows, kLog, kGraph}) {
    std::ifstream in(folder + "/" + name, std::ios::binary);
    files[name] = Bytes(std::istreambuf_iterator<char>(in), {});
  }
  return files;
}

Status OpenFolder(const std::string& folder, bool read_only, std::shared_ptr<Index>* out) {
  OpenOptions options;
  options.path = folder;
  options.read_only = read_only;
  options.threads = 1;
  return Index::Open(options, out);
}

}  // namespace sightline::harness
