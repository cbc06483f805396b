// Exact top-k inner products: int8 codes with a proven bound sift the rows, float rows decide.
// docs/decisions/0005-exact-int8-scan.md derives the bound; the names here are its letters.
#pragma once
#include <stdint.h>

/// Rows whose codes lie interleaved: dimensions 4g ..< 4g + 4 of 64 rows are 256 consecutive bytes.
#define HS_TOPK_BLOCK 64
/// Rows a chunk; what one change copies, and what a batch of queries finds in the cache.
#define HS_TOPK_CHUNK 1024
#define HS_TOPK_LARGEST_DIMENSION 16384

enum { HS_TOPK_SCALAR = 0, HS_TOPK_AVX2 = 1, HS_TOPK_VNNI = 2 };
/// The fastest of the three that this processor has.
int hs_topk_best_isa(void);

/// Bytes of codes for one chunk of d-dimensional rows; codes start on a 64-byte boundary.
long hs_topk_code_bytes(long d);

/// The mean of x [rows, d]: the vector that the rows' codes are best counted from. Zero where an element is beyond 2^100
/// in magnitude, a NaN or an infinity, so that nothing overflows in the bounds.
void hs_topk_centre(const float *x, long rows, long d, float *centre);
/// The length of a centre, rounded up.
double hs_topk_centre_length(const float *centre, long d);
/// Rows at ..< at + rows of a chunk from x [rows, d]. Row = centre + scale * (code - 128) + a rest whose length is at most
/// `residuals`; the length of scale * (code - 128) is at most `norms`. Any centre from `hs_topk_centre` will do. Returns
/// the first row that holds a NaN or an infinity, or -1; rows after it are not written.
long hs_topk_quantise(const float *x, long rows, long d, long at, const float *centre, uint8_t *codes, float *scales,
                      float *residuals, float *norms);
/// Copies the codes of one row to another place, in this or another chunk of the same centre.
void hs_topk_move_codes(const uint8_t *from, long row, uint8_t *to, long place, long d);

typedef struct {
    const float *vectors;  // [count, d]
    const float *centre;   // [d], what codes are counted from
    double centre_length;  // as `hs_topk_centre_length` has it
    const uint8_t *codes;
    const float *scales, *residuals, *norms;  // HS_TOPK_CHUNK of each
    const int64_t *ids;
    long count;
} hs_topk_chunk;

typedef struct {
    int8_t *codes;   // 4 ceil(d / 4)
    double *wide;    // the query itself, widened and padded with zeros to a multiple of 16
    long d;
    int exponent;    // bounds are kept of 2^exponent <q, x>, so that no query is too long or too short
    double length;   // at least the query's, after that scaling
    float scale;     // of the codes, after that scaling
    float residual_weight, norm_weight;  // |bound| <= residual_weight residual + norm_weight norm
    int32_t offset;  // -128 sum of codes
} hs_topk_query;

/// False when out of memory. x is finite.
int hs_topk_query_init(hs_topk_query *query, const float *x, long d);
void hs_topk_query_free(hs_topk_query *query);

/// Rows that may still be among the k best, with bounds on their (scaled) inner products.
typedef struct {
    int32_t *positions;
    float *lower, *upper;
    long k, count, capacity;
    float threshold;  // rows with an upper bound below this are not among the k best
} hs_topk_collector;

int hs_topk_collector_init(hs_topk_collector *collector, long k);
void hs_topk_collector_free(hs_topk_collector *collector);
/// Offers a chunk, whose first row is at position `base`, to several queries. mask has a bit a row and may be NULL.
/// False when out of memory.
int hs_topk_scan(const hs_topk_chunk *chunk, long base, const uint64_t *mask, const hs_topk_query *queries,
                 hs_topk_collector *collectors, long count, int isa);
int hs_topk_merge(hs_topk_collector *into, const hs_topk_collector *from, const hs_topk_query *query);
/// Drops what the bounds exclude and moves at least min(k, count) rows with the best lower bounds to the front;
/// returns how many.
long hs_topk_settle(hs_topk_collector *collector, const hs_topk_query *query);
/// Having the exact scores of the first `exact` rows, drops later ones whose upper bound is below the k-th of them.
void hs_topk_drop(hs_topk_collector *collector, const hs_topk_query *query, const float *scores, long exact);

/// The score: <q, x> summed in double in one fixed order, rounded to float once; never NaN, never -0.
void hs_topk_scores(const hs_topk_query *query, const hs_topk_chunk *chunks, const int32_t *positions, long count,
                    float *scores);
/// The k best of (score descending, id ascending), sorted; returns min(k, count), or -1 when out of memory.
/// Scores hold no NaN.
long hs_topk_select(const float *scores, const int32_t *positions, long count, const hs_topk_chunk *chunks, long k,
                    int64_t *best_ids, float *best_scores);
