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

/// Degrees of the polynomial. To 2 ULP: what it leaves out is below 2^-27.
#define EXACT 7
/// To 2^-18 of the result, for what is then rounded to eight bits.
#define ROUGH 5

/// 2^x where the result is a normal float; NaN stays NaN. x = k + f with |f| <= 1/2, 2^f by its Taylor polynomial.
AVX512_INLINE __m512 exp2_of_degree(const int degree, __m512 x) {
    __m512 k = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 f = _mm512_sub_ps(x, k);
    __m512 p = _mm512_set1_ps(1.33335581e-3f);
    if (degree == EXACT) {
        p = _mm512_set1_ps(1.52527338e-5f);
        p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.54035304e-4f));
        p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.33335581e-3f));
    }
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.61812911e-3f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.55041087e-2f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.40226507e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.93147181e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(p, k);
}
#endif
