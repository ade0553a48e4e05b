// A file in memory with a path that the code under test can open: no disk, no names to clean up.
#ifndef SIGHTLINE_FUZZ_MEMORY_FILE_H_
#define SIGHTLINE_FUZZ_MEMORY_FILE_H_

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>

namespace sightline::fuzz {

class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    if (descriptor_ < 0) std::abort();
    for (size_t done = 0; done < size;) {
      const ssize_t part = ::write(descriptor_, data + done, size - done);
      if (part <= 0) std::abort();
      done += static_cast<size_t>(part);
    }
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace sightline::fuzz

#endif  // SIGHTLINE_FUZZ_MEMORY_FILE_H_
