#define _GNU_SOURCE
#include "include/threads.h"

#include <dlfcn.h>

// OpenMP keeps the thread count per calling thread, so each worker has to say it once for itself. The
// symbol is looked up rather than linked: which OpenMP runtime came along is oneDNN's business.
void hs_use_one_thread_per_worker(void) {
    static _Thread_local int done;
    if (done) return;
    done = 1;
    void (*set_threads)(int) = (void (*)(int))dlsym(RTLD_DEFAULT, "omp_set_num_threads");
    if (set_threads) set_threads(1);
}
