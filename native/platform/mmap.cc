#include "platform/mmap.h"

#include <sys/mman.h>

#include <string>
#include <utility>

namespace sightline {

Mapping::~Mapping() { Unmap(); }

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  if (this != &other) {
    Unmap();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Status Mapping::Map(const File& file, size_t size, Mapping* out) {
  uint64_t actual;
  SL_RETURN_IF_ERROR(file.Size(&actual));
  if (actual < size) {
    return Status(StatusCode::kFileCorrupt, file.path() + " has " + std::to_string(actual) +
                                                " bytes, expected at least " +
                                                std::to_string(size));
  }
  Mapping mapping;
  if (size > 0) {
    void* address = mmap(nullptr, size, PROT_READ, MAP_SHARED, file.descriptor(), 0);
    if (address == MAP_FAILED) return ErrnoStatus("map", file.path());
    mapping.data_ = static_cast<unsigned char*>(address);
    mapping.size_ = size;
  }
  *out = std::move(mapping);
  return Status::Ok();
}

void Mapping::Advise(Access access) const {
  if (data_ == nullptr) return;
  int advice = MADV_NORMAL;
  switch (access) {
    case Access::kNormal:
      break;
    case Access::kRandom:
      advice = MADV_RANDOM;
      break;
    case Access::kSequential:
      advice = MADV_SEQUENTIAL;
      break;
    case Access::kWillNeed:
      advice = MADV_WILLNEED;
      break;
  }
  (void)madvise(data_, size_, advice);
}

void Mapping::AdviseHugePages() const {
#ifdef MADV_HUGEPAGE
  if (data_ != nullptr) (void)madvise(data_, size_, MADV_HUGEPAGE);
#endif
}

void Mapping::Unmap() {
  if (data_ != nullptr) munmap(data_, size_);
  data_ = nullptr;
  size_ = 0;
}

}  // namespace sightline
