#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace holdfast {

// An open file that only grows. Calls may block. Closed (not synced) by its destructor. One storage thread;
// the syncs, and is_in_place(), may be called beside it from another.
class File {
 public:
  virtual ~File() = default;
  // Appends all the bytes, or says why not; after an error `size()` tells how many went in.
  virtual Result<void> append(Bytes bytes) = 0;
  // Data and size are on stable storage when it returns (fdatasync). After an error nothing unsynced may be
  // believed.
  virtual Result<void> sync() = 0;
  // The same for every file of its file system (syncfs).
  virtual Result<void> sync_file_system() = 0;
  // Whether its path still leads to it: nobody deleted, moved or replaced it.
  virtual bool is_in_place() const = 0;
  // Gives it its path again, with all that is in it and its lock, on stable storage; nothing to do if it is
  // in place. ErrorCode::conflict: something else lies there.
  virtual Result<void> put_back() = 0;
  virtual std::uint64_t size() const = 0;
  // Takes the advisory lock (flock, exclusive, not waiting): ErrorCode::conflict when another process holds
  // it.
  virtual Result<void> lock() = 0;
};

struct DirectoryEntry {
  std::string name;
  std::uint64_t size = 0;
  bool is_directory = false;
  // When its content last changed; of a folder: when a name in it last came, went or changed.
  WallTime modified{};
};

// The file system as Holdfast uses it. PosixDisk (io/) is the real one, SimDisk (sim/) drops what was not
// synced. Every error names the path. Safe to call from several threads.
class Disk {
 public:
  virtual ~Disk() = default;
  // Creates a new file (O_CREAT | O_EXCL): ErrorCode::conflict if the name is taken. Syncs the directory
  // entry.
  virtual Result<std::unique_ptr<File>> create(const std::string& path) = 0;
  // Opens an existing file for appending.
  virtual Result<std::unique_ptr<File>> open(const std::string& path) = 0;
  virtual Result<ByteVector> read(const std::string& path, std::uint64_t offset, std::uint64_t size) = 0;
  virtual Result<std::vector<DirectoryEntry>> list(const std::string& directory) = 0;
  // A file or folder; its name is the whole path. ErrorCode::not_found if there is none.
  virtual Result<DirectoryEntry> look(const std::string& path) = 0;
  // Atomic replacement; both directory entries synced.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;
  virtual Result<void> truncate(const std::string& path, std::uint64_t size) = 0;
  virtual Result<void> make_directories(const std::string& path) = 0;
  // Takes from all but the owner the right to look into the folder.
  virtual Result<void> make_private(const std::string& path) = 0;
  // Bytes an unprivileged writer may still use on the file system of `path`.
  virtual Result<std::uint64_t> free_space(const std::string& path) = 0;
};

}  // namespace holdfast
