#include "leftovers.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>

namespace sightline::harness {

namespace {

enum class Thing { kFile, kFolder, kPipe, kSocket, kLink, kDangling, kCount };

const char* NameOf(Thing thing) {
  constexpr const char* kNames[] = {"file", "folder", "pipe", "socket", "link", "dangling link"};
  return kNames[static_cast<size_t>(thing)];
}

// The first kOwn are names the engine uses for files and folders on their way.
constexpr size_t kOwn = 6;
const std::vector<std::string>& Names() {
  static const std::vector<std::string> names = {"embeddings.idx.tmp",
                                                 "hnsw_index.bin.tmp",
                                                 "compact.tmp",
                                                 "embeddings.dat.2",
                                                 "embeddings.dat.3",
                                                 "tuning.json.tmp",
                                                 "tuning.json",
                                                 "embeddings.dat.1",
                                                 "embeddings.dat~",
                                                 "embeddings.dat.bak",
                                                 "EMBEDDINGS.DAT",
                                                 "embeddings",
                                                 ".hidden",
                                                 ".nfs0000000001",
                                                 "lost+found",
                                                 "a\nline",
                                                 "\xff\xfe",
                                                 " ",
                                                 "%s%n",
                                                 "-rf",
                                                 "hnsw_index.bin.old",
                                                 "catalog.db",
                                                 "CON",
                                                 "*",
                                                 std::string(255, 'y')};
  return names;
}

bool Make(Thing thing, const std::string& path, const std::string& outside) {
  switch (thing) {
    case Thing::kFile:
      WriteBytes(path, Bytes(70'000, 0x5a));
      return true;
    case Thing::kFolder:
      WriteFiles(path, {{"inside", Bytes(10, 1)}});
      return true;
    case Thing::kPipe:
      return ::mkfifo(path.c_str(), 0644) == 0;
    case Thing::kSocket: {
      struct sockaddr_un address = {};
      if (path.size() >= sizeof(address.sun_path)) return false;
      address.sun_family = AF_UNIX;
      std::memcpy(address.sun_path, path.c_str(), path.size());
      const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const bool bound =
          ::bind(socket, reinterpret_cast<struct sockaddr*>(&address), sizeof(address)) == 0;
      ::close(socket);
      return bound;
    }
    case Thing::kLink:
      return ::symlink(outside.c_str(), path.c_str()) == 0;
    case Thing::kDangling:
      return ::symlink("/nowhere/at/all", path.c_str()) == 0;
    case Thing::kCount:
      break;
  }
  return false;
}

// Everything a writer does that needs a name of its own in the folder.
Status WriteAndCompact(std::shared_ptr<Index>* index) {
  std::vector<float> row(kFixtureDim, 50.0f);
  AddResult ignored;
  SL_RETURN_IF_ERROR((*index)->Add(&row, {123'456'789}, 1, &ignored));
  SL_RETURN_IF_ERROR((*index)->Save());
  std::shared_ptr<Index> fresh;
  SL_RETURN_IF_ERROR((*index)->CreateBeside(&fresh));
  for (uint64_t next = 0; next < (*index)->count();) {
    SL_RETURN_IF_ERROR((*index)->CopyLive(next, 1, fresh.get(), &next));
  }
  std::shared_ptr<Index> made;
  SL_RETURN_IF_ERROR((*index)->Adopt(fresh.get(), &made));
  (*index)->Close();
  *index = made;
  return Status::Ok();
}

Verdict Run(const Fixture& fixture, const std::string& folder, size_t name, Thing thing) {
  std::filesystem::remove_all(folder);
  WriteFiles(folder, fixture.files);
  const std::string outside = folder + ".outside";
  std::filesystem::remove_all(outside);
  WriteFiles(outside, {{"theirs", Bytes(100, 7)}});
  const std::string path = folder + "/" + Names()[name];
  if (!Make(thing, path, outside)) return {"", "cannot be made here"};
  for (const bool read_only : {true, false}) {
    std::shared_ptr<Index> index;
    const Status opened = OpenFolder(folder, read_only, &index);
    if (!opened.ok()) return {"opening: " + opened.message(), "wrong"};
    const Answers answers = Ask(*index);
    std::string wrong = CompareTruth(*index, fixture.now(), answers, fixture.recall, false);
    if (wrong.empty() && answers.walked != fixture.clean.walked) wrong = "answers otherwise";
    if (wrong.empty() && answers.scanned != fixture.clean.scanned) wrong = "answers otherwise";
    if (!wrong.empty()) return {wrong, "wrong"};
    if (read_only) continue;
    const Status written = WriteAndCompact(&index);
    // A thing that is no file, where a file or folder of ours has to be, is an error by its name.
    const bool in_the_way =
        name < kOwn && !written.ok() && written.message().find(Names()[name]) != std::string::npos;
    if (!written.ok() && !in_the_way) return {"writing: " + written.message(), "wrong"};
    if (in_the_way) return {"", "opened; writing says what is in the way"};
    index->Close();
  }
  struct stat info;
  if (name >= kOwn && ::lstat(path.c_str(), &info) != 0) return {"it is gone", "wrong"};
  if (std::filesystem::file_size(outside + "/theirs") != 100) return {"followed a link", "wrong"};
  std::shared_ptr<Index> index;
  const Status again = OpenFolder(folder, false, &index);
  if (!again.ok()) return {"opening again: " + again.message(), "wrong"};
  if (index->count() != fixture.now().live + 1) return {"has another number of rows", "wrong"};
  index->Close();
  return {"", name < kOwn ? "no effect, under a name of ours" : "no effect, still there"};
}

}  // namespace

CaseList Leftovers(const Fixture& fixture, const std::string& folder) {
  constexpr auto kThings = static_cast<uint64_t>(Thing::kCount);
  CaseList list;
  list.name = "things that are not ours";
  list.count = Names().size() * kThings;
  list.run = [&fixture, folder](uint64_t number) {
    return Run(fixture, folder, number / kThings, static_cast<Thing>(number % kThings));
  };
  list.describe = [](uint64_t number) {
    return std::string(NameOf(static_cast<Thing>(number % kThings))) + " called " +
           Names()[number / kThings].substr(0, 30);
  };
  return list;
}

}  // namespace sightline::harness
