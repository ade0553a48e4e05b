// Things in an index folder that are not its files: other programs', a file manager's, of a crash.
//
// One case is one thing under one name. Those under names that the engine itself uses for files on
// their way are its own and may go; everything else must be there afterwards. Neither may change an
// answer, stop a writer from adding, saving and compacting, or make anything wait.
#ifndef SIGHTLINE_HARNESS_LEFTOVERS_H_
#define SIGHTLINE_HARNESS_LEFTOVERS_H_

#include <string>

#include "fixture.h"
#include "shards.h"

namespace sightline::harness {

// fixture  a folder that was compacted once: the names of its files on their way end in 1 and 2.
CaseList Leftovers(const Fixture& fixture, const std::string& folder);

}  // namespace sightline::harness

#endif  // SIGHTLINE_HARNESS_LEFTOVERS_H_
