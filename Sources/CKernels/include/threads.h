// Keeps a threaded BLAS to the calling thread; what a thread does while it spins.
#pragma once

/// Holds OpenMP, where the process has one, to one thread for regions entered from the calling thread.
/// Costs a thread-local load after the thread's first call.
void hs_use_one_thread_per_worker(void);

/// Tells the processor that this thread waits for another in a loop.
static inline void hs_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}
