// How every kernel file gets run-time CPU dispatch without compiler flags: the loop is written once, clang
// clones it for AVX-512, AVX2 and the baseline, and the loader picks one. `MULTIVERSION` goes before the
// function's return type; `FAST_MATH` goes first in the body of a function whose sums may be reordered.
#pragma once

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HINDSIGHT_NO_CLONES 1  // ThreadSanitizer crashes in the ifunc resolvers that the clones need.
#endif
#endif

#if defined(__x86_64__) && !defined(HINDSIGHT_NO_CLONES)
#define MULTIVERSION __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MULTIVERSION
#endif

#define FAST_MATH _Pragma("clang fp reassociate(on) contract(fast)")
