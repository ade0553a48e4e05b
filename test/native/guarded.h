// Memory whose last byte is followed by a page that cannot be read: reading past the end is a crash
// here, not a wrong number somewhere else.
#ifndef SIGHTLINE_TEST_GUARDED_H_
#define SIGHTLINE_TEST_GUARDED_H_

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>

namespace sightline::test {

class Guarded {
 public:
  // Room for `capacity` bytes before the guard page.
  explicit Guarded(size_t capacity) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    usable_ = (capacity + page - 1) / page * page;
    mapped_ = usable_ + page;
    void* address = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (address == MAP_FAILED) std::abort();
    base_ = static_cast<unsigned char*>(address);
    if (mprotect(base_ + usable_, page, PROT_NONE) != 0) std::abort();
  }
  ~Guarded() { munmap(base_, mapped_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  // The last `bytes` bytes, `gap` bytes away from the guard page.
  unsigned char* Tail(size_t bytes, size_t gap = 0) { return base_ + usable_ - gap - bytes; }
  float* Floats(size_t count, size_t gap = 0) {
    return reinterpret_cast<float*>(Tail(count * sizeof(float), gap));
  }

 private:
  size_t usable_ = 0;
  size_t mapped_ = 0;
  unsigned char* base_ = nullptr;
};

}  // namespace sightline::test

#endif  // SIGHTLINE_TEST_GUARDED_H_
