#include "app/command_line.hpp"

namespace holdfast::app {

int run(int, char**) { return 0; }

}  // namespace holdfast::app
