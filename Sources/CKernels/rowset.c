#include "include/rowset.h"

#include <stdlib.h>
#include <string.h>

static uint32_t slot_of(int32_t id, uint32_t log2_slots) {
    // Fibonacci hashing: consecutive ids spread, and the top bits are the good ones.
    return ((uint32_t)id * 0x9E3779B1u) >> (32 - log2_slots);
}

void hs_row_set_init(hs_row_set *set, uint32_t rows) {
    memset(set, 0, sizeof *set);
    set->rows = rows;
}

void hs_row_set_free(hs_row_set *set) {
    free(set->slots);
    set->slots = NULL;
}

int hs_row_set_reset(hs_row_set *set, int32_t *unique, size_t capacity) {
    uint32_t log2_slots = 8;
    while (log2_slots < 31 && ((size_t)1 << log2_slots) < 2 * capacity) log2_slots++;  // at most half are ever taken
    set->log2_slots = log2_slots;
    set->direct = set->rows <= (uint32_t)1 << log2_slots;
    set->unique = unique;
    set->count = 0;
    const size_t slots = set->direct ? set->rows : (size_t)1 << log2_slots;
    if (slots > set->room) {
        free(set->slots);
        set->slots = malloc(slots * sizeof *set->slots);
        set->room = set->slots ? slots : 0;
        if (!set->slots) return 0;
    }
    if (slots > 0) memset(set->slots, 0, slots * sizeof *set->slots);
    return 1;
}

// No id meets another's slot, so that but for an id's first time there is nothing to guess wrong.
static size_t add_directly(hs_row_set *set, const int32_t *ids, size_t count, int32_t *local) {
    int32_t *slots = set->slots;
    size_t known = set->count, i = 0;
    for (; i < count && (uint32_t)ids[i] < set->rows; i++) {
        int32_t *slot = slots + ids[i];
        if (*slot == 0) {
            set->unique[known++] = ids[i];
            *slot = (int32_t)known;
        }
        local[i] = *slot - 1;
    }
    set->count = known;
    return i;
}

size_t hs_row_set_add(hs_row_set *set, const int32_t *ids, size_t count, int32_t *local) {
    if (set->direct) return add_directly(set, ids, count, local);
    const uint32_t mask = ((uint32_t)1 << set->log2_slots) - 1;
    int32_t *slots = set->slots, *unique = set->unique;
    size_t known = set->count, i = 0;
    for (; i < count && (uint32_t)ids[i] < set->rows; i++) {
        uint32_t at = slot_of(ids[i], set->log2_slots);
        while (slots[at] != 0 && unique[slots[at] - 1] != ids[i]) at = (at + 1) & mask;
        if (slots[at] == 0) {
            unique[known++] = ids[i];
            slots[at] = (int32_t)known;
        }
        local[i] = slots[at] - 1;
    }
    set->count = known;
    return i;
}

ptrdiff_t hs_group_by_stripe(const int32_t *rows, size_t count, uint32_t limit, uint32_t stripes, int32_t *order,
                             int32_t *starts) {
    const uint32_t mask = stripes - 1;
    memset(starts, 0, (stripes + 1) * sizeof *starts);
    for (size_t i = 0; i < count; i++) {
        if ((uint32_t)rows[i] >= limit) return (ptrdiff_t)i;
        starts[((uint32_t)rows[i] & mask) + 1]++;
    }
    if (stripes == 1) {
        for (size_t i = 0; i < count; i++) order[i] = (int32_t)i;
        return -1;
    }
    // starts[s] is where stripe s begins; placing moves it to where the stripe ends, which is where s + 1 began.
    for (uint32_t s = 0; s < stripes; s++) starts[s + 1] += starts[s];
    for (size_t i = 0; i < count; i++) order[starts[(uint32_t)rows[i] & mask]++] = (int32_t)i;
    memmove(starts + 1, starts, stripes * sizeof *starts);
    starts[0] = 0;
    return -1;
}
