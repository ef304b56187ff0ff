#include "io/posix_disk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

namespace holdfast::io {
namespace {

// What the user can do about it.
std::string_view advice(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "; free some space, writing then resumes automatically";
    case EROFS:
      return "; the file system is mounted read-only: remount it or choose another folder";
    case EACCES:
    case EPERM:
      return "; give the user that runs holdfast write permission there, or choose another folder";
    case EMFILE:
      return "; raise the limit on open files (ulimit -n, LimitNOFILE=)";
    case ENFILE:
      return "; the system is out of open files: raise fs.file-max";
    case EIO:
      return "; the disk has an error: see the kernel log";
    case ENAMETOOLONG:
      return "; choose a shorter name or folder";
    default:
      return "";
  }
}

ErrorCode code_of(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::not_found;
    case EEXIST:
    case EWOULDBLOCK:
      return ErrorCode::conflict;
    default:
      return ErrorCode::io;
  }
}

// "cannot <what> <path>: <reason>; <advice>", from errno.
std::unexpected<Error> failed(std::string_view what, const std::string& path, int error = errno) {
  return fail(code_of(error), "cannot {} {}: {}{}", what, path, std::generic_category().message(error),
              advice(error));
}

template <typename Call>
auto without_interruption(Call call) {
  while (true) {
    const auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

class Descriptor {
 public:
  Descriptor(const char* path, int flags, mode_t mode = 0)
      : value_(without_interruption([&] { return ::open(path, flags | O_CLOEXEC, mode); })) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;

  explicit operator bool() const { return value_ >= 0; }
  int operator*() const { return value_; }

 private:
  int value_;
};

// A new or renamed file is only there after a power cut if its folder was synced too.
Result<void> sync_parent(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  const Descriptor descriptor(folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (!descriptor) return failed("open", folder);
  // Some network and FUSE file systems cannot sync folders, and say so.
  if (::fsync(*descriptor) != 0 && errno != EINVAL) return failed("sync", folder);
  return {};
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path, std::uint64_t size)
      : descriptor_(std::move(descriptor)), path_(std::move(path)), size_(size) {}

  Result<void> append(Bytes bytes) override {
    while (!bytes.empty()) {
      const auto written =
          without_interruption([&] { return ::write(*descriptor_, bytes.data(), bytes.size()); });
      if (written < 0) return failed("write to", path_);
      size_ += static_cast<std::uint64_t>(written);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return {};
  }

  Result<void> sync() override {
    if (without_interruption([&] { return ::fdatasync(*descriptor_); }) != 0) return failed("sync", path_);
    return {};
  }

  Result<void> sync_file_system() override {
    if (without_interruption([&] { return ::syncfs(*descriptor_); }) != 0)
      return failed("sync the file system of", path_);
    return {};
  }

  bool is_in_place() const override {
    struct stat ours{}, there{};
    if (::stat(path_.c_str(), &there) != 0) return errno != ENOENT && errno != ENOTDIR;
    return ::fstat(*descriptor_, &ours) != 0 || (ours.st_ino == there.st_ino && ours.st_dev == there.st_dev);
  }

  Result<void> put_back() override {
    if (is_in_place()) return {};
    const std::string ours = "/proc/self/fd/" + std::to_string(*descriptor_);
    // Moved: it gets another name. Deleted: no name can be had for it any more, but a copy.
    if (::linkat(AT_FDCWD, ours.c_str(), AT_FDCWD, path_.c_str(), AT_SYMLINK_FOLLOW) == 0)
      return sync_parent(path_);
    if (errno == EEXIST) {
      return fail(ErrorCode::conflict,
                  "{} was moved, and another file has its name; move the other file away", path_);
    }
    return copy_to_path(ours);
  }

  std::uint64_t size() const override { return size_; }

  Result<void> lock() override {
    if (without_interruption([&] { return ::flock(*descriptor_, LOCK_EX | LOCK_NB); }) == 0) {
      locked_ = true;
      return {};
    }
    if (errno == EWOULDBLOCK) {
      return fail(ErrorCode::conflict,
                  "{} is locked: another holdfast process is recording it; stop that process first", path_);
    }
    return failed("lock", path_);
  }

 private:
  // The copy takes the place of the file behind our descriptor.
  Result<void> copy_to_path(const std::string& ours) {
    const Descriptor from(ours.c_str(), O_RDONLY);
    if (!from) return failed("read the deleted file", path_);
    Descriptor copy(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL, 0644);
    if (!copy) return failed("recreate", path_);
    const auto give_up = [&](const char* action) {
      auto error = failed(action, path_);
      ::unlink(path_.c_str());
      return error;
    };
    if (locked_ && ::flock(*copy, LOCK_EX | LOCK_NB) != 0) return give_up("lock");
    std::array<std::uint8_t, 1 << 16> buffer;
    for (;;) {
      const auto got = without_interruption([&] { return ::read(*from, buffer.data(), buffer.size()); });
      if (got < 0) return give_up("read the deleted file");
      if (got == 0) break;
      for (auto left = Bytes(buffer.data(), static_cast<std::size_t>(got)); !left.empty();) {
        const auto put = without_interruption([&] { return ::write(*copy, left.data(), left.size()); });
        if (put < 0) return give_up("rewrite");
        left = left.subspan(static_cast<std::size_t>(put));
      }
    }
    if (without_interruption([&] { return ::fdatasync(*copy); }) != 0) return give_up("sync");
    if (::dup3(*copy, *descriptor_, O_CLOEXEC) < 0) return give_up("switch to the copy of");
    return sync_parent(path_);
  }

  const Descriptor descriptor_;
  bool locked_ = false;
  const std::string path_;
  std::uint64_t size_;
};

DirectoryEntry entry_of(const std::string& name, const struct stat& status) {
  return {.name = name,
          .size = static_cast<std::uint64_t>(status.st_size),
          .is_directory = S_ISDIR(status.st_mode),
          .modified = WallTime(std::chrono::seconds(status.st_mtim.tv_sec) +
                               std::chrono::nanoseconds(status.st_mtim.tv_nsec))};
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

Result<std::unique_ptr<File>> PosixDisk::create(const std::string& path) {
  Descriptor descriptor(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL, 0644);
  if (!descriptor) return failed("create", path);
  if (auto synced = sync_parent(path); !synced) {
    // Nothing is in it yet: as if it had never been, so that it can be tried again.
    ::unlink(path.c_str());
    return std::unexpected(std::move(synced.error()));
  }
  return std::make_unique<PosixFile>(std::move(descriptor), path, 0);
}

Result<std::unique_ptr<File>> PosixDisk::open(const std::string& path) {
  Descriptor descriptor(path.c_str(), O_WRONLY | O_APPEND);
  if (!descriptor) return failed("open", path);
  struct stat status{};
  if (::fstat(*descriptor, &status) != 0) return failed("read the status of", path);
  return std::make_unique<PosixFile>(std::move(descriptor), path, static_cast<std::uint64_t>(status.st_size));
}

Result<ByteVector> PosixDisk::read(const std::string& path, std::uint64_t offset, std::uint64_t size) {
  const Descriptor descriptor(path.c_str(), O_RDONLY);
  if (!descriptor) return failed("open", path);
  struct stat status{};
  if (::fstat(*descriptor, &status) != 0) return failed("read the status of", path);
  const auto file_size = static_cast<std::uint64_t>(status.st_size);
  ByteVector bytes(static_cast<std::size_t>(std::min(size, file_size - std::min(offset, file_size))));
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const auto count = without_interruption([&] {
      return ::pread(*descriptor, bytes.data() + filled, bytes.size() - filled,
                     static_cast<off_t>(offset + filled));
    });
    if (count < 0) return failed("read", path);
    if (count == 0) break;  // truncated meanwhile
    filled += static_cast<std::size_t>(count);
  }
  bytes.resize(filled);
  return bytes;
}

Result<std::vector<DirectoryEntry>> PosixDisk::list(const std::string& directory) {
  const std::unique_ptr<DIR, CloseDirectory> stream(::opendir(directory.c_str()));
  if (!stream) return failed("list", directory);
  std::vector<DirectoryEntry> entries;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string name = entry->d_name;
    struct stat status{};
    // Gone since, or a dangling link: not there.
    const bool there = ::fstatat(::dirfd(stream.get()), entry->d_name, &status, 0) == 0;
    errno = 0;
    if (!there || name == "." || name == "..") continue;
    entries.push_back(entry_of(name, status));
  }
  if (errno != 0) return failed("list", directory);
  return entries;
}

Result<DirectoryEntry> PosixDisk::look(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return failed("read the status of", path);
  return entry_of(path, status);
}

Result<void> PosixDisk::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename to " + to, from);
  if (auto synced = sync_parent(to); !synced) return synced;
  return sync_parent(from);
}

Result<void> PosixDisk::remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return failed("remove", path);
  return sync_parent(path);
}

Result<void> PosixDisk::truncate(const std::string& path, std::uint64_t size) {
  if (without_interruption([&] { return ::truncate(path.c_str(), static_cast<off_t>(size)); }) != 0) {
    return failed("truncate", path);
  }
  return {};
}

Result<void> PosixDisk::make_directories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return failed("create the folder", path, error.value());
  return sync_parent(path);
}

Result<void> PosixDisk::make_private(const std::string& path) {
  if (::chmod(path.c_str(), 0700) != 0) return failed("make private", path);
  return {};
}

Result<std::uint64_t> PosixDisk::free_space(const std::string& path) {
  struct statvfs status{};
  if (without_interruption([&] { return ::statvfs(path.c_str(), &status); }) != 0) {
    return failed("read the free space of", path);
  }
  return std::uint64_t{status.f_bavail} * status.f_frsize;
}

}  // namespace holdfast::io
