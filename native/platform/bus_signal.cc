#include "platform/bus_signal.h"

#include <dlfcn.h>
#include <signal.h>

#include <atomic>
#include <cerrno>
#include <new>

namespace sightline {
namespace {

// The previous handler of SIGBUS. Never freed: our handler may be reading it.
struct Previous {
  struct sigaction action = {};
  std::atomic<bool> spent{false};  // a one-shot handler (SA_RESETHAND) that has run
  Previous* older = nullptr;
};

std::atomic<Previous*> previous{nullptr};

bool IsPlain(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) == 0 &&
         (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN);
}

// Whether it is a fault, not a signal sent by kill.
bool IsFault(const siginfo_t& info) {
  switch (info.si_code) {
    case BUS_ADRALN:
    case BUS_ADRERR:
    case BUS_OBJERR:
#ifdef BUS_MCEERR_AR
    case BUS_MCEERR_AR:
#endif
      return true;
    default:
      return false;
  }
}

void HandOn(int signal, siginfo_t* info, void* context) {
  Previous* before = previous.load(std::memory_order_acquire);
  const struct sigaction& action = before->action;
  if (IsPlain(action) || before->spent.load(std::memory_order_acquire)) {
    // A fault cannot be ignored: the system kills the process.
    if (action.sa_handler == SIG_IGN && !IsFault(*info)) return;
    struct sigaction fatal = {};
    fatal.sa_handler = SIG_DFL;
    sigemptyset(&fatal.sa_mask);
    (void)sigaction(signal, &fatal, nullptr);
    // A fault happens again after the return, with its address in the core file. A sent signal must
    // be sent again; it is blocked until the return.
    if (!IsFault(*info)) (void)raise(signal);
    return;
  }
  if ((action.sa_flags & SA_RESETHAND) != 0 && before->spent.exchange(true)) {
    return HandOn(signal, info, context);
  }
  if ((action.sa_flags & SA_SIGINFO) != 0) {
    action.sa_sigaction(signal, info, context);
  } else {
    action.sa_handler(signal);
  }
}

void OnBusSignal(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  const bool cured = IsFault(*info) && CoverFault(info->si_addr);
  errno = error;
  if (!cured) HandOn(signal, info, context);
}

bool IsOurs(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == OnBusSignal;
}

// Node unloads an addon with the last worker thread that used it, which would leave a dangling
// handler. Fails, harmlessly, if this code is part of the program.
void KeepLibrary() {
  Dl_info self;
  if (dladdr(reinterpret_cast<const void*>(&OnBusSignal), &self) == 0) return;
  (void)dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

}  // namespace

bool CatchBusSignals() {
  struct sigaction now = {};
  if (sigaction(SIGBUS, nullptr, &now) != 0) return false;
  if (IsOurs(now)) return true;
  Previous* known = previous.load(std::memory_order_relaxed);
  if (known == nullptr) {
    KeepLibrary();
  } else if (!IsPlain(now)) {
    return true;
  }
  Previous* before = new (std::nothrow) Previous;
  if (before == nullptr) return false;
  before->action = now;
  before->older = known;
  previous.store(before, std::memory_order_release);

  // With the flags and the mask of the previous handler, it runs as if the system had called it.
  struct sigaction action = {};
  action.sa_sigaction = OnBusSignal;
  action.sa_flags = SA_SIGINFO;
  if (IsPlain(now)) {
    sigemptyset(&action.sa_mask);
    action.sa_flags |= SA_ONSTACK;  // threads of other runtimes may have small stacks
  } else {
    action.sa_mask = now.sa_mask;
    action.sa_flags |= now.sa_flags & (SA_ONSTACK | SA_NODEFER | SA_RESTART);
  }
  return sigaction(SIGBUS, &action, nullptr) == 0;
}

}  // namespace sightline
