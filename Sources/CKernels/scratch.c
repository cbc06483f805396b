#include "scratch.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static _Thread_local void *memory;
static _Thread_local size_t capacity;

static void make_key(void) { pthread_key_create(&key, free); }

void *hs_scratch(size_t bytes) {
    if (bytes <= capacity) return memory;
    pthread_once(&once, make_key);
    free(memory);
    capacity = (bytes + 4095) / 4096 * 4096;
    memory = aligned_alloc(64, capacity);
    if (!memory) abort();
    pthread_setspecific(key, memory);  // the key's destructor frees it when the thread ends
    return memory;
}
