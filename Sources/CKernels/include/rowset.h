// The distinct rows of a batch, and the order in which a striped table is best visited.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint32_t epoch;
    int32_t id;
    int32_t local;
    int32_t unused;  // 16 bytes, so that no slot straddles a cache line
} hs_row_slot;

// An open-addressing set of row ids with linear probing. A slot belongs to the set when its epoch is the
// set's, so emptying the set is one increment.
typedef struct {
    hs_row_slot *slots;
    uint32_t log2_slots;
    uint32_t epoch;
    int32_t *unique;  // ids in order of first appearance; the caller's, with room for all of them
    size_t count;
} hs_row_set;

// False when out of memory.
int hs_row_set_init(hs_row_set *set);
void hs_row_set_free(hs_row_set *set);
// Empties the set; `unique` is where ids go from now on.
void hs_row_set_reset(hs_row_set *set, int32_t *unique);
// local[i] = position of ids[i] in `unique`, adding what is new. False when out of memory.
int hs_row_set_add(hs_row_set *set, const int32_t *ids, size_t count, int32_t *local);

// Sorts positions 0 ..< count by rows[i] & (stripes - 1), stably: stripe s has order[starts[s]] ..<
// order[starts[s + 1]]. starts has stripes + 1 elements; stripes is a power of two. Returns the first position
// whose row is outside 0 ..< limit, or -1; then nothing is sorted.
ptrdiff_t hs_group_by_stripe(const int32_t *rows, size_t count, uint32_t limit, uint32_t stripes, int32_t *order,
                             int32_t *starts);
