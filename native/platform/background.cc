#include "platform/background.h"

#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace sightline {

void YieldToOthers() {
#ifdef __linux__
  // On Linux, unlike POSIX, the nice value belongs to a thread.
  constexpr int kNice = 5;
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kNice);
#endif
}

}  // namespace sightline
