// Scratch memory of the calling thread: grows when asked for more than ever before, never shrinks, freed
// with the thread. One user at a time: a second call takes the memory back.
#pragma once
#include <stddef.h>

/// At least `bytes` bytes, 64-byte aligned, their values undefined.
void *hs_scratch(size_t bytes);
