#pragma once

#include <cstdint>

namespace holdfast::io {

// Bytes of physical memory this process takes (its resident set); 0 if the kernel does not say.
std::uint64_t resident_memory();

}  // namespace holdfast::io
