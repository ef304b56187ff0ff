#pragma once

#include <string>

namespace holdfast {

// "0.2.0": of this build. One file knows it, so that another version costs no build.
std::string version();
// "holdfast 0.2.0", as journals name the program that wrote them.
std::string program_version();

}  // namespace holdfast
