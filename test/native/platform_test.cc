#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "core/aligned.h"
#include "platform/cpu.h"
#include "platform/entropy.h"
#include "platform/file.h"
#include "platform/lock.h"
#include "platform/mmap.h"
#include "platform/transfer.h"
#include "runner.h"

namespace sightline {
namespace {

SL_TEST(transfer_finishes_after_short_moves_and_interruptions) {
  const std::string source = "the quick brown fox jumps over the lazy dog";
  std::string target(source.size(), '?');
  int call_number = 0;
  size_t done;
  const bool ok = TransferAll(source.size(), &done, [&](size_t at, size_t left) -> ssize_t {
    ++call_number;
    if (call_number % 3 == 0) {
      errno = EINTR;
      return -1;
    }
    const size_t moved = left < 4 ? left : 4;
    std::memcpy(target.data() + at, source.data() + at, moved);
    return static_cast<ssize_t>(moved);
  });
  CHECK(ok);
  CHECK_EQ(done, source.size());
  CHECK_EQ(target, source);
}

SL_TEST(transfer_stops_at_the_end_and_at_a_failure_and_says_how_far_it_came) {
  size_t done;
  bool ok = TransferAll(10, &done, [](size_t at, size_t) -> ssize_t { return at < 6 ? 3 : 0; });
  CHECK(ok && done == 6);
  ok = TransferAll(10, &done, [](size_t at, size_t) -> ssize_t {
    if (at < 6) return 3;
    errno = ENOSPC;
    return -1;
  });
  CHECK(!ok && done == 6 && errno == ENOSPC);
}

SL_TEST(file_reads_back_what_was_written_anywhere) {
  const std::string path = test::TempFolder() + "/data";
  File file;
  CHECK_OK(File::Open(path, OpenMode::kCreateNew, &file));
  CHECK_OK(file.WriteAt(5, "hello", 5));
  CHECK_OK(file.WriteAt(0, "12345", 5));
  char text[11] = {};
  CHECK_OK(file.ReadAt(0, text, 10));
  CHECK_EQ(std::string(text), "12345hello");
  uint64_t size;
  CHECK_OK(file.Size(&size));
  CHECK_EQ(size, 10u);
  CHECK_CODE(file.ReadAt(4, text, 10), StatusCode::kFileCorrupt);
  size_t got;
  CHECK_OK(file.ReadSome(8, text, 10, &got));
  CHECK_EQ(got, 2u);
  CHECK_OK(file.SyncData());
  CHECK_OK(file.Sync());
  CHECK_OK(file.Close());
  CHECK_OK(file.Close());
  std::vector<unsigned char> all;
  CHECK_OK(ReadWholeFile(path, &all));
  CHECK_EQ(std::string(all.begin(), all.end()), "12345hello");
}

SL_TEST(file_modes_create_keep_empty_and_refuse) {
  const std::string path = test::TempFolder() + "/data";
  File file;
  CHECK_CODE(File::Open(path, OpenMode::kRead, &file), StatusCode::kFileMissing);
  CHECK_CODE(File::Open(path, OpenMode::kReadWrite, &file), StatusCode::kFileMissing);
  CHECK(!file.is_open());
  CHECK_OK(File::Open(path, OpenMode::kOpenCreate, &file));
  CHECK_OK(file.WriteAt(0, "abc", 3));
  CHECK_CODE(File::Open(path, OpenMode::kCreateNew, &file), StatusCode::kFileExists);
  uint64_t size;
  CHECK_OK(File::Open(path, OpenMode::kOpenCreate, &file));
  CHECK_OK(file.Size(&size));
  CHECK_EQ(size, 3u);
  CHECK_OK(File::Open(path, OpenMode::kTruncate, &file));
  CHECK_OK(file.Size(&size));
  CHECK_EQ(size, 0u);
}

SL_TEST(file_refuses_what_is_not_a_regular_file_without_blocking) {
  const std::string folder = test::TempFolder();
  const std::string pipe = folder + "/pipe";
  CHECK(mkfifo(pipe.c_str(), 0600) == 0);
  File file;
  CHECK_CODE(File::Open(pipe, OpenMode::kRead, &file), StatusCode::kIo);
  CHECK_CODE(File::Open(pipe, OpenMode::kOpenCreate, &file), StatusCode::kIo);
  CHECK_CODE(File::Open(folder, OpenMode::kRead, &file), StatusCode::kIo);
  CHECK_CODE(File::Open("/dev/null", OpenMode::kTruncate, &file), StatusCode::kIo);
}

SL_TEST(file_descriptors_have_one_owner_and_do_not_reach_children) {
  const std::string path = test::TempFolder() + "/data";
  int number;
  {
    File first;
    CHECK_OK(File::Open(path, OpenMode::kCreateNew, &first));
    number = first.descriptor();
    CHECK((fcntl(number, F_GETFD) & FD_CLOEXEC) != 0);
    File second(std::move(first));
    CHECK(!first.is_open() && second.descriptor() == number);
    first = std::move(second);
    CHECK(first.descriptor() == number && !second.is_open());
  }
  CHECK(fcntl(number, F_GETFD) == -1);
}

SL_TEST(file_allocate_grows_with_zeros_and_never_shrinks) {
  const std::string path = test::TempFolder() + "/data";
  File file;
  CHECK_OK(File::Open(path, OpenMode::kCreateNew, &file));
  CHECK_OK(file.WriteAt(0, "abc", 3));
  CHECK_OK(file.Allocate(8192));
  uint64_t size;
  CHECK_OK(file.Size(&size));
  CHECK_EQ(size, 8192u);
  CHECK_OK(file.Allocate(100));
  CHECK_OK(file.Size(&size));
  CHECK_EQ(size, 8192u);
  char text[6] = {'?', '?', '?', '?', '?', '?'};
  CHECK_OK(file.ReadAt(0, text, 6));
  CHECK(std::memcmp(text, "abc\0\0\0", 6) == 0);
  CHECK_OK(file.Truncate(2));
  CHECK_OK(file.Size(&size));
  CHECK_EQ(size, 2u);
}

SL_TEST(file_refuses_offsets_that_would_wrap) {
  const std::string path = test::TempFolder() + "/data";
  File file;
  CHECK_OK(File::Open(path, OpenMode::kCreateNew, &file));
  CHECK_CODE(file.WriteAt(UINT64_MAX - 1, "abc", 3), StatusCode::kInvalidRange);
  char byte;
  size_t got;
  // The sum of these two, in 64 bits, is small.
  CHECK_CODE(file.ReadSome(INT64_MAX - 1, &byte, SIZE_MAX, &got), StatusCode::kInvalidRange);
  CHECK_CODE(file.Truncate(UINT64_MAX), StatusCode::kInvalidRange);
  CHECK_CODE(file.Allocate(uint64_t{1} << 63), StatusCode::kInvalidRange);
}

SL_TEST(a_full_disk_is_disk_full) {
  File full;
  // The device that is always full is not a regular file, so the code is made from errno.
  errno = ENOSPC;
  CHECK_CODE(ErrnoStatus("write", "x"), StatusCode::kDiskFull);
  errno = EACCES;
  CHECK_CODE(ErrnoStatus("open", "x"), StatusCode::kReadOnly);
  errno = EIO;
  CHECK_CODE(ErrnoStatus("sync", "x"), StatusCode::kIo);
  CHECK(ErrnoStatus("sync", "x").message().find("sync x: ") == 0);
  CHECK_CODE(full.WriteAt(0, "a", 1), StatusCode::kIo);  // not open
}

SL_TEST(replace_file_leaves_the_new_contents_and_no_leftover) {
  const std::string folder = test::TempFolder();
  const std::string path = folder + "/data";
  CHECK_OK(ReplaceFile(path, "first version", 13));
  CHECK_OK(ReplaceFile(path, "second", 6));
  std::vector<unsigned char> all;
  CHECK_OK(ReadWholeFile(path, &all));
  CHECK_EQ(std::string(all.begin(), all.end()), "second");
  bool exists;
  CHECK_OK(PathExists(path + ".tmp", &exists));
  CHECK(!exists);
  CHECK_CODE(ReplaceFile(folder + "/absent/data", "x", 1), StatusCode::kFileMissing);
}

SL_TEST(folders_are_made_synced_and_missing_files_removed_quietly) {
  const std::string folder = test::TempFolder();
  CHECK_OK(MakeFolders(folder + "/a/b/c"));
  CHECK_OK(MakeFolders(folder + "/a/b/c"));
  CHECK_OK(SyncFolder(folder + "/a/b/c"));
  CHECK_CODE(SyncFolder(folder + "/nowhere"), StatusCode::kFileMissing);
  CHECK_OK(RemoveFile(folder + "/nothing"));
  CHECK_OK(ReplaceFile(folder + "/a/from", "x", 1));
  CHECK_OK(RenameDurable(folder + "/a/from", folder + "/a/to"));
  bool exists;
  CHECK_OK(PathExists(folder + "/a/to", &exists));
  CHECK(exists);
  CHECK_OK(RemoveFile(folder + "/a/to"));
  CHECK_CODE(RenameDurable(folder + "/a/to", folder + "/x"), StatusCode::kFileMissing);
}

SL_TEST(lock_is_refused_to_a_second_handle_of_the_same_process_and_names_the_holder) {
  const std::string path = test::TempFolder() + "/lock";
  FileLock first;
  FileLock second;
  CHECK_OK(FileLock::Acquire(path, &first));
  CHECK(first.held());
  const Status refused = FileLock::Acquire(path, &second);
  CHECK_CODE(refused, StatusCode::kFileLocked);
  CHECK(refused.message().find(std::to_string(getpid())) != std::string::npos);
  CHECK(!second.held());
  first.Release();
  first.Release();
  CHECK_OK(FileLock::Acquire(path, &second));
}

SL_TEST(shared_locks_keep_exclusive_ones_out_and_no_shared_ones) {
  const std::string path = test::TempFolder() + "/lock";
  File files[3];
  for (File& file : files) CHECK_OK(File::Open(path, OpenMode::kOpenCreate, &file));
  const auto lock = [&](size_t i, bool shared) {
    return LockNow(files[i].descriptor(), path, shared);
  };
  CHECK_OK(lock(0, true));
  CHECK_OK(lock(1, true));
  CHECK_CODE(lock(2, false), StatusCode::kFileLocked);
  CHECK_OK(files[0].Close());
  CHECK_OK(files[1].Close());
  CHECK_OK(lock(2, false));
  CHECK_CODE(LockNow(-1, path), StatusCode::kIo);
}

SL_TEST(lock_names_itself_once_claimed_and_a_copy_of_it_does_not) {
  const std::string path = test::TempFolder() + "/lock";
  FileLock lock;
  CHECK_OK(FileLock::Acquire(path, &lock));
  CHECK(!lock.own());
  lock.Release();
  CHECK_OK(FileLock::Acquire(path, &lock));
  CHECK(!lock.own() && !FileLock::IsOwn(path));
  lock.Claim();
  CHECK(lock.own() && FileLock::IsOwn(path));
  std::vector<unsigned char> bytes;
  CHECK_OK(ReadWholeFile(path, &bytes));
  CHECK_OK(ReplaceFile(path + "2", bytes.data(), bytes.size()));
  CHECK(!FileLock::IsOwn(path + "2") && !FileLock::IsOwn(path + "3"));
  lock.Release();
  CHECK_OK(FileLock::Acquire(path, &lock));
  CHECK(lock.own() && FileLock::IsOwn(path));
}

SL_TEST(lock_survives_a_move_and_ends_with_its_owner) {
  const std::string path = test::TempFolder() + "/lock";
  FileLock other;
  {
    FileLock first;
    CHECK_OK(FileLock::Acquire(path, &first));
    FileLock moved = std::move(first);
    CHECK_CODE(FileLock::Acquire(path, &other), StatusCode::kFileLocked);
  }
  CHECK_OK(FileLock::Acquire(path, &other));
}

// Runs `child` in a process of its own; returns its pid, or -1.
template <typename Child>
pid_t Fork(const Child& child) {
  std::fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) _exit(child());
  return pid;
}

SL_TEST(lock_is_refused_to_a_child_process_and_freed_when_the_holder_is_killed) {
  const std::string path = test::TempFolder() + "/lock";
  FileLock mine;
  CHECK_OK(FileLock::Acquire(path, &mine));
  int status = 0;
  const pid_t refused = Fork([&] {
    FileLock theirs;
    return FileLock::Acquire(path, &theirs).code() == StatusCode::kFileLocked ? 0 : 1;
  });
  CHECK(refused > 0 && waitpid(refused, &status, 0) == refused);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  mine.Release();

  int ready[2];
  CHECK(pipe(ready) == 0);
  const pid_t holder = Fork([&] {
    FileLock theirs;
    if (!FileLock::Acquire(path, &theirs).ok()) return 1;
    if (write(ready[1], "x", 1) != 1) return 1;
    for (;;) pause();
  });
  char byte;
  CHECK(holder > 0 && read(ready[0], &byte, 1) == 1);
  CHECK_CODE(FileLock::Acquire(path, &mine), StatusCode::kFileLocked);
  kill(holder, SIGKILL);
  CHECK(waitpid(holder, &status, 0) == holder);
  CHECK_OK(FileLock::Acquire(path, &mine));
  close(ready[0]);
  close(ready[1]);
}

SL_TEST(mapping_shows_the_file_and_refuses_more_than_there_is) {
  const std::string path = test::TempFolder() + "/data";
  File file;
  CHECK_OK(File::Open(path, OpenMode::kCreateNew, &file));
  CHECK_OK(file.WriteAt(0, "abcdef", 6));
  Mapping mapping;
  CHECK_CODE(Mapping::Map(file, 7, &mapping), StatusCode::kFileCorrupt);
  CHECK(mapping.data() == nullptr);
  CHECK_OK(Mapping::Map(file, 6, &mapping));
  for (Access access : {Access::kRandom, Access::kSequential, Access::kWillNeed, Access::kNormal}) {
    mapping.Advise(access);
  }
  mapping.AdviseHugePages();
  const unsigned char* address = mapping.data();
  Mapping moved = std::move(mapping);
  CHECK(moved.data() == address && mapping.data() == nullptr && mapping.size() == 0);
  // Shared: what is written later is seen; and the file may be closed.
  CHECK_OK(file.WriteAt(2, "X", 1));
  CHECK_OK(file.Close());
  CHECK(std::memcmp(moved.data(), "abXdef", 6) == 0);
  moved.Unmap();
  moved.Unmap();
  Mapping empty;
  CHECK_OK(File::Open(path, OpenMode::kTruncate, &file));
  CHECK_OK(Mapping::Map(file, 0, &empty));
  CHECK(empty.data() == nullptr && empty.size() == 0);
}

SL_TEST(aligned_array_is_aligned_zeroed_moved_and_bounded) {
  for (size_t alignment : {64, 4096}) {
    AlignedArray<float> array(1000, alignment);
    CHECK_EQ(reinterpret_cast<uintptr_t>(array.data()) % alignment, 0u);
    for (float value : array) CHECK(value == 0.0f);
    array[999] = 7;
    AlignedArray<float> moved(std::move(array));
    CHECK(array.data() == nullptr && array.size() == 0 && moved[999] == 7);
  }
  bool refused = false;
  try {
    AlignedArray<double> huge(SIZE_MAX / 4);
  } catch (const std::bad_alloc&) {
    refused = true;
  }
  CHECK(refused);
}

SL_TEST(random_bytes_fill_everything_and_do_not_repeat) {
  unsigned char first[16] = {};
  unsigned char second[16] = {};
  CHECK_OK(RandomBytes(first, sizeof(first)));
  CHECK_OK(RandomBytes(second, sizeof(second)));
  CHECK(std::memcmp(first, second, sizeof(first)) != 0);
  CHECK(std::memcmp(first + 8, second + 8, 8) != 0);
  unsigned char too_many[257];
  CHECK_CODE(RandomBytes(too_many, sizeof(too_many)), StatusCode::kIo);
}

SL_TEST(cpu_features_imply_each_other) {
  const CpuFeatures& cpu = Cpu();
  CHECK(&cpu == &Cpu());
  CHECK(!cpu.avx512 || cpu.avx2_fma);
  CHECK(!cpu.avx2_fma || cpu.sse42);
  CHECK(!cpu.neon || !cpu.sse42);
}

}  // namespace
}  // namespace sightline
