#pragma once

#include <fmt/format.h>

#include <expected>
#include <string>
#include <utility>

namespace holdfast {

// What kind of failure it is, for callers that act on it; people read Error::message.
enum class ErrorCode {
  invalid,      // the input is wrong and will be wrong again
  not_found,    // nothing of that name
  conflict,     // it exists or runs already
  unavailable,  // may work later: peer away, not live yet, out of resources
  exhausted,    // the machine carries no more at present; may work later
  refused,      // the other side said no, for good
  io,           // disk or socket
  unsupported,  // understood, but not something we do
  internal,     // our own mistake
};

// A failure a user may read. `message` says what happened, to which stream or file, and what to do.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
};

template <typename T>
using Result = std::expected<T, Error>;

// fail(ErrorCode::io, "cannot create {}: {}", path, reason) -- to be returned from a function giving
// Result<T>.
template <typename... Args>
std::unexpected<Error> fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

}  // namespace holdfast
