// Plays power cuts: runs a workload while every change is written down, then builds folders as a
// disk could hold them after a cut at any moment, and opens each.
//
//   power_cut [--seed=N] [--scripts=N] [--cuts=N per moment] [--length=N]
//
// What a disk may do with a change that was not synced: keep it, lose it, keep it before an earlier
// one, keep any of its 512-byte sectors, or cut it off at any byte. A name is as unsynced as data
// until the folder that holds it is synced. What was synced stays.
// Must hold: an index opens as it was acknowledged, the operation under way wholly there or not at
// all, and can be written again.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>

#include "core/rng.h"
#include "io_shim.h"
#include "workload.h"

namespace sightline::harness {
namespace {

using Bytes = std::vector<unsigned char>;

constexpr size_t kSector = 512;

// A file or a change to it.
void ApplyWrite(Bytes* file, uint64_t offset, const unsigned char* data, size_t size) {
  if (size == 0) return;
  if (file->size() < offset + size) file->resize(offset + size);
  std::copy(data, data + size, file->begin() + static_cast<ptrdiff_t>(offset));
}

struct Name {
  std::string gone;   // name that ends, or empty
  std::string path;   // name that begins, or empty
  uint64_t file = 0;  // 0: a folder
};

std::string ParentOf(const std::string& path) { return path.substr(0, path.find_last_of('/')); }

class Disk {
 public:
  void Apply(const TraceEvent& event) {
    switch (event.what) {
      case Event::kWrite:
      case Event::kResize:
        data_[event.file].push_back(&event);
        break;
      case Event::kCreate:
        names_.push_back({"", event.path, event.file});
        break;
      case Event::kMakeFolder:
        names_.push_back({"", event.path, 0});
        break;
      case Event::kRename:
        names_.push_back({event.path, event.to, event.file});
        break;
      case Event::kUnlink:
        names_.push_back({event.path, "", 0});
        break;
      case Event::kSync:
        Sync(event);
        break;
      case Event::kMark:
        break;
    }
  }

  // One state the disk may be in after a cut now; `dice` 0 keeps nothing, 1 everything.
  void Cut(Rng* rng, uint64_t dice, const std::string& from, const std::string& to) const {
    std::map<uint64_t, Bytes> files = synced_;
    const auto kept = [&] { return dice == 1 || (dice > 1 && rng->Next() % 2 == 0); };
    for (const auto& [file, changes] : data_) {
      Bytes& bytes = files[file];
      for (const TraceEvent* change : changes) {
        if (change->what == Event::kResize) {
          if (kept()) bytes.resize(change->offset);
        } else {
          WriteSome(rng, dice, *change, &bytes);
        }
      }
    }
    std::map<std::string, uint64_t> names = synced_names_;
    for (const Name& name : names_) {
      if (kept()) Rename(name, &names);
    }
    for (const auto& [path, file] : names) Materialize(path, file, names, files, from, to);
  }

 private:
  static void Rename(const Name& name, std::map<std::string, uint64_t>* names) {
    if (!name.gone.empty()) names->erase(name.gone);
    if (!name.path.empty()) (*names)[name.path] = name.file;
  }

  void Sync(const TraceEvent& event) {
    auto changes = data_.find(event.file);
    if (changes != data_.end()) {
      Bytes& bytes = synced_[event.file];
      for (const TraceEvent* change : changes->second) {
        if (change->what == Event::kResize) bytes.resize(change->offset);
        if (change->what == Event::kWrite) {
          ApplyWrite(&bytes, change->offset, change->bytes.data(), change->bytes.size());
        }
      }
      data_.erase(changes);
    }
    std::vector<Name> left;
    for (const Name& name : names_) {
      if (ParentOf(name.path.empty() ? name.gone : name.path) == event.path) {
        Rename(name, &synced_names_);
      } else {
        left.push_back(name);
      }
    }
    names_ = left;
  }

  static void WriteSome(Rng* rng, uint64_t dice, const TraceEvent& change, Bytes* bytes) {
    const size_t size = change.bytes.size();
    const unsigned char* data = change.bytes.data();
    const uint64_t way = dice == 0 ? 0 : dice == 1 ? 1 : rng->Next() % 4;
    if (way == 0) return;
    if (way == 1) ApplyWrite(bytes, change.offset, data, size);
    if (way == 2) {
      // Cut off; half of the time where a sector ends.
      size_t end = size == 0 ? 0 : rng->Next() % size;
      if (rng->Next() % 2 == 0) end = end / kSector * kSector;
      ApplyWrite(bytes, change.offset, data, end);
    }
    if (way == 3) {
      for (size_t at = 0; at < size;) {
        const size_t to_end = kSector - (change.offset + at) % kSector;
        const size_t part = std::min(size - at, to_end);
        if (rng->Next() % 8 != 0) ApplyWrite(bytes, change.offset + at, data + at, part);
        at += part;
      }
    }
  }

  static void Materialize(const std::string& path, uint64_t file,
                          const std::map<std::string, uint64_t>& names,
                          const std::map<uint64_t, Bytes>& files, const std::string& from,
                          const std::string& to) {
    // A name counts only if all folders above it, below the watched place, have theirs.
    for (std::string above = ParentOf(path); above.size() > from.size(); above = ParentOf(above)) {
      if (names.find(above) == names.end()) return;
    }
    const std::string place = to + path.substr(from.size());
    if (file == 0) {
      std::filesystem::create_directories(place);
      return;
    }
    std::ofstream out(place, std::ios::binary);
    const auto found = files.find(file);
    if (found == files.end()) return;
    out.write(reinterpret_cast<const char*>(found->second.data()),
              static_cast<std::streamsize>(found->second.size()));
  }

  std::map<uint64_t, Bytes> synced_;
  std::map<uint64_t, std::vector<const TraceEvent*>> data_;  // not synced yet, in order
  std::map<std::string, uint64_t> synced_names_;
  std::vector<Name> names_;
};

// What the folder of a cut must be like. acknowledged: -1 before anything was.
std::string Check(const std::string& folder, const std::vector<Operation>& script,
                  const std::vector<Content>& contents, int64_t acknowledged, int64_t started) {
  std::shared_ptr<Index> index;
  const Operation reopen{Verb::kReopen, 0, {}};
  Status status = Do(reopen, folder, &index);
  if (acknowledged < 0 && status.code() == StatusCode::kFileMissing) {
    // Half created: the next attempt has to work.
    status = Do(script[0], folder, &index);
    return status.ok() ? "" : "creating again: " + status.message();
  }
  if (!status.ok()) return "opening: " + status.message();
  std::string differs =
      Compare(*index, contents[static_cast<size_t>(std::max<int64_t>(0, acknowledged))]);
  if (!differs.empty() && started > acknowledged) {
    differs = Compare(*index, contents[static_cast<size_t>(started)]);
  }
  if (!differs.empty()) return "the index " + differs;
  std::vector<std::string> problems;
  uint64_t rows = 0;
  status = index->Verify(&problems, &rows);
  if (!status.ok() || !problems.empty()) {
    return "verify: " + (problems.empty() ? status.message() : problems[0]);
  }
  status = Do({Verb::kAdd, 1, {1 << 30}}, folder, &index);
  if (status.ok()) status = Do(reopen, folder, &index);
  return status.ok() ? "" : "writing after recovery: " + status.message();
}

int Main(int count, char** arguments) {
  const uint64_t seed = Argument(count, arguments, "seed", 11);
  const uint64_t scripts = Argument(count, arguments, "scripts", 1);
  const uint64_t cuts = Argument(count, arguments, "cuts", 6);
  const uint64_t length = Argument(count, arguments, "length", 12);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  const std::string base = ScratchFolder("power-cut");
  uint64_t states = 0;
  uint64_t events = 0;
  uint64_t wrong = 0;
  for (uint64_t s = 0; s < scripts; ++s) {
    const std::vector<Operation> script = MakeScript(seed + s, length);
    const std::string live = base + "/live";
    const std::string folder = live + "/made/index";
    std::filesystem::remove_all(live);
    std::filesystem::create_directories(live);
    Watch(live);
    std::vector<TraceEvent> trace;
    std::vector<Content> contents;
    std::shared_ptr<Index> index;
    Record(&trace);
    for (size_t i = 0; i < script.size(); ++i) {
      contents.push_back(After(contents.empty() ? Content() : contents.back(), script[i]));
      Mark(-1 - static_cast<int64_t>(i));
      const Status status = Do(script[i], folder, &index);
      if (!status.ok()) {
        std::printf("the workload failed: %s\n", status.message().c_str());
        return 1;
      }
      Mark(1 + static_cast<int64_t>(i));
    }
    index->Close();
    index.reset();
    Record(nullptr);
    events += trace.size();

    Disk disk;
    Rng rng(seed + s);
    int64_t acknowledged = -1;
    int64_t started = -1;
    const std::string cut = base + "/cut";
    for (const TraceEvent& event : trace) {
      disk.Apply(event);
      if (event.what == Event::kMark) {
        (event.mark < 0 ? started : acknowledged) = std::abs(event.mark) - 1;
      }
      for (uint64_t dice = 0; dice < cuts; ++dice) {
        std::filesystem::remove_all(cut);
        std::filesystem::create_directories(cut);
        disk.Cut(&rng, dice, live, cut);
        // LOCK is not synced: after a cut it may say that the index is in its place, or be lost.
        FileLock lock;
        if (states % 2 == 0 && FileLock::Acquire(cut + "/made/index/LOCK", &lock).ok()) {
          lock.Claim();
          lock.Release();
        }
        const std::string problem =
            Check(cut + "/made/index", script, contents, acknowledged, started);
        ++states;
        if (problem.empty()) continue;
        if (++wrong <= 20) {
          std::printf("WRONG script %llu, cut %llu after operation %lld (under way: %lld): %s\n",
                      static_cast<unsigned long long>(seed + s),
                      static_cast<unsigned long long>(dice), static_cast<long long>(acknowledged),
                      static_cast<long long>(started), problem.c_str());
        }
      }
    }
  }
  std::filesystem::remove_all(base);
  std::printf("power cuts: %llu states of %llu events, %llu wrong\n",
              static_cast<unsigned long long>(states), static_cast<unsigned long long>(events),
              static_cast<unsigned long long>(wrong));
  return wrong == 0 && states > 100 ? 0 : 1;
}

}  // namespace
}  // namespace sightline::harness

int main(int count, char** arguments) { return sightline::harness::Main(count, arguments); }
