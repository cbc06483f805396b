// What the AVX-512 kernels share: intrinsics, not `target_clones`, since clang splits sixteen-float vectors in
// two under the x86-64-v4 clones, and with them goes half of the registers that a product's tile lives in.
// Zen 4 does one such multiply-add a cycle, and so does everything here when it does its best.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>

#include "include/product.h"

#define HS_AVX512 1
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define AVX512_INLINE static inline __attribute__((always_inline, target("avx512f,avx512bw,avx512dq,avx512vl")))
#define AVX512_BF16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
/// Not inlined: what works with many sums at once has no registers left for those of others.
#define APART __attribute__((noinline))
#define UNROLL _Pragma("clang loop unroll(full)")

/// The first `count` of sixteen lanes; all of them from 16 on.
#define FIRST_LANES(count) ((count) >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << (count)) - 1))

/// Rows that will be read soon, `stride` floats apart: from NULL where there are none.
typedef struct {
    const float *from;
    long stride;
} hs_ahead;

/// Asks that a strip of tiles can do.
#define HS_AHEAD 4

/// What a tile of a product needs to know, beside its own corner of A and C; see `hs_product`.
typedef struct {
    const float *b;
    long k, arow, ainner, brow, cstride, addendstride, gatestride;
    const float *bias;
    int relu, cnarrow, gatenarrow;
    __mmask16 last;
    /// Tiles of a strip ask for these, one each: two cache lines of a row an inner step.
    hs_ahead ahead[HS_AHEAD];
    /// Whether A is read for the first time, and so that every other tile asks for what the tiles after it will read.
    int walksa;
    /// Tiles that have nothing else to ask for go on with this, a line an inner step; or NULL.
    hs_walk *walk;
} hs_tile;

/// Sixteen bfloat16, eight floats' places, as floats: each is the upper half of one.
AVX512_INLINE __m512 widened(__mmask16 there, const float *x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, x)), 16));
}

/// Sixteen rows of sixteen become their transpose.
AVX512_INLINE void transpose_lanes(__m512 *r) {
    __m512 t[16];
    UNROLL for (int i = 0; i < 8; i++) {
        t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    UNROLL for (int i = 0; i < 4; i++) {
        __m512d a = _mm512_castps_pd(t[4 * i]), b = _mm512_castps_pd(t[4 * i + 1]);
        __m512d c = _mm512_castps_pd(t[4 * i + 2]), d = _mm512_castps_pd(t[4 * i + 3]);
        r[4 * i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        r[4 * i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        r[4 * i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
        r[4 * i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
    }
    UNROLL for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
    }
    UNROLL for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
        r[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

/// What a lane and its neighbour become: their sum, or the larger.
AVX512_INLINE __m512 fold(const int largest, __m512 a, __m512 b) {
    return largest ? _mm512_max_ps(a, b) : _mm512_add_ps(a, b);
}

AVX512_INLINE __m512 fold_quarters(const int largest, __m512 a, __m512 b) {
    return fold(largest, _mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
}

AVX512_INLINE __m512 fold_eight(const int largest, const __m512 *r) {
    __m512 four[2];
    UNROLL for (int i = 0; i < 2; i++) {
        __m512d two[2];
        UNROLL for (int l = 0; l < 2; l++) {
            const __m512 a = r[4 * i + 2 * l], b = r[4 * i + 2 * l + 1];
            two[l] = _mm512_castps_pd(fold(largest, _mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b)));
        }
        four[i] = fold(largest, _mm512_castpd_ps(_mm512_unpacklo_pd(two[0], two[1])),
                       _mm512_castpd_ps(_mm512_unpackhi_pd(two[0], two[1])));
    }
    return fold_quarters(largest, four[0], four[1]);
}

/// Lane l becomes the sum of the lanes of r[l], or the largest; so does lane l + 8.
AVX512_INLINE __m512 lanes_of_eight(const int largest, const __m512 *r) {
    const __m512 eight = fold_eight(largest, r);
    return fold_quarters(largest, eight, eight);
}

/// Lane l becomes the sum of the lanes of r[l], or the largest.
AVX512_INLINE __m512 lanes_of_sixteen(const int largest, const __m512 *r) {
    return fold_quarters(largest, fold_eight(largest, r), fold_eight(largest, r + 8));
}

/// Degrees of the polynomial. To 2 ULP: what it leaves out is below 2^-29.
#define EXACT 6
/// To 2^-18 of the result, for what is then rounded to eight bits.
#define ROUGH 4

/// 2^x where the result is a normal float; NaN stays NaN. x = k + f with |f| <= 1/2, 2^f by a minimax polynomial.
AVX512_INLINE __m512 exp2_of_degree(const int degree, __m512 x) {
    const __m512 k = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m512 f = _mm512_sub_ps(x, k);
    __m512 p;
    if (degree == EXACT) {
        p = _mm512_set1_ps(1.53458122e-4f);
        p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.33999312e-3f));
        p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.61848896e-3f));
        p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.55032878e-2f));
        p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.40226469e-1f));
        p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.93147206e-1f));
        p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
    } else {
        p = _mm512_set1_ps(9.57010201e-3f);
        p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.59178603e-2f));
        p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.40247448e-1f));
        p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.93121815e-1f));
        p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.99999261e-1f));
    }
    return _mm512_scalef_ps(p, k);
}
#endif
