#include "platform/exiting.h"

namespace sightline {
namespace {

std::atomic<bool> exiting{false};
thread_local const std::atomic<bool>* also = nullptr;

}  // namespace

void SetExiting() { exiting.store(true, std::memory_order_relaxed); }

EndsWith::EndsWith(const std::atomic<bool>* ending) : before_(also) { also = ending; }

EndsWith::~EndsWith() { also = before_; }

const std::atomic<bool>* EndsWithWhat() { return also; }

bool Exiting() {
  return exiting.load(std::memory_order_relaxed) ||
         (also != nullptr && also->load(std::memory_order_relaxed));
}

Status ExitingStatus() { return Status(StatusCode::kClosed, "the process is ending"); }

}  // namespace sightline
