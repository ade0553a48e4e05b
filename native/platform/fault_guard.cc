// The registry of watched ranges, which the signal handler (bus_signal.cc) reads.
#include "platform/fault_guard.h"

#include <sys/mman.h>
#include <unistd.h>

#include <mutex>
#include <new>
#include <utility>

#include "platform/bus_signal.h"

#ifndef MAP_NORESERVE
#define MAP_NORESERVE 0
#endif

namespace sightline {

// Written under a mutex, read by the handler without one: `version` is odd during a change.
struct WatchedRange {
  std::atomic<uint32_t> version{0};
  std::atomic<bool> taken{false};
  std::atomic<bool> writable{false};
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> end{0};
  std::atomic<bool> cut{false};
  std::atomic<uintptr_t> covered{0};  // zero pages are mapped from here to the end; 0: none yet
  std::atomic<uint32_t> again{0};     // faults in covered pages
};

namespace {

static_assert(std::atomic<uintptr_t>::is_always_lock_free &&
                  std::atomic<uint32_t>::is_always_lock_free &&
                  std::atomic<bool>::is_always_lock_free,
              "a signal handler must not wait");

// If two threads fault on one page, the second finds it covered. More often than this, zero pages
// do not cure the fault (macOS also sends SIGBUS for forbidden writes).
constexpr uint32_t kMostAgain = 10000;

// Words that SetEnd examines for a nonzero one.
constexpr size_t kMostProbes = 1024;

// Never freed or moved: the handler may read it at any time.
struct Block {
  WatchedRange ranges[64];
  std::atomic<Block*> next{nullptr};
};

Block first_block;
std::mutex registry_mutex;
std::atomic<uintptr_t> page_size{0};

// Orders earlier reads of the mapping before the read of the flag.
void ReadsDone() { std::atomic_thread_fence(std::memory_order_acquire); }

// registry_mutex is held. nullptr: no memory.
WatchedRange* FreeRange() {
  for (Block* block = &first_block;;) {
    for (WatchedRange& range : block->ranges) {
      if (!range.taken.load(std::memory_order_relaxed)) return &range;
    }
    Block* next = block->next.load(std::memory_order_relaxed);
    if (next == nullptr) {
      next = new (std::nothrow) Block;
      if (next == nullptr) return nullptr;
      block->next.store(next, std::memory_order_release);
    }
    block = next;
  }
}

void Set(WatchedRange* range, uintptr_t begin, uintptr_t end, bool writable, bool taken) {
  range->version.fetch_add(1, std::memory_order_acq_rel);
  range->begin.store(begin, std::memory_order_release);
  range->end.store(end, std::memory_order_release);
  range->writable.store(writable, std::memory_order_release);
  range->cut.store(false, std::memory_order_release);
  range->covered.store(0, std::memory_order_release);
  range->again.store(0, std::memory_order_release);
  range->taken.store(taken, std::memory_order_release);
  range->version.fetch_add(1, std::memory_order_acq_rel);
}

// Whether `address` is in the range. A range that is just changing is not: the faulting thread
// keeps its own mapping alive.
bool Holds(const WatchedRange& range, uintptr_t address) {
  const uint32_t version = range.version.load(std::memory_order_acquire);
  if ((version & 1) != 0 || !range.taken.load(std::memory_order_acquire)) return false;
  const uintptr_t begin = range.begin.load(std::memory_order_acquire);
  const uintptr_t end = range.end.load(std::memory_order_acquire);
  return address >= begin && address < end &&
         range.version.load(std::memory_order_acquire) == version;
}

bool LayZeros(uintptr_t from, uintptr_t to, bool writable) {
  const int access = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  return ::mmap(reinterpret_cast<void*>(from), to - from, access,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

// Runs in the handler. False: the fault cannot be cured here.
bool Cover(WatchedRange* range, uintptr_t address) {
  const uintptr_t page = page_size.load(std::memory_order_relaxed);
  const uintptr_t from = address & ~(page - 1);
  const uintptr_t end = range->end.load(std::memory_order_acquire);
  uintptr_t covered = range->covered.load(std::memory_order_acquire);
  if (covered != 0 && from >= covered) {
    if (range->again.fetch_add(1, std::memory_order_relaxed) > kMostAgain) return false;
  }
  // The flag first: another thread may read the zeros without a fault.
  range->cut.store(true, std::memory_order_seq_cst);
  // Up to the end at once: page by page, a scan of a large file would exceed the limit of mappings.
  const bool writable = range->writable.load(std::memory_order_acquire);
  if (!LayZeros(from, end, writable)) return LayZeros(from, from + page, writable);
  while (covered == 0 || from < covered) {
    if (range->covered.compare_exchange_weak(covered, from)) break;
  }
  return true;
}

}  // namespace

bool CoverFault(const void* address) {
  const uintptr_t at = reinterpret_cast<uintptr_t>(address);
  for (Block* block = &first_block; block != nullptr;
       block = block->next.load(std::memory_order_acquire)) {
    for (WatchedRange& range : block->ranges) {
      if (Holds(range, at)) return Cover(&range, at);
    }
  }
  return false;
}

FaultGuard::FaultGuard(FaultGuard&& other) noexcept
    : range_(std::exchange(other.range_, nullptr)), probe_(other.probe_.exchange(0)) {}

FaultGuard& FaultGuard::operator=(FaultGuard&& other) noexcept {
  if (this != &other) {
    Release();
    range_ = std::exchange(other.range_, nullptr);
    probe_ = other.probe_.exchange(0);
  }
  return *this;
}

void FaultGuard::Release() {
  probe_ = 0;
  if (range_ == nullptr) return;
  const std::lock_guard<std::mutex> lock(registry_mutex);
  Set(std::exchange(range_, nullptr), 0, 0, false, false);
}

Status FaultGuard::Watch(unsigned char* begin, size_t bytes, bool writable, FaultGuard* out) {
  out->Release();
  const std::lock_guard<std::mutex> lock(registry_mutex);
  page_size.store(static_cast<uintptr_t>(sysconf(_SC_PAGESIZE)), std::memory_order_relaxed);
  WatchedRange* range = FreeRange();
  if (range == nullptr || !CatchBusSignals()) {
    return Status(StatusCode::kNoMemory, "no memory to watch a mapped file");
  }
  const uintptr_t from = reinterpret_cast<uintptr_t>(begin);
  Set(range, from, from + bytes, writable, true);
  out->range_ = range;
  return Status::Ok();
}

void FaultGuard::SetEnd(const unsigned char* end, bool constant) {
  if (range_ == nullptr) return;
  const uintptr_t begin = range_->begin.load(std::memory_order_acquire);
  const uintptr_t last = reinterpret_cast<uintptr_t>(end) & ~(sizeof(uint32_t) - 1);
  uintptr_t probe = 0;
  for (size_t i = 1; i <= kMostProbes && last - begin >= i * sizeof(uint32_t); ++i) {
    const uintptr_t at = last - i * sizeof(uint32_t);
    // If all are zero, the last one: reading it shows at least that its page exists.
    if (probe == 0) probe = at;
    if (__atomic_load_n(reinterpret_cast<const uint32_t*>(at), __ATOMIC_RELAXED) == 0) continue;
    probe = constant ? at | 1 : at;
    break;
  }
  probe_.store(probe, std::memory_order_release);
}

bool FaultGuard::Cut() const {
  if (range_ == nullptr) return false;
  ReadsDone();
  const uintptr_t probe = probe_.load(std::memory_order_acquire);
  if (probe != 0) {
    const auto* word = reinterpret_cast<const uint32_t*>(probe & ~uintptr_t{1});
    const uint32_t value = __atomic_load_n(word, __ATOMIC_RELAXED);
    if (value == 0 && (probe & 1) != 0) range_->cut.store(true, std::memory_order_relaxed);
  }
  ReadsDone();
  return range_->cut.load(std::memory_order_relaxed);
}

}  // namespace sightline
