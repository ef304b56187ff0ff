#pragma once

namespace holdfast::app {

// The whole program: parses the command line and runs the command. Returns the process's exit status.
int run(int argc, char** argv);

}  // namespace holdfast::app
