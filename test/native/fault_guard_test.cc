// Mappings whose file is cut under them, and every other SIGBUS.
#include "platform/fault_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "core/rng.h"
#include "platform/reserved_range.h"
#include "runner.h"

namespace sightline {
namespace {

const size_t kPage = static_cast<size_t>(sysconf(_SC_PAGESIZE));

// A file of `pages` pages of sevens.
Status MakeFile(const std::string& path, size_t pages, File* file) {
  SL_RETURN_IF_ERROR(File::Open(path, OpenMode::kTruncate, file));
  const std::vector<unsigned char> bytes(pages * kPage, 7);
  return file->WriteAt(0, bytes.data(), bytes.size());
}

unsigned Sum(const ReservedRange& range, size_t bytes) {
  unsigned sum = 0;
  for (size_t i = 0; i < bytes; i += kPage / 4) {
    sum += static_cast<volatile const unsigned char*>(range.data())[i];
  }
  return sum;
}

std::string child_folder;  // made by the parent, who also removes it

// Reads a page behind the end of a file that nobody watches.
void FaultElsewhere() {
  File file;
  if (!MakeFile(child_folder + "/other", 1, &file).ok()) _exit(1);
  void* at = ::mmap(nullptr, 2 * kPage, PROT_READ, MAP_SHARED, file.descriptor(), 0);
  if (at == MAP_FAILED) _exit(2);
  (void)static_cast<volatile const unsigned char*>(at)[kPage];
}

// Makes the handler be installed.
void WatchSomething() {
  static ReservedRange range;
  File file;
  if (!MakeFile(child_folder + "/watched", 1, &file).ok()) _exit(3);
  if (!ReservedRange::MapGrowing(file, kPage, &range).ok()) _exit(4);
}

// What `body` comes to in a process of its own: its exit code, or minus the signal.
template <typename Body>
int InChild(const Body& body) {
  child_folder = test::TempFolder();
  const pid_t child = fork();
  if (child == 0) {
    // The runner may have installed a handler in a test before.
    ::signal(SIGBUS, SIG_DFL);
    body();
    _exit(0);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
  }
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

SL_TEST(fault_guard_turns_a_cut_file_into_a_flag) {
  File file;
  File other_file;
  const std::string folder = test::TempFolder();
  CHECK_OK(MakeFile(folder + "/rows", 8, &file));
  CHECK_OK(MakeFile(folder + "/other", 8, &other_file));
  ReservedRange range;
  ReservedRange other;
  CHECK_OK(ReservedRange::MapGrowing(file, 1000 * kPage, &range));
  CHECK_OK(ReservedRange::MapGrowing(other_file, 8 * kPage, &other));
  range.SetEnd(8 * kPage);
  CHECK_EQ(Sum(range, 8 * kPage), 7u * 32);
  CHECK(!range.Cut());
  CHECK_OK(file.Truncate(3 * kPage));
  CHECK_EQ(Sum(range, 8 * kPage), 7u * 12);
  CHECK(range.Cut());
  CHECK_OK(file.Truncate(2 * kPage));
  CHECK_EQ(Sum(range, 8 * kPage), 7u * 8);
  CHECK(!other.Cut());
  CHECK_EQ(Sum(other, 8 * kPage), 7u * 32);
  // The flag belongs to the mapping, wherever the object goes.
  ReservedRange moved = std::move(range);
  CHECK(moved.Cut());
  CHECK(!range.Cut());
  ReservedRange again;
  CHECK_OK(ReservedRange::MapGrowing(file, 8 * kPage, &again));
  CHECK(!again.Cut());
}

SL_TEST(fault_guard_sees_a_cut_that_nobody_met) {
  for (const size_t kept : {size_t{0}, kPage, 4 * kPage, 8 * kPage - 1000, 8 * kPage - 4}) {
    File file;
    CHECK_OK(MakeFile(test::TempFolder() + "/rows", 8, &file));
    ReservedRange range;
    CHECK_OK(ReservedRange::MapGrowing(file, 8 * kPage, &range));
    range.SetEnd(8 * kPage);
    CHECK(!range.Cut());
    CHECK_OK(file.Truncate(kept));
    CHECK(range.Cut());
    // And growing again does not hide it.
    CHECK_OK(file.Truncate(8 * kPage));
    CHECK(range.Cut());
  }
}

SL_TEST(fault_guard_takes_zeros_at_the_end_for_what_they_are) {
  File file;
  CHECK_OK(MakeFile(test::TempFolder() + "/rows", 2, &file));
  const std::vector<unsigned char> zeros(2 * kPage, 0);
  ReservedRange range;
  CHECK_OK(ReservedRange::MapGrowing(file, 8 * kPage, &range));
  range.SetEnd(0);
  CHECK(!range.Cut());
  CHECK_OK(file.WriteAt(2 * kPage - 100, zeros.data(), 100));
  range.SetEnd(2 * kPage);
  CHECK(!range.Cut());
  CHECK_OK(file.WriteAt(0, zeros.data(), 2 * kPage));
  range.SetEnd(2 * kPage);
  CHECK(!range.Cut());
  CHECK_OK(file.Truncate(kPage));
  CHECK(range.Cut());
}

SL_TEST(fault_guard_covers_a_private_copy_that_is_written) {
  File file;
  CHECK_OK(MakeFile(test::TempFolder() + "/graph", 8, &file));
  ReservedRange range;
  CHECK_OK(ReservedRange::Reserve(100 * kPage, &range));
  CHECK_OK(range.MapFileCopy(file, 0, 8 * kPage));
  CHECK_OK(range.Commit(20 * kPage));
  range.data()[15 * kPage] = 9;
  range.data()[kPage] = 8;
  CHECK(!range.Cut());
  CHECK_OK(file.Truncate(2 * kPage));
  range.data()[5 * kPage] = 6;
  CHECK(range.Cut());
  CHECK_EQ(int{range.data()[5 * kPage]}, 6);
  CHECK_EQ(int{range.data()[5 * kPage + 1]}, 0);
  CHECK_EQ(int{range.data()[kPage]}, 8);
  CHECK_EQ(int{range.data()[15 * kPage]}, 9);  // not a part of the file
}

SL_TEST(fault_guard_holds_many_ranges_that_come_and_go_while_others_fault) {
  const std::string folder = test::TempFolder();
  File whole;
  CHECK_OK(MakeFile(folder + "/whole", 4, &whole));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      Rng rng(t);
      std::vector<ReservedRange> kept(90);  // more than one block of the registry in all
      for (int round = 0; round < 300; ++round) {
        ReservedRange& range = kept[rng.Below(90)];
        if (!ReservedRange::MapGrowing(whole, 4 * kPage, &range).ok()) ++wrong;
        if (Sum(range, 4 * kPage) != 7u * 16 || range.Cut()) ++wrong;
        File file;
        ReservedRange cut;
        if (!MakeFile(folder + "/" + std::to_string(t), 4, &file).ok() ||
            !ReservedRange::MapGrowing(file, 4 * kPage, &cut).ok() || !file.Truncate(kPage).ok() ||
            Sum(cut, 4 * kPage) != 7u * 4 || !cut.Cut()) {
          ++wrong;
        }
      }
      for (const ReservedRange& range : kept) wrong += range.Cut();
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(wrong.load(), 0);
}

SL_TEST(a_bus_error_elsewhere_still_kills) {
  CHECK_EQ(InChild([] {
             WatchSomething();
             FaultElsewhere();
           }),
           -SIGBUS);
  CHECK_EQ(InChild([] {
             WatchSomething();
             ::raise(SIGBUS);
           }),
           -SIGBUS);
  CHECK_EQ(InChild([] {
             ::signal(SIGBUS, SIG_IGN);
             WatchSomething();
             FaultElsewhere();
           }),
           -SIGBUS);
}

SL_TEST(a_bus_error_elsewhere_goes_to_the_handler_before_ours) {
  static void* expected = nullptr;
  static volatile sig_atomic_t usr1_blocked = 0;
  // Ignored if sent, as it was.
  CHECK_EQ(InChild([] {
             ::signal(SIGBUS, SIG_IGN);
             WatchSomething();
             ::raise(SIGBUS);
             _exit(5);
           }),
           5);
  // With address, mask and flags of its own.
  CHECK_EQ(InChild([] {
             struct sigaction action = {};
             action.sa_flags = SA_SIGINFO;
             action.sa_sigaction = [](int signal, siginfo_t* info, void* context) {
               sigset_t blocked;
               pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
               usr1_blocked = sigismember(&blocked, SIGUSR1);
               const bool right = signal == SIGBUS && info->si_addr == expected &&
                                  context != nullptr && usr1_blocked == 1;
               _exit(right ? 6 : 7);
             };
             sigaddset(&action.sa_mask, SIGUSR1);
             sigaction(SIGBUS, &action, nullptr);
             WatchSomething();
             File file;
             if (!MakeFile(child_folder + "/other", 1, &file).ok()) _exit(1);
             void* at = ::mmap(nullptr, 2 * kPage, PROT_READ, MAP_SHARED, file.descriptor(), 0);
             expected = static_cast<unsigned char*>(at) + kPage + 5;
             (void)*static_cast<volatile const unsigned char*>(expected);
           }),
           6);
  CHECK_EQ(InChild([] {
             ::signal(SIGBUS, [](int) { _exit(8); });
             WatchSomething();
             FaultElsewhere();
           }),
           8);
  // One that wanted a single signal gets one.
  CHECK_EQ(InChild([] {
             struct sigaction action = {};
             action.sa_flags = static_cast<int>(SA_RESETHAND);
             action.sa_handler = [](int) {};
             sigaction(SIGBUS, &action, nullptr);
             WatchSomething();
             FaultElsewhere();
           }),
           -SIGBUS);
}

SL_TEST(the_handler_comes_back_after_somebody_took_it_away) {
  CHECK_EQ(InChild([] {
             WatchSomething();
             ::signal(SIGBUS, [](int) { _exit(9); });
             ::signal(SIGBUS, SIG_DFL);
             File file;
             ReservedRange range;
             if (!MakeFile(child_folder + "/rows", 4, &file).ok() ||
                 !ReservedRange::MapGrowing(file, 4 * kPage, &range).ok() ||
                 !file.Truncate(0).ok()) {
               _exit(1);
             }
             if (Sum(range, 4 * kPage) != 0 || !range.Cut()) _exit(2);
             _exit(10);
           }),
           10);
}

}  // namespace sightline
