#define _GNU_SOURCE
#include "cores.h"

#ifdef __linux__
#include <sched.h>

int cores_allowed(int *numbers, int limit) {
    cpu_set_t set;
    int count = 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
    for (int core = 0; core < CPU_SETSIZE && count < limit; core++)
        if (CPU_ISSET(core, &set)) numbers[count++] = core;
    return count;
}

int cores_use(const int *numbers, int count) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < count; i++) CPU_SET(numbers[i], &set);
    return sched_setaffinity(0, sizeof set, &set) == 0;
}
#else
int cores_allowed(int *numbers, int limit) { (void)numbers, (void)limit; return 0; }
int cores_use(const int *numbers, int count) { (void)numbers, (void)count; return 0; }
#endif
