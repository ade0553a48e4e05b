// Stands between the program and its allocator: fails the n-th allocation, of any thread.
//
// Linked into a harness. Counts every form of operator new, and what our code maps or makes
// writable for itself (mmap, mprotect); what the C library does for itself is not counted.
#ifndef SIGHTLINE_HARNESS_MEMORY_SHIM_H_
#define SIGHTLINE_HARNESS_MEMORY_SHIM_H_

#include <cstdint>

namespace sightline::harness {

// From now on allocation number `nth` fails, from 1; with `for_ever` all later ones, too.
void ArmMemory(uint64_t nth, bool for_ever);
// Returns whether one failed.
bool DisarmMemory();

}  // namespace sightline::harness

#endif  // SIGHTLINE_HARNESS_MEMORY_SHIM_H_
