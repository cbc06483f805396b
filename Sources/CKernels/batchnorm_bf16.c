// Batch normalisation with leaky ReLU whose results nothing but products read: the passes of batchnorm.c that write them,
// into narrow rows.
#include "bf16.h"
#include "include/batchnorm.h"
#include "scratch.h"

#ifdef HS_AVX512
/// What each column is finished with (see batchnorm.c): factor = gamma rstd.
typedef struct {
    const float *mean, *factor, *beta, *level, *tilt;
    __m512 slope;
} hs_columns;

/// What leaky ReLU takes, of sixteen columns; *centred = x - mean.
AVX512_BF16_INLINE __m512 before_leaky(const hs_columns *of, __mmask16 there, const float *x, long c, __m512 *centred) {
    *centred = _mm512_sub_ps(_mm512_maskz_loadu_ps(there, x + c), _mm512_maskz_loadu_ps(there, of->mean + c));
    return _mm512_fmadd_ps(*centred, _mm512_maskz_loadu_ps(there, of->factor + c),
                           _mm512_maskz_loadu_ps(there, of->beta + c));
}

/// `y` where `x` is positive, and else `slope` of it.
AVX512_BF16_INLINE __m512 leaky(const hs_columns *of, __m512 x, __m512 y) {
    return _mm512_mask_mov_ps(_mm512_mul_ps(of->slope, y), _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GT_OQ), y);
}

AVX512_BF16_INLINE __m512 forward_lanes(const hs_columns *of, __mmask16 there, const float *x, long c) {
    __m512 centred, v = before_leaky(of, there, x, c, &centred);
    return leaky(of, v, v);
}

AVX512_BF16_INLINE __m512 backward_lanes(const hs_columns *of, __mmask16 there, const float *x, const float *dy, long c,
                                         __m512 w) {
    __m512 centred, v = before_leaky(of, there, x, c, &centred);
    const __m512 g = leaky(of, v, _mm512_maskz_loadu_ps(there, dy + c));
    const __m512 common =
        _mm512_fmadd_ps(centred, _mm512_maskz_loadu_ps(there, of->tilt + c), _mm512_maskz_loadu_ps(there, of->level + c));
    return _mm512_mul_ps(_mm512_maskz_loadu_ps(there, of->factor + c), _mm512_fnmadd_ps(w, common, g));
}

AVX512_BF16_INLINE __mmask16 columns_there(long left) { return left > 0 ? FIRST_LANES(left) : (__mmask16)0; }

/// gamma rstd of each column.
static void put_factors(const float *gamma, const float *rstd, long columns, float *factor) {
    for (long c = 0; c < columns; c++) factor[c] = gamma[c] * rstd[c];
}

AVX512_BF16 void hs_normalize_leaky_narrow(const float *x, long xstride, long rows, long columns, const float *mean,
                                           const float *rstd, const float *gamma, const float *beta, float slope,
                                           float *y, long ystride) {
    float *factor = hs_scratch(sizeof(float) * columns);
    put_factors(gamma, rstd, columns, factor);
    const hs_columns of = {.mean = mean, .factor = factor, .beta = beta, .slope = _mm512_set1_ps(slope)};
    for (long r = 0; r < rows; r++)
        for (long c = 0; c < columns; c += 32) {
            const __mmask16 low = columns_there(columns - c), high = columns_there(columns - c - 16);
            store_narrow(y + r * ystride + c / 2, forward_lanes(&of, low, x + r * xstride, c),
                         forward_lanes(&of, high, x + r * xstride, c + 16), (__mmask32)high << 16 | low);
        }
}

AVX512_BF16 void hs_normalize_leaky_backward_narrow(const float *x, long xstride, const float *dy, long dystride,
                                                    long rows, long columns, const float *multiplicity,
                                                    const float *mean, const float *rstd, const float *gamma,
                                                    const float *beta, float slope, float *dgamma, float *dbeta,
                                                    float *dx, long dxstride) {
    float *factor = hs_scratch(sizeof(float) * 3 * columns), *level = factor + columns, *tilt = level + columns;
    put_factors(gamma, rstd, columns, factor);
    hs_normalize_leaky_sums_f32(x, xstride, dy, dystride, rows, columns, multiplicity, mean, rstd, gamma, beta, slope,
                                dgamma, dbeta, level, tilt);
    const hs_columns of = {mean, factor, beta, level, tilt, _mm512_set1_ps(slope)};
    for (long r = 0; r < rows; r++) {
        const float *xr = x + r * xstride, *dr = dy + r * dystride;
        const __m512 w = _mm512_set1_ps(multiplicity ? multiplicity[r] : 1);
        for (long c = 0; c < columns; c += 32) {
            const __mmask16 low = columns_there(columns - c), high = columns_there(columns - c - 16);
            store_narrow(dx + r * dxstride + c / 2, backward_lanes(&of, low, xr, dr, c, w),
                         backward_lanes(&of, high, xr, dr, c + 16, w), (__mmask32)high << 16 | low);
        }
    }
}
#endif
