// Keeps a threaded BLAS to the calling thread.
#pragma once

/// Holds OpenMP, where the process has one, to one thread for regions entered from the calling thread.
/// Costs a thread-local load after the thread's first call.
void hs_use_one_thread_per_worker(void);
