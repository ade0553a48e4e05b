// The handler of SIGBUS, of which a process has one: asks CoverFault, else the one before it.
#ifndef SIGHTLINE_PLATFORM_BUS_SIGNAL_H_
#define SIGHTLINE_PLATFORM_BUS_SIGNAL_H_

namespace sightline {

// Installs the handler unless it is. Also when it was and somebody has put the default back, as
// removing a listener of JavaScript's `process` does; never over another handler that came after
// ours, which may be calling us. False: the system refused.
// Threads  one at a time.
bool CatchBusSignals();

// fault_guard.cc: whether the fault at `address` was one of ours and reading may go on.
// Async-signal-safe.
bool CoverFault(const void* address);

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_BUS_SIGNAL_H_
