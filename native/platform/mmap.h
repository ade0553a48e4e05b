// A read-only, shared mapping of the beginning of a file.
#ifndef SIGHTLINE_PLATFORM_MMAP_H_
#define SIGHTLINE_PLATFORM_MMAP_H_

#include <cstddef>

#include "core/status.h"
#include "platform/file.h"

namespace sightline {

enum class Access { kNormal, kRandom, kSequential, kWillNeed };

// Move-only; a move keeps the address. The file may be closed.
class Mapping {
 public:
  Mapping() = default;
  ~Mapping();
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  // Maps [0, size) of `file`. size 0 gives an empty mapping with a null address.
  // Returns  kFileCorrupt if the file is shorter: reading past its end would be SIGBUS.
  static Status Map(const File& file, size_t size, Mapping* out);

  const unsigned char* data() const { return data_; }
  size_t size() const { return size_; }

  // A hint for the whole mapping; failures are ignored.
  void Advise(Access access) const;
  // Requests huge pages, if the system has them for files; also a hint.
  void AdviseHugePages() const;
  void Unmap();

 private:
  unsigned char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_MMAP_H_
