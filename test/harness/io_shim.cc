// Environment, when preloaded: SHIM_FOLDER, SHIM_NTH, SHIM_FAULT (eio, nospace, short,
// interrupted), SHIM_FOREVER=1. A line on stderr says that the fault happened.
#include "io_shim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#define SHIM extern "C" __attribute__((visibility("default")))

namespace sightline::harness {
namespace {

struct State {
  std::mutex mutex;
  std::string folder;  // empty: nothing is watched
  bool armed = false;
  bool happened = false;
  bool loud = false;
  FaultPlan plan;
  uint64_t seen = 0;
  std::vector<TraceEvent>* trace = nullptr;
};

// Never destroyed: calls come until the very end of the process.
State& TheState() {
  static State* state = new State;
  return *state;
}

template <typename Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

bool IsBeneath(const State& state, const std::string& path) {
  return !state.folder.empty() && path.compare(0, state.folder.size(), state.folder) == 0;
}

std::string PathOf(int descriptor) {
  char link[64];
  char path[4096];
  std::snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
  const ssize_t length = ::readlink(link, path, sizeof(path));
  return length <= 0 ? "" : std::string(path, static_cast<size_t>(length));
}

uint64_t InodeOf(int descriptor) {
  struct stat info;
  return fstat(descriptor, &info) == 0 ? info.st_ino : 0;
}

// Whether this call is one that fails, and how.
bool Fails(Call call, const std::string& path, Fault* fault) {
  State& state = TheState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  if (!state.armed || (state.plan.calls >> static_cast<uint32_t>(call) & 1) == 0) return false;
  if (!IsBeneath(state, path)) return false;
  ++state.seen;
  if (state.seen < state.plan.nth) return false;
  if (state.seen > state.plan.nth && !state.plan.for_ever) return false;
  if (state.loud && !state.happened)
    std::fprintf(stderr, "shim: failed call %llu on %s\n",
                 static_cast<unsigned long long>(state.seen), path.c_str());
  state.happened = true;
  *fault = state.plan.fault;
  return true;
}

int ErrorOf(Fault fault) {
  if (fault == Fault::kEio) return EIO;
  return fault == Fault::kNoSpace ? ENOSPC : EINTR;
}

void Note(const std::string& path, TraceEvent event) {
  State& state = TheState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  if (state.trace != nullptr && IsBeneath(state, path)) state.trace->push_back(std::move(event));
}

bool IsRecording() {
  State& state = TheState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  return state.trace != nullptr;
}

bool IsWatching() {
  State& state = TheState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  return state.trace != nullptr || state.armed;
}

template <typename Offset>
ssize_t Write(const char* name, int descriptor, const void* data, size_t size, Offset offset) {
  const auto real = Real<ssize_t (*)(int, const void*, size_t, Offset)>(name);
  if (!IsWatching()) return real(descriptor, data, size, offset);
  const std::string path = PathOf(descriptor);
  Fault fault;
  if (Fails(Call::kWrite, path, &fault)) {
    if (fault != Fault::kShort) {
      errno = ErrorOf(fault);
      return -1;
    }
    size = size > 1 ? size / 2 : size;
  }
  const ssize_t done = real(descriptor, data, size, offset);
  if (done > 0 && IsRecording()) {
    TraceEvent event;
    event.what = Event::kWrite;
    event.file = InodeOf(descriptor);
    event.offset = static_cast<uint64_t>(offset);
    const auto* from = static_cast<const unsigned char*>(data);
    event.bytes.assign(from, from + done);
    Note(path, std::move(event));
  }
  return done;
}

int SyncWith(const char* name, int descriptor) {
  if (IsWatching()) {
    const std::string path = PathOf(descriptor);
    Fault fault;
    if (Fails(Call::kSync, path, &fault) && fault != Fault::kShort) {
      errno = ErrorOf(fault);
      return -1;
    }
    TraceEvent event;
    event.what = Event::kSync;
    event.path = path;
    event.file = InodeOf(descriptor);
    // The folder above the watched one too: what is in it may be a new folder.
    State& state = TheState();
    const bool is_above = state.folder.compare(0, path.size(), path) == 0;
    Note(is_above ? state.folder : path, std::move(event));
  }
  // The disk itself is not what is tested here.
  return IsWatching() ? 0 : Real<int (*)(int)>(name)(descriptor);
}

void NoteSize(int descriptor, const std::string& path) {
  struct stat info;
  if (!IsRecording() || fstat(descriptor, &info) != 0) return;
  TraceEvent event;
  event.what = Event::kResize;
  event.file = info.st_ino;
  event.offset = static_cast<uint64_t>(info.st_size);
  Note(path, std::move(event));
}

template <typename Offset>
int Allocate(const char* name, int descriptor, Offset offset, Offset size) {
  const auto real = Real<int (*)(int, Offset, Offset)>(name);
  if (!IsWatching()) return real(descriptor, offset, size);
  const std::string path = PathOf(descriptor);
  Fault fault;
  if (Fails(Call::kAllocate, path, &fault) && fault != Fault::kShort) return ErrorOf(fault);
  const int error = real(descriptor, offset, size);
  if (error == 0) NoteSize(descriptor, path);
  return error;
}

template <typename Offset>
int Truncate(const char* name, int descriptor, Offset size) {
  const auto real = Real<int (*)(int, Offset)>(name);
  if (!IsWatching()) return real(descriptor, size);
  const std::string path = PathOf(descriptor);
  Fault fault;
  if (Fails(Call::kTruncate, path, &fault) && fault != Fault::kShort) {
    errno = ErrorOf(fault);
    return -1;
  }
  const int result = real(descriptor, size);
  if (result == 0) NoteSize(descriptor, path);
  return result;
}

// What a name in an open folder is called from the root.
std::string PathAt(int folder, const char* name) {
  if (folder == AT_FDCWD || name[0] == '/') return name;
  const std::string above = PathOf(folder);
  return std::strcmp(name, ".") == 0 ? above : above + "/" + name;
}

// call  opens it by the C library.
template <typename Function>
int Open(const std::string& path, int flags, const Function& call) {
  if (!IsWatching()) return call();
  Fault fault;
  const bool changes = (flags & O_ACCMODE) != O_RDONLY;
  if (changes && Fails(Call::kOpen, path, &fault) && fault != Fault::kShort) {
    errno = ErrorOf(fault);
    return -1;
  }
  struct stat before;
  const bool is_new = (flags & O_CREAT) != 0 && ::stat(path.c_str(), &before) != 0;
  const int descriptor = call();
  if (descriptor >= 0 && is_new) {
    TraceEvent event;
    event.what = Event::kCreate;
    event.path = path;
    event.file = InodeOf(descriptor);
    Note(path, std::move(event));
  }
  return descriptor;
}

int OpenPath(const char* name, const char* path, int flags, mode_t mode) {
  const auto real = Real<int (*)(const char*, int, ...)>(name);
  return Open(path, flags, [=] { return real(path, flags, mode); });
}

int OpenAt(const char* name, int folder, const char* path, int flags, mode_t mode) {
  const auto real = Real<int (*)(int, const char*, int, ...)>(name);
  return Open(PathAt(folder, path), flags, [=] { return real(folder, path, flags, mode); });
}

template <typename Function>
int Rename(const std::string& from, const std::string& to, const Function& call) {
  if (!IsWatching()) return call();
  Fault fault;
  if (Fails(Call::kRename, from, &fault) && fault != Fault::kShort) {
    // A rename is not interrupted.
    errno = fault == Fault::kInterrupted ? EIO : ErrorOf(fault);
    return -1;
  }
  struct stat info;
  const bool known = ::stat(from.c_str(), &info) == 0;
  const int result = call();
  if (result == 0 && known) {
    TraceEvent event;
    event.what = Event::kRename;
    event.path = from;
    event.to = to;
    event.file = info.st_ino;
    Note(from, std::move(event));
  }
  return result;
}

// What was done to a name, if it was done.
int NoteName(int result, Event what, const std::string& path) {
  if (result == 0 && IsWatching()) {
    TraceEvent event;
    event.what = what;
    event.path = path;
    Note(path, std::move(event));
  }
  return result;
}

struct FromEnvironment {
  FromEnvironment() {
    const char* folder = std::getenv("SHIM_FOLDER");
    const char* nth = std::getenv("SHIM_NTH");
    if (folder == nullptr || nth == nullptr) return;
    FaultPlan plan;
    plan.nth = std::strtoull(nth, nullptr, 10);
    plan.for_ever = std::getenv("SHIM_FOREVER") != nullptr;
    const char* fault = std::getenv("SHIM_FAULT");
    const std::string name = fault == nullptr ? "eio" : fault;
    if (name == "nospace") plan.fault = Fault::kNoSpace;
    if (name == "short") plan.fault = Fault::kShort;
    if (name == "interrupted") plan.fault = Fault::kInterrupted;
    Watch(folder);
    Arm(plan);
    TheState().loud = true;
  }
} from_environment;

}  // namespace

void Watch(const std::string& folder) {
  State& state = TheState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  state.folder = folder;
}

void Arm(const FaultPlan& plan) {
  State& state = TheState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  state.plan = plan;
  state.armed = true;
  state.happened = false;
  state.seen = 0;
}

bool Disarm() {
  State& state = TheState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  state.armed = false;
  return state.happened;
}

void Record(std::vector<TraceEvent>* trace) {
  State& state = TheState();
  const std::lock_guard<std::mutex> lock(state.mutex);
  state.trace = trace;
}

void Mark(int64_t mark) {
  TraceEvent event;
  event.mark = mark;
  Note(TheState().folder, std::move(event));
}

}  // namespace sightline::harness

using namespace sightline::harness;

SHIM ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  return Write<off_t>("pwrite", fd, data, size, offset);
}
SHIM ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  return Write<off64_t>("pwrite64", fd, data, size, offset);
}
SHIM int fsync(int fd) { return SyncWith("fsync", fd); }
SHIM int fdatasync(int fd) { return SyncWith("fdatasync", fd); }
SHIM int posix_fallocate(int fd, off_t offset, off_t size) {
  return Allocate<off_t>("posix_fallocate", fd, offset, size);
}
SHIM int posix_fallocate64(int fd, off64_t offset, off64_t size) {
  return Allocate<off64_t>("posix_fallocate64", fd, offset, size);
}
SHIM int ftruncate(int fd, off_t size) noexcept { return Truncate<off_t>("ftruncate", fd, size); }
SHIM int ftruncate64(int fd, off64_t size) noexcept {
  return Truncate<off64_t>("ftruncate64", fd, size);
}

SHIM int rename(const char* from, const char* to) noexcept {
  const auto real = Real<int (*)(const char*, const char*)>("rename");
  return Rename(from, to, [=] { return real(from, to); });
}
SHIM int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  const auto real = Real<int (*)(int, const char*, int, const char*)>("renameat");
  return Rename(PathAt(from_folder, from), PathAt(to_folder, to),
                [=] { return real(from_folder, from, to_folder, to); });
}

SHIM int unlink(const char* path) noexcept {
  return NoteName(Real<int (*)(const char*)>("unlink")(path), Event::kUnlink, path);
}
SHIM int unlinkat(int folder, const char* path, int flags) noexcept {
  const std::string full = PathAt(folder, path);
  return NoteName(Real<int (*)(int, const char*, int)>("unlinkat")(folder, path, flags),
                  Event::kUnlink, full);
}

SHIM int mkdir(const char* path, mode_t mode) noexcept {
  return NoteName(Real<int (*)(const char*, mode_t)>("mkdir")(path, mode), Event::kMakeFolder,
                  path);
}
SHIM int mkdirat(int folder, const char* path, mode_t mode) noexcept {
  return NoteName(Real<int (*)(int, const char*, mode_t)>("mkdirat")(folder, path, mode),
                  Event::kMakeFolder, PathAt(folder, path));
}

#define SL_OPEN_MODE(flags, mode)                                                      \
  va_list rest;                                                                        \
  va_start(rest, flags);                                                               \
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0; \
  va_end(rest)

SHIM int open(const char* path, int flags, ...) {
  SL_OPEN_MODE(flags, mode);
  return OpenPath("open", path, flags, mode);
}
SHIM int open64(const char* path, int flags, ...) {
  SL_OPEN_MODE(flags, mode);
  return OpenPath("open64", path, flags, mode);
}
SHIM int openat(int folder, const char* path, int flags, ...) {
  SL_OPEN_MODE(flags, mode);
  return OpenAt("openat", folder, path, flags, mode);
}
SHIM int openat64(int folder, const char* path, int flags, ...) {
  SL_OPEN_MODE(flags, mode);
  return OpenAt("openat64", folder, path, flags, mode);
}
