// The distinct rows of a batch, and the order in which a striped table is best visited.
#pragma once
#include <stddef.h>
#include <stdint.h>

// A set of ids of rows: one slot a row, or, where the table has more rows than that would take, an open-addressing table
// with linear probing. It is sized for what comes, and zeroed as it is emptied: that is a pass over few cache lines, which
// are then at hand, where slots left from the batch before would be fetched from memory one by one.
typedef struct {
    int32_t *slots;   // one more than the id's position in `unique`, or 0
    size_t room;      // slots that there is memory for
    uint32_t rows;    // of the table
    int direct;       // whether a row has its own slot
    uint32_t log2_slots;
    int32_t *unique;  // ids in order of first appearance; the caller's, with room for all of them
    size_t count;
} hs_row_set;

// Of ids below `rows`.
void hs_row_set_init(hs_row_set *set, uint32_t rows);
void hs_row_set_free(hs_row_set *set);
// Empties the set for at most `capacity` ids; `unique` is where they go from now on. False when out of memory.
int hs_row_set_reset(hs_row_set *set, int32_t *unique, size_t capacity);
// local[i] = position of ids[i] in `unique`, adding what is new. Returns how many were taken: fewer than `count` where the
// next id is not below `rows`.
size_t hs_row_set_add(hs_row_set *set, const int32_t *ids, size_t count, int32_t *local);

// Sorts positions 0 ..< count by rows[i] & (stripes - 1), stably: stripe s has order[starts[s]] ..<
// order[starts[s + 1]]. starts has stripes + 1 elements; stripes is a power of two. Returns the first position
// whose row is outside 0 ..< limit, or -1; then nothing is sorted.
ptrdiff_t hs_group_by_stripe(const int32_t *rows, size_t count, uint32_t limit, uint32_t stripes, int32_t *order,
                             int32_t *starts);
