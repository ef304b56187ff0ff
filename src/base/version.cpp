#include "base/version.hpp"

namespace holdfast {

std::string version() {
  return HOLDFAST_VERSION;
}
std::string program_version() {
  return "holdfast " + version();
}

}  // namespace holdfast
