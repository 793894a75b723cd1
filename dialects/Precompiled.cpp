// Home of the precompiled header; see Precompiled.h.
