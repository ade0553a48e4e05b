// How much more memory a process holds at its highest moment than when this object was made.
// Resident pages as Linux counts them, mapped files included; 0 where it cannot be asked.
#ifndef SIGHTLINE_HARNESS_MEMORY_PEAK_H_
#define SIGHTLINE_HARNESS_MEMORY_PEAK_H_

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace sightline::harness {

class MemoryPeak {
 public:
  MemoryPeak() {
    // Sets the highest mark back to what is resident now.
    const int file = ::open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (file < 0) return;
    usable_ = ::write(file, "5", 1) == 1;
    ::close(file);
    before_ = Highest();
  }

  uint64_t Bytes() const {
    const uint64_t now = usable_ ? Highest() : 0;
    return now > before_ ? now - before_ : 0;
  }

 private:
  static uint64_t Highest() {
    const int file = ::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    char text[4096];
    const ssize_t size = ::read(file, text, sizeof(text) - 1);
    ::close(file);
    if (size <= 0) return 0;
    text[size] = 0;
    const char* line = std::strstr(text, "VmHWM:");
    return line == nullptr ? 0 : std::strtoull(line + 6, nullptr, 10) * 1024;
  }

  bool usable_ = false;
  uint64_t before_ = 0;
};

}  // namespace sightline::harness

#endif  // SIGHTLINE_HARNESS_MEMORY_PEAK_H_
