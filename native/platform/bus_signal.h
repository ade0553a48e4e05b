// The process's handler of SIGBUS: calls CoverFault, else the previous handler.
#ifndef SIGHTLINE_PLATFORM_BUS_SIGNAL_H_
#define SIGHTLINE_PLATFORM_BUS_SIGNAL_H_

namespace sightline {

// Installs the handler if it is not installed, or if the default was restored, as removing a
// listener of JavaScript's `process` does. Never replaces a later handler, which may call ours.
// False: the system refused.
// Threads  one at a time.
bool CatchBusSignals();

// In fault_guard.cc. True if `address` is in a watched range and reading may continue.
// Async-signal-safe.
bool CoverFault(const void* address);

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_BUS_SIGNAL_H_
