#include "memory_shim.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace sightline::harness {
namespace {

std::atomic<bool> armed{false};
std::atomic<bool> failed{false};
std::atomic<bool> lasting{false};
std::atomic<uint64_t> left{0};  // allocations until the one that fails

bool Fails() {
  if (!armed.load(std::memory_order_relaxed)) return false;
  const uint64_t before = left.load();
  if (before == 0) return lasting.load();
  if (left.fetch_sub(1) != 1) return false;
  failed = true;
  return true;
}

void* New(std::size_t size, std::size_t alignment) {
  if (Fails()) return nullptr;
  const std::size_t least = std::max<std::size_t>(size, 1);
  if (alignment <= alignof(std::max_align_t)) return std::malloc(least);
  return std::aligned_alloc(alignment, (least + alignment - 1) / alignment * alignment);
}

void* NewOrThrow(std::size_t size, std::size_t alignment) {
  void* at = New(size, alignment);
  if (at == nullptr) throw std::bad_alloc();
  return at;
}

}  // namespace

void ArmMemory(uint64_t nth, bool for_ever) {
  left = nth;
  failed = false;
  lasting = for_ever;
  armed = true;
}

bool DisarmMemory() {
  armed = false;
  return failed;
}

}  // namespace sightline::harness

using sightline::harness::Fails;
using sightline::harness::New;
using sightline::harness::NewOrThrow;

void* operator new(std::size_t size) { return NewOrThrow(size, 1); }
void* operator new[](std::size_t size) { return NewOrThrow(size, 1); }
void* operator new(std::size_t size, std::align_val_t to) {
  return NewOrThrow(size, static_cast<std::size_t>(to));
}
void* operator new[](std::size_t size, std::align_val_t to) {
  return NewOrThrow(size, static_cast<std::size_t>(to));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return New(size, 1); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return New(size, 1); }
void operator delete(void* at) noexcept { std::free(at); }
void operator delete[](void* at) noexcept { std::free(at); }
void operator delete(void* at, std::size_t) noexcept { std::free(at); }
void operator delete[](void* at, std::size_t) noexcept { std::free(at); }
void operator delete(void* at, std::align_val_t) noexcept { std::free(at); }
void operator delete[](void* at, std::align_val_t) noexcept { std::free(at); }
void operator delete(void* at, std::size_t, std::align_val_t) noexcept { std::free(at); }
void operator delete[](void* at, std::size_t, std::align_val_t) noexcept { std::free(at); }

extern "C" {

void* mmap(void* at, size_t bytes, int access, int flags, int file, off_t offset) noexcept {
  if (Fails()) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return reinterpret_cast<void*>(::syscall(SYS_mmap, at, bytes, access, flags, file, offset));
}

int mprotect(void* at, size_t bytes, int access) noexcept {
  if (Fails()) {
    errno = ENOMEM;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_mprotect, at, bytes, access));
}

}  // extern "C"
