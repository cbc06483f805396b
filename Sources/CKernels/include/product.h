// Matrix products with what follows them: C = gate(relu(A B + addend + bias)).
#pragma once

/// Columns of a strip of a packed right-hand side.
#define HS_STRIP 64

/// `count` floats in memory, of which `asked` have been asked for.
typedef struct {
    const float *from;
    long count, asked;
} hs_walk;

typedef struct {
    long m, n, k;
    /// A(i, p) = a[i arow + p ainner]: a matrix or its transpose.
    const float *a;
    long arow, ainner;
    /// B(p, j) = b[j / 64 bstrip + p brow + j % 64]: rows as they are (bstrip = 64), or strips of 64 columns.
    const float *b;
    long brow, bstrip;
    float *c;
    long cstride;
    /// Added to the product, or NULL; may be c.
    const float *addend;
    long addendstride;
    /// [n], added to each row, or NULL.
    const float *bias;
    /// Negative elements become zero.
    int relu;
    /// [m, n]: an element stays where its gate is positive and becomes zero elsewhere; or NULL.
    const float *gate;
    long gatestride;
    /// Whether A, C and the gate are narrow: rows of bfloat16, two in a float's place, an odd row's last place filled up
    /// with zero. Strides count floats' places all the same. Only of `hs_product_bf16`; a narrow C is no addend.
    int anarrow, cnarrow, gatenarrow;
    /// What will be read after this product and has left the caches, or NULL. Tiles ask for it beside their multiply-adds.
    hs_walk *next;
} hs_product;

/// Whether this processor has AVX-512 (AVX512_BF16), and so `hs_product_f32` (`hs_product_bf16`).
int hs_has_avx512(void);
int hs_has_bf16(void);

/// Floats that a packed B [k, n] takes, in float32 and in bfloat16.
long hs_packed_count(long k, long n);
long hs_packed_count_bf16(long k, long n);
/// B [k, n], or B^T given as [n, k] (`transposed`), in strips of 64 columns, the last filled up with zeros:
/// brow = 64, bstrip = 64 k.
void hs_pack_f32(const float *b, long stride, int transposed, long k, long n, float *packed);

/// Each element is a sum of multiply-adds in the order of p, from blocks of 512 (128 where A is a transpose) that are
/// added one after another: it does not depend on m, on n or on where its row lies.
void hs_product_f32(const hs_product *product);
/// Its scalar twin, on any processor: the same bits.
void hs_product_scalar(const hs_product *product);

/// C = op(A) op(B), or C + that; B is packed on the way where it is transposed.
void hs_multiply_f32(long m, long n, long k, const float *a, long astride, int ta, const float *b, long bstride, int tb,
                     int accumulates, float *c, long cstride);

/// The same with A and B rounded to bfloat16 (to nearest even; subnormal numbers count as zero), sums in float32.
/// B comes packed: pairs of rows, two bfloat16 a float's place, brow = 64, bstrip = 64 ceil(k / 2).
void hs_pack_bf16(const float *b, long stride, int transposed, long k, long n, float *packed);
/// Of a narrow B [k, n]; only where `hs_has_bf16`.
void hs_pack_narrow(const float *b, long stride, long k, long n, float *packed);
void hs_product_bf16(const hs_product *product);
/// Its scalar twin; its sums are in double, since the processor's order within a pair is its own.
void hs_product_bf16_scalar(const hs_product *product);
