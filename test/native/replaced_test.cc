// Somebody deletes, renames or replaces an index's folder, or one of its files, while a handle is
// open. The handle must not touch what it did not open, and must go on being readable.
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "core/rng.h"
#include "index/index.h"
#include "runner.h"

namespace sightline {
namespace {

namespace fs = std::filesystem;
using Files = std::map<std::string, std::string>;

constexpr size_t kDim = 8;

std::vector<float> Rows(size_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> rows(n * kDim);
  for (float& value : rows) value = static_cast<float>(rng.Normal());
  return rows;
}

Status Add(Index* index, size_t n, uint64_t seed, int64_t first_key) {
  std::vector<float> rows = Rows(n, seed);
  std::vector<int64_t> keys(n);
  for (size_t i = 0; i < n; ++i) keys[i] = first_key + static_cast<int64_t>(i);
  AddResult result;
  return index->Add(&rows, keys, 1, &result);
}

Status Make(const std::string& path, uint64_t seed, int64_t first_key,
            std::shared_ptr<Index>* out) {
  IndexParameters parameters;
  parameters.dim = kDim;
  parameters.m = 4;
  parameters.ef_construction = 20;
  parameters.metric = Metric::kEuclidean;
  SL_RETURN_IF_ERROR(Index::Create(path, parameters, out));
  SL_RETURN_IF_ERROR(Add(out->get(), 200, seed, first_key));
  uint64_t removed = 0;
  SL_RETURN_IF_ERROR((*out)->Remove({first_key + 3}, &removed));
  return (*out)->Save();
}

Files FilesOf(const std::string& folder) {
  Files files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    std::ifstream in(entry.path(), std::ios::binary);
    std::stringstream bytes;
    bytes << in.rdbuf();
    files[entry.path().string()] = bytes.str();
  }
  return files;
}

// All that writes: the code each gives, in one line.
std::string WriteAll(Index* index) {
  std::string codes;
  const auto note = [&](const Status& status) {
    codes += std::to_string(static_cast<int>(status.code())) + " ";
  };
  uint64_t removed = 0;
  std::shared_ptr<Index> fresh;
  note(Add(index, 10, 9, 9000));
  note(index->Remove({5}, &removed));
  note(index->Rollback(100, 1));
  note(index->CreateBeside(&fresh));
  note(index->WriteNote("tuning.json", "{}", 2));
  note(index->Save());
  return codes;
}

std::string All(StatusCode code) {
  std::string codes;
  for (int i = 0; i < 6; ++i) codes += std::to_string(static_cast<int>(code)) + " ";
  return codes;
}

bool Finds(const Index& index, uint64_t seed, int64_t key) {
  const std::vector<float> rows = Rows(200, seed);
  uint32_t row = 0;
  float distance = 0;
  double found_key = 0;
  size_t found = 0;
  SearchOptions options;
  options.k = 1;
  return index.Search(&rows[7 * kDim], options, &row, &distance, &found_key, &found).ok() &&
         found == 1 && found_key == static_cast<double>(key + 7);
}

}  // namespace

SL_TEST(replaced_folder_stays_as_it_is) {
  for (const bool renamed : {false, true}) {
    for (const bool linked : {false, true}) {
      const std::string root = test::TempFolder();
      const std::string real = root + "/index";
      const std::string path = linked ? root + "/link" : real;
      fs::create_directory(real);
      if (linked) fs::create_symlink(real, path);
      std::shared_ptr<Index> old;
      std::shared_ptr<Index> newcomer;
      CHECK_OK(Make(path, 1, 0, &old));
      // With something to save, which close would write.
      CHECK_OK(Add(old.get(), 5, 3, 500));
      if (linked) {
        fs::create_directory(root + "/other");
        fs::remove(path);
        fs::create_symlink(root + "/other", path);
      } else if (renamed) {
        fs::rename(path, root + "/away");
      } else {
        fs::remove_all(path);
      }
      CHECK_OK(Make(path, 2, 1000, &newcomer));
      const Files before = FilesOf(path);
      CHECK_EQ(WriteAll(old.get()), All(StatusCode::kFileReplaced));
      CHECK(Finds(*old, 1, 0));
      old->Close();
      CHECK(FilesOf(path) == before);
      CHECK_OK(Add(newcomer.get(), 10, 4, 3000));
      CHECK_EQ(newcomer->count(), 210u);
      newcomer->Close();
    }
  }
}

SL_TEST(replaced_folder_that_was_renamed_keeps_what_was_saved) {
  const std::string root = test::TempFolder();
  std::shared_ptr<Index> old;
  CHECK_OK(Make(root + "/index", 1, 0, &old));
  CHECK_OK(Add(old.get(), 5, 3, 500));
  fs::rename(root + "/index", root + "/away");
  fs::create_directory(root + "/index");
  CHECK_CODE(old->Save(), StatusCode::kFileReplaced);
  old->Close();
  CHECK(FilesOf(root + "/index").empty());
  OpenOptions options;
  options.path = root + "/away";
  std::shared_ptr<Index> again;
  CHECK_OK(Index::Open(options, &again));
  IndexStats stats;
  CHECK_OK(again->Stats(&stats));
  CHECK_EQ(stats.count, 205u);
  CHECK(!stats.unsaved);
}

SL_TEST(renamed_folder_is_written_to_under_its_new_name) {
  const std::string root = test::TempFolder();
  std::shared_ptr<Index> old;
  CHECK_OK(Make(root + "/index", 1, 0, &old));
  fs::rename(root + "/index", root + "/away");
  CHECK_OK(Add(old.get(), 5, 3, 500));
  std::shared_ptr<Index> fresh;
  std::shared_ptr<Index> compacted;
  CHECK_OK(old->CreateBeside(&fresh));
  for (uint64_t row = 0; row < old->count();) CHECK_OK(old->CopyLive(row, 1, fresh.get(), &row));
  CHECK_OK(old->Adopt(fresh.get(), &compacted));
  old->Close();
  CHECK_OK(Add(compacted.get(), 5, 5, 700));
  CHECK_OK(compacted->Save());
  compacted->Close();
  CHECK(!fs::exists(root + "/index"));
  OpenOptions options;
  options.path = root + "/away";
  std::shared_ptr<Index> again;
  CHECK_OK(Index::Open(options, &again));
  CHECK_EQ(again->count(), 209u);
  CHECK(Finds(*again, 1, 0));
}

SL_TEST(deleted_folder_is_said_and_not_made_again) {
  const std::string path = test::TempFolder() + "/index";
  std::shared_ptr<Index> old;
  CHECK_OK(Make(path, 1, 0, &old));
  fs::remove_all(path);
  CHECK_EQ(WriteAll(old.get()), All(StatusCode::kFileMissing));
  CHECK(Finds(*old, 1, 0));
  // Nothing is unsaved: closing asks for nothing.
  CHECK_OK(old->Save(true));
  old->Close();
  CHECK(!fs::exists(path));
}

// Between any two steps of a compaction.
SL_TEST(replaced_folder_under_a_compaction) {
  for (int step = 0; step < 3; ++step) {
    for (const bool renamed : {false, true}) {
      const std::string root = test::TempFolder();
      const std::string path = root + "/index";
      std::shared_ptr<Index> old;
      std::shared_ptr<Index> newcomer;
      std::shared_ptr<Index> fresh;
      std::shared_ptr<Index> compacted;
      Files before;
      CHECK_OK(Make(path, 1, 0, &old));
      const auto replace = [&] {
        if (renamed) {
          fs::rename(path, root + "/away");
        } else {
          fs::remove_all(path);
        }
        const Status made = Make(path, 2, 1000, &newcomer);
        before = FilesOf(path);
        return made;
      };
      CHECK_OK(old->CreateBeside(&fresh));
      if (step == 0) CHECK_OK(replace());
      Status status;
      for (uint64_t row = 0; row < old->count() && status.ok();) {
        status = old->CopyLive(row, 1, fresh.get(), &row);
      }
      if (step == 1) CHECK_OK(replace());
      if (status.ok()) status = fresh->Save();
      if (step == 2) CHECK_OK(replace());
      if (status.ok()) status = old->Adopt(fresh.get(), &compacted);
      CHECK(status.code() == StatusCode::kFileReplaced ||
            status.code() == StatusCode::kFileMissing);
      (void)old->Abandon(fresh.get());
      CHECK(Finds(*old, 1, 0));
      old->Close();
      CHECK(FilesOf(path) == before);
    }
  }
}

SL_TEST(replaced_single_files_are_noticed) {
  struct Case {
    const char* name;
    bool in_place;
    bool deleted;
    StatusCode code;
  };
  const Case cases[] = {
      {"embeddings.idx", false, false, StatusCode::kFileReplaced},
      {"embeddings.idx", true, false, StatusCode::kFileReplaced},
      {"embeddings.idx", false, true, StatusCode::kFileMissing},
      {"embeddings.dat", false, false, StatusCode::kFileReplaced},
      {"embeddings.dat", false, true, StatusCode::kFileMissing},
  };
  for (const Case& c : cases) {
    const std::string root = test::TempFolder();
    const std::string path = root + "/index";
    std::shared_ptr<Index> old;
    std::shared_ptr<Index> other;
    CHECK_OK(Make(path, 1, 0, &old));
    CHECK_OK(Make(root + "/other", 2, 1000, &other));
    other->Close();
    const std::string name = path + "/" + c.name;
    if (!c.in_place) fs::remove(name);
    if (!c.deleted) {
      fs::copy_file(root + "/other/" + c.name, name, fs::copy_options::overwrite_existing);
    }
    const Files before = FilesOf(path);
    CHECK_EQ(WriteAll(old.get()), All(c.code));
    old->Close();
    CHECK(FilesOf(path) == before);
  }
}

SL_TEST(replaced_snapshot_is_not_overwritten) {
  const std::string root = test::TempFolder();
  const std::string path = root + "/index";
  std::shared_ptr<Index> index;
  std::shared_ptr<Index> other;
  CHECK_OK(Make(path, 1, 0, &index));
  CHECK_OK(Make(root + "/other", 2, 1000, &other));
  other->Close();
  CHECK_OK(Add(index.get(), 5, 3, 500));
  const std::string graph = path + "/hnsw_index.bin";
  fs::copy_file(root + "/other/hnsw_index.bin", graph, fs::copy_options::overwrite_existing);
  const Files before = FilesOf(path);
  CHECK_CODE(index->Save(), StatusCode::kFileReplaced);
  CHECK(FilesOf(path) == before);
  // Rows do not need it, and once it is out of the way there is one again.
  CHECK_OK(Add(index.get(), 5, 4, 600));
  fs::remove(graph);
  CHECK_OK(index->Save());
  CHECK(fs::exists(graph));
  CHECK_OK(Add(index.get(), 5, 5, 700));
  CHECK_OK(index->Save());
}

SL_TEST(deleted_lock_lets_no_second_writer_in) {
  const std::string path = test::TempFolder() + "/index";
  std::shared_ptr<Index> first;
  std::shared_ptr<Index> second;
  CHECK_OK(Make(path, 1, 0, &first));
  fs::remove(path + "/LOCK");
  OpenOptions options;
  options.path = path;
  CHECK_CODE(Index::Open(options, &second), StatusCode::kFileLocked);
  CHECK_OK(Add(first.get(), 5, 3, 500));
  first->Close();
  CHECK_OK(Index::Open(options, &second));
  CHECK_EQ(second->count(), 205u);
}

SL_TEST(replaced_folder_under_a_reader_does_not_mix) {
  const std::string root = test::TempFolder();
  const std::string path = root + "/index";
  std::shared_ptr<Index> writer;
  std::shared_ptr<Index> reader;
  std::shared_ptr<Index> newcomer;
  CHECK_OK(Make(path, 1, 0, &writer));
  writer->Close();
  OpenOptions options;
  options.path = path;
  options.read_only = true;
  CHECK_OK(Index::Open(options, &reader));
  fs::remove_all(path);
  CHECK_OK(Make(path, 2, 1000, &newcomer));
  const Files before = FilesOf(path);
  CHECK(Finds(*reader, 1, 0));
  CHECK(!Finds(*reader, 2, 1000));
  reader->Close();
  CHECK(FilesOf(path) == before);
  CHECK_OK(Index::Open(options, &reader));
  CHECK(Finds(*reader, 2, 1000));
}

}  // namespace sightline
