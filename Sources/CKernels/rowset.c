#include "include/rowset.h"

#include <stdlib.h>
#include <string.h>

static uint32_t slot_of(int32_t id, uint32_t log2_slots) {
    // Fibonacci hashing: consecutive ids spread, and the top bits are the good ones.
    return ((uint32_t)id * 0x9E3779B1u) >> (32 - log2_slots);
}

int hs_row_set_init(hs_row_set *set) {
    memset(set, 0, sizeof *set);
    set->log2_slots = 8;
    set->epoch = 1;
    set->slots = calloc((size_t)1 << set->log2_slots, sizeof(hs_row_slot));
    return set->slots != NULL;
}

void hs_row_set_free(hs_row_set *set) {
    free(set->slots);
    set->slots = NULL;
}

void hs_row_set_reset(hs_row_set *set, int32_t *unique) {
    set->unique = unique;
    set->count = 0;
    if (++set->epoch == 0) {  // once in 2^32 batches, old epochs could look new
        memset(set->slots, 0, sizeof(hs_row_slot) << set->log2_slots);
        set->epoch = 1;
    }
}

// Twice the slots; at most half of them are ever taken.
static int grow(hs_row_set *set) {
    uint32_t log2_slots = set->log2_slots + 1;
    uint32_t mask = ((uint32_t)1 << log2_slots) - 1;
    hs_row_slot *slots = calloc((size_t)1 << log2_slots, sizeof(hs_row_slot));
    if (!slots) return 0;
    for (size_t i = 0; i < set->count; i++) {
        uint32_t at = slot_of(set->unique[i], log2_slots);
        while (slots[at].epoch) at = (at + 1) & mask;
        slots[at] = (hs_row_slot){.epoch = 1, .id = set->unique[i], .local = (int32_t)i};
    }
    free(set->slots);
    set->slots = slots;
    set->log2_slots = log2_slots;
    set->epoch = 1;
    return 1;
}

int hs_row_set_add(hs_row_set *set, const int32_t *ids, size_t count, int32_t *local) {
    const size_t ahead = 12;
    for (size_t i = 0; i < count; i++) {
        if (i + ahead < count) __builtin_prefetch(set->slots + slot_of(ids[i + ahead], set->log2_slots), 1);
        const int32_t id = ids[i];
        const uint32_t mask = ((uint32_t)1 << set->log2_slots) - 1;
        uint32_t at = slot_of(id, set->log2_slots);
        while (set->slots[at].epoch == set->epoch && set->slots[at].id != id) at = (at + 1) & mask;
        hs_row_slot *slot = set->slots + at;
        if (slot->epoch != set->epoch) {
            *slot = (hs_row_slot){.epoch = set->epoch, .id = id, .local = (int32_t)set->count};
            set->unique[set->count++] = id;
            local[i] = slot->local;
            if (set->count > mask / 2 && !grow(set)) return 0;
        } else {
            local[i] = slot->local;
        }
    }
    return 1;
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
