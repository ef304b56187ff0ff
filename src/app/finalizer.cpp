#include "app/finalizer.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

extern char** environ;

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
    return fail(ErrorCode::io, "{} stays a fragmented MP4: the export could not be started: {}", path,
                std::strerror(error));
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR)
      return fail(ErrorCode::io, "{} stays a fragmented MP4: {}", path, std::strerror(errno));
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(
      ErrorCode::io,
      "{} stays a fragmented MP4, which most players take: its export failed; try holdfast export {} OUT.mp4",
      path, path);
}

}  // namespace

void ChildFinalizer::make_faststart(std::string path, std::move_only_function<void(Result<void>)> reply) {
  thread_.post([this, path = std::move(path), reply = std::move(reply)]() mutable {
    control_.post([made = run_export(path), reply = std::move(reply)]() mutable { reply(std::move(made)); });
  });
}

}  // namespace holdfast::app
