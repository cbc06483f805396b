// Sums of the rows of a narrow matrix: of all, or of those that an index names together.
#include "bf16.h"
#include "include/dense.h"
#include "include/embedding.h"

#ifdef HS_AVX512
/// Rows whose sum is begun anew, so that rounding errors do not grow with their number.
#define ROWS 64

AVX512_BF16 void hs_add_column_sums_narrow(const float *x, long rows, long columns, long stride, float *sums) {
    // Of a lane's two columns, the left one is the lower half of it and the right one the upper.
    const __m512i upper = _mm512_set1_epi32((int)0xffff0000);
    const __m512i first = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(8));
    for (long c = 0; c < columns; c += 32) {
        const __mmask16 there = FIRST_LANES((columns - c + 1) / 2);
        __m512 left = _mm512_setzero_ps(), right = left;
        for (long from = 0; from < rows; from += ROWS) {
            const long end = rows - from < ROWS ? rows : from + ROWS;
            __m512 even[4], odd[4];
            UNROLL for (int i = 0; i < 4; i++) even[i] = odd[i] = _mm512_setzero_ps();
            for (long r = from; r < end; r += 4)
                UNROLL for (int i = 0; i < 4; i++) {
                    const __mmask16 lanes = r + i < end ? there : (__mmask16)0;
                    const __m512i pairs = _mm512_maskz_loadu_epi32(lanes, x + (r + i) * stride + c / 2);
                    even[i] = _mm512_add_ps(even[i], _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)));
                    odd[i] = _mm512_add_ps(odd[i], _mm512_castsi512_ps(_mm512_and_si512(pairs, upper)));
                }
            left = _mm512_add_ps(left, _mm512_add_ps(_mm512_add_ps(even[0], even[1]), _mm512_add_ps(even[2], even[3])));
            right = _mm512_add_ps(right, _mm512_add_ps(_mm512_add_ps(odd[0], odd[1]), _mm512_add_ps(odd[2], odd[3])));
        }
        const __m512 total[2] = {_mm512_permutex2var_ps(left, first, right), _mm512_permutex2var_ps(left, second, right)};
        for (long i = 0; i < 2 && columns - c > 16 * i; i++) {
            const __mmask16 lanes = FIRST_LANES(columns - c - 16 * i);
            float *to = sums + c + 16 * i;
            _mm512_mask_storeu_ps(to, lanes, _mm512_add_ps(_mm512_maskz_loadu_ps(lanes, to), total[i]));
        }
    }
}

AVX512_BF16 void hs_scatter_add_rows_narrow(const float *x, long xstride, const int32_t *index, long rows, long columns,
                                            float *table, long tstride) {
    for (long i = 0; i < rows; i++)
        for (long c = 0; c < columns; c += 16) {
            const __mmask16 there = FIRST_LANES(columns - c);
            float *to = table + index[i] * tstride + c;
            const __m512 sum = _mm512_add_ps(_mm512_maskz_loadu_ps(there, to), widened(there, x + i * xstride + c / 2));
            _mm512_mask_storeu_ps(to, there, sum);
        }
}
#endif
