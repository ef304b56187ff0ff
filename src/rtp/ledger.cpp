#include "rtp/ledger.hpp"

#include <numeric>
#include <utility>

namespace holdfast::rtp {

std::string_view to_string(DropCause cause) {
  switch (cause) {
    case DropCause::incomplete:
      return "incomplete";
    case DropCause::no_key_frame:
      return "no_key_frame";
    case DropCause::malformed:
      return "malformed";
    case DropCause::empty:
      return "empty";
    case DropCause::disk:
      return "disk";
    case DropCause::blank_tail:
      return "blank_tail";
    case DropCause::container:
      return "container";
    case DropCause::overload:
      return "overload";
    case DropCause::damaged:
      return "damaged";
  }
  std::unreachable();
}

std::uint64_t Ledger::dropped() const {
  return std::accumulate(dropped_.begin(), dropped_.end(), std::uint64_t{0});
}

bool Ledger::check() const {
  return !overdrawn_ && expected_ == written_ + lost_ + dropped() + pending_;
}

}  // namespace holdfast::rtp
