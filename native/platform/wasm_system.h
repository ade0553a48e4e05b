// What a WebAssembly module asks of the program around it (lib/native/wasm/system.ts): WebAssembly
// has no files of its own. Lower than POSIX, which wasm_posix.cc makes of it for file.cc, folder.cc
// and lock.cc.
#ifndef SIGHTLINE_PLATFORM_WASM_SYSTEM_H_
#define SIGHTLINE_PLATFORM_WASM_SYSTEM_H_

#ifdef __wasm__
#include <cstddef>
#include <cstdint>

#define SL_IMPORT(name) __attribute__((import_module("sightline"), import_name(name)))

namespace sightline {

// What the calls below return when they fail, negative: the place of a name in `ERRORS` of
// lib/native/wasm/system.ts, which is that of its errno in wasm_posix.cc.
struct WasmStat {
  int64_t device;
  int64_t inode;
  int64_t kind;  // 1 file, 2 folder, 0 anything else
  int64_t size;
  int64_t written_ns;
  int64_t born_ns;  // 0: not known
};

// `name` is looked up in the open folder `folder`, or as a path where it is -1.
extern "C" {
// flags: 1 write, 2 create, 4 only if absent, 8 folders only, 16 no links
SL_IMPORT("open") int sl_open(int folder, const char* name, int flags, int mode);
SL_IMPORT("close") int sl_close(int descriptor);
SL_IMPORT("duplicate") int sl_duplicate(int descriptor);
SL_IMPORT("read") int sl_read(int descriptor, void* data, size_t size, double offset);
SL_IMPORT("write") int sl_write(int descriptor, const void* data, size_t size, double offset);
SL_IMPORT("stat") int sl_stat(int folder, const char* name, WasmStat* out);
SL_IMPORT("statOpen") int sl_stat_open(int descriptor, WasmStat* out);
SL_IMPORT("truncate") int sl_truncate(int descriptor, double size);
SL_IMPORT("sync") int sl_sync(int descriptor, int data_only);
SL_IMPORT("rename") int sl_rename(int from_folder, const char* from, int to_folder, const char* to);
SL_IMPORT("remove") int sl_remove(int folder, const char* name, int is_folder);
SL_IMPORT("makeFolder") int sl_make_folder(int folder, const char* name, int mode);
// Names of an open folder one after another, each with a zero behind it; the bytes they need.
SL_IMPORT("list") int sl_list(int descriptor, char* names, size_t room);
// kind: 0 free, 1 shared, 2 exclusive. Never waits.
SL_IMPORT("lock") int sl_lock(int descriptor, int kind);
SL_IMPORT("random") void sl_random(void* data, size_t size);
SL_IMPORT("processId") int sl_process_id();
}

}  // namespace sightline
#endif

#endif  // SIGHTLINE_PLATFORM_WASM_SYSTEM_H_
