// What every harness needs: its arguments and a place for its files.
#ifndef SIGHTLINE_HARNESS_SCRATCH_H_
#define SIGHTLINE_HARNESS_SCRATCH_H_

#include <cstdint>
#include <string>

namespace sightline::harness {

// Where harnesses keep their files: memory where there is such a place.
std::string ScratchFolder(const std::string& name);
// "--name=value" of the command line.
uint64_t Argument(int count, char** arguments, const std::string& name, uint64_t otherwise);

}  // namespace sightline::harness

#endif  // SIGHTLINE_HARNESS_SCRATCH_H_
