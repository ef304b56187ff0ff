#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace holdfast {

void check_failed(const char* statement, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: CHECK(%s) does not hold; this is a fault of Holdfast, please report it\n",
               file, line, statement);
  std::abort();
}

}  // namespace holdfast
