// An open folder. Names are looked up in it even if it was renamed and another one created under
// its path, into which a path would lead.
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

  // kFileMissing; kIo if it is no folder. It need not be readable.
  static Status Open(const FileLocation& location, Folder* out);

  // Opens the same folder again.
  Status Duplicate(Folder* out) const;

  // A name in the folder, which must outlive the location and files opened there.
  FileLocation At(const std::string& name) const;
  // What the path it was opened by names now.
  Status WhatPathNames(Named* out) const;

  const std::string& path() const { return path_; }

 private:
  int descriptor_ = -1;
  std::string path_;
};

}  // namespace sightline

#endif  // SIGHTLINE_PLATFORM_FOLDER_H_
