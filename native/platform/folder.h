// An open folder: names are looked up in the folder that was opened, whatever its path leads to by
// now. Somebody may delete or rename it and make another under the same path; who works by path
// would then write into the newcomer.
#ifndef SIGHTLINE_PLATFORM_FOLDER_H_
#define SIGHTLINE_PLATFORM_FOLDER_H_

#include <string>

#include "core/status.h"
#include "platform/file.h"

namespace sightline {

// Move-only. Threads: any, once opened.
class Folder {
 public:
  Folder() = default;
  ~Folder();
  Folder(Folder&& other) noexcept;
  Folder& operator=(Folder&& other) noexcept;
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  // kFileMissing; kIo if it is no folder. It need not be readable to look up names in it.
  static Status Open(const FileLocation& location, Folder* out);

  // The same folder once more.
  Status Duplicate(Folder* out) const;

  // A file of that name in it. The folder must outlive the location, and what is opened there.
  FileLocation At(const std::string& name) const;
  // What the path that it was opened by leads to now.
  Status WhatPathNames(Named* out) const;

  const std::string& path() const { return path_; }

 private:
  int descriptor_ = -1;
  std::string path_;
};

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_FOLDER_H_
