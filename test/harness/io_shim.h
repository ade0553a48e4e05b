// Stands between the program and the C library's file calls: fails the n-th one, or writes down
// what was done, so that a power cut can be played afterwards.
//
// Linked into a harness (its definitions win over the C library's), or preloaded into any process
// as a shared library; then the environment arms it, see io_shim.cc. Only calls on files beneath
// the watched folder count.
#ifndef SIGHTLINE_HARNESS_IO_SHIM_H_
#define SIGHTLINE_HARNESS_IO_SHIM_H_

#include <cstdint>
#include <string>
#include <vector>

namespace sightline::harness {

enum class Call : uint32_t { kWrite, kSync, kAllocate, kTruncate, kRename, kOpen, kCount };
inline constexpr uint32_t kAnyCall = (1u << static_cast<uint32_t>(Call::kCount)) - 1;

enum class Fault { kEio, kNoSpace, kShort, kInterrupted };

struct FaultPlan {
  uint32_t calls = kAnyCall;  // bit per Call
  uint64_t nth = 1;           // the first one that fails, from 1
  bool for_ever = false;
  Fault fault = Fault::kEio;
};

enum class Event { kCreate, kWrite, kResize, kSync, kRename, kUnlink, kMakeFolder, kMark };

// One call that changed something, in order. `file` is the inode.
struct TraceEvent {
  Event what = Event::kMark;
  std::string path;  // kCreate, kUnlink, kMakeFolder, kRename (from), kSync of a folder
  std::string to;    // kRename
  uint64_t file = 0;
  uint64_t offset = 0;  // kWrite; kResize: the new size
  std::vector<unsigned char> bytes;
  int64_t mark = 0;
};

void Watch(const std::string& folder);
void Arm(const FaultPlan& plan);
// Returns whether the fault happened.
bool Disarm();
// Starts or (nullptr) stops writing down.
void Record(std::vector<TraceEvent>* trace);
// Says where in the trace the program is.
void Mark(int64_t mark);

}  // namespace sightline::harness

#endif  // SIGHTLINE_HARNESS_IO_SHIM_H_
