#include "app/finalizer.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>

#include "io/clock.hpp"
#include "storage/note_replaced.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX has programs declare it

namespace holdfast::app {
namespace {

// `holdfast export --overwrite PATH PATH`, quietly, and with low priority for the disk's and the processor's
// sake.
Result<void> run_export(const std::string& path) {
  std::string program = "/proc/self/exe";
  std::string command = "export";
  std::string overwrite = "--overwrite";
  std::string input = path;
  std::string output = path;
  const std::array<char*, 6> arguments{program.data(), command.data(), overwrite.data(),
                                       input.data(),   output.data(),  nullptr};
  pid_t child = 0;
  const int error = posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments.data(), environ);
  if (error != 0) {
    return fail(ErrorCode::io, "{} stays a fragmented MP4: cannot start the export: {}", path,
                std::strerror(error));
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) {
      return fail(ErrorCode::io, "{} stays a fragmented MP4: cannot wait for the export: {}", path,
                  std::strerror(errno));
    }
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(ErrorCode::io,
              "{} stays a fragmented MP4, which most players can play: its export failed; run holdfast "
              "export {} OUT.mp4",
              path, path);
}

// Whoever looks whether the recording is active has its journal's lock for an instant.
Result<void> note_faststart(Disk& disk, const std::string& path, const std::string& recording_id) {
  constexpr auto pause = std::chrono::milliseconds(20);
  constexpr int tries = 100;
  const std::filesystem::path file(path);
  for (int tried = 1;; ++tried) {
    auto noted = storage::note_replaced(disk, file.parent_path().string(), recording_id,
                                        file.filename().string(), "faststart", io::read_wall_clock());
    if (noted) return noted;
    if (noted.error().code != ErrorCode::conflict || tried == tries) {
      return fail(noted.error().code, "{} is a faststart MP4 now, but cannot record this in its journal: {}",
                  path, noted.error().message);
    }
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace

void ChildFinalizer::make_faststart(std::string path, std::string recording_id,
                                    std::move_only_function<void(Result<void>)> reply) {
  thread_.post([this, path = std::move(path), recording_id = std::move(recording_id),
                reply = std::move(reply)]() mutable {
    auto made = run_export(path);
    if (made) made = note_faststart(disk_, path, recording_id);
    control_.post([made = std::move(made), reply = std::move(reply)]() mutable { reply(std::move(made)); });
  });
}

}  // namespace holdfast::app
