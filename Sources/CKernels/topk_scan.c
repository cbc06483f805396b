// The scan: int8 inner products of a block of 64 rows with one or several queries, turned into bounds; rows whose
// upper bound reaches the query's threshold are kept. One dot kernel and one filter for each instruction set.
#include <math.h>
#include <string.h>

#include "lanes.h"
#include "topk_parts.h"

#if defined(__x86_64__)
#include <immintrin.h>
#define VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni,bmi2,popcnt")))
#define AVX2 __attribute__((target("avx2,fma")))
#endif

/// Queries that share one pass over a block: 16 sums, 4 rows of codes and a broadcast fit in 32 registers.
#define TOGETHER 4

typedef struct {
    const uint8_t *codes;
    const float *scales, *residuals, *norms;
    long groups;
    const float *shifts, *slacks;  // a query each: its product with the centre, and the least that bounds are apart
    int32_t position;  // of the block's first row
    uint64_t wanted;   // a bit a row
} block_of_rows;

int hs_topk_best_isa(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni"))
        return HS_TOPK_VNNI;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return HS_TOPK_AVX2;
#endif
    return HS_TOPK_SCALAR;
}

// ---- Scalar: what the others are tested against, and their filter ----

static void dots_scalar(const block_of_rows *block, const hs_topk_query *query, int32_t *dots) {
    for (int r = 0; r < HS_TOPK_BLOCK; r++) dots[r] = query->offset;
    for (long g = 0; g < block->groups; g++) {
        const uint8_t *codes = block->codes + g * 4 * HS_TOPK_BLOCK;
        const int8_t *q = query->codes + 4 * g;
        for (int r = 0; r < HS_TOPK_BLOCK; r++)
            dots[r] += codes[4 * r] * q[0] + codes[4 * r + 1] * q[1] + codes[4 * r + 2] * q[2] + codes[4 * r + 3] * q[3];
    }
}

INLINE void keep_rows(const block_of_rows *block, const hs_topk_query *query, float shift, float slack,
                      const int32_t *dots, hs_topk_collector *into) {
    float lower[HS_TOPK_BLOCK], upper[HS_TOPK_BLOCK];
    for (int r = 0; r < HS_TOPK_BLOCK; r++) {
        const float middle = (float)dots[r] * query->scale * block->scales[r] + shift;
        const float bound =
            query->residual_weight * block->residuals[r] + query->norm_weight * block->norms[r] + slack;
        lower[r] = middle - bound;
        upper[r] = middle + bound;
    }
    for (uint64_t left = block->wanted; left; left &= left - 1) {
        const int r = __builtin_ctzll(left);
        if (upper[r] < into->threshold) continue;
        into->positions[into->count] = block->position + r;
        into->lower[into->count] = lower[r] == lower[r] ? lower[r] : -INFINITY;
        into->upper[into->count++] = upper[r];
    }
}

static void scan_scalar(const block_of_rows *block, const hs_topk_query *queries, hs_topk_collector *into, long count) {
    int32_t dots[HS_TOPK_BLOCK];
    for (long q = 0; q < count; q++) {
        dots_scalar(block, queries + q, dots);
        keep_rows(block, queries + q, block->shifts[q], block->slacks[q], dots, into + q);
    }
}

#if defined(__x86_64__)
// ---- AVX2: codes widened to 16 bits, since vpmaddubsw would saturate ----

AVX2 static void dots_avx2(const block_of_rows *block, const hs_topk_query *query, int32_t *dots) {
    for (int half = 0; half < 2; half++) {
        __m256i sums[8];
        for (int i = 0; i < 8; i++) sums[i] = _mm256_setzero_si256();
        for (long g = 0; g < block->groups; g++) {
            const uint8_t *codes = block->codes + g * 4 * HS_TOPK_BLOCK + half * 128;
            int32_t four;
            memcpy(&four, query->codes + 4 * g, 4);
            const __m256i q = _mm256_broadcastq_epi64(_mm_cvtepi8_epi16(_mm_cvtsi32_si128(four)));
            for (int i = 0; i < 8; i++) {
                const __m256i x = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(codes + 16 * i)));
                sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(x, q));
            }
        }
        for (int i = 0; i < 8; i += 2) {
            // Rows 0 1 4 5 | 2 3 6 7 of the pair, put in order.
            const __m256i pairs = _mm256_hadd_epi32(sums[i], sums[i + 1]);
            const __m256i rows = _mm256_permute4x64_epi64(pairs, 0xd8);
            _mm256_storeu_si256((__m256i *)(dots + half * 32 + i * 4),
                                _mm256_add_epi32(rows, _mm256_set1_epi32(query->offset)));
        }
    }
}

AVX2 static void scan_avx2(const block_of_rows *block, const hs_topk_query *queries, hs_topk_collector *into,
                           long count) {
    int32_t dots[HS_TOPK_BLOCK];
    for (long q = 0; q < count; q++) {
        dots_avx2(block, queries + q, dots);
        keep_rows(block, queries + q, block->shifts[q], block->slacks[q], dots, into + q);
    }
}

// ---- AVX-512 with VNNI ----

/// Compressing stores are slow on some processors, compressing within registers is not: the whole register goes
/// to memory and the next row overwrites what was not wanted. `reserve` leaves room for that.
VNNI INLINE void keep_sixteen(const block_of_rows *block, const hs_topk_query *query, float shift, float slack,
                              __m512i sums, int from, hs_topk_collector *into) {
    const __m512 dots = _mm512_cvtepi32_ps(_mm512_add_epi32(sums, _mm512_set1_epi32(query->offset)));
    const __m512 middle = _mm512_fmadd_ps(_mm512_mul_ps(dots, _mm512_set1_ps(query->scale)),
                                          _mm512_loadu_ps(block->scales + from), _mm512_set1_ps(shift));
    const __m512 of_norm =
        _mm512_fmadd_ps(_mm512_set1_ps(query->norm_weight), _mm512_loadu_ps(block->norms + from), _mm512_set1_ps(slack));
    const __m512 bound =
        _mm512_fmadd_ps(_mm512_set1_ps(query->residual_weight), _mm512_loadu_ps(block->residuals + from), of_norm);
    const __m512 upper = _mm512_add_ps(middle, bound);
    const __mmask16 wanted = (__mmask16)(block->wanted >> from);
    const __mmask16 kept = _mm512_mask_cmp_ps_mask(wanted, upper, _mm512_set1_ps(into->threshold), _CMP_NLT_UQ);
    if (__builtin_expect(kept == 0, 1)) return;
    // max(NaN, y) = y: a bound that is not known is -inf.
    const __m512 lower = _mm512_max_ps(_mm512_sub_ps(middle, bound), _mm512_set1_ps(-INFINITY));
    const __m512i positions = _mm512_add_epi32(
        _mm512_set1_epi32(block->position + from),
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    _mm512_storeu_si512(into->positions + into->count, _mm512_maskz_compress_epi32(kept, positions));
    _mm512_storeu_ps(into->lower + into->count, _mm512_maskz_compress_ps(kept, lower));
    _mm512_storeu_ps(into->upper + into->count, _mm512_maskz_compress_ps(kept, upper));
    into->count += __builtin_popcount(kept);
}

VNNI INLINE void scan_together(const block_of_rows *block, const hs_topk_query *queries, hs_topk_collector *into,
                               const int count) {
    __m512i sums[TOGETHER][4];
    for (int q = 0; q < count; q++)
        for (int i = 0; i < 4; i++) sums[q][i] = _mm512_setzero_si512();
    const uint8_t *codes = block->codes;
    for (long g = 0; g < block->groups; g++, codes += 4 * HS_TOPK_BLOCK) {
        __m512i x[4];
        for (int i = 0; i < 4; i++) x[i] = _mm512_load_si512(codes + 64 * i);
        for (int q = 0; q < count; q++) {
            int32_t four;
            memcpy(&four, queries[q].codes + 4 * g, 4);
            const __m512i y = _mm512_set1_epi32(four);
            for (int i = 0; i < 4; i++) sums[q][i] = _mm512_dpbusd_epi32(sums[q][i], x[i], y);
        }
    }
    for (int q = 0; q < count; q++)
        for (int i = 0; i < 4; i++)
            keep_sixteen(block, queries + q, block->shifts[q], block->slacks[q], sums[q][i], 16 * i, into + q);
}

VNNI static void scan_vnni(const block_of_rows *block, const hs_topk_query *queries, hs_topk_collector *into,
                           long count) {
    switch (count) {
        case 1: scan_together(block, queries, into, 1); break;
        case 2: scan_together(block, queries, into, 2); break;
        case 3: scan_together(block, queries, into, 3); break;
        default: scan_together(block, queries, into, TOGETHER);
    }
}
#endif

// ---- A chunk ----

typedef void scan_block(const block_of_rows *, const hs_topk_query *, hs_topk_collector *, long count);

static scan_block *scan_for(int isa) {
#if defined(__x86_64__)
    if (isa == HS_TOPK_VNNI) return scan_vnni;
    if (isa == HS_TOPK_AVX2) return scan_avx2;
#endif
    return scan_scalar;
}

/// Rows that a full store of kept rows may not fit any more are thinned out; where the bounds don't allow that (many
/// equal rows), there is more room made, so that thinning is tried a logarithmic number of times.
static int make_room(const hs_topk_query *query, hs_topk_collector *collector) {
    if (collector->count + HS_TOPK_BLOCK <= collector->capacity) return 1;
    hs_topk_compact(collector, query);
    if (collector->count <= collector->capacity / 4 * 3) return 1;
    return hs_topk_reserve(collector, 2 * collector->capacity);
}

int hs_topk_scan(const hs_topk_chunk *chunk, long base, const uint64_t *mask, const hs_topk_query *queries,
                 hs_topk_collector *collectors, long count, int isa) {
    scan_block *scan = scan_for(isa);
    const long groups = (queries->d + 3) / 4;
    for (long q = 0; q < count; q += TOGETHER) {
        const long together = count - q < TOGETHER ? count - q : TOGETHER;
        float shifts[TOGETHER], slacks[TOGETHER];
        for (long i = 0; i < together; i++) hs_topk_shift(queries + q + i, chunk, shifts + i, slacks + i);
        for (long row = 0; row < chunk->count; row += HS_TOPK_BLOCK) {
            const long rows = chunk->count - row;
            uint64_t wanted = rows < HS_TOPK_BLOCK ? ((uint64_t)1 << rows) - 1 : ~(uint64_t)0;
            if (mask) wanted &= mask[row / HS_TOPK_BLOCK];
            if (!wanted) continue;
            for (long i = q; i < q + together; i++)
                if (!make_room(queries + i, collectors + i)) return 0;
            const block_of_rows block = {
                .codes = chunk->codes + row * groups * 4,
                .scales = chunk->scales + row,
                .residuals = chunk->residuals + row,
                .norms = chunk->norms + row,
                .groups = groups,
                .shifts = shifts,
                .slacks = slacks,
                .position = (int32_t)(base + row),
                .wanted = wanted,
            };
            scan(&block, queries + q, collectors + q, together);
        }
    }
    return 1;
}
