// Quantising, and everything after the scan: keeping the rows in question, exact scores, selection, order.
#include "include/topk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch.h"
#include "lanes.h"
#include "topk_parts.h"

typedef double wide_lanes_at __attribute__((ext_vector_type(LANES), aligned(8), may_alias));

// ---- Quantising ----

long hs_topk_code_bytes(long d) { return (d + 3) / 4 * 4 * HS_TOPK_CHUNK; }

// Of x - centre; not that of a finite number where x holds a NaN or an infinity.
MULTIVERSION static uint32_t largest_magnitude(const float *x, const float *centre, long d) {
    uint32_t largest = 0;
    for (long i = 0; i < d; i++) {
        uint32_t bits;
        const float difference = x[i] - centre[i];
        memcpy(&bits, &difference, 4);
        bits &= 0x7fffffff;
        largest = bits > largest ? bits : largest;
    }
    return largest;
}

// Any codes are sound, since the rest is measured afterwards; these are the nearest.
MULTIVERSION static void nearest_codes(const float *x, const float *centre, float over, long d, int8_t *codes) {
    for (long i = 0; i < d; i++) {
        float v = (x[i] - centre[i]) * over;
        v = v > 127 ? 127 : v < -127 ? -127 : v;
        codes[i] = (int8_t)(int)(v + (v < 0 ? -0.5f : 0.5f));
    }
}

// Squared lengths of x - centre - scale codes and of scale codes. scale * code is exact in double.
MULTIVERSION static void squared_lengths(const float *x, const float *centre, const int8_t *codes, double scale, long d,
                                         double *rest, double *coded) {
    FAST_MATH
    double r = 0;
    int32_t squares = 0;
    for (long i = 0; i < d; i++) {
        double difference = (double)x[i] - (double)centre[i] - scale * codes[i];
        r += difference * difference;
        squares += (int32_t)codes[i] * codes[i];
    }
    *rest = r;
    *coded = scale * scale * squares;
}

// Twice the rounding of anything that went into it, and up to the next float.
static float at_least(double x) { return nextafterf((float)(x * (1 + 0x1p-30)), INFINITY); }

MULTIVERSION static double squared_length(const float *x, long d) {
    FAST_MATH
    double sum = 0;
    for (long i = 0; i < d; i++) sum += (double)x[i] * x[i];
    return sum;
}

static void quantise_row(const float *x, const float *centre, double centre_length, float largest, long d, int8_t *codes,
                         float *scale, float *residual, float *norm) {
    // Below 2^-100 the quotient could overflow: such rows are coded as zeros.
    *scale = largest < 0x1p-100f ? 0 : largest / 127;
    nearest_codes(x, centre, *scale == 0 ? 0 : 1 / *scale, d, codes);
    double rest, coded;
    squared_lengths(x, centre, codes, *scale, d, &rest, &coded);
    // The difference of the three was rounded in double, in whatever order: 2^-53 of each, twice.
    const double rounding = 0x1p-50 * (centre_length + sqrt(coded) + sqrt(rest));
    *residual = rest == 0 && coded == 0 ? 0 : at_least(sqrt(rest) + rounding);
    *norm = coded == 0 ? 0 : at_least(sqrt(coded));
}

static uint8_t *code_place(uint8_t *codes, long row, long d) {
    return codes + row / HS_TOPK_BLOCK * HS_TOPK_BLOCK * ((d + 3) / 4 * 4) + row % HS_TOPK_BLOCK * 4;
}

MULTIVERSION static void add_rows(const float *x, long rows, long d, double *sums) {
    for (long r = 0; r < rows; r++)
        for (long i = 0; i < d; i++) sums[i] += x[r * d + i];
}

void hs_topk_centre(const float *x, long rows, long d, float *centre) {
    double sums[HS_TOPK_LARGEST_DIMENSION];
    memset(sums, 0, (size_t)d * sizeof(double));
    add_rows(x, rows, d, sums);
    int is_small = rows > 0;
    for (long i = 0; i < d && is_small; i++) {
        const double mean = sums[i] / (double)rows;
        centre[i] = (float)mean;
        is_small = fabs(mean) <= 0x1p100;  // false for NaN
    }
    if (!is_small) memset(centre, 0, (size_t)d * sizeof(float));
}

long hs_topk_quantise(const float *x, long rows, long d, long at, const float *centre, uint8_t *codes, float *scales,
                      float *residuals, float *norms) {
    int8_t row[HS_TOPK_LARGEST_DIMENSION];
    const long padded = (d + 3) / 4 * 4;
    const double centre_length = hs_topk_centre_length(centre, d);
    memset(row + d, 0, (size_t)(padded - d));
    for (long r = 0; r < rows; r++) {
        // A centre of at most 2^100 makes no finite difference infinite.
        const uint32_t bits = largest_magnitude(x + r * d, centre, d);
        if (bits >= 0x7f800000) return r;
        float largest;
        memcpy(&largest, &bits, 4);
        quantise_row(x + r * d, centre, centre_length, largest, d, row, scales + at + r, residuals + at + r, norms + at + r);
        uint8_t *to = code_place(codes, at + r, d);
        for (long c = 0; c < padded; c += 4, to += 4 * HS_TOPK_BLOCK) {
            uint32_t four;
            memcpy(&four, row + c, 4);
            four ^= 0x80808080;  // + 128 each
            memcpy(to, &four, 4);
        }
    }
    return -1;
}

void hs_topk_move_codes(const uint8_t *from, long row, uint8_t *to, long place, long d) {
    const uint8_t *source = code_place((uint8_t *)from, row, d);
    uint8_t *target = code_place(to, place, d);
    for (long g = 0; g < (d + 3) / 4; g++) {
        memcpy(target, source, 4);
        source += 4 * HS_TOPK_BLOCK;
        target += 4 * HS_TOPK_BLOCK;
    }
}

int hs_topk_query_init(hs_topk_query *query, const float *x, long d) {
    const long padded = (d + 3) / 4 * 4, wide = (d + LANES - 1) / LANES * LANES;
    memset(query, 0, sizeof *query);
    query->codes = calloc((size_t)padded, 1);
    query->wide = calloc((size_t)wide, sizeof(double));
    float *scaled = malloc((size_t)d * sizeof(float)), *zeros = calloc((size_t)d, sizeof(float));
    if (!query->codes || !query->wide || !scaled || !zeros) {
        free(scaled);
        free(zeros);
        hs_topk_query_free(query);
        return 0;
    }
    query->d = d;
    const uint32_t bits = largest_magnitude(x, zeros, d);
    float largest;
    memcpy(&largest, &bits, 4);
    int exponent = 0;
    if (largest > 0) frexp(largest, &exponent);
    query->exponent = -15 - exponent;  // the largest element comes to lie in [2^-16, 2^-15)
    double squares = 0;
    for (long i = 0; i < d; i++) {
        query->wide[i] = x[i];
        // Elements 2^-110 below the largest lose bits here: less than 2^-149 each, which norm_weight's 2^-20 covers.
        scaled[i] = (float)ldexp(x[i], query->exponent);
        squares += (double)scaled[i] * scaled[i];
    }
    float residual, norm;
    quantise_row(scaled, zeros, 0, (float)ldexp(largest, query->exponent), d, query->codes, &query->scale, &residual, &norm);
    int32_t sum = 0;
    for (long i = 0; i < d; i++) sum += query->codes[i];
    query->offset = -128 * sum;
    const double length = sqrt(squares) * (1 + 0x1p-30);
    query->residual_weight = at_least(length * (1 + 0x1p-19));
    query->norm_weight = at_least((residual + 0x1p-20 * (length + residual)) * (1 + 0x1p-20));
    query->length = length;
    free(scaled);
    free(zeros);
    return 1;
}

void hs_topk_query_free(hs_topk_query *query) {
    free(query->codes);
    free(query->wide);
    query->codes = NULL;
    query->wide = NULL;
}

// ---- Order statistics ----

/// Larger floats have larger keys; -inf has the smallest of them.
static inline uint32_t key_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return bits ^ ((uint32_t)((int32_t)bits >> 31) | 0x80000000u);
}

static inline float of_key(uint32_t key) {
    uint32_t bits = key & 0x80000000u ? key ^ 0x80000000u : ~key;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

/// The k-th largest of keys, k in 1 ... count: digits of 11, 11 and 10 bits from the top, O(count) whatever the keys.
static uint32_t kth_largest(const float *values, long count, long k) {
    uint32_t counts[2048], prefix = 0, mask = 0;
    static const int shifts[3] = {21, 10, 0}, bits[3] = {11, 11, 10};
    for (int pass = 0; pass < 3; pass++) {
        const uint32_t digits = (1u << bits[pass]) - 1;
        memset(counts, 0, sizeof counts);
        for (long i = 0; i < count; i++) {
            const uint32_t key = key_of(values[i]);
            counts[key >> shifts[pass] & digits] += (key & mask) == prefix;
        }
        uint32_t digit = digits;
        while (k > counts[digit]) k -= counts[digit--];
        prefix |= digit << shifts[pass];
        mask |= digits << shifts[pass];
    }
    return prefix;
}

/// The k-th smallest id, k in 1 ... count.
static int64_t kth_smallest_id(const int64_t *ids, long count, long k) {
    const uint64_t sign = (uint64_t)1 << 63;
    uint64_t prefix = 0, mask = 0;
    for (int shift = 56; shift >= 0; shift -= 8) {
        long counts[256] = {0};
        for (long i = 0; i < count; i++) {
            const uint64_t key = (uint64_t)ids[i] ^ sign;
            counts[key >> shift & 255] += (key & mask) == prefix;
        }
        uint64_t digit = 0;
        while (k > counts[digit]) k -= counts[digit++];
        prefix |= digit << shift;
        mask |= (uint64_t)255 << shift;
    }
    return (int64_t)(prefix ^ sign);
}

// ---- Rows in question ----

int hs_topk_collector_init(hs_topk_collector *collector, long k) {
    memset(collector, 0, sizeof *collector);
    collector->k = k;
    collector->threshold = -INFINITY;
    return hs_topk_reserve(collector, 3 * k + 4 * HS_TOPK_BLOCK);
}

void hs_topk_collector_free(hs_topk_collector *collector) {
    free(collector->positions);
    free(collector->lower);
    free(collector->upper);
    memset(collector, 0, sizeof *collector);
}

int hs_topk_reserve(hs_topk_collector *collector, long capacity) {
    if (capacity <= collector->capacity) return 1;
    const size_t bytes = (size_t)(capacity + LANES) * 4;  // a vector store may run over
    int32_t *positions = realloc(collector->positions, bytes);
    if (positions) collector->positions = positions;
    float *lower = realloc(collector->lower, bytes);
    if (lower) collector->lower = lower;
    float *upper = realloc(collector->upper, bytes);
    if (upper) collector->upper = upper;
    if (!positions || !lower || !upper) return 0;
    collector->capacity = capacity;
    return 1;
}

/// What is below this in the bounds' scale is below `score`, the rounded k-th best, after rounding too: a row that
/// rounds to the same float could still win by its id.
static float threshold_below(float score, int exponent) {
    const double below = ldexp(nextafterf(score, -INFINITY), exponent);
    const float rounded = (float)below;
    return rounded > below ? nextafterf(rounded, -INFINITY) : rounded;
}

static void raise_threshold(hs_topk_collector *collector, float score, int exponent) {
    const float threshold = threshold_below(score, exponent);
    if (threshold > collector->threshold) collector->threshold = threshold;
}

/// Keeps rows `from` ..< count that reach the threshold.
static void keep_reaching(hs_topk_collector *c, long from) {
    long kept = from;
    for (long i = from; i < c->count; i++) {
        const float upper = c->upper[i];
        c->positions[kept] = c->positions[i];
        c->lower[kept] = c->lower[i];
        c->upper[kept] = upper;
        kept += !(upper < c->threshold);
    }
    c->count = kept;
}

static float kth_lower_bound(const hs_topk_collector *collector) {
    return of_key(kth_largest(collector->lower, collector->count, collector->k));
}

void hs_topk_compact(hs_topk_collector *collector, const hs_topk_query *query) {
    if (collector->count < collector->k || collector->k == 0) return;
    const double bound = ldexp(kth_lower_bound(collector), -query->exponent);
    raise_threshold(collector, (float)bound, query->exponent);
    keep_reaching(collector, 0);
}

int hs_topk_merge(hs_topk_collector *into, const hs_topk_collector *from, const hs_topk_query *query) {
    if (!hs_topk_reserve(into, into->count + from->count)) return 0;
    const size_t bytes = (size_t)from->count * 4;
    memcpy(into->positions + into->count, from->positions, bytes);
    memcpy(into->lower + into->count, from->lower, bytes);
    memcpy(into->upper + into->count, from->upper, bytes);
    into->count += from->count;
    if (from->threshold > into->threshold) into->threshold = from->threshold;
    hs_topk_compact(into, query);
    return 1;
}

static void swap_rows(hs_topk_collector *c, long a, long b) {
    const int32_t position = c->positions[a];
    const float lower = c->lower[a], upper = c->upper[a];
    c->positions[a] = c->positions[b], c->lower[a] = c->lower[b], c->upper[a] = c->upper[b];
    c->positions[b] = position, c->lower[b] = lower, c->upper[b] = upper;
}

long hs_topk_settle(hs_topk_collector *collector, const hs_topk_query *query) {
    hs_topk_compact(collector, query);
    if (collector->count <= collector->k) return collector->count;
    const float bound = kth_lower_bound(collector);
    long front = 0;
    for (long i = 0; i < collector->count; i++)
        if (collector->lower[i] >= bound) swap_rows(collector, front++, i);
    return front;
}

void hs_topk_drop(hs_topk_collector *collector, const hs_topk_query *query, const float *scores, long exact) {
    if (exact < collector->k || collector->k == 0) return;
    raise_threshold(collector, of_key(kth_largest(scores, exact, collector->k)), query->exponent);
    keep_reaching(collector, exact);
}

// ---- Exact scores ----

// Products of floats are exact in double, so fused and separate multiply-adds agree and every processor gives the
// same score.
MULTIVERSION static double wide_dot(const double *q, const float *x, long d) {
    wide_lanes even = 0, odd = 0;
    long c = 0;
    for (; c + 2 * LANES <= d; c += 2 * LANES) {
        even += *(const wide_lanes_at *)(q + c) * __builtin_convertvector(FROM(x + c), wide_lanes);
        odd += *(const wide_lanes_at *)(q + c + LANES) * __builtin_convertvector(FROM(x + c + LANES), wide_lanes);
    }
    if (c + LANES <= d) {
        even += *(const wide_lanes_at *)(q + c) * __builtin_convertvector(FROM(x + c), wide_lanes);
        c += LANES;
    }
    if (c < d) {
        float tail[LANES] = {0};
        memcpy(tail, x + c, (size_t)(d - c) * sizeof(float));
        odd += *(const wide_lanes_at *)(q + c) * __builtin_convertvector(FROM(tail), wide_lanes);
    }
    even += odd;
    return sum_of_wide_lanes(&even);
}

double hs_topk_centre_length(const float *centre, long d) { return sqrt(squared_length(centre, d)) * (1 + 0x1p-30); }

void hs_topk_shift(const hs_topk_query *query, const hs_topk_chunk *chunk, float *shift, float *slack) {
    *shift = (float)ldexp(wide_dot(query->wide, chunk->centre, query->d), query->exponent);
    *slack = at_least(query->length * chunk->centre_length * 0x1p-21 + 0x1p-146);
}

static inline const float *row_at(const hs_topk_chunk *chunks, int32_t position, long d) {
    return chunks[position / HS_TOPK_CHUNK].vectors + position % HS_TOPK_CHUNK * d;
}

void hs_topk_scores(const hs_topk_query *query, const hs_topk_chunk *chunks, const int32_t *positions, long count,
                    float *scores) {
    const long d = query->d, ahead = 6;
    for (long i = 0; i < count; i++) {
        if (i + ahead < count) {
            const char *next = (const char *)row_at(chunks, positions[i + ahead], d);
            for (long b = 0; b < d * 4; b += 64) __builtin_prefetch(next + b);
        }
        // + 0 makes a negative product that rounds to -0 a tie with 0.
        scores[i] = (float)wide_dot(query->wide, row_at(chunks, positions[i], d), d) + 0.0f;
    }
}

// ---- Selection ----

typedef struct {
    uint32_t key;  // inverted: the best score has the smallest
    int32_t at;
    int64_t id;
} entry;

static int by_id(const void *a, const void *b) {
    const int64_t left = ((const entry *)a)->id, right = ((const entry *)b)->id;
    return (left > right) - (left < right);
}

static void sort_by_key(entry *entries, entry *other, long count) {
    for (int shift = 0; shift < 32; shift += 8) {
        long starts[257] = {0};
        for (long i = 0; i < count; i++) starts[(entries[i].key >> shift & 255) + 1]++;
        for (int b = 0; b < 256; b++) starts[b + 1] += starts[b];
        for (long i = 0; i < count; i++) other[starts[entries[i].key >> shift & 255]++] = entries[i];
        entry *swap = entries;
        entries = other;
        other = swap;
    }
}

static void sort_ties_by_id(entry *entries, long count) {
    for (long i = 0; i < count;) {
        long end = i + 1;
        while (end < count && entries[end].key == entries[i].key) end++;
        if (end - i > 1) qsort(entries + i, (size_t)(end - i), sizeof(entry), by_id);
        i = end;
    }
}

static inline int64_t id_at(const hs_topk_chunk *chunks, int32_t position) {
    return chunks[position / HS_TOPK_CHUNK].ids[position % HS_TOPK_CHUNK];
}

/// The largest id that a row with the k-th best score may have.
static int last_id_of_ties(const float *scores, const int32_t *positions, long count, const hs_topk_chunk *chunks,
                           uint32_t key, long k, int64_t *last) {
    long better = 0, ties = 0;
    for (long i = 0; i < count; i++) better += key_of(scores[i]) > key, ties += key_of(scores[i]) == key;
    *last = INT64_MAX;
    if (better + ties == k) return 1;
    int64_t *ids = malloc((size_t)ties * sizeof(int64_t));
    if (!ids) return 0;
    ties = 0;
    for (long i = 0; i < count; i++)
        if (key_of(scores[i]) == key) ids[ties++] = id_at(chunks, positions[i]);
    *last = kth_smallest_id(ids, ties, k - better);
    free(ids);
    return 1;
}

long hs_topk_select(const float *scores, const int32_t *positions, long count, const hs_topk_chunk *chunks, long k,
                    int64_t *best_ids, float *best_scores) {
    if (k > count) k = count;
    if (k == 0) return 0;
    const uint32_t key = kth_largest(scores, count, k);
    int64_t last;
    if (!last_id_of_ties(scores, positions, count, chunks, key, k, &last)) return -1;
    entry *entries = malloc(2 * (size_t)k * sizeof(entry));
    if (!entries) return -1;
    long kept = 0;
    for (long i = 0; i < count; i++) {
        const uint32_t own = key_of(scores[i]);
        if (own < key) continue;
        const int64_t id = id_at(chunks, positions[i]);
        if (own == key && id > last) continue;
        entries[kept++] = (entry){.key = ~own, .at = (int32_t)i, .id = id};
    }
    sort_by_key(entries, entries + k, kept);  // four passes: the result is back in `entries`
    sort_ties_by_id(entries, kept);
    for (long i = 0; i < kept; i++) best_ids[i] = entries[i].id, best_scores[i] = scores[entries[i].at];
    free(entries);
    return kept;
}
