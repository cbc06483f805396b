// Products within one head of attention. Included once a number format, with MULTIPLY_ADD(sum, left, right), TARGET,
// TILE_ROWS, the tiles of its products, and DEGREE, that of its exponentials, defined; a lane of an operand holds a float, or a pair of bfloat16, and `d` counts
// lanes.

static TARGET void multiply(long rows, long inner, long columns, const float *a, long arow, long ainner, const float *b,
                            long brow, float *c, long cstride, int isNarrow, int accumulates, const hs_ahead *ahead) {
    multiply_by(TILE_ROWS, rows, inner, columns, a, arow, ainner, b, brow, c, cstride, isNarrow, accumulates, ahead);
}

// <a, k> of two rows k, for each row a, into two columns of c: sixteen at a time, whose lanes are summed together.
static APART TARGET void multiply_two_rows(long rows, long d, const float *a, long arow, const float *k, long krow, float *c,
                                     long cstride) {
    for (long i = 0; i < rows; i += 8) {
        __m512 products[16];
        UNROLL for (int l = 0; l < 16; l++) products[l] = _mm512_setzero_ps();
        for (long from = 0; from < d; from += 16) {
            const __mmask16 there = FIRST_LANES(d - from);
            const __m512 k0 = _mm512_maskz_loadu_ps(there, k + from), k1 = _mm512_maskz_loadu_ps(there, k + krow + from);
            UNROLL for (int l = 0; l < 8; l++) {
                const long row = i + l < rows ? i + l : rows - 1;
                const __m512 left = _mm512_maskz_loadu_ps(there, a + row * arow + from);
                products[2 * l] = MULTIPLY_ADD(products[2 * l], left, k0);
                products[2 * l + 1] = MULTIPLY_ADD(products[2 * l + 1], left, k1);
            }
        }
        const __m512 sums = lanes_of_sixteen(0, products);
        const __m128 quarters[4] = {_mm512_castps512_ps128(sums), _mm512_extractf32x4_ps(sums, 1),
                                    _mm512_extractf32x4_ps(sums, 2), _mm512_extractf32x4_ps(sums, 3)};
        UNROLL for (int l = 0; l < 8; l++) {
            const long row = i + l < rows ? i + l : rows - 1;
            __m64 *to = (__m64 *)(c + row * cstride);
            if (l % 2)
                _mm_storeh_pi(to, quarters[l / 2]);
            else
                _mm_storel_pi(to, quarters[l / 2]);
        }
    }
}

/// How many of n keys are multiplied in vectors across them: one or two that would begin a further vector are not.
AVX512_INLINE long keys_in_vectors(long n) { return n > 16 && n % 16 > 0 && n % 16 <= 2 ? n / 16 * 16 : n; }

// scores [rows, np] of n keys, from their rows and from the transpose [d, np] of those that are taken in vectors; what
// lies between n and np is of no account.
static TARGET void multiply_keys(long rows, long d, long n, const float *a, long arow, const float *keys, long krow,
                                 const float *transposed, long np, float *scores) {
    const long across = keys_in_vectors(n);
    multiply(rows, d, whole_vectors(across), a, arow, 1, transposed, np, scores, np, 0, 0, 0);
    if (across < n)
        multiply_two_rows(rows, d, a, arow, keys + across * krow, n - across > 1 ? krow : 0, scores + across, np);
}

static APART TARGET void softmax(float *p, long pstride, long rows, long n, float scale, float *over, float *lse) {
    softmax_rows(DEGREE, p, pstride, rows, n, scale, over, lse);
}

// delta = scale <out, dout> of each row; QUERIES long.
static APART TARGET void deltas(long rows, long d, const float *out, long outstride, const float *dout, long doutstride,
                          float scale, float *delta) {
    for (long i = 0; i < rows; i += 16) {
        __m512 products[16];
        UNROLL for (int l = 0; l < 16; l++) products[l] = _mm512_setzero_ps();
        for (long from = 0; from < d; from += 16) {
            const __mmask16 there = FIRST_LANES(d - from);
            UNROLL for (int l = 0; l < 16; l++) {
                const long row = i + l < rows ? i + l : rows - 1;
                products[l] = MULTIPLY_ADD(products[l], _mm512_maskz_loadu_ps(there, out + row * outstride + from),
                                           _mm512_maskz_loadu_ps(there, dout + row * doutstride + from));
            }
        }
        _mm512_storeu_ps(delta + i, _mm512_mul_ps(_mm512_set1_ps(scale), lanes_of_sixteen(0, products)));
    }
}
