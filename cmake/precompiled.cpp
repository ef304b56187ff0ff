// The source that the precompiled headers belong to: precompiled.hpp.
