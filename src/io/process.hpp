#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace holdfast::io {

// Bytes of physical memory this process takes (its resident set); 0 if the kernel does not say.
std::uint64_t resident_memory();
// What all threads of this process together have had of the processors.
Duration processor_time();
// How many processors this process may use; at least 1.
unsigned processors();

}  // namespace holdfast::io
