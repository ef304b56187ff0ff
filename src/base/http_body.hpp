#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace holdfast {

// A body that the server reads piece by piece, as fast as the client takes it: a range of a file that may be
// large, or what comes from now on. The server asks for one piece at a time, on a thread for that, and for
// the next once this one is sent: a client that stalls holds up nobody.
class HttpBody {
 public:
  struct Piece {
    std::size_t bytes = 0;  // at the front of what was given
    enum class Next : unsigned char {
      more,  // comes at once
      wait,  // may come later: the server asks again after a while
      end,   // this was the last
    };
    Next next = Next::more;
  };

  virtual ~HttpBody() = default;
  // Bytes in all, which become Content-Length; nothing: as many as come until the end (chunked, RFC 9112
  // section 7.1).
  virtual std::optional<std::uint64_t> size() const = 0;
  // The next piece. May block on a disk. After an error the connection is closed.
  virtual Result<Piece> read(MutableBytes into) = 0;
};

}  // namespace holdfast
